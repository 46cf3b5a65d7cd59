//! Where a person can be asked (DESIGN section 2): the agent's own display, the user's graphical session as their
//! systemd knows it, the displays and terminals at which `myagent start` was called, the last first.
//!
//! Guarantees: the environment and the terminal of a process that wants something signed are never looked at; a display
//! that another user serves, as the sockets of one that is over may be taken, is not asked at; no
//! look keeps a thread waiting, and all of them together end within seconds.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::Way;
use super::served::{Server, served};
use crate::control::Registration;
use crate::platform::child::Helper;
use crate::platform::directory::{Standing, private};
use crate::platform::display::{Surroundings, Wanted, needs_no_name};
use crate::platform::program::Programs;
use crate::platform::terminal;

/// A manager that is alive answers in milliseconds.
const MANAGER_LIMIT: Duration = Duration::from_secs(2);
/// More than any environment that is of use.
const MOST_PRINTED: u64 = 64 * 1024;

/// One way to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A program that shows a dialog.
    Display {
        /// It is run with the agent's own environment, but for these where they are not the agent's own.
        foreign: Option<Surroundings>,
        /// The display, as the user knows it.
        name: String,
        /// The program.
        program: PathBuf,
    },
    /// A terminal that shows a line; `myagent answer` gives the answer.
    Terminal(PathBuf),
}

impl Place {
    /// How a person is reached there.
    pub(super) fn way(&self) -> Way<'_> {
        match self {
            Self::Display { foreign, program, .. } => {
                let mut command = Command::new(program);
                foreign.iter().for_each(|foreign| foreign.lead(&mut command));
                Way::Program(command)
            }
            Self::Terminal(path) => Way::Terminal(path),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Display { name, program, .. } => write!(f, "{name} by {}", program.display()),
            Self::Terminal(path) => write!(f, "terminal {} with `myagent answer`", path.display()),
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
    /// Displays that do not answer: taken where nothing else is left.
    dead: Vec<Place>,
}

/// Looks for places. `own` is the agent's environment, `registered` are those of `start`, the last first.
pub(super) async fn look(own: &Surroundings, registered: &[Registration]) -> Places {
    let mut places = Places::default();
    let never = own.wanted() == Wanted::Never;
    if never {
        places.missing.push("SSH_ASKPASS_REQUIRE=never keeps the agent from showing dialogs".to_owned());
    } else {
        places.add(own, None, "the agent has no display of its own").await;
    }
    if !never && places.found.is_empty() {
        match session().await {
            Ok(session) => {
                let foreign = Some(session.clone());
                places.add(&session, foreign, "your systemd knows of no display").await;
            }
            Err(why) => places.missing.push(why),
        }
    }
    for Registration { surroundings, terminal } in registered {
        let shown = !never && {
            let before = places.found.len();
            let foreign = Some(surroundings.clone());
            places.add(surroundings, foreign, "").await;
            places.found.len() > before
        };
        if let Some(path) = terminal.as_ref().filter(|_| !shown) {
            places.add_terminal(path);
        }
    }
    if registered.is_empty() {
        places.missing.push("no `myagent start` was called at a terminal".to_owned());
    }
    let dead = std::mem::take(&mut places.dead);
    places.found.extend(dead);
    places
}

impl Places {
    /// A display, where there is one and a program for it.
    async fn add(&mut self, there: &Surroundings, foreign: Option<Surroundings>, none: &str) {
        let name = match (there.display(), there.wanted()) {
            (_, Wanted::Never) => return,
            (Some(display), _) => format!("display {display}"),
            (None, Wanted::Always) => "SSH_ASKPASS_REQUIRE=force".to_owned(),
            // The agent's own alone: what registers may come from anywhere.
            (None, Wanted::OnDisplay) if foreign.is_none() && needs_no_name() => {
                "this Mac's screen".to_owned()
            }
            (None, Wanted::OnDisplay) if none.is_empty() => return,
            (None, Wanted::OnDisplay) => return self.missing.push(none.to_owned()),
        };
        let program = match there.askpass(&Programs::current()) {
            Ok(program) => program,
            Err(why) => return self.missing.push(format!("{name}: {why}")),
        };
        let place = Place::Display { foreign, name, program };
        if self.found.contains(&place) || self.dead.contains(&place) {
            return;
        }
        match served(there).await {
            Server::Other(who) => self.missing.push(format!("{place}: it belongs to {who}")),
            Server::None if there.wanted() == Wanted::OnDisplay => self.dead.push(place),
            Server::None | Server::Ours => self.found.push(place),
        }
    }

    fn add_terminal(&mut self, path: &Path) {
        match terminal::check(path) {
            Ok(()) if self.found.contains(&Place::Terminal(path.to_owned())) => {}
            Ok(()) => self.found.push(Place::Terminal(path.to_owned())),
            Err(why) => self.missing.push(format!("terminal {}: {why}", path.display())),
        }
    }
}

/// The environment of the user's graphical session, as the user's systemd has it.
async fn session() -> Result<Surroundings, String> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty()).map(PathBuf::from);
    let runtime = own.unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", geteuid())));
    let socket = runtime.join("systemd/private");
    if !matches!(private(&runtime), Standing::Ready) || socket.symlink_metadata().is_err() {
        return Err("no systemd of yours runs that would know of a display".to_owned());
    }
    let Some(program) = Programs::current().find("systemctl") else {
        return Err("there is no systemctl to ask for your display".to_owned());
    };
    let mut command = Command::new(program);
    command.args(["--user", "show-environment"]).env("LC_ALL", "C").env("XDG_RUNTIME_DIR", &runtime);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let said = async {
        let mut helper = Helper::spawn(&mut command)?;
        let mut said = Vec::new();
        helper.stdout()?.take(MOST_PRINTED).read_to_end(&mut said).await?;
        std::io::Result::Ok((helper.ended().await?.success(), said))
    };
    match timeout(MANAGER_LIMIT, said).await {
        Ok(Ok((true, said))) => {
            let mut session = Surroundings::printed(&String::from_utf8_lossy(&said));
            session.set_runtime(&runtime);
            Ok(session)
        }
        Ok(Ok((false, _))) => Err("your systemd did not say what display there is".to_owned()),
        Ok(Err(error)) => Err(format!("your systemd cannot be asked for your display: {error}")),
        Err(_) => Err("your systemd did not answer in time which display there is".to_owned()),
    }
}
