//! The line that every new shell runs: how each family of shells writes it, and which file it reads at which start.
//!
//! Guarantees that the line is silent where the program is gone, and that what is put into a file is taken out again to
//! the byte. It stands between two marked lines, at the very top: many an rc file ends early where nobody types.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The line before ours.
const BEGIN: &str = "# >>> myagent >>>";
/// The line after ours.
const END: &str = "# <<< myagent <<<";

/// The shells that read the same files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// sh, dash, ksh, mksh.
    Sh,
    /// csh, and tcsh under that name.
    Csh,
    /// tcsh.
    Tcsh,
    /// fish.
    Fish,
}

/// The languages of their files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Of sh and its heirs.
    Posix,
    /// Of csh.
    Csh,
    /// Of fish.
    Fish,
}

/// Where the files lie.
#[derive(Clone, Debug)]
pub(super) struct Homes {
    /// The home directory.
    pub(super) home: PathBuf,
    /// `XDG_CONFIG_HOME`, or its default.
    pub(super) config: PathBuf,
    /// `ZDOTDIR`, where it is set.
    pub(super) zsh: Option<PathBuf>,
}

impl Family {
    /// The family of a shell, by the name of its program.
    pub(super) fn of(shell: &Path) -> Option<Self> {
        match shell.file_name().and_then(OsStr::to_str)? {
            "bash" | "rbash" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            "sh" | "dash" | "ash" | "ksh" | "ksh93" | "mksh" | "lksh" | "oksh" => Some(Self::Sh),
            "csh" => Some(Self::Csh),
            "tcsh" => Some(Self::Tcsh),
            "fish" => Some(Self::Fish),
            _ => None,
        }
    }

    /// The files that together every shell of this family reads when it starts.
    pub(super) fn files(self, homes: &Homes, exists: impl Fn(&Path) -> bool) -> Vec<(PathBuf, Syntax)> {
        let home = |name: &str| homes.home.join(name);
        match self {
            // A login shell reads the first of three, and that one need not read ~/.bashrc. Where it does, the second
            // run costs some milliseconds.
            Self::Bash => {
                let login = [".bash_profile", ".bash_login"].into_iter().find(|name| exists(&home(name)));
                vec![(home(".bashrc"), Syntax::Posix), (home(login.unwrap_or(".profile")), Syntax::Posix)]
            }
            Self::Zsh => vec![(homes.zshenv(exists), Syntax::Posix)],
            Self::Sh => vec![(home(".profile"), Syntax::Posix)],
            // tcsh reads ~/.tcshrc in place of ~/.cshrc, and may well be called csh.
            Self::Csh | Self::Tcsh => {
                let own = exists(&home(".tcshrc"));
                let names = [(".tcshrc", own), (".cshrc", !own || self == Self::Csh)];
                names.into_iter().filter(|name| name.1).map(|name| (home(name.0), Syntax::Csh)).collect()
            }
            Self::Fish => vec![(homes.config.join("fish/conf.d/myagent.fish"), Syntax::Fish)],
        }
    }
}

impl Homes {
    /// The file that gives its variables to what the user manager starts.
    pub(super) fn environment(&self) -> PathBuf {
        self.config.join("environment.d/50-myagent.conf")
    }

    /// `ZDOTDIR` is in force before ~/.zshenv only where the system's zshenv sets it; mostly ~/.zshenv does.
    fn zshenv(&self, exists: impl Fn(&Path) -> bool) -> PathBuf {
        let usual = self.home.join(".zshenv");
        match &self.zsh {
            Some(directory) if !exists(&usual) => directory.join(".zshenv"),
            _ => usual,
        }
    }
}

/// Our lines, with their marks; `trust` has the agent trust a program of the user's own at a restart.
pub(super) fn block(syntax: Syntax, program: &Path, trust: bool) -> String {
    let program = quoted(syntax, &program.to_string_lossy());
    let trust = if trust { " --trust-own-binary" } else { "" };
    let lines = match syntax {
        Syntax::Posix => format!("[ -x {program} ] && eval \"$({program} start --shell sh{trust})\"\n"),
        // Within backquotes csh takes no quoting as it is: the path goes through a variable.
        Syntax::Csh => format!(
            "set myagent = {program}\nif ( -x \"$myagent\" ) eval `\"$myagent\" start --shell csh{trust}`\nunset myagent\n"
        ),
        Syntax::Fish => format!("test -x {program}; and {program} start --shell fish{trust} | source\n"),
    };
    format!("{BEGIN}\n{lines}{END}\n")
}

