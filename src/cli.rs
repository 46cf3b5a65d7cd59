//! The command line, as clap sees it; `--help` and the man page come from here and from nowhere else.
#![forbid(unsafe_code)]

mod internal;
mod keys;
mod options;
#[cfg_attr(unix, path = "cli/unix.rs")]
#[cfg_attr(windows, path = "cli/windows.rs")]
mod sections;
mod values;

pub use internal::*;
pub use keys::*;
pub use options::*;
pub use sections::SECTIONS;
pub use values::*;

use clap::{CommandFactory, Parser, Subcommand};

/// The name by which this program takes ssh-agent's command line.
pub const SSH_AGENT: &str = "ssh-agent";

/// An ssh-agent that is still there, with its keys, after you log in again.
#[derive(Debug, Parser)]
#[command(name = "myagent", version, arg_required_else_help = true)]
#[cfg_attr(
    windows,
    command(long_about = "An ssh-agent that keeps its keys for as long as you are signed in.\n\n\
`myagent install` has it start when you sign in, and `myagent start` at once. Clients find it by themselves. \
Windows ends it when you sign out; the keys are added again then.")
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
