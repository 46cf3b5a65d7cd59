//! X.509 certificates (RFC 5280): the key that is in one, and its subject as OpenSSL writes it on one line. Nothing of
//! it is believed: it only says which key the token may have.
#![forbid(unsafe_code)]

use super::der::{Der, INTEGER, OBJECT, SEQUENCE, SET};
use super::object;

/// A certificate's version, where it is said.
const VERSION: u8 = 0xa0;

/// The kinds of name that have a short form (RFC 4519, PKCS#9), without tag and length.
const NAMES: [(&[u8], &str); 12] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 42], "GN"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
];

/// The plain public key, and the subject.
pub(super) fn read(certificate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut fields = Der(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
    let mut after = fields;
    if after.next()?.0 == VERSION {
        fields = after;
    }
    let _serial = fields.take(INTEGER)?;
    let _algorithm = fields.take(SEQUENCE)?;
    let _issuer = fields.take(SEQUENCE)?;
    let _validity = fields.take(SEQUENCE)?;
    let subject = fields.enter(SEQUENCE)?;
    Some((object::subject_public_key(fields.enter(SEQUENCE)?)?, line(subject)?))
}

/// `/C=DE/CN=me`, with everything but printable ASCII escaped.
fn line(mut names: Der<'_>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while !names.0.is_empty() {
        let mut set = names.enter(SET)?;
        while !set.0.is_empty() {
            let mut pair = set.enter(SEQUENCE)?;
            let kind = pair.take(OBJECT)?;
            let (_, value) = pair.next()?;
            let short = NAMES.iter().find(|(object, _)| *object == kind);
            let name = short.map_or_else(|| dotted(kind), |(_, name)| (*name).to_owned());
            text.extend_from_slice(format!("/{name}=").as_bytes());
            for byte in value {
                match byte {
                    b' '..=b'~' => text.push(*byte),
                    other => text.extend_from_slice(format!("\\x{other:02X}").as_bytes()),
                }
            }
        }
    }
    Some(text)
}

/// An object's number with its dots.
fn dotted(object: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number: u64 = 0;
    for byte in object {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            match numbers.is_empty() {
                true => numbers.extend([(number / 40).min(2), number - 40 * (number / 40).min(2)]),
                false => numbers.push(number),
            }
            number = 0;
        }
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line() {
        let pair = |object: &[u8], value: &[u8]| {
            let object = [&[6, u8::try_from(object.len()).unwrap()][..], object].concat();
            let value = [&[12, u8::try_from(value.len()).unwrap()][..], value].concat();
            let inner = [object, value].concat();
            let pair = [&[0x30, u8::try_from(inner.len()).unwrap()][..], &inner].concat();
            [&[0x31, u8::try_from(pair.len()).unwrap()][..], &pair].concat()
        };
        let subject = [
            pair(&[0x55, 4, 6], b"DE"),
            pair(&[0x55, 4, 3], b"a\xc3\xbc\n"),
            pair(&[0x2a, 3, 0x81, 5], b"x"),
        ];
        assert_eq!(line(Der(&subject.concat())).unwrap(), b"/C=DE/CN=a\\xC3\\xBC\\x0A/1.2.3.133=x");
        assert_eq!(line(Der(&[0x31, 9])), None);
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        for bad in [&[][..], &[0x30, 0], &[0x30, 2, 0x30, 0], &[0xff; 64]] {
            assert_eq!(read(bad), None);
        }
    }
}
