//! Files of lines: with ends of either kind, and base64 among them.
#![forbid(unsafe_code)]

use ssh_key::encoding::base64::{Base64, Encoding};
use zeroize::Zeroizing;

use super::Refusal;

/// What an editor of Windows may put before the first line.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The file from its first line on that is not blank.
pub(super) fn after_blank(file: &[u8]) -> &[u8] {
    file.strip_prefix(MARK).unwrap_or(file).trim_ascii_start()
}

/// The lines, without their ends and the blanks before those.
pub(super) fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    after_blank(file).split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
}

/// The lines, without their ends alone.
pub(super) fn whole_lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    after_blank(file).split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// What these lines of base64 stand for.
pub(super) fn unarmoured<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let lines: Vec<&[u8]> = lines.collect();
    let mut armoured = Zeroizing::new(Vec::with_capacity(lines.iter().map(|line| line.len()).sum()));
    lines.into_iter().for_each(|line| armoured.extend_from_slice(line));
    let mut bytes = Zeroizing::new(vec![0; armoured.len()]);
    let len = Base64::decode(armoured.as_slice(), &mut bytes)
        .map_err(|_| Refusal::Damaged("its lines are not base64"))?
        .len();
    bytes.truncate(len);
    Ok(bytes)
}
