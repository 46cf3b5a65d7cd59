//! What `start` knows of units and how it runs other programs.

use crate::manager::Machine;

#[test]
fn a_masked_unit_is_not_installed() {
    use myagent::platform::user_manager::{find_unit, unit_directories};
    let machine = Machine::new(true);
    let directories = unit_directories(None, Some(&machine.place.scratch.home()));
    let own = &directories[..1];
    assert_eq!(find_unit(own, "myagent.socket"), None);
    machine.install();
    let file = own[0].join("myagent.socket");
    assert_eq!(find_unit(own, "myagent.socket"), Some(file.clone()));
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/null", &file).unwrap();
    let later = machine.place.scratch.path("tmp");
    std::fs::write(later.join("myagent.socket"), "[Socket]\n").unwrap();
    assert_eq!(find_unit(&[own[0].clone(), later], "myagent.socket"), None);
    let config = unit_directories(Some(machine.place.scratch.path("config").into()), None);
    assert_eq!(config[0], machine.place.scratch.path("config/systemd/user"));
}

/// A program that hangs is ended after its time, whatever it holds open.
#[test]
fn a_program_that_hangs_is_left() {
    use myagent::platform::program::Programs;
    use std::time::Duration;
    let machine = Machine::new(false);
    let programs = Programs::at(machine.place.scratch.path("bin"));
    machine.program("hangs", "exec /bin/sleep 1000");
    let none: [&str; 0] = [];
    let error = programs.run("hangs", &none, &[], Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.to_string(), "hangs: it did not end within 0 seconds");
    machine.program("talks", "echo out; echo err >&2; echo more >&2; exit 3");
    let said = programs.run("talks", &none, &[], Duration::from_secs(60)).unwrap();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("out\n", "err\nmore\n"));
    assert_eq!(said.status.code(), Some(3));
    let error = programs.succeed("talks", &none, &[], Duration::from_secs(60)).unwrap_err();
    assert_eq!(error.to_string(), "talks: err");
    machine.program("floods", "/usr/bin/head -c 1000000 /dev/zero; /usr/bin/head -c 1000000 /dev/zero >&2");
    assert!(programs.run("floods", &none, &[], Duration::from_secs(60)).is_ok());
    let missing = programs.run("no-such-program", &none, &[], Duration::from_secs(60)).unwrap_err();
    assert_eq!(missing.to_string(), "no-such-program: there is no such program");
}
