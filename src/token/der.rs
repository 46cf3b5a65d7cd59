//! DER (X.690), as far as public keys and certificates need it.
#![forbid(unsafe_code)]

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Reads one value after the other, and nothing beyond its bytes.
#[derive(Clone, Copy)]
pub(super) struct Der<'d>(pub(super) &'d [u8]);

impl<'d> Der<'d> {
    /// The next value and its tag.
    pub(super) fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        // Tags of more than one byte are in no certificate.
        let (&first, rest) = rest.split_first().filter(|_| tag & 0x1f != 0x1f)?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The next value, which must be of this kind.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }

    /// The inside of the next value, which must be of this kind.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_form() {
        assert_eq!(Der(&[4, 1, 7, 9]).next(), Some((4, &[7][..])));
        assert_eq!(Der(&[4, 0x82, 0, 1, 7]).take(OCTET_STRING), Some(&[7][..]));
        for bad in [&[4][..], &[4, 2, 7], &[4, 0x80, 7], &[4, 0x85, 0, 0, 0, 0, 1, 7], &[0x1f, 1, 1], &[]] {
            assert_eq!(Der(bad).next(), None);
        }
        assert_eq!(Der(&[4, 0x84, 0xff, 0xff, 0xff, 0xff, 1]).next(), None);
        assert!(
            Der(&[0x30, 3, 4, 1, 7]).enter(SEQUENCE).is_some_and(|mut inner| inner.take(INTEGER).is_none())
        );
    }
}
