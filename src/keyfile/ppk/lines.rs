//! The lines of a PuTTY key file, in the order that PuTTY writes them in and no other.
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

use super::super::{Refusal, text};

never_copied_or_shown!(Lines<'static>);

/// A line is not what comes next in such a file.
const DISORDER: Refusal = Refusal::Damaged("a line is missing, or is not what it should be");

/// Most lines of base64 in one part: a 16,384-bit key has some two hundred.
const MOST_LINES: usize = 16_384;

/// How a passphrase becomes a key in version 3.
pub(super) struct Argon2<'f> {
    /// `Argon2id`, `Argon2i` or `Argon2d`.
    pub(super) flavour: &'f [u8],
    /// In KiB.
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) parallelism: u32,
    pub(super) salt: Vec<u8>,
}

/// What a file says.
pub(super) struct Lines<'f> {
    /// 2 or 3.
    pub(super) version: u8,
    /// The key's type; a certificate's where there is one.
    pub(super) kind: &'f [u8],
    pub(super) encryption: &'f [u8],
    pub(super) comment: &'f [u8],
    pub(super) public: Zeroizing<Vec<u8>>,
    /// Only version 3 has one, and only where it is encrypted.
    pub(super) argon2: Option<Argon2<'f>>,
    pub(super) private: Zeroizing<Vec<u8>>,
    pub(super) mac: Vec<u8>,
}

impl<'f> Lines<'f> {
    /// Reads a file whole.
    pub(super) fn read(file: &'f [u8]) -> Result<Self, Refusal> {
        let mut lines = text::whole_lines(file);
        let (name, kind) = split(lines.next().unwrap_or_default().trim_ascii_end())?;
        let version = match name {
            b"PuTTY-User-Key-File-3" => 3,
            b"PuTTY-User-Key-File-2" => 2,
            b"PuTTY-User-Key-File-1" => return Err(Refusal::Form("PuTTY's first")),
            _ => return Err(Refusal::Form("a newer PuTTY's")),
        };
        let encryption = value(&mut lines, b"Encryption")?;
        // To the byte: its MAC is of these, and people end a comment with a blank.
        let comment = whole(&mut lines, b"Comment")?;
        let public = part(&mut lines, b"Public-Lines")?;
        let argon2 = if version == 3 && encryption != b"none" { Some(argon2(&mut lines)?) } else { None };
        let private = part(&mut lines, b"Private-Lines")?;
        let mac = hex(value(&mut lines, b"Private-MAC")?)?;
        if lines.any(|line| !line.trim_ascii_end().is_empty()) {
            return Err(Refusal::Damaged("it has lines at its end"));
        }
        Ok(Self { version, kind, encryption, comment, public, argon2, private, mac })
    }
}

fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(DISORDER)?;
    let (name, value) = line.split_at(colon);
    // An editor may have taken the blank before an empty comment for the end of the line.
    Ok((name, value.strip_prefix(b": ").or_else(|| value.strip_prefix(b":")).unwrap_or_default()))
}

fn value<'f>(lines: &mut impl Iterator<Item = &'f [u8]>, name: &[u8]) -> Result<&'f [u8], Refusal> {
    whole(lines, name).map(<[u8]>::trim_ascii_end)
}

fn whole<'f>(lines: &mut impl Iterator<Item = &'f [u8]>, name: &[u8]) -> Result<&'f [u8], Refusal> {
    match split(lines.next().ok_or(Refusal::Damaged("its end is missing"))?)? {
        (found, value) if found == name => Ok(value),
        _ => Err(DISORDER),
    }
}

fn number<'f>(lines: &mut impl Iterator<Item = &'f [u8]>, name: &[u8]) -> Result<u32, Refusal> {
    let digits = std::str::from_utf8(value(lines, name)?).map_err(|_| DISORDER)?;
    digits.parse().map_err(|_| DISORDER)
}

fn part<'f>(lines: &mut impl Iterator<Item = &'f [u8]>, name: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let count = usize::try_from(number(lines, name)?).map_err(|_| DISORDER)?;
    if count > MOST_LINES {
        return Err(DISORDER);
    }
    text::unarmoured(lines.take(count).map(<[u8]>::trim_ascii_end))
}

fn argon2<'f>(lines: &mut impl Iterator<Item = &'f [u8]>) -> Result<Argon2<'f>, Refusal> {
    Ok(Argon2 {
        flavour: value(lines, b"Key-Derivation")?,
        memory: number(lines, b"Argon2-Memory")?,
        passes: number(lines, b"Argon2-Passes")?,
        parallelism: number(lines, b"Argon2-Parallelism")?,
        salt: hex(value(lines, b"Argon2-Salt")?)?,
    })
}

fn hex(digits: &[u8]) -> Result<Vec<u8>, Refusal> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>().ok_or(DISORDER)
}
