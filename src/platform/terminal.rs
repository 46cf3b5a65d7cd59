//! Terminals of the user: which one a command is called at, and one line for the person who looks at it.
//!
//! Guarantees: a terminal never becomes the agent's own, and never keeps it waiting, full, stopped or gone; nothing but
//! a terminal of our own user is written to; what is written cannot act on it.
//! Must never: read from one.
#![forbid(unsafe_code)]

use nix::unistd::{geteuid, ttyname};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

pub use super::visible::visible;

/// The terminal that this process was called at, where one of its standard streams is one. Standard output alone says
/// nothing: it is what a shell evaluates.
#[must_use]
pub fn own() -> Option<PathBuf> {
    let name = |stream: &dyn Named| stream.name();
    let path = name(&io::stdin()).or_else(|| name(&io::stderr()))?;
    is_plain(&path).then_some(path)
}

trait Named {
    fn name(&self) -> Option<PathBuf>;
}

impl<T: AsFd + IsTerminal> Named for T {
    fn name(&self) -> Option<PathBuf> {
        self.is_terminal().then(|| ttyname(self.as_fd()).ok()).flatten()
    }
}

/// Whether a path can be a terminal's: below `/dev`, and not by a detour.
fn is_plain(path: &Path) -> bool {
    path.starts_with("/dev")
        && path.components().all(|part| !matches!(part, Component::ParentDir))
        && path.to_str().is_some_and(|text| !text.contains(char::is_control))
}

/// Whether there is a terminal of our user at this path.
///
/// # Errors
/// Why it cannot be used.
pub fn check(path: &Path) -> io::Result<()> {
    open(path).map(drop)
}

/// Writes one line on a line of its own.
///
/// # Errors
/// The system's; `WouldBlock` where the terminal takes nothing now.
pub fn show(path: &Path, line: &str) -> io::Result<()> {
    let mut terminal = open(path)?;
    let text = format!("\r\n{}\r\n", visible(line)).into_bytes();
    // At once or not at all: the rest of a line that is cut off is nobody's.
    match terminal.write(&text)? {
        written if written == text.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    if !is_plain(path) {
        return refused("it is no terminal");
    }
    // Looked at before it is opened: to open some devices is to act on them.
    let before = path.symlink_metadata()?;
    fit(&before)?;
    let terminal = OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    let opened = terminal.metadata()?;
    fit(&opened)?;
    if !terminal.is_terminal() || (opened.dev(), opened.ino()) != (before.dev(), before.ino()) {
        return refused("it is no terminal");
    }
    Ok(terminal)
}

/// A device of our own user.
fn fit(meta: &Metadata) -> io::Result<()> {
    if !meta.file_type().is_char_device() {
        return refused("it is no terminal");
    }
    if meta.uid() != geteuid().as_raw() {
        return refused("it belongs to another user");
    }
    Ok(())
}

fn refused<T>(why: &'static str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_below_dev() {
        assert!(is_plain(Path::new("/dev/pts/3")) && is_plain(Path::new("/dev/tty1")));
        for path in ["/dev/../tmp/x", "dev/pts/3", "pts/3", "/tmp/dev/pts/3", "/dev/pts/3\n", "/devil"] {
            assert!(!is_plain(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn nothing_but_a_terminal_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "as it was").unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        let detour = PathBuf::from(format!("/dev/..{}", file.display()));
        for path in [&*file, &link, &detour, Path::new("/dev/null"), Path::new("/dev"), Path::new("pts/0")] {
            assert!(show(path, "x").is_err(), "{}", path.display());
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"as it was");
    }
}