/// One word that means `text`, in single quotes. `text` has no control characters.
fn quoted(syntax: Syntax, text: &str) -> String {
    let text = match syntax {
        Syntax::Posix => text.replace('\'', "'\\''"),
        // The history is looked into within any quotes.
        Syntax::Csh => text.replace('\'', "'\\''").replace('!', "\\!"),
        Syntax::Fish => text.replace('\\', "\\\\").replace('\'', "\\'"),
    };
    format!("'{text}'")
}

/// Where our lines are in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere.
    None,
    /// Here, the marks included.
    At(Range<usize>),
    /// One mark is there without the other, or several.
    Unclear,
}

/// Looks for our lines.
pub(super) fn find(file: &[u8]) -> Place {
    let (mut begins, mut ends, mut at) = (Vec::new(), Vec::new(), 0);
    for line in file.split_inclusive(|&byte| byte == b'\n') {
        match line.trim_ascii_end() {
            mark if mark == BEGIN.as_bytes() => begins.push(at),
            mark if mark == END.as_bytes() => ends.push(at + line.len()),
            _ => {}
        }
        at += line.len();
    }
    match (begins[..].as_ref(), ends[..].as_ref()) {
        ([], []) => Place::None,
        (&[begin], &[end]) if begin < end => Place::At(begin..end),
        _ => Place::Unclear,
    }
}

/// A file with our lines put at its top, or in the place of those that are there.
pub(super) fn with(file: &[u8], place: &Place, block: &str) -> Vec<u8> {
    let range = if let Place::At(range) = place { range.clone() } else { 0..0 };
    [&file[..range.start], block.as_bytes(), &file[range.end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(family: Family, there: &[&str], zsh: Option<&str>) -> Vec<String> {
        let homes = Homes { home: "/h".into(), config: "/h/.config".into(), zsh: zsh.map(PathBuf::from) };
        let exists = |path: &Path| there.iter().any(|name| Path::new("/h").join(name) == path);
        family.files(&homes, exists).iter().map(|file| file.0.display().to_string()).collect()
    }

    #[test]
    fn the_files_that_each_shell_reads() {
        use Family::{Bash, Csh, Fish, Sh, Tcsh, Zsh};
        assert_eq!(names(Bash, &[], None), ["/h/.bashrc", "/h/.profile"]);
        assert_eq!(names(Bash, &[".profile", ".bash_login"], None), ["/h/.bashrc", "/h/.bash_login"]);
        assert_eq!(names(Bash, &[".bash_profile", ".bash_login"], None), ["/h/.bashrc", "/h/.bash_profile"]);
        assert_eq!(names(Zsh, &[], None), ["/h/.zshenv"]);
        assert_eq!(names(Zsh, &[], Some("/h/z")), ["/h/z/.zshenv"]);
        assert_eq!(names(Zsh, &[".zshenv"], Some("/h/z")), ["/h/.zshenv"]);
        assert_eq!(names(Sh, &[".bashrc"], None), ["/h/.profile"]);
        assert_eq!(names(Csh, &[], None), ["/h/.cshrc"]);
        assert_eq!(names(Csh, &[".tcshrc"], None), ["/h/.tcshrc", "/h/.cshrc"]);
        assert_eq!(names(Tcsh, &[".cshrc"], None), ["/h/.cshrc"]);
        assert_eq!(names(Tcsh, &[".cshrc", ".tcshrc"], None), ["/h/.tcshrc"]);
        assert_eq!(names(Fish, &[], None), ["/h/.config/fish/conf.d/myagent.fish"]);
    }

    #[test]
    fn the_line_is_the_one_that_is_promised() {
        let line = "[ -x '/abs/myagent' ] && eval \"$('/abs/myagent' start --shell sh)\"";
        assert_eq!(
            block(Syntax::Posix, Path::new("/abs/myagent"), false),
            format!("# >>> myagent >>>\n{line}\n# <<< myagent <<<\n")
        );
    }

    #[test]
    fn what_is_put_in_comes_out_to_the_byte() {
        for before in [&b""[..], b"one\n", b"no newline", b"\xff\r\n\n", b"#!/bin/sh\n# >>> other >>>\n"] {
            let block = block(Syntax::Posix, Path::new("/a"), false);
            let after = with(before, &find(before), &block);
            let place = find(&after);
            assert_eq!(place, Place::At(0..block.len()));
            assert_eq!(with(&after, &place, &block), after, "a second time");
            assert_eq!(with(&after, &place, ""), before);
        }
    }

    #[test]
    fn broken_marks_are_seen() {
        let (begin, end) = (format!("{BEGIN}\n"), format!("{END}\n"));
        for broken in [&begin, &end, &(end.clone() + &begin), &(begin.clone() + &end + &begin + &end)] {
            assert_eq!(find(broken.as_bytes()), Place::Unclear, "{broken}");
        }
    }
}
