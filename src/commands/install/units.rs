//! The unit files that the program carries, and what is written beside them for a program that lies elsewhere.
//!
//! Guarantees that a path means itself in a unit, whatever bytes it has: see "Command lines" in systemd.service(5).
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// The service, for [`USUAL`].
pub(super) const SERVICE: &str = include_str!("../../../systemd/myagent.service");
/// The socket, for [`USUAL`].
pub(super) const SOCKET: &str = include_str!("../../../systemd/myagent.socket");
/// The service's name.
pub(super) const SERVICE_NAME: &str = "myagent.service";
pub(super) use crate::platform::user_manager::SOCKET_UNIT as SOCKET_NAME;
/// Where the unit files expect the program.
pub(super) const USUAL: &str = "/usr/bin/myagent";
/// The variable for what the user manager starts; the units set it only while they run.
pub(super) const ENVIRONMENT: &str = "\
# Written by `myagent install`: shows the agent to what the user manager starts.
SSH_AUTH_SOCK=${XDG_RUNTIME_DIR}/myagent/agent.sock
";

/// launchd's job, with words to fill in.
const PLIST: &str = include_str!("../../../launchd/myagent.plist");
/// Where the drop-ins say that they come from.
const HEAD: &str = "# Written by `myagent install`, because the program lies elsewhere than in /usr/bin.\n";

/// The files for the user manager: path below its directory, and contents. `trust` has the agent trust a program that lies
/// elsewhere at a restart.
pub(super) fn files(program: &Path, trust: bool) -> Vec<(PathBuf, String)> {
    let mut files = vec![
        (PathBuf::from(SERVICE_NAME), SERVICE.to_owned()),
        (PathBuf::from(SOCKET_NAME), SOCKET.to_owned()),
    ];
    if program != Path::new(USUAL) {
        files.extend(drop_ins(program, trust));
    }
    files
}

/// The names of the drop-ins, which are not wanted any more when the program comes to lie in its usual place.
pub(super) fn drop_in_names() -> [PathBuf; 2] {
    [SERVICE_NAME, SOCKET_NAME].map(|unit| PathBuf::from(format!("{unit}.d/program.conf")))
}

fn drop_ins(program: &Path, trust: bool) -> [(PathBuf, String); 2] {
    let command = |setting: &str, rest: &str| format!("{setting}=\n{setting}={} {rest}\n", command(program));
    let [service, socket] = drop_in_names();
    let start = if trust { "start --foreground --trust-own-binary" } else { "start --foreground" };
    let start = command("ExecStart", start) + &command("ExecReload", "restart");
    let guard = command("ExecStartPre", "guard");
    [(service, format!("{HEAD}[Service]\n{start}")), (socket, format!("{HEAD}[Socket]\n{guard}"))]
}

/// The program as the first words of a command line.
///
/// systemd runs no program whose path has a quote or a backslash, however it is written ("special characters"):
/// then a shell does, which the program replaces at once.
fn command(program: &Path) -> String {
    let path = program.to_string_lossy();
    if path.contains(['"', '\'', '\\']) {
        // As an argument a dollar must be doubled; as the program it must not.
        format!("/bin/sh -c 'exec \"$$0\" \"$$@\"' {}", quoted(&path).replace('$', "$$"))
    } else {
        quoted(&path)
    }
}

/// A word of a command line in a unit.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

/// launchd's job for this program, socket and log.
pub(super) fn plist(program: &Path, socket: &Path, log: &Path) -> String {
    let text =
        |path: &Path| path.to_string_lossy().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // One pass: what is filled in may look like a word to fill in.
    let (mut filled, mut rest) = (String::new(), PLIST);
    for (word, path) in [("@PROGRAM@", program), ("@SOCKET@", socket), ("@SOCKET@", socket), ("@LOG@", log)] {
        if let Some((before, after)) = rest.split_once(word) {
            filled.push_str(before);
            filled.push_str(&text(path));
            rest = after;
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_itself_in_a_unit() {
        for (path, written) in [
            ("/home/u/.cargo/bin/myagent", "/home/u/.cargo/bin/myagent"),
            ("/home/my user/a", "\"/home/my user/a\""),
            ("/home/100%/a", "\"/home/100%%/a\""),
            ("/home/$HOME/a", "\"/home/$HOME/a\""),
            ("/home/o'x/a", "/bin/sh -c 'exec \"$$0\" \"$$@\"' \"/home/o'x/a\""),
            ("/home/\"%$\\/a", "/bin/sh -c 'exec \"$$0\" \"$$@\"' \"/home/\\\"%%$$\\\\/a\""),
        ] {
            assert_eq!(command(Path::new(path)), written);
        }
    }

    #[test]
    fn the_files_are_unchanged_and_a_drop_in_names_another_program() {
        let usual = files(Path::new(USUAL), true);
        assert_eq!(usual.len(), 2);
        assert_eq!(usual[0].1, SERVICE);
        assert_eq!(usual[1].1, SOCKET);
        let other = files(Path::new("/opt/my agent"), false);
        assert_eq!(&other[..2], &usual[..]);
        let expected = "[Service]\nExecStart=\nExecStart=\"/opt/my agent\" start --foreground\n\
                        ExecReload=\nExecReload=\"/opt/my agent\" restart\n";
        assert_eq!(other[2].1, format!("{HEAD}{expected}"));
        assert_eq!(
            other[3].1,
            format!("{HEAD}[Socket]\nExecStartPre=\nExecStartPre=\"/opt/my agent\" guard\n")
        );
        let trusted = files(Path::new("/opt/my agent"), true);
        assert!(trusted[2].1.contains("start --foreground --trust-own-binary\n"));
    }

    #[test]
    fn what_the_units_run_is_what_the_program_has() {
        for line in SERVICE.lines().chain(SOCKET.lines()) {
            if let Some(command) = line.split_once('=').filter(|(name, _)| name.starts_with("Exec")) {
                let ours = command.1.strip_prefix(USUAL).map(str::trim);
                assert!(
                    matches!(ours, None | Some("start --foreground" | "restart" | "guard")),
                    "{line}: not a command of this program"
                );
            }
        }
    }
}
