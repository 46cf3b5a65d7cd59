//! A key with destinations, and a connection that is bound hop after hop: after each one, what the agent shows and
//! signs is what OpenSSH's rules (PROTOCOL.agent section 2, ssh-agent's `identity_permitted`) say, read here from
//! what the steps mean and not from their bytes.

use std::sync::LazyLock;

use myagent::agent::{Agent, Binding, Moment, Outcome, Session, WallTime};
use myagent::message::{
    AddIdentity, Constraint, PrivateKey, Reader, Reply, Request, put_string, put_u32, put_u64,
};

use crate::world::{Pair, VAULT, pairs, strings};

/// Names of hosts, and what the certificate says of its own.
const NAMES: [&[u8]; 4] = [b"alpha", b"beta", b"alphabet", b"*"];
const PRINCIPALS: [&[u8]; 2] = [b"b?ta", b"alpha*"];
/// The certificate's time.
const VALID: std::ops::Range<u64> = 100..200;
const USERS: [&[u8]; 5] = [b"", b"user", b"us*", b"root", b"?"];

/// Hosts with plain keys come first; the last one's is certified.
const HOSTS: usize = 4;
const MOST_STEPS: u8 = 6;
const MOST_HOPS: u8 = 4;

/// Whether all of the text is of the pattern's form.
pub(crate) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        // Many in a row say no more than one, and take for ever.
        (Some((b'*', rest)), _) if rest.first() == Some(&b'*') => fits(rest, text),
        (Some((b'*', rest)), None) => fits(rest, text),
        (Some((b'*', rest)), Some((_, behind))) => fits(rest, text) || fits(pattern, behind),
        (Some((byte, rest)), Some((first, behind))) => (*byte == b'?' || byte == first) && fits(rest, behind),
        _ => false,
    }
}

/// A host as a list of destinations has it.
#[derive(Clone, Copy)]
struct Listed {
    host: usize,
    name: usize,
    authority: bool,
}

struct Step {
    from: Option<Listed>,
    to: Listed,
    user: usize,
}

fn authority() -> &'static Pair {
    &pairs()[0]
}

fn host(number: usize) -> &'static Pair {
    &pairs()[1 + number]
}

fn held() -> &'static Pair {
    &pairs()[5]
}

/// The key that a host shows.
fn shown_by(number: usize) -> &'static [u8] {
    static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut blob = strings(&[b"ssh-ed25519-cert-v01@openssh.com", b"nonce", &host(HOSTS - 1).public]);
        put_u64(&mut blob, 0);
        put_u32(&mut blob, 2);
        put_string(&mut blob, b"id");
        put_string(&mut blob, &strings(&PRINCIPALS));
        put_u64(&mut blob, VALID.start);
        put_u64(&mut blob, VALID.end);
        blob.extend(strings(&[b"", b"", b"", &authority().blob]));
        let signature = authority().sign(&blob);
        put_string(&mut blob, &signature);
        blob
    });
    if number + 1 == HOSTS { &CERTIFICATE } else { &host(number).blob }
}

impl Listed {
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let byte = usize::from(input.u8().ok()?);
        // Mostly as it should be: the certified host by its authority, others by their own keys.
        let host = byte % HOSTS;
        let authority = (host + 1 == HOSTS) != (byte >> 4 == 7);
        Some(Self { host, name: byte / HOSTS % NAMES.len(), authority })
    }

    fn key(self) -> &'static [u8] {
        if self.host + 1 == HOSTS { &authority().blob } else { &host(self.host).blob }
    }

    fn encode(self, user: &[u8]) -> Vec<u8> {
        let mut out = strings(&[user, NAMES[self.name], b"", self.key()]);
        out.push(u8::from(self.authority));
        out
    }

    /// Whether the host of this number, at this time, is the one in the list.
    fn is(self, number: usize, now: u64) -> bool {
        if number + 1 < HOSTS {
            return !self.authority && self.key() == host(number).blob;
        }
        let named = PRINCIPALS.iter().any(|pattern| fits(pattern, NAMES[self.name]));
        self.authority && self.key() == authority().blob && named && VALID.contains(&now)
    }
}

/// Whether one of the steps leads from there to here; to any host without one, as any user without one.
fn leads(steps: &[Step], from: Option<usize>, to: Option<usize>, user: Option<&[u8]>, now: u64) -> bool {
    steps.iter().any(|step| {
        let begins = match (from, step.from) {
            (None, None) => true,
            (Some(number), Some(listed)) => listed.is(number, now),
            _ => false,
        };
        let account = USERS[step.user];
        let ends = to.is_none_or(|number| step.to.is(number, now));
        begins && ends && user.is_none_or(|user| account.is_empty() || fits(account, user))
    })
}

/// ssh-agent's `identity_permitted`.
fn permitted(steps: &[Step], way: &[(usize, bool)], user: Option<&[u8]>, now: u64) -> bool {
    let mut from = None;
    for (at, &(number, forwarding)) in way.iter().enumerate() {
        let last = at + 1 == way.len();
        if (!last && !forwarding) || (last && forwarding && user.is_some()) {
            return false;
        }
        if !leads(steps, from, Some(number), user.filter(|_| last), now) {
            return false;
        }
        from = Some(number);
    }
    let leads_on = || leads(steps, from, None, None, now);
    !way.last().is_some_and(|(_, forwarding)| *forwarding) || user.is_some() || leads_on()
}

