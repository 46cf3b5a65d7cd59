//! Libraries that requests name: which of them may be loaded.
//!
//! Guarantees: what is allowed is the file's real path, every symbolic link resolved. Must never load one: that is done
//! in another process.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Shared, token};
use crate::agent::{Options, Refusal, list_matches};
use crate::key::{Imported, Provider};

/// So many bytes of a path are shown: no path is longer that is one, but a name may be as long as a message.
const MOST_SHOWN: usize = 1024;

/// What a request names. Apart from the threads that sign: the file system that it looks at may hang.
///
/// # Errors
/// [`Refusal::Provider`], or [`Refusal::TooManyProviders`] are looked at.
pub(super) async fn resolve(shared: &Shared, name: &[u8]) -> Result<Provider, Refusal> {
    if Provider::is_internal(name) {
        return Ok(Provider::Internal);
    }
    let look = shared.tokens.look().ok_or(Refusal::TooManyProviders)?;
    let (options, name) = (shared.agent().options().clone(), name.to_owned());
    let path = token::apart(&look, move || allowed(&options, &name)).await?;
    Ok(Provider::Library(path.as_os_str().as_bytes().into()))
}

/// Whether there is what a key needs to sign: for every kind.
///
/// # Errors
/// None here.
#[allow(clippy::unnecessary_wraps)] // elsewhere some have none
pub(super) fn require(_: &Imported) -> Result<(), Refusal> {
    Ok(())
}

/// The real path of the library at `path`, where the agent was started with a list that allows it.
///
/// # Errors
/// [`Refusal::Provider`].
pub(super) fn allowed(options: &Options, path: &[u8]) -> Result<PathBuf, Refusal> {
    let named = Path::new(OsStr::from_bytes(path));
    let shown = path[..path.len().min(MOST_SHOWN)].escape_ascii();
    let refused = |why: &str| Refusal::Provider(format!("{shown}: {why}"));
    if !named.is_absolute() {
        return Err(refused("it must be named by an absolute path"));
    }
    let real = named.canonicalize().map_err(|error| refused(&error.to_string()))?;
    if !list_matches(&options.providers, real.as_os_str().as_bytes()) {
        return Err(refused("it is not on the list of those that may be loaded"));
    }
    Ok(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is kept, and logged.
    #[test]
    fn a_long_name_makes_no_long_refusal() {
        let refusal = allowed(&Options::default(), &[0xff; 200_000]).unwrap_err().to_string();
        assert!(refusal.len() < 5000, "{} bytes", refusal.len());
    }

    #[test]
    fn links_are_resolved_before_the_list_is_asked() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().canonicalize().unwrap().join("inside");
        std::fs::create_dir(&inside).unwrap();
        let (library, outside) = (inside.join("a.so"), directory.path().join("b.so"));
        std::fs::write(&library, "").unwrap();
        std::fs::write(&outside, "").unwrap();
        let (into, out) = (directory.path().join("into.so"), inside.join("out.so"));
        std::os::unix::fs::symlink(&library, &into).unwrap();
        std::os::unix::fs::symlink(&outside, &out).unwrap();
        let options = Options { providers: format!("{}/*", inside.display()), ..Options::default() };
        let verdict = |path: &Path| allowed(&options, path.as_os_str().as_bytes()).ok();
        assert_eq!(verdict(&library), Some(library.clone()));
        assert_eq!(verdict(&into), Some(library));
        assert_eq!(verdict(&out), None);
        assert_eq!(verdict(&outside), None);
        assert_eq!(verdict(&inside.join("missing.so")), None);
        assert_eq!(verdict(Path::new("inside/a.so")), None);
    }
}
