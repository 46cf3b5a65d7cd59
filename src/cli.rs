//! The command line, as clap sees it; `--help` and the man page come from here and from nowhere else.
#![forbid(unsafe_code)]

#[cfg(windows)]
mod windows;

use crate::client::Destination;
use crate::commands::lifetime;
use crate::error::Error;
use clap::ArgAction;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;

/// The name by which this program takes ssh-agent's command line.
pub const SSH_AGENT: &str = "ssh-agent";

/// The sections that both `myagent --help` and myagent(1) end with: title and text.
#[cfg(unix)]
pub const SECTIONS: [(&str, &str); 4] = [
    (
        "How start has an agent run",
        "As a service of your own systemd, where myagent.socket is installed and a service is no worse than
a process: with lingering (loginctl enable-linger), or where KillUserProcesses=yes ends what a login
session leaves behind. Without that unit, where both are so: in a unit made for the purpose. Else as a
process in the background. Where nothing outlives your last logout, start says so once, on a terminal,
with the cure.

In WSL, where myagent.exe is on the PATH and neither --daemon nor --service is given: myagent.exe start has
Windows' agent run, and a process in the background passes on to it what comes in at the usual place. That
relay holds no keys; stop ends it, and not the agent of Windows.",
    ),
    (
        "Exit status",
        "0  done; or: an agent is running
1  no agent is running; or: it failed, and the message says why; add and remove have done the rest then
2  the command line or a setting could not be understood
3  start --foreground, activated by a service manager: another agent is there
start -- COMMAND ends with the command's own status, with 127 where there is no such command, and with 126
where it cannot be run",
    ),
    (
        "Environment",
        "MYAGENT_SOCK   the agent's socket; then the only place that is looked at. Its directory
               must be yours, of mode 0700, and no symbolic link; nobody but you and root
               may be able to rename it or what is above it
MYAGENT_LOG    the log level where --log is not given
SSH_AUTH_SOCK  an agent there that sshd has forwarded is kept: start prints and starts nothing then
SHELL          chooses the form of the output where --shell is not given and no shell calls
DISPLAY, WAYLAND_DISPLAY, SSH_ASKPASS, SSH_ASKPASS_REQUIRE
               where and by which program the agent asks before it uses a key of ssh-add -c:
               its own ones, or those of your session, or of the last start at a terminal
               add, lock and unlock ask for passphrases and passwords by the same rules as ssh-add
SSH_SK_PROVIDER
               the library that add names for keys of FIDO tokens, instead of the built-in one
SSH_SK_HELPER  the program that speaks to FIDO tokens, where it is not in one of its usual places

A command under an agent of its own is given SSH_AUTH_SOCK, SSH_AGENT_PID and MYAGENT_SOCK",
    ),
    (
        "Files",
        "$XDG_RUNTIME_DIR/myagent/agent.sock
/run/user/UID/myagent/agent.sock
~/.ssh/agent/myagent.HOST.sock
      the socket: the first of these places that can be used, and is found again there
control.sock, agent.log
      beside it: the socket for stop, status and answer, and the log of an agent in the background
told  beside it, too: start has said once that no agent here outlives the last logout
myagent.socket, myagent-transient.service
      the units of your own systemd that start uses, the first where it is installed
$XDG_RUNTIME_DIR/myagent-XXXXXX, or in the directory for temporary files
      what the agent of start -- COMMAND has, for as long as it runs
~/.ssh/agent/myagent.HOST.lock
      held by the one agent of this user and host; it stays until uninstall
~/.config/systemd/user/myagent.socket, myagent.service
~/.config/environment.d/50-myagent.conf
      written by install, and lines at the top of the files that your shell reads
~/.ssh/id_rsa, id_ecdsa, id_ecdsa_sk, id_ed25519, id_ed25519_sk, id_mldsa44_ed25519
      what add loads where no file is named; FILE-cert.pub beside a key is its certificate
~/.ssh/known_hosts, ~/.ssh/known_hosts2, /etc/ssh/ssh_known_hosts, /etc/ssh/ssh_known_hosts2
      where add -h finds the keys of hosts
~/.local/state/myagent/install.json
      what install did, for uninstall",
    ),
];

