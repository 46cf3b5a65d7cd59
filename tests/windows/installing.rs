//! `install` and `uninstall`: the agent starts at sign-in, and nothing else of the user's registry is touched.

use crate::rig::{Background, Client, Place, on_windows};
use windows_registry::{CURRENT_USER, Type};

const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
/// What Task Manager and the settings write.
const SWITCHED: &str = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";

/// The first byte of the switch, where there is one.
fn switch() -> Option<u8> {
    CURRENT_USER.open(SWITCHED).ok()?.get_value("myagent").ok()?.first().copied()
}

fn switch_to(first: u8) {
    let value = [first, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    CURRENT_USER.create(SWITCHED).unwrap().set_bytes("myagent", Type::Bytes, &value).unwrap();
}

fn value(name: &str) -> Option<String> {
    CURRENT_USER.open(RUN).ok()?.get_string(name).ok()
}

/// There is one registry: in one test, and not in that of a person who may have installed it.
#[test]
fn it_starts_at_sign_in_until_that_is_taken_back() {
    if on_windows("the start at sign-in, which is read back") {
        return;
    }
    let background = Background(Place::own());
    let place = &background.0;
    CURRENT_USER.create(RUN).unwrap().set_string("another", "stays").unwrap();
    let (status, plan, _) = place.run(&["install", "--dry-run"]);
    assert_eq!((status, value("myagent")), (0, None), "{plan}");
    assert!(plan.contains(RUN), "{plan}");
    let (status, _, error) = place.run(&["install"]);
    assert_eq!((status, value("myagent")), (1, None), "without a yes nothing is done: {error}");
    let (status, _, error) = place.run(&["install", "--yes"]);
    assert_eq!(status, 0, "{error}");
    let line = value("myagent").unwrap();
    let program = line.strip_prefix('"').and_then(|line| line.strip_suffix("\" start --shell env"));
    // The one that was built, by whatever path: where Wine runs this, cargo's is that of another system.
    let real = |path: &str| std::fs::canonicalize(path).unwrap();
    assert_eq!(real(program.expect(&line)), real(env!("CARGO_BIN_EXE_myagent")));
    assert_eq!(Client::open(place.pipe()).keys(), 0, "it runs by now");
    assert_eq!(place.run(&["install", "--yes"]), (0, "nothing to do\n".to_owned(), String::new()));
    switch_to(2);
    assert_eq!(place.run(&["install", "--yes"]), (0, "nothing to do\n".to_owned(), String::new()));
    switch_to(3);
    let (status, plan, _) = place.run(&["install", "--dry-run"]);
    assert!((status, switch()) == (0, Some(3)) && plan.contains(SWITCHED), "{plan}");
    assert_eq!((place.run(&["install", "--yes"]).0, switch()), (0, None));
    switch_to(3);
    assert_eq!((place.run(&["uninstall", "--yes"]).0, switch()), (0, None));
    assert_eq!((value("myagent"), value("another").as_deref()), (None, Some("stays")));
    assert_eq!(place.run(&["uninstall", "--yes"]), (0, "nothing to do\n".to_owned(), String::new()));
    assert_eq!(place.run(&["stop"]).0, 0);
    CURRENT_USER.options().read().write().open(RUN).unwrap().remove_value("another").unwrap();
}
