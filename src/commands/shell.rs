//! The line that shows an agent to a shell.
//!
//! Guarantees that evaluating it gives the variable exactly the path's bytes, whether the shell's user wrote
//! `eval "$(myagent start)"` or `eval $(myagent start)`: in the second, quotes do not keep spaces together nor
//! patterns from being expanded, so whatever is not plain is written as octal for printf(1).
#![forbid(unsafe_code)]

use crate::cli::Shell;

impl Shell {
    /// The shell that was asked for, else the family of `$SHELL`, else sh.
    pub(super) fn choose(option: Option<Self>) -> Self {
        let login = std::env::var_os("SHELL").unwrap_or_default();
        let login = login.as_encoded_bytes();
        match option {
            Some(shell) => shell,
            None if login.ends_with(b"csh") => Self::Csh,
            None if login.ends_with(b"fish") => Self::Fish,
            None => Self::Sh,
        }
    }

    /// Lines that set `SSH_AUTH_SOCK` to `socket`, and `SSH_AGENT_PID` where there is a pid to tell.
    ///
    /// `socket` holds no control characters but tabs: `Candidate::standing` has seen to that.
    pub(super) fn lines(self, socket: &str, pid: Option<u32>) -> String {
        let path = self.quote(socket);
        let mut lines = self.line("SSH_AUTH_SOCK", &path);
        if let Some(pid) = pid {
            lines.push_str(&self.line("SSH_AGENT_PID", &pid.to_string()));
        }
        lines
    }

    fn line(self, name: &str, value: &str) -> String {
        match self {
            Self::Sh => format!("{name}={value}; export {name};\n"),
            Self::Csh => format!("setenv {name} {value};\n"),
            Self::Fish => format!("set -gx {name} {value};\n"),
        }
    }

    fn quote(self, text: &str) -> String {
        match self {
            _ if text.bytes().all(is_plain) => text.to_owned(),
            Self::Sh => format!("\"$(printf '{}')\"", escaped(text, octal)),
            Self::Csh => format!("\"`printf '{}'`\"", escaped(text, octal)),
            // fish takes such escapes outside of quotes, and as bytes in any locale.
            Self::Fish => escaped(text, |byte| format!("\\X{byte:02x}")),
        }
    }
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
fn octal(byte: u8) -> String {
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
    fn everything_else_is_octal_and_a_percent_is_doubled() {
        assert_eq!(
            Shell::Sh.lines("/a  b%*é", None),
            "SSH_AUTH_SOCK=\"$(printf '/a\\040\\040b%%\\052\\303\\251')\"; export SSH_AUTH_SOCK;\n"
        );
        assert_eq!(Shell::Csh.lines("/a b", None), "setenv SSH_AUTH_SOCK \"`printf '/a\\040b'`\";\n");
        assert_eq!(Shell::Fish.lines("/a'b\\c", None), "set -gx SSH_AUTH_SOCK /a\\X27b\\X5cc;\n");
    }
}