/// The sections that `myagent --help` ends with on Windows.
#[cfg(windows)]
pub use windows::SECTIONS;

/// An ssh-agent that is still there, with its keys, after you log in again.
#[derive(Debug, Parser)]
#[command(name = "myagent", version, arg_required_else_help = true)]
#[cfg_attr(
    windows,
    command(long_about = "An ssh-agent that is still there, with its keys, after you log in again.\n\n\
`myagent install` has it start when you sign in, and `myagent start` at once. Clients find it by themselves.")
)]
#[cfg_attr(
    unix,
    command(long_about = "An ssh-agent that is still there, with its keys, after you log in again.\n\n\
Put this line into your shell's rc file; it starts the agent once and finds it from then on:\n\n    \
eval \"$(myagent start)\"\n\n\
`myagent install` does that, and sets up a service where one can outlive the logout.")
)]
#[command(disable_help_subcommand = true, subcommand_value_name = "COMMAND")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the running agent, or start one, and print the line that shows it to a shell
    Start(Start),
    /// End the agent; its keys are gone then
    Stop,
    /// Say whether an agent is running, and what it holds
    Status(Status),
    /// Show the questions of the agent that wait for an answer, and answer them
    Answer(Answer),
    /// Load keys from files into the agent: OpenSSH's, PuTTY's (.ppk), and PEM
    ///
    /// A file is in OpenSSH's form, in PuTTY's of version 2 or 3, or in PEM: PKCS#1, SEC1 or PKCS#8; encrypted or not. A
    /// passphrase is asked for up to three times, and tried on the files after it; nothing entered gives that file up. A
    /// certificate in PuTTY's file, or in FILE-cert.pub, is added as well. A file that other users may read is refused.
    /// What is wrong with one file keeps no other from being loaded; the status is 1 then.
    #[command(disable_help_flag = true)]
    Add(Add),
    /// List the keys that the agent holds; status 1 where there are none
    List(List),
    /// Have the agent forget keys
    Remove(Remove),
    /// Lock the agent with a password: until `unlock` it shows and uses no key
    Lock,
    /// Unlock the agent
    Unlock,
    /// Print what makes a shell complete this program's commands and options
    Completions(Completions),
    #[cfg_attr(
        unix,
        doc = "Make it permanent: for every shell, and as a service where one can outlive the logout"
    )]
    #[cfg_attr(windows, doc = "Have the agent start when you sign in")]
    Install(Install),
    /// Take back what install did
    Uninstall(Uninstall),
    /// Hand the running agent's keys over to the program that now lies where it was started from
    #[cfg(unix)]
    Restart,
    /// Pass standard input and output on to this system's agent: what a relay in WSL runs
    ///
    /// It is one connection to the running agent, until standard input ends. In WSL `myagent start` listens where an
    /// agent would, and runs `myagent.exe relay` for each client.
    Relay(Relay),
    /// Succeed where no agent of this user and host is there: for the socket unit, which would unlink its socket
    #[cfg(unix)]
    Guard,
    /// Take ssh-agent's place: its command line, for what calls it; also by that name
    ///
    /// Each call starts an agent of its own, with the options, output, exit statuses and places that OpenSSH 10.5 has.
    /// It has no control socket, no lock and no log, is ended by TERM or HUP with status 2, and forgets its keys on USR1.
    /// For one agent that all shells find again there is `myagent start`.
    ///
    /// A link or a copy of this program that is called ssh-agent takes that command line and no other:
    /// `ln -s "$(command -v myagent)" ~/.local/bin/ssh-agent`.
    #[cfg(unix)]
    #[command(name = SSH_AGENT, override_usage = "myagent ssh-agent [OPTIONS] [COMMAND [ARGUMENT]...]")]
    #[command(disable_help_flag = true)]
    SshAgent(SshAgent),
    /// The other side of `restart`: go on with what is behind these descriptors
    #[cfg(unix)]
    #[command(hide = true)]
    Resume(Resume),
    /// The process of a PKCS#11 provider, which an agent runs
    #[cfg(unix)]
    #[command(hide = true)]
    Token,
    /// The dialog by which the agent asks a person
    #[cfg(windows)]
    #[command(hide = true)]
    Dialog(Dialog),
}

