//! The ways by which clients of others find the agent on Windows: OpenSSH's pipe, PuTTY's pipe and window, Cygwin's socket
//! file.
//!
//! Guarantees: each may fail alone, and the status says why; what another program serves is left to it.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use tokio::sync::mpsc::Sender;

use crate::control::{State, Way};
use crate::platform::paths::{OPENSSH, Places};
use crate::platform::socket::{Arrival, BoundSocket};
use crate::platform::windows::cygwin::{self, SocketFile};
use crate::platform::windows::desktop;
use crate::platform::windows::pageant::{name, window};
use crate::platform::windows::pipe;

/// What frees OpenSSH's pipe from the service of that name, which Windows brings along.
const FREE: &str = "to free it, in an administrator's PowerShell: Stop-Service ssh-agent; Set-Service ssh-agent \
                    -StartupType Disabled; then, in a window of your own: myagent stop, and myagent start";

/// What is served beside the agent's own pipe, and how each of them is.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// For the status.
    pub(super) all: Vec<Way>,
    pipes: Vec<(&'static str, BoundSocket)>,
    file: Option<SocketFile>,
}

impl Ways {
    /// Makes the pipes that can be made. Must not be called in a runtime.
    pub(super) fn bind(places: &Places) -> Self {
        let mut ways = Self::default();
        if places.beside {
            ways.pipe("OpenSSH", Ok(PathBuf::from(OPENSSH)), FREE);
            ways.pipe("PuTTY", name::path(), "end Pageant, or whatever serves it");
        }
        ways
    }

    fn pipe(&mut self, name: &'static str, path: Result<PathBuf, &str>, free: &str) {
        let path = match path {
            Ok(path) => path,
            Err(why) => return self.add(name, "", Err(why.to_owned())),
        };
        match pipe::bind(&path) {
            Ok(pipe) => self.pipes.push((name, pipe)),
            Err(error) => {
                let why = match error.kind() {
                    io::ErrorKind::PermissionDenied => taken(pipe::holder(&path), free),
                    _ => error.to_string(),
                };
                self.add(name, &path.display().to_string(), Err(why));
            }
        }
    }

    /// Begins to serve all that can be served. Needs a runtime.
    pub(super) fn listen(&mut self, places: &Places, arrivals: &Sender<Arrival>) {
        if !places.beside {
            return;
        }
        let pipes = std::mem::take(&mut self.pipes);
        for (name, pipe) in &pipes {
            let served = pipe.listen(arrivals).map_err(|error| error.to_string());
            self.add(name, &pipe.path.display().to_string(), served);
        }
        self.pipes = pipes;
        self.add("PuTTY before 0.75", "the window Pageant", window(arrivals));
        if let Some(path) = &places.file {
            let served = cygwin::serve(path, arrivals.clone()).map(|file| self.file = Some(file));
            self.add("Cygwin", &path.display().to_string(), served.map_err(|error| error.to_string()));
        }
    }

    fn add(&mut self, name: &str, path: &str, served: Result<(), String>) {
        let (state, detail) = match served {
            Ok(()) => (State::On, String::new()),
            Err(why) => (State::Refused, why),
        };
        if state == State::Refused {
            tracing::warn!("not served for {name}: {path}: {detail}");
        }
        self.all.push(Way { name: name.to_owned(), path: path.to_owned(), state, detail });
    }
}

/// Why a pipe is not ours, and what can be done.
fn taken(holder: Option<String>, free: &str) -> String {
    holder.map_or_else(
        || "a program of another account serves it".to_owned(),
        |holder| format!("{holder} serves it; {free}"),
    )
}

/// Nobody sees the windows of a session without a desktop.
fn window(arrivals: &Sender<Arrival>) -> Result<(), String> {
    if !desktop::is_there() {
        return Err(desktop::MISSING.to_owned());
    }
    window::open(arrivals.clone()).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => "another program has such a window: end Pageant".to_owned(),
        _ => error.to_string(),
    })
}
