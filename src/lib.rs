//! myagent: an ssh-agent that is still there, with its keys, after you log in again.
//!
//! One sign request is one straight line: [`frame`] reads it, [`message`] decodes it, [`agent`] decides,
//! [`key`] signs with what [`vault`] opens for a moment, and the reply goes back. [`server`] holds the
//! sockets, [`platform`] the operating system, [`commands`] the command line. [`keyfile`] reads the files that keys come from,
//! and [`client`] hands them over.
//!
//! The library exists for the program `myagent` and for its tests; it promises no stable interface to others.
#![deny(unsafe_code)] // forbidden but in the modules that say so, which SECURITY.md lists

#[macro_use]
mod secrecy;

pub mod agent;
pub mod cli;
pub mod client;
pub mod commands;
pub mod control;
pub mod error;
pub mod frame;
pub mod key;
pub mod keyfile;
pub mod logging;
pub mod message;
pub mod platform;
pub mod server;
#[cfg(unix)]
pub mod token;
pub mod vault;