/// The options of `myagent ssh-agent`, for the help and the manual alone: that command line is read by
/// `commands::ssh_agent`, as getopt would read it.
#[cfg(unix)]
#[derive(Debug, clap::Args)]
pub struct SshAgent {
    /// Bind the socket here; a dead one is replaced
    #[arg(short = 'a', value_name = "PATH")]
    pub path: Option<OsString>,
    /// Print lines for csh [default: where $SHELL ends in csh]
    #[arg(short = 'c')]
    pub csh: bool,
    /// Print lines for sh
    #[arg(short = 's')]
    pub sh: bool,
    /// Stay in the foreground
    #[arg(short = 'D')]
    pub foreground: bool,
    /// Stay in the foreground, and say on standard error what happens
    #[arg(short = 'd')]
    pub debug: bool,
    /// Show fingerprints with this hash where a person is asked: md5, sha1, sha256, sha384, sha512
    #[arg(short = 'E', value_name = "HASH")]
    pub hash: Option<OsString>,
    /// End the agent that SSH_AGENT_PID names
    #[arg(short = 'k')]
    pub kill: bool,
    /// no-restrict-websafe, websafe-allow=PATTERNS, allow-remote-pkcs11 or allow-remote-admin
    #[arg(short = 'O', value_name = "OPTION")]
    pub option: Vec<OsString>,
    /// Patterns of the real paths from which providers may be loaded
    #[arg(short = 'P', value_name = "PATTERNS")]
    pub providers: Option<OsString>,
    /// How long keys stay that come without a lifetime, such as 1h30m
    #[arg(short = 't', value_name = "LIFE")]
    pub life: Option<OsString>,
    /// Put the socket into a new directory of $TMPDIR, instead of ~/.ssh/agent
    #[arg(short = 'T')]
    pub temporary: bool,
    /// Only remove dead sockets from ~/.ssh/agent; twice: those of all hosts
    #[arg(short = 'u')]
    pub clean: bool,
    /// Remove no dead sockets at the start
    #[arg(short = 'U')]
    pub keep_stale: bool,
    /// Print the version on standard error
    #[arg(short = 'V')]
    pub version: bool,
    /// Print help; by the name ssh-agent there is none
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Run this command under the agent, which ends with it
    #[arg(value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// The options of `myagent dialog`, which only an agent runs.
#[cfg(windows)]
#[derive(Debug, clap::Args)]
pub struct Dialog {
    /// What is asked, or to be read
    pub text: String,
}

/// The options of `myagent relay`.
#[derive(Debug, clap::Args)]
pub struct Relay {
    /// Pass on one line to the control socket, and its answer
    #[arg(long)]
    pub control: bool,
}

/// The options of `myagent resume`, which only an agent runs.
#[cfg(unix)]
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// Read the state, say so, and end
    #[arg(long)]
    pub check: bool,
    /// The numbers of the state, the key's passage, the agent socket, the control socket, the lock, and the sockets of
    /// providers' processes
    #[arg(value_delimiter = ',', required = true)]
    pub descriptors: Vec<i32>,
}

