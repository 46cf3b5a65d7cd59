//! Every difference between OpenSSH's agent and ours that is allowed, with its reason.
//!
//! A difference that is not here fails its scenario, and so does one that is here but does not occur. To see
//! OpenSSH's answers: `MYAGENT_PARITY_ANSWERS=1 cargo test --test parity SCENARIO`.

/// One step of one scenario where the two answer differently, each in the harness's words.
pub(crate) struct Difference {
    pub(crate) scenario: &'static str,
    /// The step's name; with `*` at its end, every step that begins so.
    pub(crate) step: &'static str,
    /// What OpenSSH 9.2 answers.
    pub(crate) openssh: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) reason: &'static str,
    /// The first OpenSSH that answers as ours does.
    until: (u32, u32),
}

impl Difference {
    pub(crate) fn holds(&self, version: (u32, u32)) -> bool {
        version < self.until
    }

    pub(crate) fn names(&self, step: &str) -> bool {
        match self.step.strip_suffix('*') {
            Some(start) => step.starts_with(start),
            None => step == self.step,
        }
    }

    const fn until(mut self, major: u32, minor: u32) -> Self {
        self.until = (major, minor);
        self
    }
}

const fn row(
    scenario: &'static str,
    step: &'static str,
    openssh: &'static str,
    ours: &'static str,
    reason: &'static str,
) -> Difference {
    Difference { scenario, step, openssh, ours, reason, until: (u32::MAX, 0) }
}

/// A session-bind that fails.
const fn bind(scenario: &'static str, step: &'static str) -> Difference {
    let reason = "a known extension that fails is answered by its own number, as RFC 9987 has it";
    row(scenario, step, "FAILURE", "EXTENSION_FAILURE", reason).until(10, 3)
}

const fn trailing(step: &'static str, openssh: &'static str) -> Difference {
    row("trailing_byte", step, openssh, "FAILURE", TRAILING)
}

const TRAILING: &str =
    "a message is decoded from exactly its bytes; only a list, which has none, may have more";
const LOCK: &str = "OpenSSH's agent dies of it, with all keys: any forwarded peer could do that";
const PASSWORD: &str = "a password is bytes; OpenSSH's agent dies of a NUL inside one";
const HALF: &str = "the request was whole when the client stopped sending, and it still reads";

pub(crate) const TABLE: &[Difference] = &[
    // Malformed lock messages.
    row("lock_without_a_body", "malformed", "closed", "FAILURE", LOCK),
    row("lock_without_a_body", "list", "no agent", "list [mine]", LOCK),
    row("lock_with_a_short_length", "malformed", "closed", "FAILURE", LOCK),
    row("lock_with_a_short_length", "list", "no agent", "list [mine]", LOCK),
    row("lock_with_a_short_password", "malformed", "closed", "FAILURE", LOCK),
    row("lock_with_a_short_password", "list", "no agent", "list [mine]", LOCK),
    row("unlock_without_a_body", "malformed", "closed", "FAILURE", LOCK),
    row("unlock_without_a_body", "list", "no agent", "list [mine]", LOCK),
    row("unlock_with_a_short_password", "malformed", "closed", "FAILURE", LOCK),
    row("unlock_with_a_short_password", "list", "no agent", "list [mine]", LOCK),
    row("password_with_nul", "lock", "closed", "SUCCESS", PASSWORD),
    row("password_with_nul", "unlock with the first half", "closed", "FAILURE", PASSWORD),
    row("password_with_nul", "unlock", "closed", "SUCCESS", PASSWORD),
    row("password_with_nul", "list", "no agent", "list [mine]", PASSWORD),
    // Bytes after a message.
    trailing("sign", "signature ssh-ed25519"),
    trailing("remove", "SUCCESS"),
    trailing("remove all", "SUCCESS"),
    trailing("remove all, SSH1", "SUCCESS"),
    trailing("lock", "SUCCESS"),
    row("trailing_byte", "query", "FAILURE", "EXTENSION_FAILURE", TRAILING),
    row("query", "with a body", "FAILURE", "EXTENSION_FAILURE", TRAILING),
    row("bind_malformed", "a byte more", "SUCCESS", "EXTENSION_FAILURE", TRAILING),
    // Clients that stop sending.
    row("half_closed", "answered", "closed", "list []", HALF),
    row("zero_length_after_a_request", "the list before", "closed", "list []", HALF),
    // Extensions.
    row(
        "query",
        "query",
        "FAILURE",
        "EXTENSION_RESPONSE query session-bind@openssh.com",
        "RFC 9987's way to ask for extensions",
    )
    .until(10, 3),
    row(
        "session_bind_while_locked",
        "bind",
        "FAILURE",
        "SUCCESS",
        "a connection that was bound while locked must be known as such afterwards",
    )
    .until(10, 5),
    row(
        "bind_session_lengths",
        "129 bytes",
        "SUCCESS",
        "EXTENSION_FAILURE",
        "a session id is a hash: OpenSSH names a limit of 128 bytes and does not keep to it",
    ),
    row(
        "bind_session_lengths",
        "1000 bytes",
        "SUCCESS",
        "EXTENSION_FAILURE",
        "a session id is a hash: OpenSSH names a limit of 128 bytes and does not keep to it",
    ),
    bind("bind_forwarding", "a third is too many"),
    bind("bind_twice", "same session, other key"),
    bind("bind_twice", "for authentication, the same"),
    bind("bind_twice", "another after authentication"),
    bind("bind_wrong_signature", "of another *"),
    bind("bind_wrong_signature", "one bit changed"),
    bind("bind_wrong_signature", "empty"),
    bind("bind_wrong_signature", "longer"),
    bind("bind_forged_certificate", "forged, *"),
    bind("bind_seventeen", "bind 17"),
    bind("bind_malformed", "cut at *"),
    bind("bind_malformed", "no key"),
    bind("bind_malformed", "no such key"),
    bind("bind_malformed", "a longer key"),
];
