//! The wire's own types (RFC 4251 section 5): a reader that borrows, and writers that append.
#![forbid(unsafe_code)]

use super::DecodeError;

/// Reads the fields of one message and nothing beyond it.
#[derive(Clone)]
pub struct Reader<'f> {
    rest: &'f [u8],
}

impl<'f> Reader<'f> {
    /// A reader over exactly `bytes`.
    pub fn new(bytes: &'f [u8]) -> Self {
        Self { rest: bytes }
    }

    /// True when every byte is read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is not read yet.
    pub fn rest(&mut self) -> &'f [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`] where fewer are left; so for every field below.
    pub fn bytes(&mut self, len: usize) -> Result<&'f [u8], DecodeError> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(DecodeError::Short)?;
        self.rest = tail;
        Ok(head)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Short`]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.bytes(1)?[0])
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// [`DecodeError::Short`]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        let mut value = [0; 4];
        value.copy_from_slice(self.bytes(4)?);
        Ok(u32::from_be_bytes(value))
    }

    /// Eight bytes, big-endian.
    ///
    /// # Errors
    /// [`DecodeError::Short`]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        let mut value = [0; 8];
        value.copy_from_slice(self.bytes(8)?);
        Ok(u64::from_be_bytes(value))
    }

    /// A byte that is 0 or 1.
    ///
    /// # Errors
    /// [`DecodeError::Short`], or [`DecodeError::Invalid`] for any other value.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Invalid("a yes or no is neither")),
        }
    }

    /// A string of UTF-8.
    ///
    /// # Errors
    /// [`DecodeError::Short`], or [`DecodeError::Invalid`] where it is none.
    pub fn text(&mut self) -> Result<&'f str, DecodeError> {
        std::str::from_utf8(self.string()?).map_err(|_| DecodeError::Invalid("a text is not UTF-8"))
    }

    /// A string: its length, then as many bytes. Also an mpint, as it stands on the wire.
    ///
    /// # Errors
    /// [`DecodeError::Short`]
    pub fn string(&mut self) -> Result<&'f [u8], DecodeError> {
        let len = self.u32()?;
        self.bytes(usize::try_from(len).map_err(|_| DecodeError::Short)?)
    }

    /// Ends the message.
    ///
    /// # Errors
    /// [`DecodeError::Leftover`] where a byte was not read.
    pub fn end(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Leftover) }
    }
}

/// Appends four bytes, big-endian.
pub fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends eight bytes, big-endian.
pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a string with its length. Everything this agent writes came in a frame or is smaller than one.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

/// Appends a positive mpint, given big-endian and with any number of leading zeros.
pub fn put_mpint(out: &mut Vec<u8>, number: &[u8]) {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    let number = &number[zeros..];
    let sign = usize::from(number.first().is_some_and(|b| b & 0x80 != 0));
    put_u32(out, u32::try_from(number.len() + sign).unwrap_or(u32::MAX));
    out.extend_from_slice(&[0][..sign]);
    out.extend_from_slice(number);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_longer_than_the_message_is_short() {
        assert_eq!(Reader::new(&[0, 0, 0, 5, 1]).string(), Err(DecodeError::Short));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff]).string(), Err(DecodeError::Short));
        assert_eq!(Reader::new(&[0, 0]).u32(), Err(DecodeError::Short));
    }

    #[test]
    fn mpints_are_written_in_their_one_form() {
        for (number, wire) in [
            (&[][..], &[0, 0, 0, 0][..]),
            (&[0, 0], &[0, 0, 0, 0]),
            (&[0, 1], &[0, 0, 0, 1, 1]),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
        ] {
            let mut out = Vec::new();
            put_mpint(&mut out, number);
            assert_eq!(out, wire);
        }
    }
}
