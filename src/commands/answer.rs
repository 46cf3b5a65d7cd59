//! `myagent answer`: the questions that the agent asks a person at a terminal, and their answers, in whatever shell the
//! person has at hand.
//!
//! Guarantees: an answer goes to the question that was shown, or that the command line names, and to no later one;
//! nothing in a question acts on the terminal. Only a whole `yes` is one.
#![forbid(unsafe_code)]

use super::{print, stop};
use crate::cli::{self, YesNo};
use crate::control::{Op, OpenQuestion, Reply, ask};
use crate::error::Error;
use crate::platform::paths::{self, Candidate, Environment};
use crate::platform::terminal::visible;
use std::io::{BufRead, IsTerminal};

pub(super) fn run(options: &cli::Answer) -> Result<(), Error> {
    let candidates = paths::candidates(&Environment::current())?;
    let (candidate, mut connection) = stop::control(&candidates)?;
    let Reply::Questions(open) = connection.ask(Op::Questions)? else {
        return Err(Error::Refused("its answer is not one to questions".to_owned()));
    };
    match options.answer {
        Some(answer) => {
            let yes = answer == YesNo::Yes;
            let number = match options.number {
                Some(number) => number,
                // While this is typed the client may hang up and ask for something else: a yes names what it is for.
                None if yes => return Err(the_only(&open).err().unwrap_or(Error::UnnamedQuestion)),
                None => the_only(&open)?,
            };
            give(candidate, number, yes)
        }
        None if open.is_empty() => print("no question is open\n"),
        None => converse_all(candidate, &open),
    }
}

/// All of them in turn: one that is over by now does not keep the others waiting.
fn converse_all(candidate: &Candidate, open: &[OpenQuestion]) -> Result<(), Error> {
    let mut missed = Ok(());
    for question in open {
        match converse(candidate, question) {
            Err(over @ Error::Refused(_)) => missed = missed.and(Err(over)),
            done => done?,
        }
    }
    missed
}

/// The number of the one question that can be meant.
fn the_only(open: &[OpenQuestion]) -> Result<u32, Error> {
    let mut answerable = open.iter().filter(|question| question.answerable);
    match (answerable.next(), answerable.count()) {
        (Some(question), 0) => Ok(question.number),
        (Some(_), others) => Err(Error::WhichQuestion(others + 1)),
        (None, _) => Err(Error::NoQuestion),
    }
}

/// Shows one question, and asks for its answer where there is somebody to give it.
fn converse(candidate: &Candidate, question: &OpenQuestion) -> Result<(), Error> {
    let OpenQuestion { number, text, place, answerable, age_seconds } = question;
    print(&format!("question {number}, {age_seconds} seconds old:\n"))?;
    text.lines().try_for_each(|line| print(&format!("  {}\n", visible(line))))?;
    if !answerable {
        return print(&format!("  answered elsewhere: {}\n", visible(place)));
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return print(&format!("  to be answered: myagent answer yes {number}, or no\n"));
    }
    print("yes or no? [no] ")?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(|e| Error::io("read the answer", e))?;
    give(candidate, *number, answer.trim().eq_ignore_ascii_case("yes"))
}

fn give(candidate: &Candidate, number: u32, yes: bool) -> Result<(), Error> {
    match ask(&candidate.control(), Op::Answer { number, yes })? {
        Reply::Noted => Ok(()),
        _ => Err(Error::Refused("its answer is not one to an answer".to_owned())),
    }
}
