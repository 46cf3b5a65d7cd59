//! The steps of a plan: each says what it does, does it, and notes in the record what is to be undone one day.
#![forbid(unsafe_code)]

use super::files::Existing;
use super::record::{Record, digest};
use super::shells::Place;
use super::{files, shells, tool};
use crate::error::Error;
use crate::platform::directory;
use std::path::{Path, PathBuf};

/// What `install` and `uninstall` do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Let the user manager live on after the last logout.
    Linger {
        /// Whose.
        user: String,
    },
    /// Copy the program to where it stays.
    Copy {
        /// From where.
        from: PathBuf,
        /// To where.
        to: PathBuf,
    },
    /// Write a file that is ours alone.
    Write {
        /// Its path.
        path: PathBuf,
        /// Its new contents.
        contents: String,
        /// How it differs from what is there.
        diff: Option<String>,
    },
    /// Put our lines at the top of a shell's file, or in the place of older ones.
    Insert {
        /// The file.
        path: PathBuf,
        /// Our lines.
        block: String,
        /// How they differ from those that are there.
        diff: Option<String>,
    },
    /// Take our lines out of a shell's file, and the file away where nothing is left that was there before us.
    TakeOut {
        /// The file.
        path: PathBuf,
    },
    /// Make the directory of a socket, with the one above it, for the user alone.
    Private {
        /// Its path.
        path: PathBuf,
    },
    /// Remove a file of ours.
    Remove {
        /// Its path.
        path: PathBuf,
    },
    /// Remove a directory that we made, unless something is in it.
    RemoveDirectory {
        /// Its path.
        path: PathBuf,
    },
    /// Have another program do something.
    Run {
        /// The program and its arguments.
        command: Vec<String>,
        /// What for.
        purpose: String,
        /// What the record says afterwards.
        mark: Mark,
    },
}

/// What a command leaves in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing.
    None,
    /// Whether the socket unit was enabled by us.
    Enabled(bool),
    /// Whether it was masked by us.
    Masked(bool),
    /// Whether lingering was turned on by us.
    Lingering(bool),
}

impl Step {
    /// A command and what it is for.
    pub(super) fn run(command: &[&str], purpose: &str, mark: Mark) -> Self {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        Self::Run { command, purpose: purpose.to_owned(), mark }
    }

    /// The same as a command line of systemctl's for the user manager.
    pub(super) fn systemctl(arguments: &[&str], purpose: &str, mark: Mark) -> Self {
        Self::run(&[&["systemctl", "--user"], arguments].concat(), purpose, mark)
    }

    /// What it will do, for people; a difference follows on lines of its own.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Linger { user } => {
                format!("let your services outlive the last logout: {}", linger(user).join(" "))
            }
            Self::Copy { from, to } => {
                format!(
                    "copy the program, which lies in a place that is cleaned ({}), to {}",
                    from.display(),
                    to.display()
                )
            }
            Self::Write { path, diff: None, .. } => format!("write {}", path.display()),
            Self::Write { path, diff: Some(diff), .. } => format!("replace {}\n{diff}", path.display()),
            Self::Insert { path, block, diff: None } => {
                format!("put these lines at the top of {}\n{block}", path.display())
            }
            Self::Insert { path, diff: Some(diff), .. } => {
                format!("replace our lines in {}\n{diff}", path.display())
            }
            Self::TakeOut { path } => format!("take our lines out of {}", path.display()),
            Self::Private { path } => format!("make {}, for you alone", path.display()),
            Self::Remove { path } => format!("remove {}", path.display()),
            Self::RemoveDirectory { path } => format!("remove {}, if it is empty", path.display()),
            Self::Run { command, purpose, .. } => format!("{purpose}: {}", command.join(" ")),
        }
    }

    /// Does it, and notes it.
    pub(super) fn apply(&self, record: &mut Record) -> Result<(), Error> {
        match self {
            Self::Linger { user } => tool::run_well(&linger(user)).map(|()| record.lingering = true),
            Self::Copy { from, to } => {
                let program =
                    std::fs::read(from).map_err(|e| Error::io(format!("read {}", from.display()), e))?;
                put(record, to, &program, files::PROGRAM)?;
                record.files.insert(to.clone(), digest(&program));
                Ok(())
            }
            Self::Write { path, contents, diff } => {
                as_planned(path, diff.as_deref(), contents.as_bytes())?;
                put(record, path, contents.as_bytes(), files::READABLE)?;
                record.files.insert(path.clone(), digest(contents.as_bytes()));
                Ok(())
            }
            Self::Insert { path, block, diff } => {
                let file = contents(path)?.unwrap_or_default();
                let place = shells::find(&file);
                if !lines_as_planned(path, &file, &place, block, diff.as_deref()) {
                    return Err(changed(path));
                }
                put(record, path, &shells::with(&file, &place, block), files::READABLE)?;
                record.lines.insert(path.clone(), digest(block.as_bytes()));
                Ok(())
            }
            Self::TakeOut { path } => take_out(record, path),
            Self::Private { path } => directory::prepare(path),
            Self::Remove { path } | Self::RemoveDirectory { path } => {
                files::remove(path).map(|()| record.forget(path))
            }
            Self::Run { command, mark, .. } => tool::run_well(command).map(|()| mark.note(record)),
        }
    }
}

