//! Where ssh keeps a user's files, and the machine's.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// The files with keys of hosts, in both places.
const HOSTS: [&str; 2] = ["known_hosts", "known_hosts2"];

/// The user's own directory, `.ssh` in the home; none where there is no home of ours.
#[must_use]
pub fn own() -> Option<PathBuf> {
    #[cfg(unix)]
    let home = super::paths::Environment::current().home();
    #[cfg(windows)]
    let home = std::env::var_os("USERPROFILE").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(home?.join(".ssh"))
}

/// The files with keys of hosts, in ssh's order: the user's, which are in `own`, and the machine's.
#[must_use]
pub fn known_hosts(own: Option<&Path>) -> Vec<PathBuf> {
    #[cfg(unix)]
    let system = Some(PathBuf::from("/etc/ssh"));
    #[cfg(windows)]
    let system = std::env::var_os("PROGRAMDATA").map(|data| PathBuf::from(data).join("ssh"));
    let own = own.into_iter().flat_map(|own| HOSTS.map(|name| own.join(name)));
    own.chain(system.iter().flat_map(|system| HOSTS.map(|name| system.join(format!("ssh_{name}"))))).collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_users_files_come_before_the_machines() {
        let expected =
            ["/h/known_hosts", "/h/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];
        assert_eq!(known_hosts(Some(Path::new("/h"))), expected.map(PathBuf::from));
        assert_eq!(known_hosts(None), expected[2..].iter().map(PathBuf::from).collect::<Vec<_>>());
    }
}
