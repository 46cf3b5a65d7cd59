//! What differs between operating systems, behind one small contract: where the sockets are, who is at the
//! other end, who may start, and what the process does to close itself.
//!
//! Nothing here decides about keys, and nothing here reads a message. System calls that need `unsafe` are in `unix` and `linux` alone.
#![deny(unsafe_code)] // forbidden but in the children that say so

pub mod activation;
pub mod ancestors;
pub mod child;
pub mod claim;
pub mod clock;
pub mod directory;
pub mod display;
pub mod executable;
#[cfg(target_os = "linux")]
pub mod handover;
pub mod hangup;
pub mod harden;
pub mod heard;
pub mod hibernation;
#[cfg(target_os = "linux")]
pub mod lasting;
pub mod life;
#[cfg(target_os = "linux")]
mod linux;
pub mod lock;
pub mod login;
pub mod paths;
pub mod process;
pub mod program;
#[cfg(target_os = "linux")]
pub mod seccomp;
pub mod signals;
pub mod sk_helper;
pub mod socket;
mod steps;
pub mod terminal;
mod trusted;
mod unix;
pub mod user_manager;

pub use harden::harden;
pub use socket::{BoundSocket, listen};
pub use unix::local_time;