impl Mark {
    fn note(self, record: &mut Record) {
        match self {
            Self::None => {}
            Self::Enabled(enabled) => record.enabled = enabled,
            Self::Masked(masked) => record.masked = masked,
            Self::Lingering(lingering) => record.lingering = lingering,
        }
    }
}

/// The command that turns lingering on, without asking anybody for a password.
pub(super) fn linger(user: &str) -> Vec<String> {
    ["loginctl", "--no-ask-password", "enable-linger", user].map(str::to_owned).to_vec()
}

/// What is in a file now; nothing where there is none. A person may have taken a while to say yes: what cannot be read and
/// replaced any more is an error, never an empty file.
fn contents(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match files::look(path) {
        Existing::File(contents) => Ok(Some(contents)),
        Existing::Absent => Ok(None),
        Existing::Protected(_) | Existing::Unfit(_) => Err(changed(path)),
    }
}

/// An error unless the file is as the plan has shown it, or as it is to be.
fn as_planned(path: &Path, shown: Option<&str>, new: &[u8]) -> Result<(), Error> {
    let same = match contents(path)? {
        None => shown.is_none(),
        Some(there) => is_as_shown(path, &there, new, shown),
    };
    if same { Ok(()) } else { Err(changed(path)) }
}

/// The same of our lines in a file.
fn lines_as_planned(path: &Path, file: &[u8], place: &Place, block: &str, shown: Option<&str>) -> bool {
    match place {
        Place::None => shown.is_none(),
        Place::At(range) => is_as_shown(path, &file[range.clone()], block.as_bytes(), shown),
        Place::Unclear => false,
    }
}

/// Whether it is new already, or what it is to be differs from it as was shown.
fn is_as_shown(path: &Path, there: &[u8], new: &[u8], shown: Option<&str>) -> bool {
    there == new || shown.is_some_and(|shown| files::diff(path, there, new) == shown)
}

fn changed(path: &Path) -> Error {
    let reason = "it is not as it was when the plan was made; run this again";
    Error::io(format!("change {}", path.display()), std::io::Error::other(reason))
}

/// Writes a file, and notes what was not there before.
fn put(record: &mut Record, path: &Path, contents: &[u8], mode: u32) -> Result<(), Error> {
    if let Some(directory) = path.parent() {
        record.made.extend(files::make_directories(directory)?);
    }
    if !path.exists() && !path.is_symlink() {
        record.made.push(path.to_owned());
    }
    files::write(path, contents, mode)
}

fn take_out(record: &mut Record, path: &Path) -> Result<(), Error> {
    let Some(file) = contents(path)? else {
        record.forget(path);
        return Ok(());
    };
    let place = shells::find(&file);
    if !matches!(place, Place::At(_)) {
        return Err(changed(path));
    }
    let left = shells::with(&file, &place, "");
    if left.is_empty() && !path.is_symlink() && record.made.iter().any(|made| made == path) {
        files::remove(path)?;
    } else {
        files::write(path, &left, files::READABLE)?;
    }
    record.forget(path);
    Ok(())
}

#[cfg(test)]
mod tests;
