//! Whether a file is open to other users.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

/// That it is.
#[derive(Debug)]
pub struct Exposed {
    /// To whom, or by which mode.
    pub how: String,
    /// What closes it.
    pub cure: String,
}

/// Whether others may do anything with a file of ours: OpenSSH's rule for private keys.
///
/// # Errors
/// The system's, where it does not say.
#[cfg(unix)]
pub fn exposed(file: &File, path: &Path) -> io::Result<Option<Exposed>> {
    use std::os::unix::fs::MetadataExt;
    /// What the group and all others may do.
    const OTHERS: u32 = 0o077;
    let meta = file.metadata()?;
    if meta.uid() != nix::unistd::getuid().as_raw() || meta.mode() & OTHERS == 0 {
        return Ok(None);
    }
    let how = format!("mode {:04o}", meta.mode() & 0o7777);
    Ok(Some(Exposed { how, cure: format!("close it to them: chmod 600 {}", path.display()) }))
}

/// Whether others than we, the system and its administrators may read or change a file: the rule of OpenSSH for Windows,
/// but that rights to look at its attributes do not count.
///
/// # Errors
/// The system's, where it does not say.
#[cfg(windows)]
pub fn exposed(file: &File, path: &Path) -> io::Result<Option<Exposed>> {
    use super::windows::rights::{self, Others};
    use super::windows::security;
    use std::os::windows::io::AsHandle;
    let path = path.display();
    let (how, cure) = match rights::others(file.as_handle())? {
        Others::None => return Ok(None),
        Others::Everybody => {
            let cure = r"its disk keeps nobody out: copy it, such as to %USERPROFILE%\.ssh";
            ("everybody".to_owned(), cure.to_owned())
        }
        Others::Owner(owner) => {
            let cure = format!("in an administrator's window: takeown /f \"{path}\"");
            (format!("it belongs to {}", rights::name(&owner)), cure)
        }
        Others::Listed(others) => {
            let how = others.iter().map(|sid| rights::name(sid)).collect::<Vec<_>>().join(", ");
            let others: String = others.iter().map(|sid| format!(" *{sid}")).collect();
            let own = security::own()?;
            (
                how,
                format!(
                    "close it to them: icacls \"{path}\" /inheritance:r /grant:r *{own}:F /remove:g{others}"
                ),
            )
        }
    };
    Ok(Some(Exposed { how, cure }))
}
