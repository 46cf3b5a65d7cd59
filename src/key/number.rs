//! Positive numbers as they come: mpints (RFC 4251 section 5), read as strictly as OpenSSH reads them.
#![forbid(unsafe_code)]

use super::ImportError;

/// The largest number in any key: 16,384 bits and the byte that keeps it positive.
const MOST_BYTES: usize = 16_384 / 8 + 1;

/// The digits of a positive mpint, big-endian, without leading zeros. Superfluous zeros are allowed, as
/// OpenSSH allows them; a key's blob is written anew without them.
pub(super) fn digits(mpint: &[u8]) -> Result<&[u8], ImportError> {
    if mpint.first().is_some_and(|b| b & 0x80 != 0) {
        return Err(ImportError::Invalid("the key holds a negative number"));
    }
    if mpint.len() > MOST_BYTES {
        return Err(ImportError::Invalid("the key holds too large a number"));
    }
    Ok(&mpint[mpint.iter().take_while(|b| **b == 0).count()..])
}

/// How many bits the digits have, without leading zeros.
pub(super) fn bits(digits: &[u8]) -> usize {
    digits.first().map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_and_oversized_numbers_are_refused() {
        assert!(digits(&[0x80]).is_err());
        assert!(digits(&[1; MOST_BYTES + 1]).is_err());
        assert_eq!(digits(&[0, 0, 0x80]).unwrap(), [0x80]);
        assert!(digits(&[]).unwrap().is_empty());
    }

    #[test]
    fn bits_of_digits() {
        assert_eq!((bits(&[]), bits(&[1]), bits(&[0x80]), bits(&[1, 0])), (0, 1, 8, 9));
    }
}
