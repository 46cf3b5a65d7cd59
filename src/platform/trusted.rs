//! Who may change a directory on the way to ours without being somebody else.
//!
//! Guarantees that a user or a group is trusted only where the system says who that is; what cannot be found out is
//! somebody else. Changes nothing.
#![forbid(unsafe_code)]

use nix::unistd::{Gid, Group, Uid, User, geteuid};
use std::os::unix::fs::MetadataExt;

/// Users by number and name, with the number of their group: to see whose group one is besides.
const USERS: &str = "/etc/passwd";

/// The users whose directories others have no way to change: we, root, and whose the system is.
pub(super) fn owners() -> Vec<u32> {
    let system = std::fs::metadata("/").ok().map(|root| root.uid());
    [0, geteuid().as_raw()].into_iter().chain(system).chain(nobody()).collect()
}

/// The number that all users have who are outside our user namespace. In a container with a root of its own that is
/// the host's root, whose `/tmp` and `/run` are there as well; among the users outside nobody can tell one from another.
#[cfg(target_os = "linux")]
fn nobody() -> Option<u32> {
    let read = |path| std::fs::read_to_string(path).ok();
    outside(&read("/proc/self/uid_map")?, &read("/proc/sys/kernel/overflowuid")?)
}

#[cfg(not(target_os = "linux"))]
fn nobody() -> Option<u32> {
    None
}

/// The number of users outside, where the map leaves any there.
#[cfg(target_os = "linux")]
fn outside(map: &str, number: &str) -> Option<u32> {
    let counts = map.lines().map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    let inside: u64 = counts.sum::<Option<u64>>()?;
    // All but the last number, which means no user.
    let closed = inside > 0 && inside < u64::from(u32::MAX);
    closed.then(|| number.trim().parse().ok()).flatten()
}

/// Whether a group is its owner's alone, as users have one each where a umask is 002: it has their name, and nobody else
/// is in it. Users that a directory service keeps are seen where the group lists them.
pub(super) fn is_private(group: u32, owner: u32) -> bool {
    let user = User::from_uid(Uid::from_raw(owner)).ok().flatten();
    let group = Group::from_gid(Gid::from_raw(group)).ok().flatten();
    let (Some(user), Some(group), Ok(users)) = (user, group, std::fs::read_to_string(USERS)) else {
        return false;
    };
    user.gid == group.gid
        && user.name == group.name
        && group.mem.iter().all(|member| *member == user.name)
        && !users.lines().any(|line| is_anothers(line, owner, group.gid.as_raw()))
}

/// Whether a line of [`USERS`] is that of another user with this group.
fn is_anothers(line: &str, owner: u32, group: u32) -> bool {
    let number = |field: usize| line.split(':').nth(field).and_then(|text| text.parse::<u32>().ok());
    number(3) == Some(group) && number(2) != Some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn who_is_outside_has_a_number_only_where_there_is_an_outside() {
        for (map, expected) in [
            ("         0          0 4294967295\n", None),
            ("0 0 4294967294\n4294967294 4294967294 1\n", None),
            ("0 100000 65536\n", Some(65534)),
            ("0 1 1000\n1000 0 1\n1001 1001 64536\n", Some(65534)),
            ("1000 1000 1\n", Some(65534)),
            ("", None),
            ("nonsense\n", None),
        ] {
            assert_eq!(outside(map, "65534\n"), expected, "{map:?}");
        }
    }

    #[test]
    fn a_group_is_private_where_nobody_else_has_it() {
        assert!(is_anothers("eve:x:1001:1000::/home/eve:/bin/sh", 1000, 1000));
        assert!(!is_anothers("eve:x:1001:1001::/home/eve:/bin/sh", 1000, 1000));
        assert!(!is_anothers("ada:x:1000:1000::/home/ada:/bin/sh", 1000, 1000));
        assert!(!is_anothers("+::::::", 1000, 1000));
        // Nobody's own: it has another name than any user.
        assert!(!is_private(65534, 65534));
        assert!(!is_private(u32::MAX - 7, u32::MAX - 7));
    }
}
