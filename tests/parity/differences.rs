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
    /// Whether no OpenSSH answers as ours does.
    pub(crate) fn stays(&self) -> bool {
        self.until.0 == u32::MAX
    }

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
const ZERO: &str =
    "a name is all of its bytes; OpenSSH passes over a zero at its end, which no client writes";
const FORM: &str = "keys and algorithms are compared as bytes: hosts and clients write each in its one form";
const DSA: &str = "10.0 dropped DSA";
const HALF: &str = "the request was whole when the client stopped sending, and it still reads";

const ID: &str = "a session id is a hash: OpenSSH names a limit of 128 bytes and does not keep to it";

const NONE: &str = "a key to be bound to destinations, of which none is named, would be bound to nothing";
const LONGER: &str = "10.4 has this bound: matching takes time";
const FAILED: &str = "once a bind has failed it is not known where the connection leads";
const PRINCIPALS: &str =
    "as 10.3: a certificate's names are patterns, the host's is none, and no name is no host";
const FORWARDED: &str =
    "root on another host must not take keys away, put others among them, or lock the agent";

const BOUND: &str = "memory that runs out ends an agent, and all keys with it";

/// A step where the way goes over a host with a certificate.
const fn principal(step: &'static str, openssh: &'static str, ours: &'static str) -> Difference {
    row("destination_by_authority", step, openssh, ours, PRINCIPALS).until(10, 3)
}

