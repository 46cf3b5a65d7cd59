//! Which places are looked at and which are taken, and what a directory must be like.

use crate::support::{Scratch, private_dir, run};
use crate::{Place, pid_in, socket_in};
use myagent::error::Error;
use myagent::platform::directory::{Standing, private};
use myagent::platform::paths::{Candidate, Environment, candidates, first_usable, host_hash, machine};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn environment(scratch: &Scratch) -> Environment {
    let (runtime, home) = (Some(scratch.runtime().into()), Some(scratch.home().into()));
    Environment { socket: None, runtime, home, uid: nix::unistd::geteuid() }
}

/// The candidates but the one in /run/user, which may be there or not where the tests run.
fn without_system(environment: &Environment) -> Vec<Candidate> {
    let mut all = candidates(environment).unwrap();
    all.retain(|candidate| !candidate.socket.starts_with("/run/user"));
    all
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn the_order_is_runtime_directory_system_home() {
    let scratch = Scratch::new();
    let uid = nix::unistd::geteuid();
    let of_host = host_hash(nix::unistd::gethostname().unwrap().as_encoded_bytes());
    // A Mac's host name changes with its network.
    let host = if cfg!(target_os = "macos") { machine() } else { of_host };
    let sockets: Vec<PathBuf> =
        candidates(&environment(&scratch)).unwrap().into_iter().map(|candidate| candidate.socket).collect();
    assert_eq!(
        sockets,
        [
            scratch.path("run/myagent/agent.sock"),
            format!("/run/user/{uid}/myagent/agent.sock").into(),
            scratch.path(&format!("home/.ssh/agent/myagent.{host}.sock")),
        ]
    );
    let usual = Environment { runtime: Some(format!("/run/user/{uid}").into()), ..environment(&scratch) };
    assert_eq!(candidates(&usual).unwrap().len(), 2, "the same directory twice");
    let relative = Environment { runtime: Some("run".into()), ..environment(&scratch) };
    assert_eq!(candidates(&relative).unwrap().len(), 2);
}

/// The name that OpenSSH 10.1 and later give a host: computed elsewhere, from SHA-512 and the alphabet a-zA-Z0-9.
#[test]
fn the_host_s_name_is_openssh_s() {
    assert_eq!(host_hash(b"localhost"), "ty5jXgL98F");
    assert_eq!(host_hash(b""), "vhN1c18d3w");
}

#[test]
fn what_lies_beside_the_socket_has_its_name() {
    let scratch = Scratch::new();
    let all = without_system(&environment(&scratch));
    let run = scratch.path("run/myagent");
    let first = all[0].places();
    assert_eq!((first.control, first.log), (Some(run.join("control.sock")), Some(run.join("agent.log"))));
    let home = all[1].places();
    let stem = home.socket.to_str().unwrap().to_owned();
    assert_eq!(home.control.unwrap().to_str().unwrap(), stem.clone() + ".control");
    assert_eq!(home.log.unwrap().to_str().unwrap(), stem.clone() + ".log");
    let lock = all[1].lock().unwrap();
    assert_eq!(lock.to_str().unwrap(), stem.replace(".sock", ".lock"));
    assert_eq!(all[0].lock().unwrap(), lock, "one lock for all the usual places");
}

#[test]
fn the_named_place_is_the_only_one() {
    let scratch = Scratch::new();
    let own = scratch.path("run/own.sock");
    let named = |socket: &Path| Environment { socket: Some(socket.into()), ..environment(&scratch) };
    let all = candidates(&named(&own)).unwrap();
    assert_eq!((all.len(), all[0].socket.as_path(), all[0].chosen), (1, own.as_path(), true));
    assert_eq!(all[0].lock().unwrap(), scratch.path("run/own.sock.lock"));
    // A usual place by its name keeps the lock that is shared with those who find it by the usual way.
    let usual = without_system(&environment(&scratch)).remove(0);
    let all = candidates(&named(&usual.socket)).unwrap();
    assert_eq!((all.len(), all[0].lock().unwrap()), (1, usual.lock().unwrap()));
}

#[test]
fn a_runtime_directory_that_is_not_private_is_passed_over() {
    type Spoil = fn(&Scratch);
    let spoil: [(&str, Spoil); 4] = [
        ("mode 0755", |s| set_mode(&s.runtime(), 0o755)),
        ("a link", |s| {
            std::fs::rename(s.runtime(), s.path("real")).unwrap();
            symlink(s.path("real"), s.runtime()).unwrap();
        }),
        ("missing", |s| std::fs::remove_dir(s.runtime()).unwrap()),
        ("a link inside", |s| {
            private_dir(&s.path("real"));
            symlink(s.path("real"), s.path("run/myagent")).unwrap();
        }),
    ];
    for (how, spoil) in spoil {
        let scratch = Scratch::new();
        spoil(&scratch);
        let all = without_system(&environment(&scratch));
        assert!(matches!(all[0].standing(), Standing::Unfit(_)), "{how}");
        assert_eq!(first_usable(&all).unwrap().socket, all[1].socket, "{how}");
        assert!(matches!(private(&scratch.path("home/.ssh/agent")), Standing::Ready));
    }
}

#[test]
fn another_user_s_directory_is_passed_over() {
    let scratch = Scratch::new();
    let mut foreign = environment(&scratch);
    if nix::unistd::geteuid().is_root() {
        // As with su and sudo -E, where the variables are those of the user before.
        std::os::unix::fs::chown(scratch.runtime(), Some(65534), None).unwrap();
        std::os::unix::fs::chown(scratch.home(), Some(65534), None).unwrap();
    } else {
        foreign.runtime = Some("/root".into());
        foreign.home = Some("/".into());
    }
    let all = candidates(&foreign).unwrap();
    assert!(matches!(all[0].standing(), Standing::Unfit(_)));
    assert!(all.iter().all(|candidate| !candidate.socket.starts_with(scratch.home())), "HOME is not ours");
}

#[test]
fn where_no_place_can_be_used_each_has_its_reason() {
    let scratch = Scratch::new();
    set_mode(&scratch.runtime(), 0o750);
    private_dir(&scratch.path("home/.ssh/agent"));
    set_mode(&scratch.path("home/.ssh/agent"), 0o755);
    let error = first_usable(&without_system(&environment(&scratch))).unwrap_err();
    let Error::NoPlace { reasons } = &error else { panic!("{error}") };
    assert!(reasons[0].contains("0750") && reasons[1].contains("0755"), "{reasons:?}");
    assert!(error.hint().unwrap().contains("MYAGENT_SOCK"));
}

/// The directory of the place that the user named: each fault is an error, of every command.
#[test]
fn a_named_directory_that_is_not_private_is_refused() {
    let scratch = Scratch::new();
    set_mode(&scratch.path("tmp"), 0o755);
    symlink(scratch.runtime(), scratch.path("link")).unwrap();
    std::fs::write(scratch.path("file"), "").unwrap();
    for (directory, why) in [
        ("tmp", "mode 0755, not 0700"),
        ("link", "symbolic link or no directory"),
        ("file", "symbolic link or no directory"),
    ] {
        for command in ["start", "stop", "status"] {
            let mut call = scratch.command(crate::support::myagent());
            let (status, out, err) =
                run(call.arg(command).env("MYAGENT_SOCK", scratch.path(directory).join("s")));
            assert_eq!((status, out.as_str()), (1, ""), "{directory}");
            assert!(err.contains(why) && err.contains("hint: set MYAGENT_SOCK"), "{err}");
        }
    }
    let mut call = scratch.command(crate::support::myagent());
    let (status, _, err) = run(call.arg("start").env("MYAGENT_SOCK", scratch.path("no/such/s")));
    assert!(status == 1 && err.contains("make the directory"), "{err}");
}

#[test]
fn the_last_directory_is_made_private() {
    let mut place = Place::new();
    place.socket = place.scratch.path("new/agent.sock");
    let out = run(place.myagent(&["start"]).current_dir("/")).1;
    assert!(pid_in(&out).is_some());
    assert!(matches!(private(&place.scratch.path("new")), Standing::Ready));
    let mode =
        |name: &str| std::fs::metadata(place.scratch.path(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (mode("new/agent.sock"), mode("new/control.sock"), mode("new/agent.sock.lock")),
        (0o600, 0o600, 0o600)
    );
}

/// From nothing, as on the first login: the only test that looks at the places of the user who runs it, where an
/// agent of theirs wins if it answers.
#[test]
fn a_first_login_takes_the_runtime_directory() {
    let scratch = Scratch::new();
    let theirs: Option<PathBuf> = candidates(&environment(&scratch))
        .unwrap()
        .into_iter()
        .map(|candidate| candidate.socket)
        .find(|socket| std::os::unix::net::UnixStream::connect(socket).is_ok());
    let mut call = scratch.command(crate::support::myagent());
    let (status, out, err) = run(call.arg("start"));
    assert_eq!((status, err.as_str()), (0, ""));
    let ours = scratch.path("run/myagent/agent.sock");
    assert_eq!(socket_in(&out), Some(theirs.as_deref().unwrap_or(&ours)));
    drop(Place { socket: ours, scratch });
}
