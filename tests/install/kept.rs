//! What a person changed, protected or did not agree to is kept.

use crate::person::Person;
use crate::support::run;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

const SERVICE: &str = ".config/systemd/user/myagent.service";

#[test]
fn nothing_happens_without_a_yes() {
    let person = Person::with_manager();
    let before = person.tree();
    let (status, out, err) = run(&mut person.myagent(&["install"]));
    assert_eq!(status, 1);
    assert!(out.starts_with("1. let your services outlive the last logout: loginctl "), "{out}");
    assert!(err.contains("there is no terminal to ask") && err.contains("myagent install --yes"), "{err}");
    person.well(&["install", "--dry-run"]);
    assert_eq!(person.tree(), before);
    assert_eq!(person.calls(), [""; 0]);
}

/// At a terminal, which script(1) makes.
#[test]
#[ignore = "needs script: a terminal to answer at"]
fn a_no_and_a_yes_at_the_terminal() {
    let person = Person::new();
    let before = person.tree();
    let line = format!("'{}' install", person.program.display());
    let answer = |word: &str| {
        let script = format!("printf '{word}\\n' | script -qec \"{line}\" /dev/null");
        run(person.command("sh").arg("-c").arg(script))
    };
    for no in ["n", "", "yess"] {
        let (status, out, _) = answer(no);
        assert_eq!(status, 1, "{out}");
        assert!(out.contains("do this? [y/N] ") && out.contains("nothing was changed"), "{out}");
        assert_eq!(person.tree(), before);
    }
    let (status, out, _) = answer("y");
    assert!(status == 0 && out.contains("an agent answers at "), "{out}");
}

#[test]
fn a_changed_unit_is_shown_and_kept_unless_forced() {
    let person = Person::with_manager();
    person.well(&["install", "--yes"]);
    let original = person.read(SERVICE);
    let changed = original.replace("RestartSec=500ms", "RestartSec=7");
    assert_ne!(changed, original);
    person.write(SERVICE, &changed);
    let out = person.well(&["install", "--yes"]);
    assert!(out.starts_with("nothing to do\nnote: ") && out.contains("was changed and is kept"), "{out}");
    assert!(out.contains("       -RestartSec=7\n       +RestartSec=500ms\n"), "{out}");
    assert_eq!(person.read(SERVICE), changed);
    person.well(&["uninstall", "--yes"]);
    assert_eq!(person.read(SERVICE), changed, "uninstall removed what it did not write");
    assert!(!person.home(".config/systemd/user/myagent.socket").exists());
    let out = person.well(&["install", "--yes", "--force"]);
    assert!(out.contains("-RestartSec=7"), "{out}");
    assert_eq!(person.read(SERVICE), original);
}

#[test]
fn a_changed_line_is_shown_and_kept_unless_forced() {
    let person = Person::new();
    person.write(".bashrc", "before=1\n");
    person.well(&["install", "--yes"]);
    let original = person.read(".bashrc");
    let changed = original.replace("--shell sh", "--shell sh --log off");
    person.write(".bashrc", &changed);
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains("was changed and is kept") && out.contains(" --log off"), "{out}");
    let out = person.well(&["uninstall", "--yes"]);
    assert!(out.contains("the lines between our marks were changed since"), "{out}");
    assert_eq!(person.read(".bashrc"), changed);
    person.well(&["install", "--yes", "--force"]);
    assert_eq!(person.read(".bashrc"), original);
}

/// A restart may then give the keys to a program of one's own; without the option again it may not.
#[test]
fn a_program_of_ones_own_is_trusted_on_wish() {
    let person = Person::with_manager();
    person.write(".bashrc", "before=1\n");
    let before = person.tree();
    const DROP_IN: &str = ".config/systemd/user/myagent.service.d/program.conf";
    for (options, trusted) in
        [(&["install", "--yes", "--trust-own-binary"][..], true), (&["install", "--yes"], false)]
    {
        person.well(options);
        assert_eq!(person.read(".bashrc").contains(" start --shell sh --trust-own-binary)"), trusted);
        assert_eq!(person.read(DROP_IN).contains(" start --foreground --trust-own-binary\n"), trusted);
    }
    person.well(&["install", "--yes", "--trust-own-binary"]);
    person.well(&["uninstall", "--yes"]);
    assert_eq!(person.tree(), before);
}

/// The program has moved: nobody changed the old lines, so they are replaced and not doubled.
#[test]
fn lines_of_an_earlier_place_are_replaced() {
    let person = Person::with_manager();
    person.well(&["install", "--yes"]);
    let moved = person.home("elsewhere/myagent");
    std::fs::create_dir(person.home("elsewhere")).unwrap();
    std::fs::rename(&person.program, &moved).unwrap();
    let (status, out, err) = run(person.command(&moved).args(["install", "--yes"]));
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let bashrc = person.read(".bashrc");
    assert_eq!(bashrc.matches(">>> myagent >>>").count(), 1);
    assert!(bashrc.contains(moved.to_str().unwrap()), "{bashrc}");
    assert!(
        person.read(".config/systemd/user/myagent.service.d/program.conf").contains(moved.to_str().unwrap())
    );
}

