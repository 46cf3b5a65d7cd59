//! What a person sees and types: the notice to touch the token, its PIN, and the question before any of that.

use crate::rig::{HELPER, Rig, TOUCH, is_gone, write_helper};
use crate::support::{Scratch, wait_until};
use crate::wire::{self, Body, Conn};
use crate::wire_keys::{Key, data, verifies};

/// The PIN that the helper takes. It is looked for in the log.
const PIN: &str = "a-pin-that-is-never-logged";

/// Writes its text and kind to a file of its own. A notice stays until it is ended; a question is answered by the
/// file `yes`, a PIN is what the file `pin` holds, and without such a file it waits for one.
const ASKPASS: &str = "n=1; while ! mkdir \"$DIR/asked.$n\" 2>/dev/null; do n=$((n + 1)); done
    printf '%s|%s|%s' \"${SSH_ASKPASS_PROMPT-secret}\" \"$$\" \"$1\" >\"$DIR/asked.$n/new\"
    mv \"$DIR/asked.$n/new\" \"$DIR/asked.$n/text\"
    case ${SSH_ASKPASS_PROMPT-secret} in
    none) exec sleep 1000 ;;
    confirm) while [ ! -e \"$DIR/yes\" ]; do sleep 0.02; done ;;
    secret) while [ ! -e \"$DIR/pin\" ]; do sleep 0.02; done; cat \"$DIR/pin\"; [ -s \"$DIR/pin\" ] ;;
    esac";

/// OpenSSH's helper, for a token that wants a PIN: the request's last string. It says the PIN aloud.
///
/// A token whose key must be touched waits until the notice is there: the second time it is the third thing shown.
const WITH_PIN: &str = "cat >\"$DIR/request.$$\"
    if mkdir \"$DIR/tried\" 2>/dev/null; then notice=1; else notice=3; fi
    while [ -e \"$DIR/touch\" ] && [ ! -e \"$DIR/asked.$notice/text\" ]; do sleep 0.02; done
    pin=$(tail -c 26 \"$DIR/request.$$\" | tr -d '\\0')
    echo \"the PIN is $pin\" >&2
    if [ \"$pin\" = a-pin-that-is-never-logged ]; then
        exec /usr/lib/openssh/ssh-sk-helper <\"$DIR/request.$$\"
    fi
    printf '\\000\\000\\000\\011\\005\\000\\000\\000\\000\\000\\000\\000\\053'";

fn rig(helper: Option<&str>) -> Rig {
    let scratch = Scratch::new();
    let askpass = write_helper(&scratch, "askpass", ASKPASS);
    let helper = helper.map_or_else(|| HELPER.into(), |script| write_helper(&scratch, "helper", script));
    let askpass = [("SSH_ASKPASS", askpass.to_str().unwrap()), ("SSH_ASKPASS_REQUIRE", "force")];
    Rig::start(scratch, &helper, &askpass)
}

impl Rig {
    /// The `n`th thing that a person was shown: its kind, its process, its text.
    fn asked(&self, n: usize) -> (String, i32, String) {
        let file = self.scratch.path(&format!("asked.{n}/text"));
        wait_until(&format!("a person is asked for the {n}th time"), || file.exists());
        let text = std::fs::read_to_string(file).unwrap();
        let mut parts = text.splitn(3, '|').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        (next(), next().parse().unwrap(), next())
    }

    fn asked_often(&self, times: usize) {
        assert!(
            !self.scratch.path(&format!("asked.{}", times + 1)).exists(),
            "asked more than {times} times"
        );
    }

    /// What happens to the file that the askpass program or the helper waits for.
    fn give(&self, name: &str, text: &str) {
        let new = self.scratch.path("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.scratch.path(name)).unwrap();
    }

    fn signing(&self, key: &Key) -> Conn {
        let mut conn = self.conn();
        conn.send(&wire::sign(&key.blob, &data(), 0));
        conn
    }

    fn signed(&self, key: &Key, conn: &mut Conn) {
        let signature = wire::signature(&conn.recv().unwrap());
        assert_eq!(verifies(&self.scratch, &key.plain(), &signature), Ok(()));
    }

    fn fingerprint(&self, key: &Key) -> String {
        let status = self.conn().ask(&wire::list()).unwrap();
        assert!(wire::identities(&status).iter().any(|(blob, _)| *blob == key.blob));
        let mut command = self.scratch.command("ssh-add");
        let command = command.arg("-l").env("SSH_AUTH_SOCK", &self.agent.socket);
        let (_, out, _) = crate::support::run(command);
        out.split(' ').nth(1).unwrap().to_owned()
    }
}

const SLOW: &str = "cat >\"$DIR/request.$$\"; while [ ! -e \"$DIR/go\" ]; do sleep 0.02; done
    exec /usr/lib/openssh/ssh-sk-helper <\"$DIR/request.$$\"";

#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn a_notice_says_touch_for_as_long_as_the_token_waits() {
    for (kind, name) in [("ed25519-sk", "ED25519-SK"), ("ecdsa-sk", "ECDSA-SK")] {
        let rig = rig(Some(SLOW));
        crate::wire_keys::keygen(&rig.scratch, &["-q", "-N", "", "-t", "ed25519", "-f", "ca"]);
        let plain = rig.key("key", kind, "ssh:");
        let certified = plain.certified(&rig.scratch, "key", "ca");
        for (n, (key, ending)) in [(&plain, ""), (&certified, "-CERT")].into_iter().enumerate() {
            let _ = std::fs::remove_file(rig.scratch.path("go"));
            rig.add(key);
            let mut conn = rig.signing(key);
            let (prompt, pid, text) = rig.asked(n + 1);
            let expected = format!("Confirm user presence for key {name}{ending} {}", rig.fingerprint(key));
            assert_eq!((prompt.as_str(), text), ("none", expected));
            assert!(!is_gone(pid));
            rig.give("go", "");
            rig.signed(key, &mut conn);
            wait_until("the notice is gone", || is_gone(pid));
        }
    }
}

/// A token that signs without a touch needs no notice.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn no_notice_where_no_touch_is_wanted() {
    let rig = rig(None);
    let mut key = rig.key("key", "ed25519-sk", "ssh:");
    // The flags follow the public half.
    assert_eq!(key.private[key.blob.len()], TOUCH);
    key.private[key.blob.len()] = 0;
    rig.add(&key);
    let mut conn = rig.signing(&key);
    rig.signed(&key, &mut conn);
    rig.asked_often(0);
}

/// The PIN is asked for once, given to the helper, and nowhere to be read.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn a_pin_is_asked_for_and_taken() {
    let rig = rig(Some(WITH_PIN));
    rig.give("touch", "");
    let key = rig.key("key", "ed25519-sk", "ssh:");
    rig.add(&key);
    let mut conn = rig.signing(&key);
    assert_eq!(rig.asked(1).0, "none");
    let (prompt, _, text) = rig.asked(2);
    let expected =
        format!("Enter PIN and confirm user presence for ED25519-SK key {}: ", rig.fingerprint(&key));
    assert_eq!((prompt.as_str(), text), ("secret", expected));
    wait_until("the first notice is gone", || is_gone(rig.asked(1).1));
    rig.give("pin", &format!("{PIN}\n"));
    rig.signed(&key, &mut conn);
    assert_eq!(rig.asked(3).0, "none");
    rig.says("signed");
    assert!(!rig.log().contains(PIN));
    rig.asked_often(3);
}

#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn a_wrong_pin_is_not_asked_for_again() {
    let rig = rig(Some(WITH_PIN));
    rig.give("touch", "");
    let key = rig.key("key", "ecdsa-sk", "ssh:");
    rig.add(&key);
    rig.give("pin", "another-pin-of-this-length\n");
    rig.refuses(&key.blob, &data(), "the token does not accept the PIN");
    rig.asked_often(3);
    assert!(!rig.log().contains("another-pin"));
}

/// Whoever cancels has said no, and the token is left alone.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn without_a_pin_nothing_is_signed() {
    let rig = rig(Some(WITH_PIN));
    let mut key = rig.key("key", "ed25519-sk", "ssh:");
    key.private[key.blob.len()] = 0;
    rig.add(&key);
    let mut conn = rig.signing(&key);
    let expected = format!("Enter PIN for ED25519-SK key {}: ", rig.fingerprint(&key));
    assert_eq!(rig.asked(1).2, expected);
    rig.give("pin", "");
    assert_eq!(conn.recv(), Some(vec![wire::FAILURE]));
    let requests = std::fs::read_dir(rig.scratch.path("")).unwrap();
    let requests =
        requests.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().contains("request."));
    assert_eq!(requests.count(), 1);
}

