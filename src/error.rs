//! The one error type of the commands: its text is the user's sentence, its hint the next command.
//!
//! Exit statuses, which scripts may rely on: 0 yes or done, 1 no such agent or failed, 2 wrong usage. Nothing
//! in here carries key material, passwords or the contents of messages.
#![forbid(unsafe_code)]

use crate::client::KeyError;
use crate::platform::paths::{MAX_CONTROL_PATH, MAX_SOCKET_PATH};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Exit status of a command that did what it was asked, or that answers "yes".
pub const STATUS_OK: u8 = 0;
/// Exit status of a command that failed, or that found no agent.
pub const STATUS_FAILED: u8 = 1;
/// Exit status of a command line or setting that cannot be understood.
pub const STATUS_USAGE: u8 = 2;
/// Exit status of `start -- COMMAND` where there is such a command, but it cannot be run: that of shells and env(1).
pub const STATUS_NOT_RUNNABLE: u8 = 126;
/// Exit status of `start -- COMMAND` where there is no such command: that of shells and env(1).
pub const STATUS_NO_COMMAND: u8 = 127;

/// Exit status of an activated agent that finds another one in its place: a service manager is not to try again.
pub const STATUS_OCCUPIED: u8 = 3;

/// Why a command ended without doing what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing answers at any of the places where an agent would be.
    #[error("no agent is running")]
    NotRunning,
    /// `start --foreground` was asked for while an agent answers already.
    #[error("an agent is running already: {}", socket.display())]
    AlreadyRunning {
        /// The socket of the agent that answered.
        socket: PathBuf,
    },
    /// An agent answers, but it has no control socket.
    #[error("the agent at {} is not myagent ({holder})", socket.display())]
    Foreign {
        /// The socket that answered.
        socket: PathBuf,
        /// The process that listens there.
        holder: String,
    },
    /// Something listens, but gives no agent's answer: it is neither used nor removed.
    #[error("{} is in use and gives no agent's answer; it belongs to {holder}", socket.display())]
    Silent {
        /// The socket that accepts connections.
        socket: PathBuf,
        /// The process that listens there.
        holder: String,
    },
    /// The instance lock stayed with another process.
    #[error("another agent is starting or running out of reach: {holder} holds {}", lock.display())]
    Held {
        /// The lock file.
        lock: PathBuf,
        /// What the holder wrote into the lock file about itself.
        holder: String,
    },
    /// An activated agent found the lock held.
    #[error("another agent is in this one's place: {holder} holds {}", lock.display())]
    Occupied {
        /// The lock file.
        lock: PathBuf,
        /// What the holder wrote into the lock file about itself.
        holder: String,
    },
    /// `guard` found an agent.
    #[error("an agent of yours is there: {holder} holds {}", lock.display())]
    Guarded {
        /// The lock file.
        lock: PathBuf,
        /// What the holder wrote into the lock file about itself.
        holder: String,
    },
    /// A restart changed nothing.
    #[error("not restarted, the agent goes on as it is: {0}")]
    NotRestarted(String),
    /// The next program ended after it had taken the agent's place.
    #[error("the agent has ended in the middle of the restart, and its keys are gone")]
    Lost,
    /// The agent was told to stop, and is still there.
    #[error("the agent (pid {pid}) was told to stop and is still there")]
    StillRunning {
        /// The agent's process.
        pid: u32,
    },
    /// A directory or a file that must not be used.
    #[error("cannot use {}: {reason}", path.display())]
    Unfit {
        /// The directory or the file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The path of a socket does not fit into a socket's address.
    #[error("the path is too long for a socket ({length} bytes, at most {MAX_SOCKET_PATH}, and \
             {MAX_CONTROL_PATH} with the name of the control socket): {}", path.display())]
    TooLong {
        /// The path that does not fit.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// A path with a newline, another control character, or bytes that are not UTF-8.
    #[error("the socket's path has bytes that cannot be printed: {path:?}")]
    Unprintable {
        /// The path, shown escaped.
        path: PathBuf,
    },
    /// None of the usual places can hold a socket.
    #[error("no place for the agent's socket: {}", reasons.join("; "))]
    NoPlace {
        /// For each place why not.
        reasons: Vec<String>,
    },
    /// Neither `HOME` nor the user database names a home directory of ours.
    #[error("no home directory for the lock file")]
    NoHome,
    /// The file system refuses flock(2).
    #[error("the file system refuses to lock {}: {source}", path.display())]
    Unlockable {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A socket whose other end is not ours.
    #[error("{} belongs to another user ({user})", path.display())]
    ForeignUser {
        /// The socket.
        path: PathBuf,
        /// The user at the other end.
        user: String,
    },
    /// The control socket gave an answer that cannot be used, or refused.
    #[error("the agent refused: {0}")]
    Refused(String),
    /// A setting in the environment that cannot be understood.
    #[error("{name}={value:?} is not one of {allowed}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        allowed: String,
    },
    /// `answer yes` found nothing to answer.
    #[error("no question is open that can be answered here")]
    NoQuestion,
    /// `answer yes` found more than one question.
    #[error("{0} questions are open")]
    WhichQuestion(usize),
    /// `answer yes` without a number.
    #[error("a yes is for a question that it names")]
    UnnamedQuestion,
    /// A plan that nobody said yes to.
    #[error("{command} changes files of yours, and there is no terminal to ask for a yes")]
    Unconfirmed {
        /// The command that has the plan.
        command: &'static str,
    },
    /// A plan that somebody said no to.
    #[error("nothing was changed")]
    Declined,
    /// The path of this program cannot be written into a shell's file or a unit.
    #[error("the program's path has bytes that cannot be written into a file of lines: {path:?}")]
    Unwritable {
        /// The path, shown escaped.
        path: PathBuf,
    },
    /// What the forked agent said when it could not start.
    #[error("{text}")]
    Relayed {
        /// The sentence of the agent's own error.
        text: String,
        /// Its hint, empty when there is none.
        hint: String,
    },
    /// Another program that was to help is missing, did not end in time, or failed.
    #[error("{program}: {reason}")]
    Program {
        /// Its name.
        program: String,
        /// What went wrong, or the first line that it said.
        reason: String,
    },
    /// `start --service` was asked for, and there is no service.
    #[error("the agent was not started as a service: {reason}")]
    NoService {
        /// Why not.
        reason: String,
    },
    /// In WSL: the agent of Windows cannot be had.
    #[error("the agent of Windows cannot be used from here: {reason}")]
    NoWindowsAgent {
        /// Why not.
        reason: String,
    },
    /// The command of `start -- COMMAND` could not be executed.
    #[error("cannot run {command:?}: {source}")]
    Unrunnable {
        /// The command's name.
        command: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// A key could not be loaded, bound or removed, or a password was not had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The system refused something.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried: a verb and its object.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// An [`Error::Io`]: `doing` is a verb and its object, as in "write the log".
    pub fn io(doing: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { doing: doing.into(), source: source.into() }
    }

    /// What the user can do next, where there is one thing to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let here = self.hint_on_windows().filter(|_| cfg!(windows)).map(str::to_owned);
        here.or_else(|| self.usual_hint())
    }

    fn usual_hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotRunning | Self::Lost => "start one: eval \"$(myagent start)\"",
            Self::AlreadyRunning { .. } => "use it: eval \"$(myagent start)\", or end it: myagent stop",
            Self::Silent { holder, .. } if holder.ends_with("(systemd)") => {
                "see why the service gives none: systemctl --user status myagent.service"
            }
            Self::Silent { .. } => "end that process, or set MYAGENT_SOCK to another path",
            Self::Held { .. } => {
                "set MYAGENT_SOCK to that agent's socket, or to another path for a second agent"
            }
            Self::Occupied { .. } | Self::Guarded { .. } => {
                "it keeps its keys; to let the service take over: myagent stop && systemctl --user start \
                 myagent.socket"
            }
            Self::StillRunning { .. } => "see what it does: myagent status",
            Self::TooLong { .. } | Self::Unprintable { .. } => {
                "set MYAGENT_SOCK to a shorter, plain path in a directory of mode 0700"
            }
            Self::Unfit { .. } | Self::NoPlace { .. } | Self::NoHome | Self::Unlockable { .. } => {
                "set MYAGENT_SOCK to a path in a directory of your own with mode 0700, which nobody else can rename"
            }
            Self::NoService { .. } => "start it in the background instead: myagent start --daemon",
            Self::NoWindowsAgent { .. } => {
                "see what it says: myagent.exe start; or have an agent of this Linux: myagent start --daemon"
            }
            Self::Unconfirmed { command } => {
                return Some(format!(
                    "look at the plan: myagent {command} --dry-run, and then: myagent {command} --yes"
                ));
            }
            Self::Unwritable { .. } => "move the program to a plain path, and run that",
            Self::Key(error) => return error.hint(),
            Self::WhichQuestion(_) | Self::UnnamedQuestion => {
                "name one by its number; to see them: myagent answer"
            }
            Self::Relayed { hint, .. } => hint,
            _ => "",
        };
        (!hint.is_empty()).then(|| hint.to_owned())
    }

    /// What is another thing to do there.
    fn hint_on_windows(&self) -> Option<&'static str> {
        match self {
            Self::NotRunning => Some("start one: myagent start"),
            Self::AlreadyRunning { .. } => Some("see where it is: myagent status; or end it: myagent stop"),
            Self::TooLong { .. } | Self::Unprintable { .. } | Self::Unfit { .. } | Self::NoPlace { .. } => {
                Some(r"set MYAGENT_SOCK to a plain pipe, such as \\.\pipe\my-second-agent, or to nothing")
            }
            Self::NoHome => Some("set LOCALAPPDATA to a directory of your own"),
            _ => None,
        }
    }

    /// The exit status that goes with this error.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Setting { .. } => STATUS_USAGE,
            Self::Occupied { .. } => STATUS_OCCUPIED,
            Self::Unrunnable { source, .. } if source.kind() == io::ErrorKind::NotFound => STATUS_NO_COMMAND,
            Self::Unrunnable { .. } => STATUS_NOT_RUNNABLE,
            _ => STATUS_FAILED,
        }
    }
}