#[test]
fn a_read_only_file_is_named_with_its_lines() {
    let person = Person::new();
    person.write(".bashrc", "mine=1\n");
    std::fs::set_permissions(person.home(".bashrc"), Permissions::from_mode(0o444)).unwrap();
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains(".bashrc is read-only and is left alone. Put these lines at its top:\n"), "{out}");
    assert_eq!(person.read(".bashrc"), "mine=1\n");
    assert!(person.read(".profile").contains("myagent"));
}

/// A limit on the size of files stands for a full disk: what cannot be written as a whole is not begun.
#[test]
fn a_full_disk_costs_no_line() {
    let person = Person::new();
    let mine = "a line of mine\n".repeat(3000);
    person.write(".bashrc", &mine);
    let mut limited = person.command("sh");
    limited.arg("-c").arg("trap '' XFSZ; ulimit -f 8; exec \"$PROGRAM\" install --yes");
    let (status, _, err) = run(&mut limited);
    assert!(status == 1 && err.contains("cannot write ") && err.contains(".bashrc"), "{err}");
    assert!(person.read(".bashrc") == mine, "{} bytes are left", person.read(".bashrc").len());
    let left = std::fs::read_dir(person.home("")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".myagent-")), "{left:?}");
}

/// In a directory that cannot be written a file can only be written over: with the same care.
#[test]
fn a_file_in_a_directory_of_its_own_is_written_over_and_back() {
    if nix::unistd::geteuid().is_root() {
        return;
    }
    let person = Person::new();
    let mine = "a line of mine\n".repeat(3000);
    person.write("fixed/bashrc", &mine);
    std::os::unix::fs::symlink("fixed/bashrc", person.home(".bashrc")).unwrap();
    std::fs::set_permissions(person.home("fixed"), Permissions::from_mode(0o500)).unwrap();
    let mut limited = person.command("sh");
    limited.arg("-c").arg("trap '' XFSZ; ulimit -f 88; exec \"$PROGRAM\" install --yes");
    assert_eq!(run(&mut limited).0, 1);
    assert!(person.read(".bashrc") == mine, "{} bytes are left", person.read(".bashrc").len());
    person.well(&["install", "--yes"]);
    assert!(person.read(".bashrc").ends_with(&mine) && person.read(".bashrc").len() > mine.len());
    std::fs::set_permissions(person.home("fixed"), Permissions::from_mode(0o700)).unwrap();
}

/// As where the files behind the links are on a disk that is not there now.
#[test]
fn a_link_that_leads_nowhere_is_named_with_its_lines() {
    let person = Person::new();
    std::os::unix::fs::symlink("nowhere/bashrc", person.home(".bashrc")).unwrap();
    let out = person.well(&["install", "--yes"]);
    assert!(
        out.contains(".bashrc is left alone: it is a link to ") && out.contains(" start --shell sh"),
        "{out}"
    );
    assert!(person.home(".bashrc").is_symlink() && !person.home("nowhere").exists());
    assert!(person.read(".profile").contains("myagent"));
}

#[test]
fn marks_that_do_not_fit_are_left_alone() {
    let person = Person::new();
    let broken = "# >>> myagent >>>\nmine=1\n";
    person.write(".bashrc", broken);
    let out = person.well(&["install", "--yes"]);
    assert!(out.contains("our marks in it do not fit together"), "{out}");
    person.well(&["uninstall", "--yes"]);
    assert_eq!(person.read(".bashrc"), broken);
}

#[test]
fn an_unwritable_path_of_the_program_is_refused() {
    let person = Person::with_program("with\nnewline/myagent");
    let (status, _, err) = run(&mut person.myagent(&["install", "--yes"]));
    assert_eq!(status, 1);
    assert!(err.contains("cannot be written into a file of lines") && err.contains("\nhint: "), "{err}");
    assert!(!person.home(".bashrc").exists());
}

/// Root with the environment of somebody else, as after `sudo -E`: nothing of his is written, only looked past.
#[test]
fn nothing_of_another_user_s_is_planned() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let person = Person::new();
    let foreign = person.scratch.home();
    for directory in [".config", "zsh", ".local"] {
        std::fs::create_dir(person.home(directory)).unwrap();
        std::os::unix::fs::chown(person.home(directory), Some(65534), None).unwrap();
    }
    std::os::unix::fs::chown(&foreign, Some(65534), None).unwrap();
    let mut install = person.command(crate::support::myagent());
    install.args(["install", "--dry-run"]).env("SHELL", "/bin/zsh").env("ZDOTDIR", person.home("zsh"));
    let (status, plan, err) = run(install.env("XDG_CONFIG_HOME", person.home(".config")));
    assert_eq!((status, err.as_str()), (0, ""), "{plan}");
    assert!(!plan.contains(foreign.to_str().unwrap()), "{plan}");
}