/// While one client's PIN is typed the token serves another; a lock makes the PIN worth nothing.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn nobody_waits_for_a_pin_and_a_lock_wins_over_it() {
    // Only the key of this application has a PIN.
    let script = format!(
        "cat >\"$DIR/all.$$\"; grep -q ssh:free \"$DIR/all.$$\" && exec {HELPER} <\"$DIR/all.$$\"\n{}",
        WITH_PIN.replace("cat >\"$DIR/request.$$\"", "mv \"$DIR/all.$$\" \"$DIR/request.$$\"")
    );
    let rig = rig(Some(&script));
    rig.give("touch", "");
    let (closed, free) = (rig.key("a", "ed25519-sk", "ssh:"), rig.key("b", "ed25519-sk", "ssh:free"));
    rig.add(&closed);
    rig.add(&free);
    let mut waiting = rig.signing(&closed);
    assert_eq!(rig.asked(2).0, "secret");
    let mut other = rig.signing(&free);
    rig.signed(&free, &mut other);
    rig.conn().expect(&wire::lock(b"password"), wire::SUCCESS);
    rig.conn().expect(&wire::unlock(b"password"), wire::SUCCESS);
    rig.give("pin", &format!("{PIN}\n"));
    assert_eq!(waiting.recv(), Some(vec![wire::FAILURE]));
}

