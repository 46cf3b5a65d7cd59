//! This program's file: where it is, whether it may be given the keys, and a copy of it that nobody can change.
//!
//! Guarantees: a file is trusted only where it, every link on the way to it and every directory above any of them can be
//! changed by nobody but root (or, where the user said so, by root and this user).
//! Must never: trust a path without the descriptor that was checked, or run a file that can change meanwhile.
#![forbid(unsafe_code)]

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use nix::sys::memfd::MFdFlags;
use nix::unistd::geteuid;

use super::program::this_program;
use super::steps;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{memory_file, seal, sealed_copy};

/// Largest program that is copied, in bytes: thirty times the released one, twice one with all debug information.
#[cfg(target_os = "linux")]
const MAX_PROGRAM: u64 = 256 * 1024 * 1024;

/// The program of a running agent, which a restart looks for again.
#[derive(Clone, Debug)]
pub struct Program {
    /// The absolute path that it was started by.
    pub path: PathBuf,
    /// Whether a file of this user's own may be given the keys.
    pub trust_own: bool,
}

impl Program {
    /// The running program, by the path that it was started by.
    ///
    /// # Errors
    /// The system's, where it does not tell.
    pub fn current(trust_own: bool) -> io::Result<Self> {
        Ok(Self { path: this_program()?, trust_own })
    }

    /// Opens the file that is at the path now, where it may be trusted.
    ///
    /// # Errors
    /// `PermissionDenied` with the reason where it may not be; the system's, such as `NotFound`.
    pub fn open(&self) -> io::Result<File> {
        // Whoever can turn one link on the way chooses the program.
        let real = steps::follow(&self.path, |step, meta| self.check(step, meta))?;
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = File::options().read(true).custom_flags(flags).open(&real)?;
        let meta = file.metadata()?;
        if !meta.is_file() || meta.mode() & 0o111 == 0 {
            return Err(io::Error::other(format!("{} is no program", real.display())));
        }
        self.check(&real, &meta)?;
        Ok(file)
    }

    /// Whether nobody else can change what is there. The mode of a symbolic link says nothing.
    fn check(&self, path: &Path, meta: &Metadata) -> io::Result<()> {
        let owners = [0, if self.trust_own { geteuid().as_raw() } else { 0 }];
        // In a directory like /tmp nobody can rename what belongs to another.
        let kept_by_sticky = self.trust_own && meta.is_dir() && meta.mode() & 0o1000 != 0;
        let writable = !meta.is_symlink() && !kept_by_sticky && meta.mode() & 0o022 != 0;
        if owners.contains(&meta.uid()) && !writable {
            return Ok(());
        }
        let who = if self.trust_own { "root or you" } else { "root alone" };
        let reason = format!(
            "{} or what it lies in can be changed by others than {who} ({})",
            self.path.display(),
            path.display()
        );
        Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
    }
}

