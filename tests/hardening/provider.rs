//! The process of a PKCS#11 provider, once that is loaded: it signs, and that is all.

use crate::hsm::{KINDS, PIN, Rig, SOFTHSM, command, make_key, make_token, succeed, tokens};
use crate::person::{give, give_files, measures, state_of};
use crate::process::{assert_closed, field, layers};
use crate::refused::refuse;
use crate::support::{Scratch, wait_until};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What is refused to a provider by the agent's own list, by the kernel, and at any time.
const ALWAYS: [(&str, Errno); 3] =
    [("ptrace", Errno::EPERM), ("memory", Errno::EACCES), ("mount", Errno::EPERM)];

/// What a container may refuse to everybody: then the attempts while it is loaded show nothing.
const OF_CONTAINERS: [&str; 3] = ["clone3", "unshare", "setns"];

/// A token with keys of two kinds.
fn token() -> Scratch {
    let scratch = tokens();
    make_token(&scratch, "one", PIN);
    for (number, kind) in KINDS[..2].iter().enumerate() {
        make_key(&scratch, "one", PIN, *kind, &format!("0{number}"));
    }
    scratch
}

/// Makes the provider that tries everything; gives its path.
fn hostile(scratch: &Scratch, more: &[&str]) -> String {
    std::fs::create_dir_all(scratch.path("allowed")).unwrap();
    let library = scratch.path("allowed/hostile.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hardening/hostile.c");
    let mut compile = scratch.command("gcc");
    compile.args(["-shared", "-fPIC", "-pthread", "-o"]).arg(&library).arg(source).args(more);
    compile.arg(format!("-DREPORT=\"{}\"", scratch.path("report").display()));
    succeed(compile.arg(format!("-DREAL=\"{SOFTHSM}\"")));
    library.to_str().unwrap().to_owned()
}

/// An agent of a user without rights.
fn rig(scratch: Scratch, prepare: impl FnOnce(&mut Command)) -> Rig {
    Rig::with(scratch, |start| {
        give_files(start.get_current_dir().unwrap());
        give(start);
        prepare(start);
    })
}

fn myagent(rig: &Rig, arguments: &[&str]) -> Command {
    let mut call = command(&rig.scratch, rig.scratch.path("myagent"));
    give(call.args(arguments).env("MYAGENT_SOCK", &rig.agent.socket));
    call
}

fn said(rig: &Rig) -> Vec<[String; 3]> {
    measures(&mut myagent(rig, &["status", "--json"]))
}

/// The refusals, for whoever reads of a failure.
fn refusals(rig: &Rig) -> String {
    succeed(&mut myagent(rig, &["status"]))
}

/// What the provider met since the last time, by when and what.
fn met(rig: &Rig) -> BTreeMap<String, BTreeMap<String, i32>> {
    let report = rig.scratch.path("report");
    let text = std::fs::read_to_string(&report).unwrap();
    std::fs::remove_file(report).unwrap();
    let mut met = BTreeMap::<String, BTreeMap<String, i32>>::new();
    for line in text.lines() {
        let [when, what, error] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        met.entry(when.to_owned()).or_default().insert(what.to_owned(), error.parse().unwrap());
    }
    met
}

/// Everything that it tries is refused, in each of its threads, and what it needs is not.
#[track_caller]
fn confined(met: &BTreeMap<String, BTreeMap<String, i32>>) {
    for when in ["sign", "thread"] {
        assert!(met[when].len() > 20, "{met:?}");
        for (what, error) in &met[when] {
            let expected = match what.as_str() {
                "clone3" => Errno::ENOSYS,
                "memory" => Errno::EACCES,
                _ => Errno::EPERM,
            };
            assert_eq!(*error, expected as i32, "{what}, {when}");
        }
    }
    assert!(met["usual"].len() > 10, "{met:?}");
    for (what, error) in &met["usual"] {
        assert_eq!(*error, 0, "{what} is refused");
    }
}

