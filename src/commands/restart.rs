//! `myagent restart`: has the running agent go on as the program that now lies where it was started from, with all its
//! keys; returns when that program answers.
#![forbid(unsafe_code)]

use super::status::count_keys;
use super::{print, stop};
use crate::control::{Op, Reply, Status};
use crate::error::Error;
use crate::platform::paths::{self, Environment};
use std::time::{Duration, Instant};

/// The agent tries the program out (5 s at most), ends what is in work (5 s at most) and begins anew; and the machine may
/// be busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) fn run() -> Result<(), Error> {
    let candidates = paths::candidates(&Environment::current())?;
    let (candidate, mut connection) = stop::control(&candidates)?;
    connection.set_patience(PATIENCE)?;
    let before = match connection.ask(Op::Restart) {
        Ok(Reply::Restarting { handovers }) => handovers,
        Ok(_) => return Err(Error::Refused("its answer is not one to restart".to_owned())),
        Err(Error::Refused(reason)) => return Err(Error::NotRestarted(reason)),
        Err(error) => return Err(error),
    };
    drop(connection);
    let end = Instant::now() + PATIENCE;
    loop {
        // One that is asked in the middle of the handover may lose its connection, or find nobody for a moment.
        let asked = crate::control::ask(&candidate.control(), Op::Status);
        match asked {
            Ok(Reply::Status(status)) if status.handovers > before => return print(&line(&status)),
            Ok(Reply::Status(Status { restart_failure: Some(reason), .. })) => {
                return Err(Error::NotRestarted(reason));
            }
            // Through a whole handover its sockets take connections: it is gone.
            Err(Error::NotRunning) => return Err(Error::Lost),
            Err(error) if Instant::now() >= end => return Err(error),
            _ if Instant::now() >= end => {
                return Err(Error::NotRestarted("it has not begun in time".to_owned()));
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
}

fn line(status: &Status) -> String {
    let keys = match (status.locked, status.keys.len()) {
        (true, _) => "still locked".to_owned(),
        (false, keys) => count_keys(keys),
    };
    format!("restarted: version {}, pid {}, {keys}\n", status.version, status.pid)
}
