//! Files of the user's that are read, written and taken away.
//!
//! Guarantees that a file is replaced as a whole or not at all, that its mode and owner stay, that a symbolic link stays
//! one and what it points to is written, and that nothing is written that belongs to somebody else.
#![forbid(unsafe_code)]

use crate::error::Error;
use nix::unistd::{AccessFlags, access, geteuid};
use similar::TextDiff;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// The mode of a file that anybody may read.
pub(super) const READABLE: u32 = 0o644;
/// The mode of a program.
pub(super) const PROGRAM: u32 = 0o755;
/// The mode of a file that is nobody else's business.
pub(super) const PRIVATE: u32 = 0o600;
/// How many symbolic links may follow one another; what the system itself allows.
const MAX_LINKS: usize = 40;

/// What there is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// Nothing yet, and it can be made.
    Absent,
    /// A file of ours with these contents, which can be replaced.
    File(Vec<u8>),
    /// A file of ours with these contents, which somebody protected from being written.
    Protected(Vec<u8>),
    /// Something that is left alone, and why.
    Unfit(String),
}

/// Looks at a path, through symbolic links.
pub(super) fn look(path: &Path) -> Existing {
    let target = match resolve(path) {
        Ok(target) => target,
        Err(error) => return Existing::Unfit(error.to_string()),
    };
    let ours = |meta: &fs::Metadata| meta.uid() == geteuid().as_raw();
    let meta = match fs::metadata(&target) {
        Ok(meta) if !meta.is_file() => return Existing::Unfit("it is no file".to_owned()),
        Ok(meta) if !ours(&meta) => return Existing::Unfit(format!("it belongs to uid {}", meta.uid())),
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let leads_nowhere = target != path && !target.parent().is_some_and(Path::is_dir);
            let reason = format!("it is a link to {}, and there is no such directory", target.display());
            return if leads_nowhere { Existing::Unfit(reason) } else { absent(&target) };
        }
        Err(error) => return Existing::Unfit(error.to_string()),
    };
    let writable = access(&target, AccessFlags::W_OK).is_ok() && meta.mode() & 0o222 != 0;
    match fs::read(&target) {
        Ok(contents) if writable => Existing::File(contents),
        Ok(contents) => Existing::Protected(contents),
        Err(error) => Existing::Unfit(error.to_string()),
    }
}

fn absent(target: &Path) -> Existing {
    let Some(above) = target.ancestors().skip(1).find(|place| place.exists()) else {
        return Existing::Absent;
    };
    match fs::metadata(above) {
        Ok(meta) if meta.is_dir() && access(above, AccessFlags::W_OK).is_ok() => Existing::Absent,
        Ok(_) => Existing::Unfit(format!("{} cannot be written", above.display())),
        Err(error) => Existing::Unfit(error.to_string()),
    }
}

/// Where the symbolic links lead in the end, be there something or not.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("/")).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("its symbolic links go in a circle"))
}

/// Replaces a file's contents, or makes it with this mode. Its directory must be there.
pub(super) fn write(path: &Path, contents: &[u8], mode: u32) -> Result<(), Error> {
    let failed = |e| Error::io(format!("write {}", path.display()), e);
    let target = resolve(path).map_err(failed)?;
    let before = fs::metadata(&target).ok();
    if before.as_ref().is_some_and(|meta| meta.uid() != geteuid().as_raw()) {
        return Err(failed(ErrorKind::PermissionDenied.into()));
    }
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".myagent-{}", std::process::id()));
    let beside = target.with_file_name(name);
    let renamed = fill(&beside, contents, mode, before.as_ref()).and_then(|()| fs::rename(&beside, &target));
    match renamed {
        Ok(()) => Ok(()),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            if before.is_some() && needs_its_place(&error) {
                overwrite(&target, contents).map_err(failed)
            } else {
                Err(failed(error))
            }
        }
    }
}

/// Whether a file is mounted on its own, or in a directory that cannot be written: then nothing can be put in its place.
/// Where the disk is full, what is there stays.
fn needs_its_place(error: &io::Error) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), CrossesDevices | PermissionDenied | ReadOnlyFilesystem | ResourceBusy)
}

/// Writes over a file, or puts back what was in it: there is room for that.
fn overwrite(path: &Path, contents: &[u8]) -> io::Result<()> {
    let old = fs::read(path)?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    let mut fill = |contents: &[u8]| {
        file.rewind()?;
        file.write_all(contents)?;
        file.set_len(contents.len() as u64)?;
        file.sync_all()
    };
    fill(contents).inspect_err(|_| drop(fill(&old)))
}

fn fill(path: &Path, contents: &[u8], mode: u32, before: Option<&fs::Metadata>) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    file.write_all(contents)?;
    let mode = before.map_or(mode, |meta| meta.mode() & 0o7777);
    if let Some(meta) = before {
        // Only the group can differ.
        let _ = fchown(&file, None, Some(meta.gid()));
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Makes a directory and what is missing above it, and names what was made, the uppermost first.
pub(super) fn make_directories(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut missing: Vec<PathBuf> =
        path.ancestors().take_while(|place| !place.exists()).map(Path::to_owned).collect();
    missing.reverse();
    fs::create_dir_all(path).map_err(|e| Error::io(format!("make the directory {}", path.display()), e))?;
    Ok(missing)
}

/// Removes a file, or an empty directory. What is not there any more, or not empty, is no error.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    let removed = if is_directory { fs::remove_dir(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => {
            Err(Error::io(format!("remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

/// The lines that differ, as diff -u shows them.
pub(super) fn diff(path: &Path, old: &[u8], new: &[u8]) -> String {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let name = path.display().to_string();
    let diff = TextDiff::from_lines(&*old, &*new);
    diff.unified_diff().header(&name, &format!("{name} (as installed)")).to_string()
}
