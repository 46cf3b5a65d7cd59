//! How much memory an agent can hold because of its peers, whatever they do: these bounds, together.
//!
//! | what | at most |
//! |---|---|
//! | messages that are half received ([`frame::Intake`](crate::frame::Intake)) | 16 MiB |
//! | large messages in work, with their copies (the same) | 32 MiB |
//! | large answers that are half read ([`MOST_UNREAD`]) | 32 MiB |
//! | keys, with comments and constraints (`agent::keyring`) | 32 MiB, and once more during a handover |
//! | keys of hosts that connections are bound to (`agent::session`) | 16 MiB |
//! | the log's events that wait (`logging`) | 8 MiB |
//! | orders to tokens, questions, statuses, refusals | 16 MiB |
//! | each connection, with a small message and a small answer | 32 KiB |
//!
//! With the usual limit of 1,024 descriptors that is 212 MiB, and never more than 312 MiB; a client that asks for no more
//! than 4 KiB at a time waits for nobody. Past a bound the oldest connection among those concerned is ended, or the
//! request refused, and `status` or the log says so.
#![forbid(unsafe_code)]

/// Most bytes of large answers that their peers have not taken yet: the longest list there can be.
pub(super) const MOST_UNREAD: usize = 32 * 1024 * 1024;

/// Most clients at once, however many descriptors there are: more than anybody has, few enough for what each may hold.
pub(super) const MOST_CLIENTS: usize = 4096;
