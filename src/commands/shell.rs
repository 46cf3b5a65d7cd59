//! The lines that show an agent to a shell, and which shell it is that asks.
//!
//! Guarantees that evaluating them gives the variable exactly the path's bytes, whether the shell's user wrote
//! `eval "$(myagent start)"` or `eval $(myagent start)`: in the second, quotes do not keep spaces together nor
//! patterns from being expanded, so whatever is not plain is written as octal for printf(1).
#![forbid(unsafe_code)]

use crate::cli::Shell;
use crate::platform::process;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;

/// Names that shells of the family of sh go by.
const LIKE_SH: [&str; 15] = [
    "sh", "bash", "dash", "zsh", "ksh", "ksh93", "mksh", "lksh", "oksh", "ash", "busybox", "rbash", "rzsh",
    "yash", "posh",
];

impl Shell {
    /// Where nothing says which.
    const UNKNOWN: Self = if cfg!(windows) { Self::Powershell } else { Self::Sh };

    /// The shell that was asked for, else the one that calls this program, else that of `$SHELL`, else sh.
    pub(super) fn choose(option: Option<Self>) -> Self {
        // A command substitution may fork first, and is a shell of the same name.
        let calling = || process::callers().into_iter().find_map(|name| Self::named(&name));
        let login = || Self::of_login(&std::env::var_os("SHELL")?);
        option.or_else(calling).or_else(login).unwrap_or(Self::UNKNOWN)
    }

    /// The family of the shell in the file `path`.
    fn of_login(path: &OsStr) -> Option<Self> {
        let name = Path::new(path).file_name()?.to_string_lossy();
        // Git Bash hands it on as Windows writes it.
        let name = name.strip_suffix(".exe").filter(|_| cfg!(windows)).unwrap_or(&name);
        Self::named(name).or(name.ends_with("csh").then_some(Self::Csh))
    }

    /// The family of the shell whose process has this name; a login shell's begins with a hyphen in some.
    fn named(name: &str) -> Option<Self> {
        match name.strip_prefix('-').unwrap_or(name) {
            "csh" | "tcsh" | "bsd-csh" => Some(Self::Csh),
            "fish" => Some(Self::Fish),
            "nu" => Some(Self::Nu),
            "pwsh" | "pwsh-preview" | "powershell" => Some(Self::Powershell),
            "cmd" => Some(Self::Cmd),
            name => LIKE_SH.contains(&name).then_some(Self::Sh),
        }
    }

    /// Lines that set `SSH_AUTH_SOCK` to `socket`, and `SSH_AGENT_PID` where there is a pid to tell.
    ///
    /// `socket` holds no control characters but tabs: `Candidate::standing` has seen to that.
    pub(super) fn lines(self, socket: &str, pid: Option<u32>) -> String {
        let pid = pid.map(|pid| pid.to_string());
        let pid = pid.as_deref().map(|pid| ("SSH_AGENT_PID", pid));
        self.setting([("SSH_AUTH_SOCK", socket)].into_iter().chain(pid))
    }

    /// What is printed where nothing is to be set. Only those forms that something parses need any text for it.
    #[cfg(any(unix, test))]
    pub(super) fn nothing(self) -> String {
        self.setting(std::iter::empty())
    }

    fn setting<'a>(self, variables: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        match self {
            // Nushell evaluates nothing; it loads a record, and JSON is one.
            Self::Nu | Self::Json => {
                let object = variables.map(|(name, value)| (name.to_owned(), Value::from(value)));
                Value::Object(object.collect()).to_string() + "\n"
            }
            _ => variables.map(|(name, value)| self.line(name, value)).collect(),
        }
    }

    fn line(self, name: &str, value: &str) -> String {
        let quoted = self.quote(value);
        match self {
            Self::Sh => format!("{name}={quoted}; export {name};\n"),
            Self::Csh => format!("setenv {name} {quoted};\n"),
            Self::Fish => format!("set -gx {name} {quoted};\n"),
            Self::Powershell => format!("$env:{name} = {quoted};\n"),
            Self::Cmd => format!("set \"{name}={value}\"\n"),
            Self::Env | Self::Nu | Self::Json => format!("{name}={value}\n"),
        }
    }

    fn quote(self, text: &str) -> String {
        match self {
            Self::Powershell => format!("'{}'", text.chars().flat_map(doubled).collect::<String>()),
            Self::Cmd | Self::Env | Self::Nu | Self::Json => text.to_owned(),
            _ if text.bytes().all(is_plain) => text.to_owned(),
            Self::Sh => format!("\"$(printf '{}')\"", escaped(text, octal)),
            Self::Csh => format!("\"`printf '{}'`\"", escaped(text, octal)),
            // fish takes such escapes outside of quotes, and as bytes in any locale.
            Self::Fish => escaped(text, |byte| format!("\\X{byte:02x}")),
        }
    }
}