/// A copy of `file` in memory that nobody can change or read, only run. A process that runs it is closed to other
/// processes of its user from its first instruction: after a plain exec it would be open until it closes itself.
///
/// # Errors
/// The system's; `FileTooLarge` past 256 MiB.
#[cfg(target_os = "linux")]
pub fn sealed_copy(file: File) -> io::Result<std::os::fd::OwnedFd> {
    use nix::sys::stat::{Mode, fchmod};
    // Set to 1, what cannot be read is open to others all the same.
    let open = std::fs::read_to_string("/proc/sys/fs/suid_dumpable").is_ok_and(|value| value.trim() == "1");
    if open {
        return Err(io::Error::other("this system shows every program's memory (fs.suid_dumpable=1)"));
    }
    // Linux before 6.3 does not know the flag, and needs none.
    let executable = memory(MFdFlags::from_bits_retain(libc::MFD_EXEC));
    let executable = executable.or_else(|error| match error.kind() {
        io::ErrorKind::InvalidInput => memory(MFdFlags::empty()),
        io::ErrorKind::PermissionDenied => {
            Err(io::Error::other("this system runs no program from memory (vm.memfd_noexec is 2)"))
        }
        _ => Err(error),
    });
    let mut copy = File::from(executable?);
    if io::copy(&mut io::Read::take(file, MAX_PROGRAM + 1), &mut copy)? > MAX_PROGRAM {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fchmod(&copy, Mode::from_bits_truncate(0o111))?;
    seal(&copy)?;
    Ok(copy.into())
}

/// An empty file in memory, which can be sealed and cannot be run.
///
/// # Errors
/// The system's.
#[cfg(target_os = "linux")]
pub fn memory_file() -> io::Result<std::os::fd::OwnedFd> {
    // As with the flag above.
    memory(MFdFlags::from_bits_retain(libc::MFD_NOEXEC_SEAL)).or_else(|_| memory(MFdFlags::empty()))
}

#[cfg(target_os = "linux")]
fn memory(flags: MFdFlags) -> io::Result<std::os::fd::OwnedFd> {
    let flags = flags | MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    nix::sys::memfd::memfd_create("myagent", flags).map_err(Into::into)
}

/// The kernel itself may hold on to a page for a moment, as when it moves memory about. It waits for that, some 0.15 s, and
/// then refuses: it is asked so often.
#[cfg(target_os = "linux")]
const SEAL_TRIES: u32 = 10;

/// Keeps a file in memory as it is, for everybody and for ever.
///
/// # Errors
/// The system's.
#[cfg(target_os = "linux")]
pub fn seal(file: &File) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    let seals =
        SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    let add = || fcntl(file, FcntlArg::F_ADD_SEALS(seals)).map(drop);
    for _ in 1..SEAL_TRIES {
        match add() {
            Err(nix::errno::Errno::EBUSY) => {}
            added => return Ok(added?),
        }
    }
    Ok(add()?)
}

/// Elsewhere no program is run from memory.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;

    /// There is none.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn sealed_copy(_: File) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is none.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn memory_file() -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cannot be.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn seal(_: &File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn program(path: &Path, trust_own: bool) -> io::Result<File> {
        Program { path: path.to_owned(), trust_own }.open()
    }

    #[test]
    fn only_what_root_alone_can_change_is_trusted_unless_told_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("own");
        std::fs::copy("/usr/bin/true", &own).unwrap();
        assert!(program(Path::new("/usr/bin/true"), false).is_ok());
        let refused = program(&own, false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(program(&own, true).is_ok());
        let link = dir.path().join("link");
        symlink("/usr/bin/true", &link).unwrap();
        assert!(program(&link, false).is_err(), "who can turn the link chooses the program");
        // By way of a directory that a link leads to, and back.
        let (inner, outer) = (dir.path().join("inner"), dir.path().join("outer"));
        std::fs::create_dir(&inner).unwrap();
        symlink("inner/../own", &outer).unwrap();
        assert!(program(&outer, true).is_ok());
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(program(&dir.path().join("loop"), true).is_err());
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(program(&outer, true).is_err(), "a directory on the way can be changed");
        std::fs::remove_dir(&inner).unwrap();
        assert!(program(&outer, true).is_err());
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&own, 0o775);
        assert!(program(&own, true).is_err(), "a group can write it");
        mode(&own, 0o644);
        assert!(program(&own, true).is_err(), "it is no program");
        mode(&own, 0o755);
        mode(dir.path(), 0o777);
        assert!(program(&own, true).is_err(), "anybody can put another in its place");
        assert!(program(Path::new("/nowhere/at/all"), true).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_sealed_copy_runs_and_cannot_be_written() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let copy = sealed_copy(File::open("/usr/bin/true").unwrap()).unwrap();
        let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
        assert!(std::process::Command::new(path).status().unwrap().success());
        assert!(File::from(copy).write(b"x").is_err());
    }
}