/// The client's hangup ends the notice and the question for the PIN.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn a_hangup_ends_what_a_person_is_shown() {
    let rig = rig(Some(WITH_PIN));
    rig.give("touch", "");
    let key = rig.key("key", "ed25519-sk", "ssh:");
    rig.add(&key);
    let conn = rig.signing(&key);
    let (_, notice, _) = rig.asked(1);
    let (_, question, _) = rig.asked(2);
    drop(conn);
    for pid in [notice, question] {
        wait_until("the program has ended", || is_gone(pid));
    }
}

/// `ssh-add -c`: nothing happens on the token before somebody has said yes.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn a_key_to_be_confirmed_is_asked_about_first() {
    let script = "touch \"$DIR/used\"; while [ ! -e \"$DIR/asked.2/text\" ]; do sleep 0.02; done
        exec /usr/lib/openssh/ssh-sk-helper";
    let rig = rig(Some(script));
    let key = rig.key("key", "ed25519-sk", "ssh:");
    let provider = crate::rig::provider(rig.dummy().to_str().unwrap().as_bytes());
    let add = wire::add_constrained(&key.private, b"key", &[wire::CONFIRM, &provider]);
    rig.conn().expect(&add, wire::SUCCESS);
    let mut conn = rig.signing(&key);
    let (prompt, _, text) = rig.asked(1);
    assert!(prompt == "confirm" && text.starts_with("Allow use of key key?\n"), "{prompt}: {text}");
    assert!(!rig.scratch.path("used").exists());
    rig.give("yes", "");
    rig.signed(&key, &mut conn);
    assert_eq!(rig.asked(2).0, "none");
}

/// A key that is bound to destinations is refused before anybody is shown anything.
#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn unbound_a_key_with_destinations_is_not_used() {
    let rig = rig(None);
    let key = rig.key("key", "ed25519-sk", "ssh:");
    let host = Key::generate(&rig.scratch, "host", &["ed25519"]);
    let hop = |name: &[u8], keys: &[u8]| Body::default().string(b"").string(name).string(b"").raw(keys).0;
    let keys = Body::default().string(&host.blob).u8(0).0;
    let to = hop(b"host", &keys);
    let constraint = Body::default().string(&hop(b"", b"")).string(&to).string(b"").0;
    let destinations = Body::default().string(&Body::default().string(&constraint).0).0;
    let constraint = wire::constraint_extension(b"restrict-destination-v00@openssh.com", &destinations);
    let provider = crate::rig::provider(rig.dummy().to_str().unwrap().as_bytes());
    let add = wire::add_constrained(&key.private, b"key", &[&constraint, &provider]);
    rig.conn().expect(&add, wire::SUCCESS);
    rig.refuses(&key.blob, &data(), "may not be used here");
    rig.asked_often(0);
}
