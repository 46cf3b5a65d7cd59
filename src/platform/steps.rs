//! Where a path leads, step by step.
//!
//! Guarantees that every directory and every link on the way is looked at, those that links lead over as well; opens
//! and changes nothing.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// Links on the way: as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Where an absolute path leads. `check` is given each step, and ends the walk with its error.
///
/// # Errors
/// That of `check`; the system's.
pub(super) fn follow(
    path: &Path,
    mut check: impl FnMut(&Path, &Metadata) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let (mut at, mut links) = (PathBuf::from("/"), 0);
    let steps = |path: &Path| path.components().rev().map(|step| step.as_os_str().to_owned()).collect();
    let mut ahead: Vec<OsString> = steps(path);
    while let Some(step) = ahead.pop() {
        // The first step of an absolute path is the root, and starts anew.
        let next = at.join(&step);
        let meta = std::fs::symlink_metadata(&next)?;
        check(&next, &meta)?;
        if !meta.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(nix::Error::ELOOP.into());
        }
        ahead.extend::<Vec<_>>(steps(&std::fs::read_link(&next)?));
    }
    Ok(at)
}
