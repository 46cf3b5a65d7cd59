//! What the login manager does with a user's processes at the last logout.
//!
//! Both switches can be read by everyone. Where there is no logind, nothing is killed and nobody lingers.
#![forbid(unsafe_code)]

use super::program::Programs;
use nix::unistd::{User, geteuid};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Where logind keeps a file for each user whose manager starts with the machine and outlives the last logout.
pub const LINGER: &str = "/var/lib/systemd/linger";
/// The bus answers in milliseconds; where it starts something first, `start` does not wait for that.
const LIMIT: Duration = Duration::from_secs(2);

/// The name of our effective user, which logind knows us by.
#[must_use]
pub fn user_name() -> Option<String> {
    User::from_uid(geteuid()).ok().flatten().map(|user| user.name)
}

/// Whether our user's manager, and what runs in it, outlives the last logout. `directory` is [`LINGER`].
#[must_use]
pub fn lingers(directory: &Path) -> bool {
    let plain = |name: &String| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    user_name().filter(plain).is_some_and(|name| directory.join(name).exists())
}

/// Whether a process, ours where none is named, is part of what the user's manager runs, as in a graphical session of
/// today: then it ends with the manager, however it was put into the background.
#[must_use]
pub fn in_manager(pid: Option<i32>) -> bool {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    is_managers(&groups, geteuid().as_raw())
}

fn is_managers(groups: &str, uid: u32) -> bool {
    groups.contains(&format!("/user@{uid}.service/"))
}

/// Whether our processes are ended with the login session that they were started in: `KillUserProcesses` of
/// logind, and whether it is meant for us.
#[must_use]
pub fn kills(programs: &Programs) -> bool {
    let arguments = [
        "--json=short",
        "get-property",
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
        "KillUserProcesses",
        "KillOnlyUsers",
        "KillExcludeUsers",
    ];
    let said = programs.succeed("busctl", &arguments, &[], LIMIT).unwrap_or_default();
    user_name().is_some_and(|name| means(&said, &name))
}

/// Whether the three properties, one line of JSON each, mean this user: in the order of logind.conf(5).
fn means(properties: &str, user: &str) -> bool {
    let mut values = properties.lines().map(|line| {
        let property: Value = serde_json::from_str(line).unwrap_or_default();
        property.get("data").cloned().unwrap_or_default()
    });
    let mut next = || values.next().unwrap_or_default();
    let (kill, only, exclude) = (next(), next(), next());
    let names = |list: &Value| list.as_array().is_some_and(|names| names.iter().any(|name| name == user));
    let is_empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    if names(&exclude) || (is_empty(&exclude) && user == "root") {
        false
    } else if is_empty(&only) {
        kill == true
    } else {
        names(&only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kill: &str, only: &str, exclude: &str) -> String {
        format!(
            "{{\"type\":\"b\",\"data\":{kill}}}\n{{\"type\":\"as\",\"data\":{only}}}\n{{\"type\":\"as\",\"data\":{exclude}}}\n"
        )
    }

    #[test]
    fn a_group_of_the_users_manager_is_known() {
        let session = "0::/user.slice/user-7.slice/session-3.scope\n";
        let terminal = "0::/user.slice/user-7.slice/user@7.service/app.slice/app-terminal.scope\n";
        let hybrid = "1:name=systemd:/user.slice/user-7.slice/user@7.service/init.scope\n0::/\n";
        assert!(!is_managers(session, 7) && !is_managers("0::/\n", 7) && !is_managers("", 7));
        assert!(is_managers(terminal, 7) && is_managers(hybrid, 7) && !is_managers(terminal, 8));
    }

    #[test]
    fn the_three_properties_together_say_who_is_meant() {
        for (kill, only, exclude, user, expected) in [
            ("false", "[]", "[\"root\"]", "me", false),
            ("true", "[]", "[\"root\"]", "me", true),
            ("true", "[]", "[\"root\"]", "root", false),
            // Not set, which is shown as an empty list, means root.
            ("true", "[]", "[]", "root", false),
            ("true", "[]", "[]", "me", true),
            ("true", "[]", "[\"me\"]", "root", true),
            ("true", "[\"you\"]", "[]", "me", false),
            ("true", "[\"you\",\"me\"]", "[]", "me", true),
            ("true", "[\"me\"]", "[\"me\"]", "me", false),
            // The list of users stands above the switch.
            ("false", "[\"me\"]", "[]", "me", true),
            ("false", "[\"me\"]", "[]", "you", false),
        ] {
            assert_eq!(means(&said(kill, only, exclude), user), expected, "{kill} {only} {exclude} {user}");
        }
    }

    #[test]
    fn what_cannot_be_read_kills_nobody() {
        for text in ["", "\n\n\n", "true", "{\"type\":\"b\"}\n", "Failed to connect to bus"] {
            assert!(!means(text, "me"), "{text}");
        }
    }

    #[test]
    fn a_file_of_our_name_means_lingering() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!lingers(directory.path()) && !lingers(&directory.path().join("none")));
        std::fs::write(directory.path().join(user_name().unwrap()), "").unwrap();
        assert!(lingers(directory.path()));
    }
}
