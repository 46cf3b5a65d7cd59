//! What `start` tells the agent about the person who calls it: the terminal and the display where they can be asked.
//!
//! One message, and no wait for an answer. Only where there is a terminal: what scripts and services do says nothing of
//! a person.
#![forbid(unsafe_code)]

use crate::control::{Op, Registration, tell};
use crate::platform::display::Surroundings;
use crate::platform::terminal;
use std::path::Path;

/// Tells it to the agent whose control socket this is.
pub(super) fn register(control: &Path) {
    let Some(terminal) = terminal::own() else { return };
    let registration = Registration { surroundings: Surroundings::own(), terminal: Some(terminal) };
    tell(control, Op::Register(registration));
}
