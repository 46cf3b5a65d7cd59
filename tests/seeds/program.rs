//! What other programs of ours say, each on a connection of its own: the process of a provider and what lies on its
//! token, ssh-sk-helper, and the control socket. What is read is written again as the same, and nothing that it says
//! for a log or a terminal carries a control character.

use myagent::control;
use myagent::key::{Imported, TokenKey};
use myagent::message::sk_helper::{self, MOST_ANSWER};
use myagent::message::{Reader, put_string, put_u32};
use myagent::token::{Answer, Failure, Order, VERSION, greeting, objects, version_of};
use myagent::vault::SecretBuf;

/// Longest text of a provider's that is shown, in bytes: 300, each of which may be escaped.
const MOST_TEXT: usize = 300 * 10;

fn check_text(text: &str) {
    assert!(text.len() <= MOST_TEXT && !text.contains(char::is_control));
}

fn answer(body: &[u8]) {
    let Ok(answer) = Answer::decode(body) else { return };
    assert!(Answer::decode(&[body, &[0]].concat()).is_err());
    assert!(Answer::decode(&body[..body.len() - 1]).is_err());
    match &answer {
        Answer::Keys { keys, notes, unconfined } => {
            assert!(keys.len() <= 2048 && notes.len() <= 2048);
            notes.iter().for_each(|note| check_text(note));
            unconfined.iter().for_each(|reason| check_text(reason));
            if notes.is_empty() && unconfined.is_none() {
                assert_eq!(answer.encode(), body);
            }
            for found in keys.iter().take(8) {
                check_public(&found.public);
            }
        }
        Answer::Signature(_) => assert_eq!(answer.encode(), body),
        Answer::Failed(Failure { text, .. }) => check_text(text),
    }
}

fn order(body: &[u8]) {
    if let Ok(version) = version_of(body) {
        assert!(body.len() == greeting().len() && (version != VERSION || body == greeting()));
    }
    let Ok(order) = Order::decode(body) else { return };
    let mut again = SecretBuf::on_heap();
    order.encode(&mut again);
    assert!(*again == *body && order.encoded_len() == body.len());
}

/// A key that was found on a token is taken in its one form alone.
fn check_public(public: &[u8]) -> bool {
    let token = TokenKey { provider: b"/p"[..].into(), process: 1, public: public.into() };
    let imported = Imported::on_token(token, None);
    imported.is_ok_and(|imported| *imported.blob == *public)
}

fn object(bytes: &[u8]) {
    if let Some((public, subject)) = objects::certificate(bytes) {
        assert!(subject.iter().all(|byte| (b' '..=b'~').contains(byte)));
        check_public(&public);
        // What lies behind it is not looked at, and what is cut off is missed.
        assert_eq!(objects::certificate(&[bytes, &[0]].concat()), Some((public, subject)));
    }
    let mut reader = Reader::new(bytes);
    let Ok(first) = reader.string() else { return };
    for public in objects::public_keys(first, reader.rest()).into_iter().flatten() {
        let key_type = Reader::new(&public).text().expect("a type");
        // A point is of its curve's length, but need not lie on the curve; a number may be of any size.
        assert!(check_public(&public) || key_type != "ssh-ed25519");
    }
}

fn helper(answer: &[u8]) {
    let Ok(said) = sk_helper::read_answer(answer) else { return };
    let mut body = vec![5];
    match said {
        Ok(signature) => {
            put_u32(&mut body, 1);
            put_string(&mut body, signature);
        }
        Err(error) => {
            put_u32(&mut body, 0);
            body.extend_from_slice(&answer[9..]);
            assert!(answer.len() == 13 && error.to_string().len() < MOST_ANSWER);
        }
    }
    let mut again = Vec::new();
    put_string(&mut again, &body);
    assert_eq!(again, answer);
}

/// One JSON line: what is understood is said again in one form, which is understood as the same.
fn line<T: PartialEq + serde::Serialize + serde::de::DeserializeOwned>(line: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(line) else { return };
    let again = serde_json::to_vec(&read).expect("a line");
    assert!(!again.contains(&b'\n'));
    assert!(serde_json::from_slice::<T>(&again).is_ok_and(|same| same == read));
}

/// Where a person is to be asked: of what a client says, that which may be used is known at once and for good.
fn registration(line: &[u8]) {
    let Ok(control::Request { op: control::Op::Register(said), .. }) = serde_json::from_slice(line) else {
        return;
    };
    let checked = said.surroundings.checked();
    assert_eq!(checked.clone().checked(), checked);
    assert!(checked.display_socket().is_none_or(|path| path.is_absolute()));
    assert!(checked.display_port().is_none_or(|port| port >= 6000));
    let mut program = std::process::Command::new("true");
    checked.lead(&mut program);
    for (name, value) in program.get_envs() {
        let text = [Some(name), value].map(|text| text.and_then(std::ffi::OsStr::to_str).unwrap_or_default());
        assert!(text[0] != "SSH_ASKPASS" && !text[1].contains(char::is_control) && text[1].len() <= 512);
    }
}

/// Panics where something does not hold.
pub(crate) fn check(input: &[u8]) {
    let Some((which, said)) = input.split_first() else { return };
    match which {
        0 => answer(said),
        1 => order(said),
        2 => object(said),
        3 => helper(said),
        4 => {
            line::<control::Request>(said);
            registration(said);
        }
        5 => line::<control::Reply>(said),
        _ => {}
    }
}
