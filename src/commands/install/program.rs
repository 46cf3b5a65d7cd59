//! By which path this program is called from now on.
//!
//! Guarantees an absolute path that can be written into a shell's file and a unit, and that what lies in a place that
//! is cleaned (a build directory, /tmp) is never relied on.
#![forbid(unsafe_code)]

use super::record::digest;
use crate::error::Error;
use crate::platform::program::this_program;
use std::path::{Path, PathBuf};

/// Where nothing is expected to be there tomorrow.
const PASSING: [&str; 6] = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/private/tmp", "/private/var"];
/// The mark of a directory that anybody may empty, as of cargo's `target`.
const CACHE_TAG: &str = "CACHEDIR.TAG";
/// cargo puts programs at most this many directories below the mark: target/TRIPLE/release/examples.
const CACHE_DEPTH: usize = 4;

/// This program.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The path that it was called by.
    pub(super) path: PathBuf,
    /// Whether it lies where it will not stay.
    pub(super) passing: bool,
    /// Of its contents.
    pub(super) digest: String,
}

impl Program {
    /// Finds out what runs here.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for a path with a control character or other bytes than UTF-8.
    pub(super) fn current(home: &Path) -> Result<Self, Error> {
        let path = this_program().map_err(|e| Error::io("find this program's own file", e))?;
        if path.to_str().is_none_or(|text| text.chars().any(char::is_control)) {
            return Err(Error::Unwritable { path });
        }
        let contents = std::fs::read(&path).map_err(|e| Error::io(format!("read {}", path.display()), e))?;
        Ok(Self { passing: is_passing(&path, home), digest: digest(&contents), path })
    }
}

fn is_passing(path: &Path, home: &Path) -> bool {
    let temporary = std::env::var_os("TMPDIR").map(PathBuf::from).filter(|place| place.is_absolute());
    // Somebody whose home lies there has nothing that stays longer.
    let cleaned = |place: &Path| path.starts_with(place) && !home.starts_with(place);
    let built = |path: &Path| {
        path.components().any(|part| part.as_os_str() == "target")
            || path.ancestors().skip(1).take(CACHE_DEPTH).any(|place| place.join(CACHE_TAG).is_file())
    };
    PASSING.iter().map(Path::new).chain(temporary.as_deref()).any(cleaned)
        || built(path)
        || path.canonicalize().is_ok_and(|real| built(&real))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cleaned_is_passing() {
        let home = Path::new("/home/u");
        for (path, passing) in [
            ("/home/u/src/myagent/target/release/myagent", true),
            ("/tmp/myagent", true),
            ("/var/tmp/x/myagent", true),
            ("/home/u/.cargo/bin/myagent", false),
            ("/home/u/targets/myagent", false),
            ("/usr/bin/myagent", false),
            ("/tmporary/myagent", false),
        ] {
            assert_eq!(is_passing(Path::new(path), home), passing, "{path}");
        }
        assert!(!is_passing(Path::new("/tmp/u/bin/myagent"), Path::new("/tmp/u")));
    }
}
