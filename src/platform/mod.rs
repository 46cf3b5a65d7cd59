//! What differs between operating systems, behind one small contract: where the sockets are, who is at the
//! other end, who may start, and what the process does to close itself.
//!
//! Nothing here decides about keys, and nothing here reads a message. System calls that need `unsafe` are in `unix` and
//! below `windows` alone, and in `linux`, `macos` and `freebsd`, of which each system has its own.
#![deny(unsafe_code)] // forbidden but in the children that say so

#[cfg(unix)]
pub mod activation;
#[cfg(unix)]
pub mod ancestors;
#[cfg(all(unix, not(target_os = "linux")))]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(target_os = "freebsd", path = "freebsd.rs")]
mod bsd;
#[cfg(unix)]
pub mod child;
#[cfg(unix)]
pub mod claim;
#[cfg(unix)]
pub mod clock;
#[cfg(unix)]
pub(crate) mod descriptors;
#[cfg(unix)]
pub mod directory;
pub mod display;
#[cfg(unix)]
pub mod executable;
pub mod exposed;
#[cfg(unix)]
pub mod handover;
#[cfg(unix)]
pub mod hangup;
#[cfg(unix)]
pub mod harden;
#[cfg(unix)]
pub mod heard;
#[cfg(unix)]
pub mod hibernation;
mod holder;
#[cfg(unix)]
pub mod lasting;
#[cfg(unix)]
pub mod life;
pub mod limits;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(unix)]
pub mod lock;
#[cfg(unix)]
pub mod login;
#[cfg(unix)]
pub mod paths;
#[cfg(unix)]
pub mod process;
#[cfg(unix)]
pub mod program;
#[cfg(unix)]
#[cfg_attr(not(target_os = "linux"), path = "seccomp/elsewhere.rs")]
pub mod seccomp;
#[cfg(unix)]
pub mod signals;
#[cfg(unix)]
pub mod silent;
#[cfg(unix)]
pub mod sk_helper;
#[cfg(unix)]
pub mod socket;
pub mod ssh_files;
pub mod standard;
#[cfg(unix)]
mod steps;
#[cfg(unix)]
pub mod terminal;
mod timed;
#[cfg(unix)]
mod trusted;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub mod user_manager;
mod visible;
#[cfg(windows)]
pub mod windows;
#[cfg(target_os = "linux")]
pub mod wsl;

pub use harden::harden;
pub use socket::{BoundSocket, listen};
#[cfg(unix)]
pub use unix::local_time;
#[cfg(windows)]
pub use windows::clock::local_time;
#[cfg(windows)]
pub use windows::{
    activation, ancestors, child, clock, console as signals, directory, executable, hangup, harden, heard,
    life, lock, paths, process, program, silent, socket, terminal,
};
