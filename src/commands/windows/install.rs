//! `myagent install` on Windows: has the agent start when the user signs in. Needs no administrator.
//!
//! Guarantees that what would be changed is shown before it is done, and that `uninstall` takes back only what is ours.
#![forbid(unsafe_code)]

use super::print;
use crate::cli;
use crate::error::{Error, STATUS_OK};
use crate::platform::program::this_program;
use std::io::{self, BufRead, IsTerminal};
use windows_registry::CURRENT_USER;

/// What the system starts for this user at each sign-in.
const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
/// What follows the program in our line there.
const ARGUMENTS: &str = " start --shell env";
/// The longest line that Windows runs at a sign-in, in units of 16 bits.
const MOST_RUN: usize = 260;
/// Our value there.
const NAME: &str = "myagent";

/// Where the system keeps which of them the user has switched off, in Task Manager or the settings: the first byte of such
/// a value is odd.
const SWITCHED: &str = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";

/// Shows what is to be done, does it after a yes, and starts the agent.
pub(super) fn run(options: &cli::Install) -> Result<u8, Error> {
    let program = this_program().map_err(|error| Error::io("find this program's own file", error))?;
    let line = format!("\"{}\"{ARGUMENTS}", program.display());
    if line.encode_utf16().count() > MOST_RUN {
        let reason = "its path is too long to be run at sign-in; move it to a shorter one".to_owned();
        return Err(Error::Program { program: program.display().to_string(), reason });
    }
    let off = is_switched_off();
    if installed()?.as_ref() == Some(&line) && !off {
        print("nothing to do\n")?;
    } else {
        print(&format!(
            "have the agent start when you sign in:\n  HKEY_CURRENT_USER\\{RUN}\n  {NAME} = {line}\n"
        ))?;
        if off {
            print(&format!(
                "switch that on again, which is off in Windows' settings:\n  HKEY_CURRENT_USER\\{SWITCHED}\n"
            ))?;
        }
        if options.dry_run {
            return Ok(STATUS_OK);
        }
        confirm("install", options.yes)?;
        let key = CURRENT_USER.create(RUN).map_err(|error| failed("open", error.into()))?;
        key.set_string(NAME, &line).map_err(|error| failed("write", error.into()))?;
        if off {
            remove(SWITCHED)?;
        }
    }
    if !options.dry_run {
        super::start::start_quietly()?;
    }
    Ok(STATUS_OK)
}

/// What starts the agent now, where anything does.
fn installed() -> Result<Option<String>, Error> {
    let Ok(key) = CURRENT_USER.open(RUN) else { return Ok(None) };
    match key.get_string(NAME) {
        Ok(line) => Ok(Some(line)),
        Err(error) if error.code().0 == NOT_FOUND => Ok(None),
        Err(error) => Err(failed("read", error.into())),
    }
}

fn is_switched_off() -> bool {
    let switch = CURRENT_USER.open(SWITCHED).and_then(|key| key.get_value(NAME));
    switch.is_ok_and(|switch| switch.first().is_some_and(|first| first % 2 == 1))
}

/// Takes our value out of a key.
fn remove(path: &str) -> Result<(), Error> {
    let key = CURRENT_USER.options().read().write().open(path);
    let key = key.map_err(|error| failed("open", error.into()))?;
    key.remove_value(NAME).map_err(|error| failed("change", error.into()))
}

/// There is no such value.
const NOT_FOUND: i32 = -0x7ff8_fffe;

fn failed(doing: &str, error: io::Error) -> Error {
    Error::io(format!("{doing} the registry"), error)
}

fn confirm(command: &'static str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Error::Unconfirmed { command });
    }
    print("yes or no? [no] ")?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(|error| Error::io("read the answer", error))?;
    let said = answer.trim();
    if said.eq_ignore_ascii_case("yes") || said.eq_ignore_ascii_case("y") {
        Ok(())
    } else {
        Err(Error::Declined)
    }
}

/// Taking it back.
pub(super) mod uninstall {
    use super::{
        ARGUMENTS, Error, NAME, RUN, STATUS_OK, SWITCHED, cli, confirm, installed, is_switched_off, print,
        remove,
    };

    /// Shows what is to be done, and does it after a yes. A running agent goes on.
    pub(in crate::commands) fn run(options: &cli::Uninstall) -> Result<u8, Error> {
        let Some(line) = installed()?.filter(|line| line.ends_with(ARGUMENTS)) else {
            print("nothing to do\n")?;
            return Ok(STATUS_OK);
        };
        print(&format!(
            "no longer start the agent when you sign in:\n  HKEY_CURRENT_USER\\{RUN}\n  {NAME} = {line}\n"
        ))?;
        if !options.dry_run {
            confirm("uninstall", options.yes)?;
            remove(RUN)?;
            if is_switched_off() {
                remove(SWITCHED)?;
            }
        }
        Ok(STATUS_OK)
    }
}
