//! myagent: an ssh-agent that is still there, with its keys, after you log in again.
//!
//! One sign request is one straight line: [`frame`] reads it, [`message`] decodes it, [`agent`] decides,
//! [`key`] signs with what [`vault`] opens for a moment, and the reply goes back. [`server`] holds the
//! sockets, [`platform`] the operating system, [`commands`] the command line.

pub mod agent;
pub mod key;
pub mod message;
pub mod vault;