fn agent_with(steps: &[Step], session: &mut Session) -> Option<Agent> {
    let mut body = Vec::new();
    for step in steps {
        let from = step.from.map_or_else(|| strings(&[b"", b"", b""]), |from| from.encode(b""));
        put_string(&mut body, &strings(&[&from, &step.to.encode(USERS[step.user]), b""]));
    }
    let (mut agent, mut message) = (Agent::default(), Vec::new());
    let secret = [&held().seed[..], &held().public].concat();
    let key = PrivateKey::Ed25519 { certificate: None, public: &held().public, secret: &secret };
    let constraints = vec![Constraint::Destinations(&body)];
    Request::Add(AddIdentity { constrained: true, key, comment: b"", constraints }).encode(&mut message);
    let taken = agent.answer(&VAULT, session, &message, Moment::default())[4] == number_of(true);
    assert_eq!(taken, !steps.is_empty());
    taken.then_some(agent)
}

fn number_of(success: bool) -> u8 {
    if success { myagent::message::number::SUCCESS } else { myagent::message::number::FAILURE }
}

fn shows(agent: &mut Agent, session: &mut Session) -> bool {
    match agent.handle(session, &Request::List { ignored: b"" }, None, Moment::default()) {
        Outcome::Reply(Reply::Identities(listed)) => !listed.is_empty(),
        _ => panic!("no list"),
    }
}

fn signs(agent: &mut Agent, session: &mut Session, data: &[u8]) -> bool {
    let request = Request::Sign { blob: &held().blob, data, flags: 0 };
    match agent.handle(session, &request, None, Moment::default()) {
        Outcome::Sign(_) => true,
        Outcome::Reply(Reply::Failure) => false,
        _ => panic!("neither yes nor no"),
    }
}

/// A login: which session it is for, as whom, and the host that it names, if any.
struct Login {
    session: u8,
    user: &'static [u8],
    host: Option<usize>,
}

impl Login {
    fn read(input: &mut Reader<'_>, hops: usize) -> Option<Self> {
        let (session, user, host) = (input.u8().ok()?, input.u8().ok()?, input.u8().ok()?);
        // Mostly the last session.
        let session = if session < 200 { u8::try_from(hops).ok()? } else { session % (MOST_HOPS + 1) };
        let user = USERS[usize::from(user) % USERS.len()];
        Some(Self { session, user, host: usize::from(host).checked_rem(HOSTS + 1)?.checked_sub(1) })
    }

    fn data(&self) -> Vec<u8> {
        let method: &[u8] =
            if self.host.is_some() { b"publickey-hostbound-v00@openssh.com" } else { b"publickey" };
        let mut out = strings(&[&[self.session]]);
        out.push(50);
        out.extend(strings(&[self.user, b"ssh-connection", method]));
        out.push(1);
        out.extend(strings(&[b"ssh-ed25519", &held().blob]));
        out.extend(self.host.map(|number| strings(&[shown_by(number)])).unwrap_or_default());
        out
    }

    fn is_permitted(&self, steps: &[Step], way: &[(usize, bool)], now: u64) -> bool {
        let Some(&(last, forwarding)) = way.last() else { return false };
        let named = self.host.map_or(way.len() == 1, |number| number == last);
        let into = usize::from(self.session) == way.len();
        !forwarding && named && into && permitted(steps, way, Some(self.user), now)
    }
}

/// One key, one connection.
pub(crate) fn on_a_way(input: &mut Reader<'_>) -> Option<()> {
    let (now, count) = (u64::from(input.u8().ok()?), input.u8().ok()? % (MOST_STEPS + 1));
    let mut steps = Vec::new();
    for _ in 0..count {
        let (from, user) = (input.u8().ok()?, usize::from(input.u8().ok()?) % USERS.len());
        let from = if from & 1 == 0 { None } else { Some(Listed::read(input)?) };
        steps.push(Step { from, to: Listed::read(input)?, user });
    }
    let mut session = Session::new("fuzzer".to_owned());
    session.set_time(WallTime(now));
    let mut agent = agent_with(&steps, &mut session)?;
    let (mut way, mut shown, mut failed) = (Vec::new(), true, false);
    assert!(shows(&mut agent, &mut session));
    for hop in 1..=MOST_HOPS {
        let byte = input.u8().ok()?;
        let (number, forwarding) = (usize::from(byte) % HOSTS, byte & 0x80 != 0);
        let signer = if byte & 0x70 == 0x70 { authority() } else { host(number) };
        let mut body = strings(&[shown_by(number), &[hop], &signer.sign(&[hop])]);
        body.push(u8::from(forwarding));
        let bound = matches!(agent.finish_bind(&mut session, Binding::read(&body)), Reply::Success);
        let right = byte & 0x70 != 0x70 && way.last().is_none_or(|(_, forwarding)| *forwarding);
        assert_eq!(bound, right);
        failed |= !bound;
        if bound {
            way.push((number, forwarding));
        }
        let was_shown = std::mem::replace(&mut shown, shows(&mut agent, &mut session));
        assert_eq!(shown, !failed && permitted(&steps, &way, None, now));
        assert!(was_shown || !shown, "a hop more shows what was not shown");
        let login = Login::read(input, way.len())?;
        let signed = signs(&mut agent, &mut session, &login.data());
        assert_eq!(signed, !failed && login.is_permitted(&steps, &way, now));
        assert!(shown || !signed);
    }
    Some(())
}
