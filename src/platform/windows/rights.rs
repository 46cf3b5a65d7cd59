//! Who else may use a file.
//!
//! Guarantees: an entry of an access list that is not understood counts as somebody else's.
#![allow(unsafe_code)]

use std::io;
use std::mem::offset_of;
use std::os::windows::io::BorrowedHandle;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_READ, GENERIC_WRITE};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, INHERIT_ONLY_ACE,
    OWNER_SECURITY_INFORMATION,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_APPEND_DATA, FILE_READ_DATA, FILE_WRITE_DATA, WRITE_DAC, WRITE_OWNER,
};

use super::descriptor::Described;
use super::security::{Whose, text_of};

/// Rights to learn what is in a file, to change it, or to take such a right. Others may have the rest: Cygwin gives
/// everybody the right to look at a file's attributes.
const USES: u32 = FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA | WRITE_DAC | WRITE_OWNER | GENERIC;
const GENERIC: u32 = GENERIC_ALL | GENERIC_READ | GENERIC_WRITE;

/// The administrators of this machine, who can take any right anyway.
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// Whoever owns the object, who was looked at before.
const OWNER: &str = "S-1-3-4";
/// Who is called otherwise by those who do not know identifiers.
const KNOWN: [(&str, &str); 3] =
    [(EVERYONE, "Everyone"), ("S-1-5-11", "Authenticated Users"), ("S-1-5-32-545", "Users")];
const EVERYONE: &str = "S-1-1-0";

// Kinds of entries, by their numbers in winnt.h.
const ALLOWED: u8 = 0;
const ALLOWED_ON_CONDITION: u8 = 9;
/// Those that forbid, and those for the system's log and labels.
const NO_RIGHT: [u8; 14] = [1, 2, 3, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18];

/// The security identifiers of those who may use a file, beside us, the system and its administrators.
#[derive(Debug, PartialEq, Eq)]
pub enum Others {
    /// There are none.
    None,
    /// Everybody: its disk knows of no rights.
    Everybody,
    /// Whom it belongs to: that one may give itself any right.
    Owner(String),
    /// Whom its access list names.
    Listed(Vec<String>),
}

/// Who they are. The handle must be one that may read the file's access list.
///
/// # Errors
/// The system's.
pub fn others(file: BorrowedHandle<'_>) -> io::Result<Others> {
    others_in(&Described::of(file, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION)?)
}

fn others_in(described: &Described) -> io::Result<Others> {
    let (Some(owner), Some(list)) = (described.owner()?, described.list()?) else {
        return Ok(Others::Everybody);
    };
    match &*owner {
        EVERYONE => return Ok(Others::Everybody),
        owner if !is_trusted(owner) => return Ok(Others::Owner(owner.to_owned())),
        _ => {}
    }
    let mut others: Vec<String> = Vec::new();
    for number in 0..u32::from(list.AceCount) {
        let other = other(list, number)?.filter(|other| !others.contains(other));
        others.extend(other);
    }
    Ok(if others.is_empty() { Others::None } else { Others::Listed(others) })
}

fn is_trusted(sid: &str) -> bool {
    sid == ADMINISTRATORS || Whose::of(sid) != Whose::Other
}

/// The one that an entry gives such a right to, if it is somebody else.
fn other(list: &ACL, number: u32) -> io::Result<Option<String>> {
    let mut entry = null_mut();
    // SAFETY: the list is alive and whole, and the pointer is to a live local.
    if unsafe { GetAce(list, number, &raw mut entry) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: every entry begins with this, and lies in the list.
    let head = unsafe { *entry.cast::<ACE_HEADER>() };
    if u32::from(head.AceFlags) & INHERIT_ONLY_ACE != 0 || NO_RIGHT.contains(&head.AceType) {
        return Ok(None);
    }
    if !matches!(head.AceType, ALLOWED | ALLOWED_ON_CONDITION) {
        return Ok(Some(EVERYONE.to_owned()));
    }
    let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
    // SAFETY: an entry of this kind.
    let mask = unsafe { (*entry).Mask };
    // Its identifier lies where its last field begins.
    let sid = text_of(entry.cast::<u8>().wrapping_add(offset_of!(ACCESS_ALLOWED_ACE, SidStart)).cast())?;
    Ok((mask & USES != 0 && sid != OWNER && !is_trusted(&sid)).then_some(sid))
}

/// What an identifier is called.
#[must_use]
pub fn name(sid: &str) -> &str {
    KNOWN.iter().find(|(known, _)| *known == sid).map_or(sid, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::windows::security::own;

    fn others_by(list: &str) -> Others {
        let text = if list.starts_with('O') { list.to_owned() } else { format!("O:(own){list}") };
        let text = text.replace("(own)", own().unwrap());
        others_in(&Described::from_text(&text).unwrap()).unwrap()
    }

    #[test]
    fn a_file_of_ours_is_ours() {
        for list in [
            "D:P(A;;FA;;;(own))",
            "D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;(own))",
            // What administrators make is theirs on some machines.
            "O:BAD:P(A;;FA;;;BA)(A;;FA;;;OW)",
            // As Cygwin has it for mode 0600.
            "D:P(A;;0x1f019f;;;(own))(A;;0x120080;;;WD)",
            "D:P(D;;FA;;;BG)(A;;FA;;;(own))",
            "D:P(A;OICIIO;FA;;;CO)(A;;FA;;;(own))",
            "D:P",
        ] {
            assert_eq!(others_by(list), Others::None, "{list}");
        }
    }

    #[test]
    fn others_are_named() {
        let other = "S-1-5-21-1-2-3-4";
        for (list, others) in [
            ("D:P(A;;FR;;;WD)(A;;FA;;;(own))", &[EVERYONE][..]),
            // A directory at the root of a disk gives this to what is made in it.
            ("D:AI(A;ID;FA;;;SY)(A;ID;0x1301bf;;;AU)(A;ID;0x1200a9;;;BU)", &["S-1-5-11", "S-1-5-32-545"]),
            ("D:P(A;;0x1;;;S-1-5-21-1-2-3-4)(A;;0x2;;;S-1-5-21-1-2-3-4)", &[other]),
            ("D:P(A;;0x2;;;S-1-5-21-1-2-3-4)", &[other]),
            ("D:P(A;;WD;;;S-1-5-21-1-2-3-4)", &[other]),
            ("D:P(A;;WO;;;S-1-5-21-1-2-3-4)", &[other]),
            ("D:P(A;;GR;;;S-1-5-21-1-2-3-4)", &[other]),
        ] {
            let others = others.iter().map(|&sid| sid.to_owned()).collect();
            assert_eq!(others_by(list), Others::Listed(others), "{list}");
        }
        // No list at all; and as a disk without rights has it.
        for text in ["O:SY", "O:WD", "O:WDD:P(A;;FA;;;(own))"] {
            assert_eq!(others_by(text), Others::Everybody, "{text}");
        }
        assert_eq!(others_by("O:S-1-5-21-1-2-3-4D:P(A;;FA;;;(own))"), Others::Owner(other.to_owned()));
        assert_eq!((name(EVERYONE), name(other)), ("Everyone", other));
    }
}