/// A character between PowerShell's single quotes. It takes the typographic ones for such quotes, too.
fn doubled(c: char) -> impl Iterator<Item = char> {
    let is_quote = matches!(c, '\'' | '\u{2018}'..='\u{201b}');
    std::iter::repeat_n(c, if is_quote { 2 } else { 1 })
}

/// Whether a byte means itself in every shell, in any position of a word.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_./@%+,:-".contains(&byte)
}

/// `text` with every byte that a shell might act upon, and the percent sign, as `escape` has it.
fn escaped(text: &str, escape: impl Fn(u8) -> String) -> String {
    let keep = |byte| is_plain(byte) && byte != b'%';
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { escape(byte) }).collect()
}

/// A byte in a format of printf(1).
pub(super) fn octal(byte: u8) -> String {
    if byte == b'%' { "%%".to_owned() } else { format!("\\{byte:03o}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_stay_plain() {
        let path = "/run/user/1000/a_b.c@d%e+f,g:h-i";
        assert_eq!(
            Shell::Sh.lines(path, Some(7)),
            format!("SSH_AUTH_SOCK={path}; export SSH_AUTH_SOCK;\nSSH_AGENT_PID=7; export SSH_AGENT_PID;\n")
        );
        assert_eq!(Shell::Csh.lines(path, None), format!("setenv SSH_AUTH_SOCK {path};\n"));
        assert_eq!(Shell::Fish.lines(path, None), format!("set -gx SSH_AUTH_SOCK {path};\n"));
    }

    #[test]
    fn forms_for_programs_and_other_shells() {
        let path = "/a 'b\u{2019}\"$c\\d\té";
        let powershell =
            "$env:SSH_AUTH_SOCK = '/a ''b\u{2019}\u{2019}\"$c\\d\té';\n$env:SSH_AGENT_PID = '7';\n";
        assert_eq!(Shell::Powershell.lines(path, Some(7)), powershell);
        assert_eq!(Shell::Env.lines(path, Some(7)), format!("SSH_AUTH_SOCK={path}\nSSH_AGENT_PID=7\n"));
        let record = "{\"SSH_AUTH_SOCK\":\"/a 'b\u{2019}\\\"$c\\\\d\\té\",\"SSH_AGENT_PID\":\"7\"}\n";
        for shell in [Shell::Nu, Shell::Json] {
            let line = shell.lines(path, Some(7));
            let (ours, theirs): (Value, Value) =
                (serde_json::from_str(&line).unwrap(), serde_json::from_str(record).unwrap());
            assert_eq!((ours, line.lines().count()), (theirs, 1));
            assert_eq!(shell.nothing(), "{}\n");
        }
        assert_eq!(Shell::Cmd.lines(r"\\.\pipe\x", None), "set \"SSH_AUTH_SOCK=\\\\.\\pipe\\x\"\n");
        for shell in [Shell::Sh, Shell::Csh, Shell::Fish, Shell::Powershell, Shell::Cmd, Shell::Env] {
            assert_eq!(shell.nothing(), "");
        }
    }

    #[test]
    fn a_shell_is_known_by_its_name() {
        for (name, shell) in [
            ("bash", Some(Shell::Sh)),
            ("-zsh", Some(Shell::Sh)),
            ("busybox", Some(Shell::Sh)),
            ("tcsh", Some(Shell::Csh)),
            ("-csh", Some(Shell::Csh)),
            ("fish", Some(Shell::Fish)),
            ("nu", Some(Shell::Nu)),
            ("pwsh", Some(Shell::Powershell)),
            ("timeout", None),
            ("", None),
        ] {
            assert_eq!(Shell::named(name), shell, "{name}");
        }
        assert_eq!(Shell::of_login(OsStr::new("/opt/my/scsh")), Some(Shell::Csh));
        assert_eq!(Shell::of_login(OsStr::new("/bin/unknown")), None);
        assert_eq!(Shell::of_login(OsStr::new("")), None);
    }

    #[test]
    fn everything_else_is_octal_and_a_percent_is_doubled() {
        assert_eq!(
            Shell::Sh.lines("/a  b%*é", None),
            "SSH_AUTH_SOCK=\"$(printf '/a\\040\\040b%%\\052\\303\\251')\"; export SSH_AUTH_SOCK;\n"
        );
        assert_eq!(Shell::Csh.lines("/a b", None), "setenv SSH_AUTH_SOCK \"`printf '/a\\040b'`\";\n");
        assert_eq!(Shell::Fish.lines("/a'b\\c", None), "set -gx SSH_AUTH_SOCK /a\\X27b\\X5cc;\n");
    }
}
