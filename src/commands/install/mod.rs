//! `myagent install`: has every shell find the agent, and a service keep it where one can outlive the logout.
//!
//! Guarantees that everything is shown before it is done, that a second run finds nothing to do, and that the end is an
//! answered request. Never asks for a password, never runs anything as root, never changes what is not ours.
#![forbid(unsafe_code)]

mod facts;
mod files;
mod manager;
mod plan;
mod program;
mod record;
mod service;
mod shells;
mod step;
#[cfg(test)]
mod tests;
mod tool;
pub(super) mod uninstall;
mod units;

use super::probe::{self, Found};
use super::status::count_keys;
use super::{print, stop};
use crate::cli;
use crate::control::{Op, Reply};
use crate::error::{Error, STATUS_OK};
use crate::platform::paths::{self, Environment};
use facts::Facts;
use manager::{Linger, Supervisor};
use plan::Plan;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use step::Step;

pub(super) fn run(options: &cli::Install) -> Result<u8, Error> {
    let mut facts = Facts::gather(options.force, options.trust_own_binary)?;
    let mut plan = plan::plan(&facts, &files::look);
    if let Some(obstacle) = plan.obstacle.take() {
        return Err(obstacle);
    }
    show(&plan, "nothing to do\n")?;
    if options.dry_run {
        return Ok(STATUS_OK);
    }
    if !plan.steps.is_empty() {
        confirm("install", options.yes)?;
    }
    if let Some(words) = refused_lingering(&plan, &mut facts)? {
        if let Supervisor::Systemd(manager) = &mut facts.supervisor {
            manager.linger = Linger::Refused(words);
        }
        plan = plan::plan(&facts, &files::look);
        conclude("\nlingering was refused, so this is done instead:")?;
        show(&plan, "nothing more to do\n")?;
    }
    for step in plan.steps.iter().filter(|step| !matches!(step, Step::Linger { .. })) {
        let done = step.apply(&mut facts.record);
        facts.record.store(&facts.record_path)?;
        done?;
    }
    answered(&plan.program)?;
    Ok(STATUS_OK)
}

/// Turns lingering on where the plan has that, and gives the words of the refusal if there was one.
fn refused_lingering(plan: &Plan, facts: &mut Facts) -> Result<Option<String>, Error> {
    let Some(step) = plan.steps.iter().find(|step| matches!(step, Step::Linger { .. })) else {
        return Ok(None);
    };
    match step.apply(&mut facts.record) {
        Ok(()) if manager::linger(&facts.user) == Linger::On => {
            facts.record.store(&facts.record_path).map(|()| None)
        }
        Ok(()) => {
            facts.record.lingering = false;
            Ok(Some("it stayed off".to_owned()))
        }
        Err(Error::Program { reason, .. }) => Ok(Some(reason)),
        Err(error) => Ok(Some(error.to_string())),
    }
}

/// Shows a plan, the steps numbered, or what to say where it has none.
fn show(plan: &Plan, empty: &str) -> Result<(), Error> {
    let mut text = String::new();
    for (number, step) in (1..).zip(&plan.steps) {
        push(&mut text, &format!("{number}. "), &step.describe());
    }
    if plan.steps.is_empty() {
        text.push_str(empty);
    }
    for note in &plan.notes {
        push(&mut text, "note: ", note);
    }
    print(&text)
}

/// The first line after a lead, the others below it.
fn push(text: &mut String, lead: &str, said: &str) {
    for (number, line) in said.lines().enumerate() {
        text.push_str(if number == 0 { lead } else { "       " });
        text.push_str(line);
        text.push('\n');
    }
}

/// A yes of the person at the terminal, or of the command line.
fn confirm(command: &'static str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Error::Unconfirmed { command });
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "do this? [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(|e| Error::io("read the answer", e))?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Error::Declined)
    }
}

/// Ends with what counts: an agent that answers, found or started as every new shell will do it.
fn answered(program: &Path) -> Result<(), Error> {
    tool::start(program)?;
    let candidates = paths::candidates(&Environment::current())?;
    let Found::Agent(candidate, _) = probe::find(&candidates)? else { return Err(Error::NotRunning) };
    let held = match stop::control(&candidates).and_then(|(_, mut connection)| connection.ask(Op::Status)) {
        Ok(Reply::Status(status)) if status.locked => " and is locked".to_owned(),
        Ok(Reply::Status(status)) => format!(" and holds {}", count_keys(status.keys.len())),
        _ => String::new(),
    };
    conclude(&format!("an agent answers at {}{held}; each new shell finds it", candidate.socket.display()))
}

fn conclude(sentence: &str) -> Result<(), Error> {
    print(&format!("{sentence}\n"))
}
