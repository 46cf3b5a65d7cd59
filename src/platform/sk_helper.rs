//! Where OpenSSH's ssh-sk-helper is.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Names the helper, as for OpenSSH's own agent.
const VARIABLE: &str = "SSH_SK_HELPER";

/// Where OpenSSH's packages have it.
const PLACES: [&str; 11] = [
    // Debian, Ubuntu
    "/usr/lib/openssh/ssh-sk-helper",
    // Fedora, Red Hat
    "/usr/libexec/openssh/ssh-sk-helper",
    // Arch, Alpine, SUSE
    "/usr/lib/ssh/ssh-sk-helper",
    "/usr/libexec/ssh/ssh-sk-helper",
    // Homebrew, on either kind of Mac: Apple's own speaks to no token by itself
    "/opt/homebrew/opt/openssh/libexec/ssh-sk-helper",
    "/usr/local/opt/openssh/libexec/ssh-sk-helper",
    // Void, Slackware, the BSDs, macOS
    "/usr/libexec/ssh-sk-helper",
    // Gentoo
    "/usr/lib64/misc/ssh-sk-helper",
    "/usr/lib/misc/ssh-sk-helper",
    // built from source
    "/usr/local/libexec/ssh-sk-helper",
    // NixOS
    "/run/current-system/sw/libexec/ssh-sk-helper",
];

/// The helper that this agent's own environment names, else that of the distribution.
///
/// # Errors
/// Where it was looked for, when there is none.
pub fn find() -> Result<PathBuf, String> {
    choose(std::env::var_os(VARIABLE), &PLACES)
}

fn choose(named: Option<OsString>, places: &[&str]) -> Result<PathBuf, String> {
    if let Some(path) = named.filter(|path| !path.is_empty()).map(PathBuf::from) {
        // The agent has left the directory that a relative one was meant for.
        return if path.is_absolute() && path.is_file() {
            Ok(path)
        } else {
            Err(format!("{VARIABLE} is {}", path.display()))
        };
    }
    let found = places.iter().map(Path::new).find(|path| path.is_file());
    found.map(Path::to_owned).ok_or_else(|| format!("looked for as {}", places.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_one_wins_and_nothing_else_will_do_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let (mine, theirs) = (directory.path().join("mine"), directory.path().join("theirs"));
        std::fs::write(&theirs, "").unwrap();
        let places = ["/nowhere/ssh-sk-helper", theirs.to_str().unwrap()];
        let named = || Some(mine.clone().into());
        assert_eq!(choose(None, &places), Ok(theirs.clone()));
        assert_eq!(choose(Some("".into()), &places), Ok(theirs.clone()));
        assert_eq!(choose(named(), &places), Err(format!("SSH_SK_HELPER is {}", mine.display())));
        std::fs::write(&mine, "").unwrap();
        assert_eq!(choose(named(), &places), Ok(mine.clone()));
        assert!(choose(Some("theirs".into()), &places).is_err());
        assert!(choose(None, &places[..1]).unwrap_err().contains("/nowhere/ssh-sk-helper"));
    }
}