/// What OpenSSH lets a forwarded peer do.
const fn forwarded(
    scenario: &'static str,
    step: &'static str,
    openssh: &'static str,
    ours: &'static str,
) -> Difference {
    row(scenario, step, openssh, ours, FORWARDED)
}

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
    row("unlock_with_more", "a byte more", "SUCCESS", "FAILURE", TRAILING),
    row("unlock_with_more", "unlock", "FAILURE", "SUCCESS", TRAILING),
    row("trailing_byte", "query", "FAILURE", "EXTENSION_FAILURE", TRAILING),
    row("query", "with a body", "FAILURE", "EXTENSION_FAILURE", TRAILING),
    row("bind_malformed", "a byte more", "SUCCESS", "EXTENSION_FAILURE", TRAILING),
    // Clients that stop sending.
    row("half_closed", "answered", "closed", "list []", HALF),
    row("zero_length_after_a_request", "the list before", "closed", "list []", HALF),
    // Keys on tokens.
    row("fido_malformed", "zero at the application's end", "SUCCESS", "FAILURE", ZERO),
    row("fido_providers", "provider \"internal\\0\"", "SUCCESS", "FAILURE", ZERO),
    row("more_keys_than_fit", "one that does not fit", "SUCCESS", "FAILURE", BOUND),
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
    row("bind_session_lengths", "129 bytes", "SUCCESS", "EXTENSION_FAILURE", ID),
    row("bind_session_lengths", "1000 bytes", "SUCCESS", "EXTENSION_FAILURE", ID),
    bind("bind_forwarding", "a third is too many"),
    bind("bind_twice", "same session, other key"),
    bind("bind_twice", "for authentication, the same"),
    bind("bind_twice", "another after authentication"),
    bind("bind_wrong_signature", "of another *"),
    bind("bind_wrong_signature", "one bit changed"),
    bind("bind_wrong_signature", "empty"),
    bind("bind_wrong_signature", "longer"),
    bind("bind_forged_certificate", "forged, *"),
    bind("bind_with_rsa_of_each_hash", "flags 0, another session"),
    bind("bind_with_rsa_of_each_hash", "flags 2, another session"),
    bind("bind_with_rsa_of_each_hash", "flags 4, another session"),
    bind("bind_with_a_token", "sk-ssh-ed25519@openssh.com, flags 0, another *"),
    bind("bind_with_a_token", "sk-ssh-ed25519@openssh.com, flags 1, another *"),
    bind("bind_with_a_token", "sk-ssh-ed25519@openssh.com, flags 5, another *"),
    bind("bind_with_a_token", "sk-ssh-ed25519@openssh.com, plain signature"),
    bind("bind_with_a_token", "sk-ecdsa-sha2-nistp256@openssh.com, flags 0, another *"),
    bind("bind_with_a_token", "sk-ecdsa-sha2-nistp256@openssh.com, flags 1, another *"),
    bind("bind_with_a_token", "sk-ecdsa-sha2-nistp256@openssh.com, flags 5, another *"),
    bind("bind_with_a_token", "sk-ecdsa-sha2-nistp256@openssh.com, plain signature"),
    bind("bind_seventeen", "bind 17"),
    bind("bind_malformed", "cut at *"),
    bind("bind_malformed", "no key"),
    bind("bind_malformed", "no such key"),
    bind("bind_malformed", "a longer key"),
    // Destinations.
    row("destination_none", "none", "SUCCESS", "FAILURE", NONE),
    row("destination_none", "list", "list [none]", "list []", NONE),
    row("destination_cut", "a byte more in the step", "SUCCESS", "FAILURE", TRAILING),
    row("destination_cut", "list", "list [a byte more in the step]", "list []", TRAILING),
    row("destination_user_patterns", "257 bytes", "SUCCESS", "FAILURE", LONGER).until(10, 4),
    row("destination_user_patterns", "1000 bytes", "SUCCESS", "FAILURE", LONGER).until(10, 4),
    row("destination_user_patterns", "list", "list [1000 bytes]", "list [256 bytes]", LONGER).until(10, 4),
    bind("destination_after_a_failed_bind", "failed"),
    row("destination_after_a_failed_bind", "list", "list [mine, free]", "list [free]", FAILED).until(9, 6),
    row("destination_after_a_failed_bind", "remove", "SUCCESS", "FAILURE", FAILED).until(9, 6),
    row("destination_after_a_failed_bind", "list as it is", "list [free]", "list [mine, free]", FAILED)
        .until(9, 6),
    bind("destination_after_a_failed_bind", "replayed"),
    row("destination_after_a_failed_bind", "after", "signature ssh-ed25519", "FAILURE", FAILED),
    row("destination_after_a_failed_bind", "list after", "list [free, mine again]", "list [free]", FAILED),
    bind("destination_replayed_bind", "for another session"),
    principal("list, of a pattern", "list []", "list [mine]"),
    principal("list there, of a pattern", "list []", "list [mine]"),
    principal("log in, of a pattern", "FAILURE", "signature ssh-ed25519"),
    principal("log in further on, of a pattern", "FAILURE", "signature ssh-ed25519"),
    principal("list, of no name", "list [mine]", "list []"),
    principal("list there, of no name", "list [mine]", "list []"),
    principal("log in, of no name", "signature ssh-ed25519", "FAILURE"),
    principal("log in further on, of no name", "signature ssh-ed25519", "FAILURE"),
    row("destination_name_is_no_pattern", "log in", "signature ssh-ed25519", "FAILURE", PRINCIPALS)
        .until(10, 3),
    row("destination_odd_logins", "zero, *", "signature ssh-ed25519", "FAILURE", ZERO),
    row("destination_odd_logins", "a short name", "signature ssh-ed25519", "FAILURE", FORM),
    row("bind_in_another_encoding", "list", "list [mine]", "list []", FORM),
    row("bind_in_another_encoding", "log in", "signature ssh-ed25519", "FAILURE", FORM),
    row("bind_in_another_encoding", "bind again", "SUCCESS", "EXTENSION_FAILURE", FORM),
    row("dsa", "add dsa", "SUCCESS", "FAILURE", DSA).until(10, 0),
    row("dsa", "list", "list [dsa]", "list []", DSA).until(10, 0),
    bind("bind_with_a_tokens_certificate", "another session, *"),
    // Forwarded peers.
    forwarded("forwarded", "add", "SUCCESS", "FAILURE"),
    forwarded("forwarded", "list with one more", "list [there before, mine]", "list [there before]"),
    forwarded("forwarded", "remove", "SUCCESS", "FAILURE"),
    forwarded("forwarded", "list with one fewer", "list [mine]", "list [there before]"),
    forwarded("forwarded", "remove all, SSH1", "SUCCESS", "FAILURE"),
    forwarded("forwarded", "remove all", "SUCCESS", "FAILURE"),
    forwarded("forwarded", "list at last", "list []", "list [there before, another]"),
    bind("forwarded_by_a_failed_bind", "bind*"),
    forwarded("forwarded_by_a_failed_bind", "add", "SUCCESS", "FAILURE"),
    forwarded("forwarded_by_a_failed_bind", "remove", "SUCCESS", "FAILURE"),
    forwarded("forwarded_by_a_failed_bind", "list", "list [mine]", "list [there before]"),
    forwarded("forwarded_locking", "lock", "SUCCESS", "FAILURE"),
    forwarded("forwarded_locking", "list", "list []", "list [mine]"),
    forwarded("forwarded_locking", "unlock", "SUCCESS", "FAILURE"),
    forwarded("forwarded_locking", "unlock what is locked locally", "SUCCESS", "FAILURE"),
    forwarded("forwarded_locking", "list once more", "list [mine]", "list []"),
    forwarded("forwarded_locking", "unlock locally", "FAILURE", "SUCCESS"),
];

/// The README's row of each reason that stays: the beginning of its line in the table of differences.
pub(crate) const README: &[(&str, &str)] = &[
    (TRAILING, "| bytes after a message,"),
    (ZERO, "| bytes after a message, a zero byte after a name,"),
    (ID, "| bytes after a message, a zero byte after a name, a long session identifier |"),
    (FORM, "| a host's key in another encoding,"),
    (LOCK, "| a malformed lock message,"),
    (PASSWORD, "| a malformed lock message, a password with a zero byte |"),
    (HALF, "| a client that stopped sending, and reads |"),
    (NONE, "| a key bound to an empty list of destinations |"),
    (FAILED, "| a connection whose session-bind failed |"),
    (FORWARDED, "| a forwarded agent (`ssh -A`) |"),
    (BOUND, "| more than 32 MiB of keys |"),
];
