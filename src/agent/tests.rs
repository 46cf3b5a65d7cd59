use super::*;
use crate::message::{AddIdentity, Constraint, PrivateKey, SkKind, SkPrivate, number};
use crate::vault::Wish;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

pub(super) struct Rig {
    pub(super) agent: Agent,
    pub(super) vault: Arc<Vault>,
    session: Session,
    pub(super) now: Moment,
}

/// An Ed25519 key whose seed is one byte over and over: public half, and both halves as the wire has them.
fn key(seed: u8) -> (Vec<u8>, Vec<u8>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let secret = [&[seed; 32][..], &public].concat();
    (public, secret)
}

pub(super) fn blob(seed: u8) -> Vec<u8> {
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend(key(seed).0);
    blob
}

fn encoded(request: &Request<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    request.encode(&mut message);
    message
}

fn add_message(seed: u8, comment: &[u8], constraints: &[Constraint<'_>]) -> Vec<u8> {
    let (public, secret) = key(seed);
    encoded(&Request::Add(AddIdentity {
        constrained: !constraints.is_empty(),
        key: PrivateKey::Ed25519 { certificate: None, public: &public, secret: &secret },
        comment,
        constraints: constraints.to_vec(),
    }))
}

impl Rig {
    pub(super) fn new() -> Self {
        let vault = Arc::new(Vault::new(Wish::Memfd).unwrap());
        let now = Moment(Duration::from_secs(1000));
        Self { agent: Agent::new(Options::default()), vault, session: Session::new("a test".into()), now }
    }

    fn ask(&mut self, message: &[u8]) -> Vec<u8> {
        self.agent.answer(&self.vault, &mut self.session, message, self.now)[4..].to_vec()
    }

    pub(super) fn add(&mut self, seed: u8, comment: &[u8], constraints: &[Constraint<'_>]) {
        assert_eq!(self.ask(&add_message(seed, comment, constraints)), [number::SUCCESS]);
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

#[test]
fn a_key_signs_and_its_signature_verifies() {
    let mut rig = Rig::new();
    rig.add(7, b"seven", &[]);
    let reply = rig.ask(&encoded(&Request::Sign { blob: &blob(7), data: b"data", flags: 0 }));
    assert_eq!(reply[..5], [number::SIGN_RESPONSE, 0, 0, 0, 83]);
    UnparsedPublicKey::new(&ED25519, key(7).0).verify(b"data", &reply[24..]).unwrap();
    assert!(key::verify(&blob(7), b"data", &reply[5..]));
    assert!(!key::verify(&blob(8), b"data", &reply[5..]));
    assert!(!key::verify(&blob(7), b"other", &reply[5..]));
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let mut rig = Rig::new();
    let ((public, _), (_, secret)) = (key(1), key(2));
    let message = encoded(&Request::Add(AddIdentity {
        constrained: false,
        key: PrivateKey::Ed25519 { certificate: None, public: &public, secret: &secret },
        comment: b"",
        constraints: vec![],
    }));
    assert_eq!(rig.ask(&message), [number::FAILURE]);
    assert!(rig.agent.refusals().iter().any(|r| r.contains("do not belong together")));
}

#[test]
fn a_key_added_again_keeps_its_place_and_takes_its_new_life() {
    let mut rig = Rig::new();
    rig.add(1, b"one", &[Constraint::Lifetime(10)]);
    rig.add(2, b"two", &[]);
    rig.add(1, b"uno", &[]);
    assert_eq!(rig.agent.expire(rig.now), None);
    rig.pass(11);
    let listed: Vec<_> = rig.agent.identities().map(|key| key.comment.to_vec()).collect();
    assert_eq!(listed, [b"uno".to_vec(), b"two".to_vec()]);
    rig.add(1, b"one", &[Constraint::Lifetime(10)]);
    rig.pass(9);
    assert_eq!(rig.agent.expire(rig.now), Some(rig.now + Duration::from_secs(1)));
    rig.pass(1);
    assert_eq!(rig.agent.expire(rig.now), None);
    assert_eq!(rig.agent.identities().count(), 1);
}

#[test]
fn an_expired_key_is_gone_before_any_lookup() {
    let mut rig = Rig::new();
    rig.add(1, b"one", &[Constraint::Lifetime(1)]);
    rig.add(2, b"two", &[Constraint::Lifetime(0)]);
    rig.pass(1);
    for message in [
        encoded(&Request::Sign { blob: &blob(1), data: b"", flags: 0 }),
        encoded(&Request::Remove { blob: &blob(1) }),
        encoded(&Request::Sign { blob: &blob(2), data: b"", flags: 0 }),
    ] {
        assert_eq!(rig.ask(&message), [number::FAILURE]);
    }
    assert_eq!(rig.ask(&[number::REQUEST_IDENTITIES]), [number::IDENTITIES_ANSWER, 0, 0, 0, 0]);
}

#[test]
fn lives_run_on_while_locked() {
    let mut rig = Rig::new();
    rig.add(1, b"one", &[Constraint::Lifetime(5)]);
    rig.add(2, b"two", &[]);
    assert_eq!(rig.ask(&encoded(&Request::Lock { password: b"x" })), [number::SUCCESS]);
    assert_eq!(rig.agent.identities().count(), 0);
    rig.pass(6);
    assert_eq!(rig.agent.expire(rig.now), None);
    assert_eq!(rig.ask(&encoded(&Request::Unlock { password: b"y" })), [number::FAILURE]);
    assert_eq!(rig.ask(&encoded(&Request::Unlock { password: b"x" })), [number::SUCCESS]);
    assert_eq!(rig.agent.identities().count(), 1);
}

#[test]
fn locked_nothing_is_done_but_unlocking() {
    let mut rig = Rig::new();
    rig.add(1, b"one", &[]);
    rig.ask(&encoded(&Request::Lock { password: b"x" }));
    assert_eq!(rig.ask(&[number::REQUEST_IDENTITIES]), [number::IDENTITIES_ANSWER, 0, 0, 0, 0]);
    for message in [
        encoded(&Request::Sign { blob: &blob(1), data: b"", flags: 0 }),
        encoded(&Request::Remove { blob: &blob(1) }),
        encoded(&Request::RemoveAll { ssh1: false }),
        encoded(&Request::Lock { password: b"y" }),
        encoded(&Request::Unlock { password: b"" }),
        encoded(&Request::Extension { name: b"query", body: b"" }),
        add_message(2, b"two", &[]),
    ] {
        assert_eq!(rig.ask(&message), [number::FAILURE]);
    }
    assert_eq!(rig.ask(&encoded(&Request::Unlock { password: b"x" })), [number::SUCCESS]);
    assert_eq!(rig.agent.identities().count(), 1);
}

/// What takes time is decided anew when it is done: a lock that came meanwhile wins.
#[test]
fn a_key_that_was_being_checked_when_the_lock_came_is_refused() {
    let mut rig = Rig::new();
    let message = add_message(1, b"one", &[]);
    let request = Request::decode(&message).unwrap();
    let Outcome::Import = rig.agent.handle(&mut rig.session, &request, None, rig.now) else {
        panic!("no import")
    };
    let Request::Add(add) = &request else { panic!("no key") };
    let imported = key::import(&add.key, &rig.vault).unwrap();
    rig.ask(&encoded(&Request::Lock { password: b"x" }));
    let constraints = Constraints::of_key(add).unwrap();
    let reply = rig.agent.insert(&rig.session, add, constraints, imported, rig.now);
    assert!(matches!(reply, Reply::Failure));
    rig.ask(&encoded(&Request::Unlock { password: b"x" }));
    assert_eq!(rig.agent.identities().count(), 0);
}

/// No log is listening here: what is done must not hang on what is logged.
#[test]
fn removing_forgets_whether_or_not_it_is_logged() {
    let mut rig = Rig::new();
    for ssh1 in [false, true] {
        rig.add(1, b"one", &[]);
        rig.add(2, b"two", &[Constraint::Lifetime(9)]);
        assert_eq!(rig.ask(&encoded(&Request::RemoveAll { ssh1 })), [number::SUCCESS]);
        assert_eq!(rig.agent.identities().count(), 0);
        assert_eq!(rig.agent.expire(rig.now), None);
    }
    rig.add(1, b"one", &[]);
    rig.add(2, b"two", &[]);
    assert_eq!(rig.ask(&encoded(&Request::Remove { blob: &blob(1) })), [number::SUCCESS]);
    assert_eq!(rig.ask(&encoded(&Request::Remove { blob: &blob(1) })), [number::FAILURE]);
    assert_eq!(rig.agent.forget_all(), 1);
}

#[test]
fn a_key_to_be_confirmed_is_held_and_not_used() {
    let mut rig = Rig::new();
    rig.add(1, b"one", &[Constraint::Confirm]);
    let sign = encoded(&Request::Sign { blob: &blob(1), data: b"", flags: 0 });
    assert_eq!(rig.ask(&sign), [number::FAILURE]);
    assert!(rig.agent.refusals().iter().any(|r| r.contains("no way to ask")));
}

/// A yes is for one addition of one key, one request, and until the next lock; for anything else it is asked anew.
#[test]
fn a_yes_serves_the_request_it_was_said_to() {
    let mut rig = Rig::new();
    rig.add(1, b"one", &[Constraint::Confirm]);
    rig.add(2, b"two", &[Constraint::Confirm]);
    let outcome = |rig: &mut Rig, seed, data: &[u8], flags, consent: Option<&Consent>| {
        let blob = blob(seed);
        rig.agent.handle(&mut rig.session, &Request::Sign { blob: &blob, data, flags }, consent, rig.now)
    };
    let yes = |rig: &mut Rig| match outcome(rig, 1, b"data", 0, None) {
        Outcome::Ask(question) => question.granted(),
        _ => panic!("not asked"),
    };
    let serves = |rig: &mut Rig, seed, data: &[u8], flags, consent: &Consent| match outcome(
        rig,
        seed,
        data,
        flags,
        Some(consent),
    ) {
        Outcome::Sign(_) => true,
        Outcome::Ask(_) => false,
        _ => panic!("refused"),
    };
    let consent = yes(&mut rig);
    assert!(serves(&mut rig, 1, b"data", 0, &consent));
    for (seed, data, flags) in [(2, &b"data"[..], 0), (1, b"date", 0), (1, b"", 0), (1, b"data", 2)] {
        assert!(!serves(&mut rig, seed, data, flags, &consent), "{seed} {data:?} {flags}");
    }
    // The same key again is another addition, with whatever was demanded of it then.
    rig.add(1, b"one anew", &[Constraint::Confirm]);
    assert!(!serves(&mut rig, 1, b"data", 0, &consent));
    let consent = yes(&mut rig);
    rig.ask(&encoded(&Request::Lock { password: b"x" }));
    rig.ask(&encoded(&Request::Unlock { password: b"x" }));
    assert!(!serves(&mut rig, 1, b"data", 0, &consent));
}

#[test]
fn constraints_that_are_unknown_doubled_or_cut_refuse_the_key() {
    let mut rig = Rig::new();
    let plain = add_message(1, b"one", &[]);
    for constraints in [
        &[number::CONSTRAIN_CONFIRM, number::CONSTRAIN_CONFIRM][..],
        &[number::CONSTRAIN_LIFETIME, 0, 0, 0, 1, number::CONSTRAIN_LIFETIME, 0, 0, 0, 1],
        &[number::CONSTRAIN_LIFETIME, 0, 0, 0],
        &[3],
        &[number::CONSTRAIN_EXTENSION, 0, 0, 0, 3, b'a', b'@', b'b'],
    ] {
        assert_eq!(rig.ask(&[&plain[..], constraints].concat()), [number::FAILURE]);
    }
    assert_eq!(rig.agent.identities().count(), 0);
}

/// Whoever is at the other end chooses how long verifying takes: it is not done while the agent is held.
#[test]
fn a_session_bind_is_handed_out_locked_or_not() {
    let mut rig = Rig::new();
    let bind = encoded(&Request::Extension { name: b"session-bind@openssh.com", body: b"nonsense" });
    let request = Request::decode(&bind).unwrap();
    for _ in 0..2 {
        let outcome = rig.agent.handle(&mut rig.session, &request, None, rig.now);
        assert!(matches!(outcome, Outcome::Bind) && !rig.session.is_remote());
        rig.ask(&encoded(&Request::Lock { password: b"x" }));
    }
    // What cannot be read, or broke off, bars as much as what was read and is wrong.
    let reply = rig.agent.finish_bind(&mut rig.session, Binding::UNREADABLE);
    assert!(matches!(reply, Reply::ExtensionFailure));
    assert!(rig.session.is_remote() && rig.session.is_forwarded() && rig.session.has_failed());
}

#[test]
fn comments_are_any_bytes_but_zero() {
    let mut rig = Rig::new();
    assert_eq!(rig.ask(&add_message(1, b"a\0b", &[])), [number::FAILURE]);
    rig.add(1, b"ends\0", &[]);
    assert_eq!(&*rig.agent.identities().next().unwrap().comment, b"ends");
    rig.add(1, b"\xff\xfe", &[]);
    assert_eq!(&*rig.agent.identities().next().unwrap().comment, b"\xff\xfe");
}

/// A token's key of this application, added; its blob.
fn add_on_token(rig: &mut Rig, application: &[u8]) -> Vec<u8> {
    let public = key(1).0;
    let mut blob = Vec::new();
    for field in [b"sk-ssh-ed25519@openssh.com", &public[..], application] {
        crate::message::put_string(&mut blob, field);
    }
    let key = PrivateKey::Sk(SkPrivate {
        kind: SkKind::Ed25519,
        certificate: None,
        public: Some(&public),
        application,
        flags: 1,
        handle: b"handle",
        reserved: b"",
    });
    let add = AddIdentity { constrained: false, key, comment: b"token", constraints: vec![] };
    assert_eq!(rig.ask(&encoded(&Request::Add(add))), [number::SUCCESS]);
    blob
}

#[test]
fn keys_of_the_web_sign_what_is_ssh_alone() {
    let login = |blob: &[u8]| {
        let mut data = Vec::new();
        crate::message::put_string(&mut data, b"session");
        data.push(50);
        for field in [b"user", &b"ssh-connection"[..], b"publickey"] {
            crate::message::put_string(&mut data, field);
        }
        data.push(1);
        crate::message::put_string(&mut data, b"sk-ssh-ed25519@openssh.com");
        crate::message::put_string(&mut data, blob);
        data
    };
    let may = |rig: &mut Rig, blob: &[u8], data: &[u8]| {
        let request = Request::Sign { blob, data, flags: 0 };
        matches!(rig.agent.handle(&mut rig.session, &request, None, rig.now), Outcome::Sign(_))
    };
    for (websafe, restrict, application, free) in [
        ("ssh:*", true, &b"ssh:"[..], true),
        ("ssh:*", true, b"ssh:mine", true),
        ("ssh:*", true, b"https://example.com", false),
        ("ssh:*", true, b"", false),
        ("ssh:*", false, b"https://example.com", true),
        ("*,!ssh:*", true, b"ssh:", false),
        ("", true, b"ssh:", false),
    ] {
        let mut rig = Rig::new();
        let options =
            Options { websafe: websafe.to_owned(), restrict_websafe: restrict, ..Options::default() };
        rig.agent = Agent::new(options);
        let blob = add_on_token(&mut rig, application);
        assert_eq!(may(&mut rig, &blob, b"anything"), free, "{websafe} {application:?}");
        assert!(may(&mut rig, &blob, &login(&blob)));
        assert_eq!(may(&mut rig, &blob, &login(&self::blob(1))), free);
    }
}

/// What was permitted before a wait is not after a lock, be it open again, nor for a key that came anew.
#[test]
fn a_permit_does_not_outlive_what_it_was_given_for() {
    let mut rig = Rig::new();
    let blob = add_on_token(&mut rig, b"ssh:");
    let permit = |rig: &mut Rig| {
        let request = Request::Sign { blob: &blob, data: b"data", flags: 0 };
        match rig.agent.handle(&mut rig.session, &request, None, rig.now) {
            Outcome::Sign(permit) => permit,
            _ => panic!("no permit"),
        }
    };
    let first = permit(&mut rig);
    assert!(rig.agent.still_permits(&first, rig.now).is_ok());
    add_on_token(&mut rig, b"ssh:");
    assert!(matches!(rig.agent.still_permits(&first, rig.now), Err(Refusal::NoSuchKey)));
    let second = permit(&mut rig);
    assert_eq!(rig.ask(&encoded(&Request::Lock { password: b"x" })), [number::SUCCESS]);
    assert!(matches!(rig.agent.still_permits(&second, rig.now), Err(Refusal::Locked)));
    assert_eq!(rig.ask(&encoded(&Request::Unlock { password: b"x" })), [number::SUCCESS]);
    assert!(rig.agent.still_permits(&second, rig.now).is_err());
    let third = permit(&mut rig);
    rig.agent.forget_all();
    assert!(matches!(rig.agent.still_permits(&third, rig.now), Err(Refusal::NoSuchKey)));
}

/// Without what resolves a provider's name the key is not taken.
#[test]
fn a_provider_that_does_not_come_with_the_key_refuses_it() {
    let mut rig = Rig::new();
    let public = key(1).0;
    let sk = |certificate| SkPrivate {
        kind: SkKind::Ed25519,
        certificate,
        public: Some(&public),
        application: b"ssh:",
        flags: 1,
        handle: b"handle",
        reserved: b"",
    };
    let constraints = vec![Constraint::SkProvider(b"internal")];
    let add = AddIdentity { constrained: true, key: PrivateKey::Sk(sk(None)), comment: b"", constraints };
    assert_eq!(rig.ask(&encoded(&Request::Add(add))), [number::FAILURE]);
    assert_eq!(rig.agent.identities().count(), 0);
}
