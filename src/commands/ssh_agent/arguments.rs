//! ssh-agent's options, taken as getopt(3) takes them: bundled, with values attached or in the next argument, up to
//! `--` or to the first argument that is none, which begins a command.
#![forbid(unsafe_code)]

use super::output::Shell;
use super::place::Wanted;
use super::{Failure, STATUS_FAILED};
use crate::agent::{FingerprintHash, Options};
use crate::commands::lifetime;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The options that take no value.
pub(super) const FLAGS: &[u8] = b"cDdksTuUV";
/// Those that take one.
pub(super) const VALUED: &[u8] = b"EaOPt";

/// What a call asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// `-V`
    Version,
    /// `-k`
    Kill(Shell),
    /// `-u`, and twice for the sockets of all hosts.
    Clean { of_all_hosts: bool },
    /// Everything else.
    Start(Box<Start>),
}

/// An agent to be started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// In which way.
    pub(super) form: Form,
    /// For which shell its lines are.
    pub(super) shell: Shell,
    /// Where its socket is to be.
    pub(super) place: Wanted,
    /// What it holds every request to.
    pub(super) options: Options,
}

/// The ways in which an agent runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In the background.
    Daemon,
    /// `-D`, and with `-d` it says what it does.
    Foreground { debug: bool },
    /// As a child of this command.
    Command(Vec<OsString>),
}

/// The options as they come in.
#[derive(Default)]
struct Given {
    options: Options,
    csh: bool,
    sh: bool,
    foreground: bool,
    debug: bool,
    kill: bool,
    clean: u8,
    temporary: bool,
    keep_stale: bool,
    path: Option<PathBuf>,
    websafe: bool,
    providers: bool,
    version: bool,
}

/// What the arguments ask for; `login_shell` is `$SHELL`.
pub(super) fn parse(arguments: Vec<OsString>, login_shell: Option<OsString>) -> Result<Call, Failure> {
    let mut given = Given::default();
    let mut rest = arguments.into_iter().peekable();
    while let Some(argument) = rest.next_if(|next| next.as_bytes().len() > 1 && next.as_bytes()[0] == b'-') {
        if argument == "--" {
            break;
        }
        let bundle = argument.as_bytes();
        for (at, &option) in bundle.iter().enumerate().skip(1) {
            if FLAGS.contains(&option) {
                given.flag(option)?;
            } else if VALUED.contains(&option) {
                let attached = bundle.get(at + 1..).filter(|value| !value.is_empty());
                let value = attached.map(|value| OsString::from_vec(value.to_vec())).or_else(|| rest.next());
                let missing = || usage(b"option requires an argument -- ", option);
                given.value(option, &value.ok_or_else(missing)?)?;
                break;
            } else {
                return Err(usage(b"unknown option -- ", option));
            }
            if given.version {
                return Ok(Call::Version);
            }
        }
    }
    given.call(rest.collect(), login_shell)
}

fn usage(text: &[u8], option: u8) -> Failure {
    Failure::usage(&String::from_utf8_lossy(&[text, &[option]].concat()))
}

impl Given {
    fn flag(&mut self, option: u8) -> Result<(), Failure> {
        match option {
            b'c' => self.csh = true,
            b's' => self.sh = true,
            b'D' | b'd' if self.foreground => return Err(Failure::usage("")),
            b'D' => self.foreground = true,
            b'd' => (self.foreground, self.debug) = (true, true),
            b'k' => self.kill = true,
            b'T' => self.temporary = true,
            b'u' => self.clean = self.clean.saturating_add(1),
            b'U' => self.keep_stale = true,
            _ => self.version = true,
        }
        if self.csh && self.sh { Err(Failure::usage("")) } else { Ok(()) }
    }

    fn value(&mut self, option: u8, value: &OsStr) -> Result<(), Failure> {
        // No option but the path means anything with bytes that are not text.
        let text = value.to_string_lossy();
        match option {
            b'a' => self.path = Some(value.into()),
            b'E' => {
                let named = |hash: &FingerprintHash| hash.name().eq_ignore_ascii_case(&text);
                let hash = FingerprintHash::ALL.into_iter().find(named);
                let unknown = || Failure::fatal(format!("Invalid hash algorithm \"{text}\""));
                self.options.fingerprint = hash.ok_or_else(unknown)?;
            }
            b'O' => self.option(&text)?,
            b'P' if self.providers => return Err(Failure::fatal("-P option already specified")),
            b'P' => (self.providers, self.options.providers) = (true, text.into_owned()),
            _ => {
                let life = lifetime::parse(&text).ok_or_else(|| Failure::usage("Invalid lifetime"))?;
                self.options.default_lifetime = Some(life).filter(|life| !life.is_zero());
            }
        }
        Ok(())
    }

    /// `-O`: all but the last are OpenSSH's.
    fn option(&mut self, text: &str) -> Result<(), Failure> {
        match (text, text.strip_prefix("websafe-allow=")) {
            ("no-restrict-websafe", _) => self.options.restrict_websafe = false,
            ("allow-remote-pkcs11", _) => self.options.allow_remote_providers = true,
            ("allow-remote-admin", _) => self.options.allow_remote_admin = true,
            (_, Some(_)) if self.websafe => return Err(Failure::fatal("websafe-allow already set")),
            (_, Some(list)) => (self.websafe, self.options.websafe) = (true, list.to_owned()),
            _ => return Err(Failure::fatal("Unknown -O option")),
        }
        Ok(())
    }

    fn call(self, command: Vec<OsString>, login_shell: Option<OsString>) -> Result<Call, Failure> {
        let alone = self.csh || self.sh || self.kill || self.foreground || self.clean > 0;
        if !command.is_empty() && alone {
            return Err(Failure { text: super::USAGE.to_owned(), status: STATUS_FAILED });
        }
        let of_csh = || login_shell.is_some_and(|shell| shell.as_bytes().ends_with(b"csh"));
        let shell = if self.csh || !self.sh && of_csh() { Shell::Csh } else { Shell::Sh };
        if self.kill {
            return Ok(Call::Kill(shell));
        }
        if self.clean > 0 {
            return Ok(Call::Clean { of_all_hosts: self.clean > 1 });
        }
        let form = match (self.foreground, command.is_empty()) {
            (true, _) => Form::Foreground { debug: self.debug },
            (_, true) => Form::Daemon,
            (_, false) => Form::Command(command),
        };
        let place = match (self.path, self.temporary) {
            (Some(path), _) => Wanted::At(path),
            (None, true) => Wanted::Temporary,
            (None, false) => Wanted::Home { clean: !self.keep_stale },
        };
        Ok(Call::Start(Box::new(Start { form, shell, place, options: self.options })))
    }
}
