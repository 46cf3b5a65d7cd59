//! The lines that ssh-agent prints, for sh and for csh.
//!
//! Guarantees that a path which OpenSSH's own quoting does not carry through a shell is written so that it is: as the
//! octal of its bytes, for printf(1).
#![forbid(unsafe_code)]

use super::super::shell::octal;
use std::fmt::Write;

/// For which family of shells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shell {
    Sh,
    Csh,
}

impl Shell {
    /// The lines of a start. The process is in a variable only where it is not the caller's own child to end.
    pub(super) fn started(self, socket: &[u8], pid: u32, in_background: bool) -> Vec<u8> {
        let mut lines = self.set("SSH_AUTH_SOCK", &self.quoted(socket));
        if in_background {
            lines.extend(self.set("SSH_AGENT_PID", pid.to_string().as_bytes()));
        }
        lines.extend(format!("echo Agent pid {pid};\n").into_bytes());
        lines
    }

    /// The lines of `-k`.
    pub(super) fn killed(self, pid: i32) -> Vec<u8> {
        let word = match self {
            Self::Sh => "unset",
            Self::Csh => "unsetenv",
        };
        format!("{word} SSH_AUTH_SOCK;\n{word} SSH_AGENT_PID;\necho Agent pid {pid} killed;\n").into_bytes()
    }

    fn set(self, name: &str, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Sh => [name.as_bytes(), b"=", value, b"; export ", name.as_bytes(), b";\n"].concat(),
            Self::Csh => [b"setenv ", name.as_bytes(), b" ", value, b";\n"].concat(),
        }
    }

    fn quoted(self, path: &[u8]) -> Vec<u8> {
        if !path.iter().copied().all(is_carried) {
            let mut text = String::new();
            for byte in path.iter().copied() {
                if byte != b'%' && byte.is_ascii_alphanumeric() || b"_./@+,:-".contains(&byte) {
                    text.push(char::from(byte));
                } else {
                    // Writing to a String does not fail.
                    let _ = write!(text, "{}", octal(byte));
                }
            }
            return match self {
                Self::Sh => format!("\"$(printf '{text}')\""),
                Self::Csh => format!("\"`printf '{text}'`\""),
            }
            .into_bytes();
        }
        let mut quoted = Vec::new();
        for &byte in path {
            if b"\\'\"".contains(&byte) {
                quoted.push(b'\\');
            }
            quoted.push(byte);
        }
        if path.iter().any(|byte| b" \t".contains(byte)) {
            [b"\"", &quoted[..], b"\""].concat()
        } else {
            quoted
        }
    }
}

/// Whether a shell takes a byte as it is where OpenSSH has quoted it.
fn is_carried(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_./@%+,:=-\\'\" \t".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_openssh_s() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(
            text(Shell::Sh.started(b"/a/b", 7, true)),
            "SSH_AUTH_SOCK=/a/b; export SSH_AUTH_SOCK;\nSSH_AGENT_PID=7; export SSH_AGENT_PID;\necho Agent pid 7;\n"
        );
        assert_eq!(
            text(Shell::Csh.started(b"/a/b", 7, true)),
            "setenv SSH_AUTH_SOCK /a/b;\nsetenv SSH_AGENT_PID 7;\necho Agent pid 7;\n"
        );
        assert_eq!(
            text(Shell::Sh.started(b"/a/b", 7, false)),
            "SSH_AUTH_SOCK=/a/b; export SSH_AUTH_SOCK;\necho Agent pid 7;\n"
        );
        assert_eq!(
            text(Shell::Csh.killed(9)),
            "unsetenv SSH_AUTH_SOCK;\nunsetenv SSH_AGENT_PID;\necho Agent pid 9 killed;\n"
        );
        for (path, quoted) in [
            ("/a b", "\"/a b\""),
            ("/a\tb", "\"/a\tb\""),
            ("/a'b", "/a\\'b"),
            ("/a \"b\\", "\"/a \\\"b\\\\\""),
            ("/é", "/é"),
            ("/a$b", "\"$(printf '/a\\044b')\""),
            ("/a%;", "\"$(printf '/a%%\\073')\""),
        ] {
            assert_eq!(text(Shell::Sh.quoted(path.as_bytes())), quoted);
        }
        assert_eq!(text(Shell::Csh.quoted(b"/a`b")), "\"`printf '/a\\140b'`\"");
    }
}