#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that tries what none needs"]
fn a_provider_that_is_loaded_can_sign_and_nothing_else() {
    let scratch = token();
    let library = hostile(&scratch, &[]);
    let rig = rig(scratch, |_| ());
    assert!(!said(&rig).iter().any(|measure| measure[0] == "providers"), "there is none yet");
    assert!(rig.add(&library, PIN), "{}", refusals(&rig));
    // Until then it may do anything: the attempts are real ones.
    let loading = met(&rig);
    let always = BTreeMap::from(ALWAYS);
    for (what, error) in &loading["load"] {
        let expected = always.get(what.as_str()).map(|error| *error as i32);
        match expected {
            _ if OF_CONTAINERS.contains(&what.as_str()) => {}
            Some(expected) => assert_eq!(*error, expected, "{what}"),
            None => {
                assert!(*error != Errno::EPERM as i32 && *error != Errno::ENOSYS as i32, "{what}: {error}");
            }
        }
    }
    let process = rig.processes()[0];
    let lines = rig.list();
    assert_eq!(lines.len(), 2);
    for restarts in 0..3 {
        for line in &lines {
            assert!(rig.signs(line), "{}", refusals(&rig));
            confined(&met(&rig));
        }
        // The agent's list and its own, in each thread of it.
        assert_closed(process, 2);
        for thread in std::fs::read_dir(format!("/proc/{process}/task")).unwrap() {
            let thread = thread.unwrap().file_name().into_string().unwrap();
            assert_eq!(field(&thread, "Seccomp_filters"), (layers("self") + 2).to_string());
        }
        assert_eq!(state_of(&said(&rig), "providers"), "on", "after {restarts} restarts");
        succeed(&mut myagent(&rig, &["restart"]));
        assert_eq!(rig.processes(), [process]);
    }
    succeed(&mut rig.ssh_add("", &["-q", "-e", &library]));
    wait_until("its process is gone", || rig.processes().is_empty());
    assert!(!said(&rig).iter().any(|measure| measure[0] == "providers"));
}

/// It would be let out by its own thread.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that tries what none needs"]
fn a_provider_that_stands_in_the_way_is_not_used() {
    let scratch = token();
    let library = hostile(&scratch, &["-DSTUBBORN"]);
    let rig = rig(scratch, |_| ());
    assert!(!rig.add(&library, PIN));
    assert_eq!(met(&rig)["load"]["own-list"], 0);
    assert!(refusals(&rig).contains("one of its threads cannot be confined"), "{}", refusals(&rig));
    wait_until("its process is gone", || rig.processes().is_empty());
    assert!(rig.list().is_empty());
}

/// No list holds for what was started before: the owner hears of it.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool, gcc: a provider that tries what none needs"]
fn a_process_that_a_provider_leaves_behind_is_told_of() {
    let scratch = token();
    let library = hostile(&scratch, &["-DLEAVING"]);
    let rig = rig(scratch, |_| ());
    assert!(rig.add(&library, PIN), "{}", refusals(&rig));
    for _ in 0..2 {
        let _ = met(&rig);
        assert!(rig.signs(&rig.list()[0]), "{}", refusals(&rig));
        confined(&met(&rig));
        let measures = said(&rig);
        assert_eq!(state_of(&measures, "providers"), "refused");
        let detail = &measures.iter().find(|measure| measure[0] == "providers").unwrap()[2];
        assert!(detail.ends_with("hostile.so: what it has started meanwhile runs on"), "{detail}");
        assert!(rig.signs(&rig.list()[0]));
        succeed(&mut myagent(&rig, &["restart"]));
    }
}

/// An old kernel, or a sandbox around the agent: its owner hears of it, and can sign.
#[test]
#[ignore = "needs softhsm2-util, pkcs11-tool: SoftHSM's tokens"]
fn where_the_system_refuses_it_the_status_says_so() {
    let rig = rig(token(), |start| refuse(start, &[(libc::SYS_seccomp, None)]));
    assert!(rig.add(SOFTHSM, PIN), "{}", refusals(&rig));
    for _ in 0..2 {
        assert!(rig.signs(&rig.list()[0]));
        let measures = said(&rig);
        assert_eq!(state_of(&measures, "providers"), "refused");
        let detail = &measures.iter().find(|measure| measure[0] == "providers").unwrap()[2];
        assert!(detail.ends_with("libsofthsm2.so: Operation not permitted"), "{detail}");
        assert_eq!(state_of(&measures, "system calls"), "on");
        succeed(&mut myagent(&rig, &["restart"]));
    }
}
