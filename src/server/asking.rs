//! Asking a person.
//!
//! Guarantees: no way to ask means no, and so does every end of a question but a yes: the client's hangup, a lock, the
//! key's removal or expiry, a handover, the end of the agent, and time. Nothing is held and nobody else waits while a
//! question is open; whatever shows it ends with it. What a person said of one question serves no other.
//! Must never: ask in the environment, or at the terminal, of the process that wants something signed.
#![forbid(unsafe_code)]
#![cfg_attr(windows, allow(dead_code))] // what tokens need, and a handover: neither is there

mod askpass;
mod open;
#[cfg_attr(windows, path = "asking/windows/place.rs")]
mod place;
#[cfg(unix)]
mod served;
mod wording;

pub(super) use open::Questions;
#[cfg(unix)]
pub(super) use wording::login_of;

use std::future::Future;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use self::askpass::Kind;
use self::open::Begun;
use self::wording::{in_one_line, may_be_used};
use super::{Client, Shared};
use crate::agent::{Question, Refusal, Session};
use crate::control::Asking;
use crate::platform::clock;
use crate::platform::terminal;
use crate::vault::SecretBuf;

/// How long a question may stay open: a person comes back from the kettle in it, and a server has long given up.
const MOST_TIME: Duration = Duration::from_secs(5 * 60);

/// Threads that may be kept by open questions, and by nobody else.
#[cfg(unix)]
pub(super) const LISTENERS: usize = 0;
/// As above.
#[cfg(windows)]
pub(super) const LISTENERS: usize = open::MOST_OPEN * crate::platform::child::LISTENERS;

/// Said where nobody can be asked.
const WHAT_HELPS: &str = if cfg!(windows) {
    "call `myagent stop`, then `myagent start` at the desktop"
} else {
    "call `myagent start` in a terminal of yours, or where a display is, and install an askpass program"
};

/// Why a question ended without a yes: the user's sentences.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// More than a person can keep apart.
    #[error("too many questions are open already")]
    TooMany,
    /// Nobody waits for the answer.
    #[error("the client hung up while the question was open")]
    HungUp,
    /// A yes would not mean anything any more.
    #[error("the agent was locked, or the key is gone, while the question was open")]
    Pointless,
    /// The next program does not know of the question.
    #[error("the agent was restarted while the question was open")]
    Handover,
    /// Nobody answered.
    #[error("nobody answered within {} minutes", MOST_TIME.as_secs() / 60)]
    Late,
    /// There is no place where anybody could be asked.
    #[error("there is no way to ask: {}; {}", .0.join("; "), WHAT_HELPS)]
    NoWay(Vec<String>),
    /// The person, or the program that asked them.
    #[error("{0}")]
    No(String),
}

/// Asks whether a key may be used. Returns when the person has said yes.
///
/// # Errors
/// Any other end of the question.
pub(super) async fn confirm(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    session: &Session,
    question: &Question,
) -> Result<(), Refusal> {
    let hash = shared.agent().options().fingerprint;
    let text: Arc<str> = may_be_used(question, hash, session, client.peer).into();
    let key = &question.fingerprint;
    tracing::info!(peer = %session, %key, "asking");
    let asked = async {
        let begun = shared.questions.begin(&text, session.is_forwarded())?;
        let holds = || shared.agent().still_asks(question, clock::now());
        unless_ended(shared, client, holds, put(shared, &begun, &text)).await
    };
    asked.await.map_err(|why| Refusal::NotConfirmed { key: key.clone(), why: shared.questions.failed(&why) })
}

/// Asks for a secret that a program needs, such as a PIN, as long as what it is for `holds`. Only a display can ask for
/// one.
///
/// # Errors
/// [`Refusal::NothingEntered`] with the reason.
pub(super) async fn secret(
    shared: &Arc<Shared>,
    client: &Client<'_>,
    holds: impl Fn() -> bool,
    text: &str,
) -> Result<SecretBuf, Refusal> {
    let asked = async {
        // A token asks for one at a time, whoever uses it.
        let begun = shared.questions.begin(&text.into(), false)?;
        unless_ended(shared, client, holds, put_secret(shared, &begun, text)).await
    };
    asked.await.map_err(|why| Refusal::NothingEntered(shared.questions.failed(&why)))
}

/// Something shown to a person that goes when it is dropped.
pub(super) struct Notice(AbortHandle);