/// The options of `myagent start`.
#[derive(Debug, clap::Args)]
pub struct Start {
    /// Be the agent, in this terminal or service, instead of starting one in the background
    #[arg(long)]
    pub foreground: bool,
    /// Be the agent in the background, and report to whoever started it, at this pipe
    #[cfg(windows)]
    #[arg(long, hide = true, value_name = "PIPE")]
    pub report: Option<PathBuf>,
    /// End with the process of this number
    #[cfg(windows)]
    #[arg(long, hide = true, value_name = "PID")]
    pub ends_with: Option<u32>,
    /// Have a new agent run as a service of your own systemd, or fail
    #[cfg(unix)]
    #[arg(long, conflicts_with_all = ["daemon", "foreground"])]
    pub service: bool,
    /// Have a new agent run as a process in the background, never as a service, nor in WSL as a relay to Windows
    #[cfg(unix)]
    #[arg(long, conflicts_with = "foreground")]
    pub daemon: bool,
    /// For which shell to print [default: the one that calls, else $SHELL]
    #[arg(long, value_name = "SHELL")]
    pub shell: Option<Shell>,
    /// Use an agent of this host though `ssh -A` has brought one along
    #[cfg(unix)]
    #[arg(long)]
    pub replace_forwarded: bool,
    /// Which memory a newly started agent keeps its secrets in [default: auto]
    #[cfg(unix)]
    #[arg(long, value_name = "KIND")]
    pub secret_memory: Option<SecretMemory>,
    /// Let `myagent restart` give the keys to a program that is yours, not root's: whoever can replace its file can
    /// take them
    #[cfg(unix)]
    #[arg(long)]
    pub trust_own_binary: bool,
    /// Let peers of other hosts, over `ssh -A`, also add and remove keys, lock and unlock: else they list and sign
    #[arg(long)]
    pub allow_remote_admin: bool,
    /// From where a newly started agent loads what speaks to tokens: patterns of real paths, divided by commas
    /// [default: /usr/lib*/*,/usr/local/lib*/*]
    #[cfg(unix)]
    #[arg(long, value_name = "PATTERNS")]
    pub providers: Option<String>,
    /// How much a newly started agent logs [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<Level>,
    /// Run this command under an agent of its own, which ends with it
    #[arg(last = true, value_name = "COMMAND")]
    #[cfg_attr(unix, arg(conflicts_with_all = ["foreground", "service", "daemon", "shell", "replace_forwarded"]))]
    #[cfg_attr(windows, arg(conflicts_with_all = ["foreground", "shell"]))]
    pub command: Vec<OsString>,
}

/// The options of `myagent answer`.
#[derive(Debug, clap::Args)]
pub struct Answer {
    /// The answer, for scripts [default: show each question, and ask at this terminal]
    #[arg(value_name = "yes|no", hide_possible_values = true)]
    pub answer: Option<YesNo>,
    /// The number of the question; a `no` goes to the only one without
    #[arg(requires = "answer")]
    pub number: Option<u32>,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    /// The key may be used
    Yes,
    /// It may not
    No,
}

/// The options of `myagent add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Forget the keys again after this time, such as 90, 10m or 1h30m
    #[arg(short = 't', value_name = "LIFE", value_parser = lifetime)]
    pub life: Option<u32>,
    /// Ask before each use of them
    #[arg(short = 'c')]
    pub confirm: bool,
    /// Let them be used for this host alone: HOST, USER@HOST, or HOP>USER@HOST for a host that is reached from another;
    /// may be given several times, and a way over hops needs each of its steps
    #[arg(short = 'h', value_name = "DESTINATION", value_parser = str::parse::<Destination>)]
    pub destinations: Vec<Destination>,
    /// Where the keys of hosts for -h stand [default: the known_hosts files of ssh]
    #[arg(short = 'H', value_name = "FILE", requires = "destinations")]
    pub hosts: Vec<PathBuf>,
    /// Print help: -h is a destination here, as in ssh-add
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Private keys; - is standard input [default: the usual files in ~/.ssh]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

