//! What is said on ssh-agent's command line is what the agent keeps to.

use crate::client::SK_DUMMY;
use crate::rig::{Rig, provider, write_helper};
use crate::support::{Agent, Scratch, myagent};
use crate::websafe::{OF_THE_WEB, renamed};
use crate::wire::{self, Conn};
use crate::wire_keys::{Key, data};
use std::path::{Path, PathBuf};

const KIND: &str = "ed25519-sk";

/// An agent by ssh-agent's command line, with these options.
fn agent(scratch: &Scratch, options: &[&str], variables: &[(&str, &Path)]) -> Agent {
    let socket = scratch.path(&format!("run/{}.sock", options.join("").replace(['/', '*', ':'], "")));
    let mut command = scratch.command(myagent());
    command.args(["ssh-agent", "-D", "-a"]).arg(&socket).args(options).envs(variables.iter().copied());
    Agent::spawn(command, socket)
}

/// A key of the dummy token's, and the token's library in a directory that no list names by itself.
fn key() -> (Rig, Key, PathBuf) {
    let rig = Rig::new();
    let (key, library) = (rig.key("key", KIND, "ssh:"), rig.dummy());
    (rig, key, library)
}

fn add(conn: &mut Conn, key: &Key, library: &Path) -> u8 {
    let constraint = provider(library.to_str().unwrap().as_bytes());
    conn.ask(&wire::add_constrained(&key.private, b"key", &[&constraint])).unwrap()[0]
}

#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn providers_come_from_the_list_of_option_p() {
    let (rig, key, library) = key();
    let list = format!("/nowhere/*,{}/*", library.parent().unwrap().display());
    for (options, here, there) in
        [(&[][..], wire::FAILURE, wire::SUCCESS), (&["-P", &list], wire::SUCCESS, wire::FAILURE)]
    {
        let agent = agent(&rig.scratch, options, &[]);
        let mut conn = Conn::open(&agent.socket).unwrap();
        assert_eq!(add(&mut conn, &key, &library), here, "{options:?}");
        assert_eq!(add(&mut conn, &key, Path::new(SK_DUMMY)), there, "{options:?}");
    }
}

#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn keys_of_the_web_sign_as_option_o_says() {
    let (rig, ssh, _) = key();
    let web = renamed(&ssh, "https://example.com");
    for (options, by_ssh, by_web) in [
        (&[][..], true, false),
        (&["-O", "no-restrict-websafe"], true, true),
        (&["-O", "websafe-allow=https://*"], false, true),
        (&["-O", "websafe-allow=ssh:*,https://*.org"], true, false),
    ] {
        let agent = agent(&rig.scratch, options, &[]);
        let mut conn = Conn::open(&agent.socket).unwrap();
        for (key, may) in [(&ssh, by_ssh), (&web, by_web)] {
            assert_eq!(add(&mut conn, key, Path::new(SK_DUMMY)), wire::SUCCESS);
            for (data, may) in [(OF_THE_WEB, may), (&data()[..], true)] {
                let signed = conn.ask(&wire::sign(&key.blob, data, 0)).unwrap()[0] == wire::SIGNATURE;
                assert_eq!(signed, may, "{options:?}");
            }
        }
    }
}

#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn forwarded_peers_may_what_option_o_allows() {
    let (rig, key, _) = key();
    for (options, may_add, may_remove) in [
        (&[][..], wire::FAILURE, wire::FAILURE),
        (&["-O", "allow-remote-pkcs11"], wire::FAILURE, wire::FAILURE),
        (&["-O", "allow-remote-admin"], wire::FAILURE, wire::SUCCESS),
        (&["-O", "allow-remote-admin", "-O", "allow-remote-pkcs11"], wire::SUCCESS, wire::SUCCESS),
    ] {
        let agent = agent(&rig.scratch, options, &[]);
        let mut conn = Conn::open(&agent.socket).unwrap();
        // A bind that cannot be read may have said that it is one for forwarding.
        conn.ask(&wire::extension(b"session-bind@openssh.com", b"")).unwrap();
        assert_eq!(add(&mut conn, &key, Path::new(SK_DUMMY)), may_add, "{options:?}");
        assert_eq!(conn.ask(&[19]).unwrap()[0], may_remove, "{options:?}");
    }
}

#[test]
#[ignore = "needs /usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so: a library that plays a token"]
fn questions_name_keys_as_option_e_says() {
    let (rig, key, _) = key();
    for (options, hash) in [(&[][..], "SHA256:"), (&["-E", "md5"], "MD5:"), (&["-E", "sha512"], "SHA512:")] {
        let seen = rig.scratch.path(&format!("seen{hash}"));
        let script = format!("[ $SSH_ASKPASS_PROMPT = none ] || printf %s \"$1\" >'{}'", seen.display());
        let askpass = write_helper(&rig.scratch, &format!("askpass{hash}"), &script);
        let variables = [("DISPLAY", Path::new(":4242")), ("SSH_ASKPASS", &askpass)];
        let agent = agent(&rig.scratch, options, &variables);
        let mut conn = Conn::open(&agent.socket).unwrap();
        let constraints = [&[2][..], &provider(SK_DUMMY.as_bytes())];
        conn.expect(&wire::add_constrained(&key.private, b"key", &constraints), wire::SUCCESS);
        assert_eq!(conn.ask(&wire::sign(&key.blob, &data(), 0)).unwrap()[0], wire::SIGNATURE);
        let question = std::fs::read_to_string(&seen).unwrap();
        assert!(question.contains(&format!("Key fingerprint {hash}")), "{question}");
    }
}
