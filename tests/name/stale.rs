//! What an earlier agent has left in `~/.ssh/agent`: at each start, and by `-u`.

use crate::Caller;
use crate::support::{private_dir, run};
use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

struct Home {
    caller: Caller,
    directory: PathBuf,
    /// Of which one lives.
    _listeners: Vec<UnixListener>,
}

impl Home {
    /// With dead sockets, a living one, young and old ones, and what is none.
    fn new() -> Self {
        let caller = Caller::new();
        let directory = caller.scratch.path("home/.ssh/agent");
        private_dir(&directory);
        let host =
            myagent::platform::paths::host_hash(nix::unistd::gethostname().unwrap().as_encoded_bytes());
        let mut living = Vec::new();
        for (name, old, lives) in [
            ("s.HOST.agent.old", true, false),
            ("s.HOST.sshd.old", true, false),
            ("s.HOST.agent.young", false, false),
            ("s.HOST.agent.living", true, true),
            ("s.otherhost0.agent.old", true, false),
            ("myagent.HOST.sock", true, false),
        ] {
            let path = directory.join(name.replace("HOST", &host));
            let listener = UnixListener::bind(&path).unwrap();
            if lives {
                living.push(listener);
            }
            if old {
                age(&caller, &path);
            }
        }
        let file = directory.join(format!("s.{host}.agent.file"));
        std::fs::write(&file, "").unwrap();
        age(&caller, &file);
        Self { caller, directory, _listeners: living }
    }

    /// The names there, by their last parts.
    fn names(&self) -> BTreeSet<String> {
        let names = std::fs::read_dir(&self.directory).unwrap().map(|entry| entry.unwrap().file_name());
        names
            .map(|name| {
                let name = name.to_str().unwrap().to_owned();
                let parts: Vec<&str> = name.split('.').collect();
                if parts[1] == "otherhost0" { "other".to_owned() } else { parts[2..].join(".") }
            })
            .collect()
    }

    fn expect(&self, names: &[&str]) {
        assert_eq!(self.names(), names.iter().map(|&name| name.to_owned()).collect());
    }
}

fn age(caller: &Caller, path: &std::path::Path) {
    let (status, _, err) = run(caller.scratch.command("touch").args(["-hd", "61 minutes ago"]).arg(path));
    assert_eq!(status, 0, "{err}");
}

const ALL: [&str; 7] =
    ["agent.old", "sshd.old", "agent.young", "agent.living", "other", "sock", "agent.file"];
const KEPT: [&str; 5] = ["agent.young", "agent.living", "other", "sock", "agent.file"];

#[test]
fn a_start_removes_the_dead_of_this_host() {
    let home = Home::new();
    let (status, out, _) = run(&mut home.caller.agent(&["true"]));
    assert_eq!((status, out.as_str()), (0, ""));
    crate::support::wait_until("it has ended", || home.caller.processes().is_empty());
    home.expect(&KEPT);
}

#[test]
fn a_start_that_may_not_or_is_elsewhere_removes_none() {
    let home = Home::new();
    for form in [&["-U", "true"][..], &["-T", "true"], &["-a", "s", "true"]] {
        assert_eq!(run(&mut home.caller.agent(form)).0, 0);
        crate::support::wait_until("it has ended", || home.caller.processes().is_empty());
    }
    home.expect(&ALL);
}

#[test]
fn u_only_removes() {
    let home = Home::new();
    let done = |form: &str| {
        let said = run(&mut home.caller.agent(&[form]));
        assert_eq!(said, (0, "Deleted stale agent sockets in ~/.ssh/agent\n".to_owned(), String::new()));
    };
    done("-u");
    home.expect(&KEPT);
    done("-uu");
    home.expect(&["agent.young", "agent.living", "sock", "agent.file"]);
    assert!(home.caller.processes().is_empty());
    // Where there is nothing, there is nothing to do, and nothing is made.
    std::fs::remove_dir_all(home.caller.scratch.path("home/.ssh")).unwrap();
    done("-u");
    assert!(!home.caller.scratch.path("home/.ssh").exists());
}
