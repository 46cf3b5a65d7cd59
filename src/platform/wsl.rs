//! Windows, where this Linux is a guest of it (WSL): whether it is, and how its programs are reached from here.
//!
//! Looks and does nothing. Elsewhere than in WSL nothing is found.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Set in every process that WSL starts, and kept by shells.
const VARIABLES: [&str; 2] = [INTEROP, "WSL_DISTRO_NAME"];
/// There where the kernel runs programs of Windows, also for a process that has lost its environment.
const REGISTERED: [&str; 2] =
    ["/proc/sys/fs/binfmt_misc/WSLInterop", "/proc/sys/fs/binfmt_misc/WSLInterop-late"];
/// Names the socket through which a program of Windows is started.
const INTEROP: &str = "WSL_INTEROP";
/// Where all of them are, and how their names end.
const SOCKETS: &str = "/run/WSL";
const SUFFIX: &str = "_interop";
/// Who makes them: WSL's own part of this system. In some versions everybody may put files beside them.
const ROOT: u32 = 0;

/// Whether this system runs programs of Windows.
#[must_use]
pub fn is_here() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value: OsString| !value.is_empty());
    VARIABLES.into_iter().any(is_set) || REGISTERED.into_iter().any(|path| Path::new(path).exists())
}

/// The variable with which a program of Windows is started now, where it is another than this process has.
///
/// Each terminal has a socket of its own, which goes with it: a process in the background outlives the one that it was
/// born with, and starts nothing by that any more.
#[must_use]
pub fn way() -> Option<(&'static str, PathBuf)> {
    let own = PathBuf::from(std::env::var_os(INTEROP)?);
    newer(&own, Path::new(SOCKETS), ROOT).map(|socket| (INTEROP, socket))
}

/// The newest socket of `directory`, where `own` is gone. One that another user than `maker` has made is none: what is sent
/// to Windows would go to that user.
fn newer(own: &Path, directory: &Path, maker: u32) -> Option<PathBuf> {
    if own.exists() {
        return None;
    }
    let sockets = std::fs::read_dir(directory).ok()?.flatten().filter_map(|entry| {
        let meta = entry.metadata().ok()?;
        let named = entry.file_name().to_string_lossy().ends_with(SUFFIX);
        (named && meta.file_type().is_socket() && meta.uid() == maker)
            .then_some((meta.modified().ok()?, entry.path()))
    });
    sockets.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::newer;
    use nix::unistd::geteuid;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_newest_socket_stands_in_for_one_that_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let us = geteuid().as_raw();
        let newer = |name: &str, maker| newer(&path(name), directory.path(), maker);
        assert_eq!(newer("1_interop", us), None, "there is none");
        let sockets =
            ["1_interop", "2_interop", "3_other"].map(|name| UnixListener::bind(path(name)).unwrap());
        std::fs::write(path("4_interop"), "no socket").unwrap();
        assert!(newer("9_interop", us).is_some_and(|found| found.ends_with("2_interop")));
        assert_eq!(newer("9_interop", us + 1), None, "they are another user's");
        assert_eq!(newer("1_interop", us), None, "it is there still");
        drop(sockets);
    }
}
