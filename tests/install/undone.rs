//! `uninstall` leaves the home as it was before `install`, to the byte.

use crate::person::Person;
use crate::support::{myagent, run};
use std::os::unix::fs::{PermissionsExt, symlink};

const BASHRC: &str = "# ~/.bashrc\ncase $- in *i*) ;; *) return;; esac\nalias ll='ls -l'";

/// Files as people have them: without a last newline, of an unusual mode, behind a symbolic link.
fn furnish(person: &Person) {
    person.write(".bashrc", BASHRC);
    person.write("dotfiles/profile", "PATH=$HOME/bin:$PATH\r\n\n");
    symlink("dotfiles/profile", person.home(".profile")).unwrap();
    person.write(".config/other/settings", "kept\n");
    std::fs::set_permissions(person.home(".bashrc"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn everything_is_as_before_with_every_shell() {
    for shell in ["/bin/bash", "/bin/dash", "/bin/zsh", "/bin/tcsh", "/usr/bin/fish"] {
        for manager in [false, true] {
            let person = Person::new();
            furnish(&person);
            if manager {
                person.set("manager");
            }
            let before = person.tree();
            let well = |args: &[&str]| {
                let (status, out, err) = run(person.myagent(args).env("SHELL", shell));
                assert_eq!((status, err.as_str()), (0, ""), "{shell} {args:?}: {out}");
            };
            well(&["install", "--yes"]);
            let installed = person.tree();
            assert_ne!(installed, before);
            well(&["install", "--yes"]);
            assert_eq!(person.tree(), installed, "{shell}: the second run changed something");
            well(&["uninstall", "--yes"]);
            assert_eq!(person.tree(), before, "{shell}, manager: {manager}");
            assert!(!person.is_set("linger") && !person.is_set("enabled-myagent.socket"));
            well(&["install", "--yes"]);
            assert_eq!(person.tree(), installed, "{shell}: installed again");
        }
    }
}

#[test]
fn a_symbolic_link_stays_one_and_modes_stay() {
    let person = Person::new();
    furnish(&person);
    person.well(&["install", "--yes"]);
    assert!(person.home(".profile").is_symlink());
    assert!(person.read("dotfiles/profile").starts_with("# >>> myagent >>>\n"));
    let mode = std::fs::metadata(person.home(".bashrc")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

/// What was on before `install` is not turned off, and what was there is not removed.
#[test]
fn what_was_so_before_stays_so() {
    let person = Person::with_manager();
    person.set("linger");
    person.write(".bashrc", "");
    person.write(".profile", "");
    std::fs::create_dir_all(person.home(".config/systemd/user")).unwrap();
    person.well(&["install", "--yes"]);
    person.well(&["uninstall", "--yes"]);
    assert!(person.is_set("linger"));
    assert!(!person.calls().iter().any(|call| call.contains("linger")), "{:?}", person.calls());
    assert!(person.home(".bashrc").exists() && person.home(".config/systemd/user").exists());
}

#[test]
fn a_lost_record_loses_little() {
    let person = Person::with_manager();
    person.write(".bashrc", BASHRC);
    person.write(".profile", "true\n");
    person.well(&["install", "--yes"]);
    std::fs::remove_file(person.home(".local/state/myagent/install.json")).unwrap();
    person.well(&["uninstall", "--yes"]);
    assert_eq!((person.read(".bashrc").as_str(), person.read(".profile").as_str()), (BASHRC, "true\n"));
    assert!(!person.home(".config/systemd/user/myagent.socket").exists());
    assert!(!person.is_set("enabled-myagent.socket"));
    // Who turned it on is not known any more.
    assert!(person.is_set("linger"));
}

#[test]
fn an_agent_in_the_background_goes_on_and_is_named() {
    let person = Person::new();
    person.well(&["install", "--yes"]);
    let out = person.well(&["uninstall", "--yes"]);
    assert!(out.contains("goes on until you log out for good, or: myagent stop\n"), "{out}");
    assert_eq!(run(&mut person.myagent(&["status"])).0, 0);
    let locks = || {
        let files = std::fs::read_dir(person.home(".ssh/agent")).unwrap();
        files
            .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "lock"))
            .count()
    };
    assert_eq!(locks(), 1, "a living agent's lock was removed");
    assert_eq!(run(&mut person.myagent(&["stop"])).0, 0);
    person.well(&["install", "--yes"]);
    assert_eq!(run(&mut person.myagent(&["stop"])).0, 0);
    person.well(&["uninstall", "--yes"]);
    assert_eq!(locks(), 0);
    assert_eq!(person.well(&["uninstall", "--yes"]), "nothing to undo\n");
}

/// Nothing is begun that cannot be finished, and what is left of a failed beginning goes.
#[test]
fn a_program_that_cannot_be_copied_changes_nothing() {
    let person = Person::with_manager();
    let before = person.tree();
    std::fs::create_dir_all(person.home(".local/bin/myagent")).unwrap();
    let (status, _, err) = run(person.command(myagent()).args(["install", "--yes"]));
    assert!(status == 1 && err.contains(".local/bin/myagent"), "{err}");
    std::fs::remove_dir_all(person.home(".local")).unwrap();
    assert_eq!(person.tree(), before);
    std::fs::create_dir_all(person.home(".local/state/myagent")).unwrap();
    let made = r#"{"version":1,"made":["HOME/.local","HOME/.local/state","HOME/.local/state/myagent"]}"#;
    let made = made.replace("HOME", person.home("").to_str().unwrap().trim_end_matches('/'));
    std::fs::write(person.home(".local/state/myagent/install.json"), made).unwrap();
    assert_eq!(person.well(&["uninstall", "--yes"]), "nothing to undo\n");
    assert_eq!(person.tree(), before);
}

/// The program under test lies in a build directory.
#[test]
fn a_program_that_will_not_stay_is_copied_and_the_copy_removed() {
    let person = Person::with_manager();
    let install = |args: &[&str]| {
        let (status, out, err) = run(person.command(myagent()).args(args));
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        out
    };
    let before = person.tree();
    let plan = install(&["install", "--dry-run"]);
    let copy = person.home(".local/bin/myagent");
    assert!(plan.contains("copy the program, which lies in a place that is cleaned"), "{plan}");
    assert!(plan.contains(copy.to_str().unwrap()), "{plan}");
    assert_eq!(person.tree(), before, "a dry run changed something");
    install(&["install", "--yes"]);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o7777, 0o755);
    assert!(person.read(".bashrc").contains(&format!("[ -x '{}' ]", copy.display())));
    assert!(install(&["install", "--yes"]).starts_with("nothing to do\n"));
    // From the copy itself, which is as good.
    let (_, out, _) = run(person.command(&copy).args(["install", "--dry-run"]));
    assert_eq!(out, "nothing to do\n");
    let (status, _, err) = run(person.command(&copy).args(["uninstall", "--yes"]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(person.tree(), before);
}

/// A person may put a link where we made a directory or a file, and what it leads to elsewhere.
#[test]
fn a_link_that_a_person_made_since_stays() {
    let person = Person::with_manager();
    person.well(&["install", "--yes"]);
    std::fs::create_dir(person.home("dotfiles")).unwrap();
    for name in [".config", ".bashrc"] {
        let moved = person.home("dotfiles").join(&name[1..]);
        std::fs::rename(person.home(name), &moved).unwrap();
        symlink(moved, person.home(name)).unwrap();
    }
    person.well(&["uninstall", "--yes"]);
    assert!(person.home(".config").is_symlink() && person.home(".bashrc").is_symlink());
    assert_eq!(person.read(".bashrc"), "");
    assert!(!person.home(".config/systemd").exists());
}

/// The administrator has enabled the unit for everybody; `install` has only written the variable and the lines.
#[test]
fn what_the_system_enabled_goes_on() {
    let person = Person::with_manager();
    let packaged = person.scratch.path("stubs/packaged");
    std::fs::create_dir(&packaged).unwrap();
    std::fs::write(packaged.join("myagent.socket"), "[Socket]\n").unwrap();
    let service = format!("[Service]\nExecStart={} start --foreground\n", person.program.display());
    std::fs::write(packaged.join("myagent.service"), service).unwrap();
    for so in ["linger", "enabled-myagent.socket", "active-myagent.socket", "active-myagent.service"] {
        person.set(so);
    }
    person.well(&["install", "--yes"]);
    assert!(person.home(".config/environment.d/50-myagent.conf").exists());
    person.well(&["uninstall", "--yes"]);
    assert_eq!(person.calls(), [""; 0]);
    assert!(!person.home(".config").exists());
}

/// As after su, where no manager can be asked.
#[test]
fn without_the_manager_its_links_to_our_units_go() {
    let person = Person::with_manager();
    person.well(&["install", "--yes"]);
    // The manager makes this one.
    let wants = person.home(".config/systemd/user/sockets.target.wants");
    std::fs::create_dir(&wants).unwrap();
    symlink("../myagent.socket", wants.join("myagent.socket")).unwrap();
    std::fs::remove_file(person.scratch.path("stubs/manager")).unwrap();
    person.well(&["uninstall", "--yes"]);
    assert!(!person.home(".config").exists(), "{:?}", person.tree());
    // Nor is a mask left that was ours.
    let person = Person::with_manager();
    let record = r#"{"version": 1, "masked": true}"#;
    person.write(".local/state/myagent/install.json", record);
    std::fs::create_dir_all(person.home(".config/systemd/user")).unwrap();
    symlink("/dev/null", person.home(".config/systemd/user/myagent.socket")).unwrap();
    std::fs::remove_file(person.scratch.path("stubs/manager")).unwrap();
    person.well(&["uninstall", "--yes"]);
    assert!(!person.home(".config/systemd/user/myagent.socket").is_symlink());
}
