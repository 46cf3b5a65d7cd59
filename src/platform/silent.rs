//! A line that a person enters at the controlling terminal, which shows nothing of it.
//!
//! Guarantees: the terminal is afterwards as it was, also where a key or a signal breaks it off; what is entered is taken as
//! it is, byte by byte, but for the keys that the terminal itself knows; it is wiped when dropped.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc::_POSIX_VDISABLE;
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices as Index, Termios, tcgetattr, tcsetattr,
};
use nix::sys::time::{TimeVal, TimeValLike};
use zeroize::Zeroizing;

use super::signals::Postponed;

/// Of a session, whatever its standard streams are.
const TERMINAL: &str = "/dev/tty";
/// Milliseconds between two looks for a signal.
const PAUSE: i64 = 100;
/// What would end or stop the process with the terminal still silent.
const POSTPONED: [Signal; 7] = [
    Signal::SIGALRM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGPIPE,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGTSTP,
];

/// Whether standard input is a terminal.
#[must_use]
pub fn is_at_terminal() -> bool {
    io::stdin().is_terminal()
}

/// The line, which may be `most` bytes long and one more; none where the person gives up.
///
/// # Errors
/// The system's, where there is no terminal.
pub fn line(prompt: &str, most: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let terminal = File::options().read(true).write(true).open(TERMINAL)?;
    loop {
        match attempt(&terminal, prompt, most)? {
            End::Line(line) => return Ok(Some(line)),
            End::GivenUp => return Ok(None),
            End::Key(signal) => {
                raise(signal)?;
                if signal != Signal::SIGTSTP {
                    return Ok(None);
                }
            }
        }
    }
}

never_copied_or_shown!(End);

/// How it ended.
enum End {
    Line(Zeroizing<Vec<u8>>),
    GivenUp,
    /// By a key that sends a signal.
    Key(Signal),
}

fn attempt(mut terminal: &File, prompt: &str, most: usize) -> io::Result<End> {
    // Dropped last: what comes meanwhile takes its effect when the terminal is as it was.
    let postponed = Postponed::begin(&POSTPONED.into_iter().collect());
    let silent = Silent::begin(terminal)?;
    terminal.write_all(prompt.as_bytes())?;
    let end = read(terminal, &silent.before, &postponed, most);
    drop(silent);
    let _ = terminal.write_all(b"\n");
    end
}

fn read(mut terminal: &File, before: &Termios, postponed: &Postponed, most: usize) -> io::Result<End> {
    // Never grows: no copy is left behind.
    let mut line = Zeroizing::new(Vec::with_capacity(most + 1));
    loop {
        if !is_readable(terminal)? {
            if postponed.is_due() {
                return Ok(End::GivenUp);
            }
            continue;
        }
        let mut byte = Zeroizing::new([0]);
        // The end of a terminal that has hung up is an error on some systems.
        if !matches!(terminal.read(&mut *byte), Ok(1)) {
            return Ok(End::GivenUp);
        }
        match key(before, byte[0]) {
            Key::Signal(signal) => return Ok(End::Key(signal)),
            Key::End if line.is_empty() => return Ok(End::GivenUp),
            Key::End | Key::Return => return Ok(End::Line(line)),
            Key::Erase => erase(&mut line, is_utf8(before)),
            Key::EraseAll => line.clear(),
            Key::None if line.len() <= most => line.push(byte[0]),
            Key::None => {}
        }
    }
}

/// By select(2): macOS has no poll(2) for /dev/tty.
fn is_readable(terminal: &File) -> io::Result<bool> {
    // A set has no place for more.
    if usize::try_from(terminal.as_raw_fd()).map_or(true, |number| number >= FD_SETSIZE) {
        return Err(Errno::EMFILE.into());
    }
    let mut asked = FdSet::new();
    asked.insert(terminal.as_fd());
    match select(None, &mut asked, None, None, &mut TimeVal::milliseconds(PAUSE)) {
        Ok(count) => Ok(count != 0),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What a byte is to the terminal.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    Return,
    End,
    Erase,
    EraseAll,
    Signal(Signal),
    None,
}

fn key(terminal: &Termios, byte: u8) -> Key {
    let is = |index: Index| byte != _POSIX_VDISABLE && terminal.control_chars[index as usize] == byte;
    match byte {
        b'\n' | b'\r' => Key::Return,
        _ if is(Index::VINTR) => Key::Signal(Signal::SIGINT),
        _ if is(Index::VQUIT) => Key::Signal(Signal::SIGQUIT),
        _ if is(Index::VSUSP) => Key::Signal(Signal::SIGTSTP),
        _ if is(Index::VEOF) => Key::End,
        _ if is(Index::VERASE) => Key::Erase,
        _ if is(Index::VKILL) => Key::EraseAll,
        _ => Key::None,
    }
}

#[cfg(not(target_os = "freebsd"))]
fn is_utf8(terminal: &Termios) -> bool {
    terminal.input_flags.contains(nix::sys::termios::InputFlags::IUTF8)
}

/// Its terminals are not asked; nearly all are so.
#[cfg(target_os = "freebsd")]
fn is_utf8(_: &Termios) -> bool {
    true
}

/// Takes the last character away: in UTF-8 with all its bytes.
fn erase(line: &mut Vec<u8>, utf8: bool) {
    while let Some(byte) = line.pop() {
        if !utf8 || byte & 0b1100_0000 != 0b1000_0000 {
            return;
        }
    }
}

/// A terminal that shows nothing and gives every key at once, until this is dropped.
struct Silent<'t> {
    terminal: &'t File,
    before: Termios,
}

impl<'t> Silent<'t> {
    fn begin(terminal: &'t File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        let shown = LocalFlags::ECHO | LocalFlags::ECHONL;
        silent.local_flags &= !(shown | LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::IEXTEN);
        silent.control_chars[Index::VMIN as usize] = 1;
        silent.control_chars[Index::VTIME as usize] = 0;
        set(terminal, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        let _ = set(self.terminal, &self.before);
    }
}

/// Again after a stop: who is put into the background is stopped here, and goes on in the foreground.
fn set(terminal: &File, to: &Termios) -> io::Result<()> {
    loop {
        match tcsetattr(terminal, SetArg::TCSANOW, to) {
            Err(Errno::EINTR) => {}
            set => return Ok(set?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::erase;

    #[test]
    fn a_character_is_taken_away_whole() {
        for (line, utf8, left) in
            [("aé", true, &b"a"[..]), ("a\u{1f511}", true, b"a"), ("aé", false, b"a\xc3"), ("", true, b"")]
        {
            let mut line = line.as_bytes().to_vec();
            erase(&mut line, utf8);
            assert_eq!(line, left);
        }
    }
}