impl Drop for Notice {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells a person something, such as to touch a key, for as long as the result lives. Never fails: where there is no way
/// to tell them, what they are to do is on the key itself.
pub(super) fn notify(shared: &Arc<Shared>, text: &str) -> Notice {
    let (shared, text) = (Arc::clone(shared), text.to_owned());
    let shown = tokio::spawn(async move {
        for place in shared.questions.places().await.found {
            let shown = match place.way() {
                Way::Program(program) => {
                    askpass::run(program, Kind::Notice, &text, &shared.vault).await.map(drop)
                }
                Way::Terminal(path) => terminal::show(path, &format!("myagent: {}", in_one_line(&text))),
            };
            match shown {
                Ok(()) => return,
                Err(error) => tracing::info!("no notice at {place}: {error}"),
            }
        }
    });
    Notice(shown.abort_handle())
}

/// How a person is reached at a place.
enum Way<'p> {
    /// By a dialog of this program.
    Program(Command),
    /// By a line on this terminal.
    #[cfg_attr(windows, allow(dead_code))]
    Terminal(&'p Path),
}

/// How a person would be asked now, for `status`.
pub(super) async fn describe(shared: &Shared) -> Asking {
    let places = shared.questions.places().await;
    Asking {
        place: places.found.first().map(ToString::to_string),
        missing: places.missing,
        last_failure: shared.questions.failure(),
        open: shared.questions.list().len(),
    }
}

/// What `asked` comes to, unless the question ends before: also where what it is about does not hold any more.
async fn unless_ended<T>(
    shared: &Shared,
    client: &Client<'_>,
    holds: impl Fn() -> bool,
    asked: impl Future<Output = Result<T, Unanswered>>,
) -> Result<T, Unanswered> {
    tokio::select! {
        // An end that has come by now wins over a yes that has, too.
        biased;
        why = end(shared, client, holds) => Err(why),
        answer = asked => answer,
    }
}

/// Returns when a question has come to its end without an answer.
async fn end(shared: &Shared, client: &Client<'_>, holds: impl Fn() -> bool) -> Unanswered {
    tokio::select! {
        biased;
        () = shared.questions.until(|| (!holds()).then_some(())) => Unanswered::Pointless,
        () = client.gone() => Unanswered::HungUp,
        () = shared.restart.has_begun() => Unanswered::Handover,
        () = tokio::time::sleep(MOST_TIME) => Unanswered::Late,
    }
}

/// Puts the question to a person at the first place that takes it.
async fn put(shared: &Shared, begun: &Begun<'_>, text: &str) -> Result<(), Unanswered> {
    let mut places = shared.questions.places().await;
    for place in std::mem::take(&mut places.found) {
        let tried = match place.way() {
            Way::Program(program) => {
                begun.shown_at(place.to_string());
                askpass::run(program, Kind::Confirm, text, &shared.vault).await.map(|ended| ended.yes())
            }
            Way::Terminal(path) => {
                begun.shown_at(place.to_string());
                let answer = begun.answer();
                let line = format!("myagent: question {}: {}", begun.number, in_one_line(text));
                match terminal::show(path, &format!("{line} -- myagent answer")) {
                    Ok(()) if answer.await == Ok(true) => Ok(Ok(())),
                    Ok(()) => Ok(Err("the answer was no".to_owned())),
                    Err(error) => Err(error),
                }
            }
        };
        match tried {
            Ok(answered) => return answered.map_err(Unanswered::No),
            Err(error) => places.missing.push(format!("{place}: {error}")),
        }
    }
    Err(Unanswered::NoWay(places.missing))
}

async fn put_secret(shared: &Shared, begun: &Begun<'_>, text: &str) -> Result<SecretBuf, Unanswered> {
    let mut places = shared.questions.places().await;
    for place in std::mem::take(&mut places.found) {
        let Way::Program(program) = place.way() else {
            places.missing.push(format!("{place}: a secret is asked for on a display only"));
            continue;
        };
        begun.shown_at(place.to_string());
        match askpass::run(program, Kind::Secret, text, &shared.vault).await {
            Ok(ended) => return ended.secret().map_err(Unanswered::No),
            Err(error) => places.missing.push(format!("{place}: {error}")),
        }
    }
    Err(Unanswered::NoWay(places.missing))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