fn lifetime(text: &str) -> Result<u32, String> {
    let life = lifetime::parse(text).and_then(|life| u32::try_from(life.as_secs()).ok());
    life.ok_or_else(|| "expected a time such as 90, 10m or 1h30m".to_owned())
}

/// The options of `myagent list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Print whole public keys, as they stand in authorized_keys
    #[arg(short = 'L', long)]
    pub public: bool,
    /// Print one line of JSON for programs
    #[arg(long, conflicts_with = "public")]
    pub json: bool,
}

/// The options of `myagent remove`.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Forget all of them
    #[arg(long)]
    pub all: bool,
    /// Files with the keys or their public halves, or fingerprints as list shows them; certificates go with their key
    #[arg(value_name = "FILE|FINGERPRINT", required_unless_present = "all", conflicts_with = "all")]
    pub keys: Vec<OsString>,
}

/// The options of `myagent completions`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell that is to complete
    #[arg(value_name = "SHELL")]
    pub shell: CompletingShell,
}

/// The shells that completions are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompletingShell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The options of `myagent status`.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// Print one line of JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// The options of `myagent install`.
#[derive(Debug, clap::Args)]
pub struct Install {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace also files of ours that somebody changed
    #[cfg(unix)]
    #[arg(long)]
    pub force: bool,
    /// Have the agent started with `--trust-own-binary`, so that `myagent restart` keeps the keys when you update a
    /// program of your own; whoever can write its file can take them
    #[cfg(unix)]
    #[arg(long)]
    pub trust_own_binary: bool,
}

/// The options of `myagent uninstall`.
#[derive(Debug, clap::Args)]
pub struct Uninstall {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The family of shells a line is printed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// sh, bash, dash, ksh, zsh
    Sh,
    /// csh, tcsh
    Csh,
    /// fish
    Fish,
    /// Nushell: a record for `from nuon | load-env`
    Nu,
    /// PowerShell
    Powershell,
    /// Windows' cmd
    Cmd,
    /// Plain lines of NAME=value, unquoted, for programs
    Env,
    /// One line of JSON, for programs
    Json,
}

/// The kinds of memory for secrets.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SecretMemory {
    /// memfd, but mlock where the machine can hibernate
    Auto,
    /// Memory that no other process reads, not even root's; the machine cannot hibernate meanwhile
    Memfd,
    /// Memory that is not swapped or dumped
    Mlock,
}

/// How much is logged; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Nothing
    Off,
    /// What ends the agent or loses a key
    Error,
    /// What was refused, and why
    Warn,
    /// One line per connection and decision
    Info,
    /// What the program does meanwhile
    Debug,
    /// Everything but secrets
    Trace,
}

impl Level {
    /// The level given, else that of `MYAGENT_LOG`, else info.
    pub fn choose(option: Option<Self>) -> Result<Self, Error> {
        let value = match (option, std::env::var_os("MYAGENT_LOG")) {
            (Some(level), _) => return Ok(level),
            (None, Some(value)) if !value.is_empty() => value.to_string_lossy().into_owned(),
            (None, _) => return Ok(Self::Info),
        };
        let allowed = || Self::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        Self::from_str(&value, true).map_err(|_| Error::Setting {
            name: "MYAGENT_LOG",
            value,
            allowed: allowed().map(|level| level.get_name().to_owned()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// The whole command line, with the sections of [`SECTIONS`] at the end of its long help.
#[must_use]
pub fn command() -> clap::Command {
    let mut long = String::new();
    for (title, text) in SECTIONS {
        long.push_str(title);
        long.push_str(":\n");
        for line in text.lines() {
            long.push_str("  ");
            long.push_str(line);
            long.push('\n');
        }
        long.push('\n');
    }
    Cli::command()
        .after_help("Exit status: 0 done or yes, 1 no such agent or failed, 2 usage. More: myagent --help")
        .after_long_help(long.trim_end().to_owned())
}
