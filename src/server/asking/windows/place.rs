//! Where a person can be asked on Windows: by a dialog of ours on the desktop of the session that the agent runs in, or by
//! the program that `SSH_ASKPASS` names in the agent's own environment, where that is forced or there is no desktop.
//!
//! Guarantees: the environment of a process that wants something signed is never looked at; what shows a dialog is a
//! process of its own, which ends with the question; a program that Git Bash has named for passwords, and that takes an
//! empty one for an answer, is not taken for one that can ask yes or no.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use super::Way;
use crate::control::Registration;
use crate::platform::display::{Surroundings, Wanted};
use crate::platform::program::{Programs, this_program};
use crate::platform::windows::desktop;

/// The command by which this program shows a dialog.
const DIALOG: &str = "dialog";

/// One way to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A program that shows a dialog, of the user's choice.
    Askpass(PathBuf),
    /// This program, which does.
    Dialog(PathBuf),
}

impl Place {
    /// How a person is reached there.
    pub(super) fn way(&self) -> Way<'_> {
        match self {
            Self::Askpass(program) => Way::Program(Command::new(program)),
            Self::Dialog(program) => {
                let mut command = Command::new(program);
                command.arg(DIALOG);
                Way::Program(command)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Askpass(program) => write!(f, "your desktop by {}", program.display()),
            Self::Dialog(_) => f.write_str("a dialog on your desktop"),
        }
    }
}

/// The places, the best first, and why there are no more.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Never asked at twice.
    pub(super) found: Vec<Place>,
    /// What could not be used, and why: the user's sentences.
    pub(super) missing: Vec<String>,
}

/// Looks for places. Nobody registers any on Windows.
#[allow(clippy::unused_async)] // as on Unix
pub(super) async fn look(own: &Surroundings, _: &[Registration]) -> Places {
    let mut places = Places::default();
    if own.wanted() == Wanted::Never {
        places.missing.push("SSH_ASKPASS_REQUIRE=never keeps the agent from showing dialogs".to_owned());
        return places;
    }
    let desktop = desktop::is_there();
    if own.wanted() == Wanted::Always || !desktop {
        match own.named_askpass(&Programs::current()) {
            Some(Ok(program)) => places.found.push(Place::Askpass(program)),
            Some(Err(why)) => places.missing.push(why),
            None => {}
        }
    }
    match (desktop, this_program()) {
        (true, Ok(program)) => places.found.push(Place::Dialog(program)),
        (true, Err(error)) => places.missing.push(format!("this program's own file: {error}")),
        (false, _) => places.missing.push(desktop::MISSING.to_owned()),
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(require: &str) -> Vec<Place> {
        let program = this_program().unwrap().display().to_string();
        let settings = [("SSH_ASKPASS", program.as_str()), ("SSH_ASKPASS_REQUIRE", require)];
        let own = Surroundings::of(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
        look(&own, &[]).await.found
    }

    /// As Git Bash sets it: a program that knows nothing of yes and no.
    #[tokio::test]
    async fn the_dialog_is_asked_unless_another_program_is_forced() {
        assert!(desktop::is_there(), "it is where the tests are run by a person, or by Wine");
        let program = this_program().unwrap();
        let both = [Place::Askpass(program.clone()), Place::Dialog(program)];
        assert_eq!(found("").await, both[1..]);
        assert_eq!(found("prefer").await, both[1..]);
        assert_eq!(found("force").await, both);
        assert_eq!(found("never").await, []);
    }
}
