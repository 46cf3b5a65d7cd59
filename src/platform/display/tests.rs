//! What environments say of displays, and which programs ask there.

use super::*;

fn surroundings(settings: &[(&str, &str)]) -> Surroundings {
    Surroundings::of(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn only_what_leads_to_a_display_is_taken() {
    let taken = surroundings(&[
        ("DISPLAY", ":0"),
        ("LD_PRELOAD", "/evil.so"),
        ("XAUTHORITY", "/a\nb"),
        ("WAYLAND_DISPLAY", ""),
        ("SSH_ASKPASS", &"x".repeat(MOST_VALUE + 1)),
    ]);
    assert_eq!(taken, surroundings(&[("DISPLAY", ":0")]));
    assert_eq!(taken.display(), Some(":0"));
}

#[test]
fn what_the_manager_prints_is_read() {
    let text = "HOME=/home/me\nDISPLAY=:1\nXAUTHORITY=$'/a b'\nWAYLAND_DISPLAY=wayland-0\nX\n";
    let read = Surroundings::printed(text);
    assert_eq!(read, surroundings(&[("DISPLAY", ":1"), ("WAYLAND_DISPLAY", "wayland-0")]));
    assert_eq!(read.display(), Some("wayland-0"));
}

#[test]
fn openssh_s_words_for_never_and_force() {
    for (value, wanted) in [
        ("never", Wanted::Never),
        ("FORCE", Wanted::Always),
        ("prefer", Wanted::OnDisplay),
        ("x", Wanted::OnDisplay),
    ] {
        assert_eq!(surroundings(&[(REQUIRE, value)]).wanted(), wanted);
    }
}

#[test]
fn displays_have_sockets_and_ports() {
    let socket = |display: &str| surroundings(&[("DISPLAY", display)]).display_socket();
    assert_eq!(socket(":12.1"), Some("/tmp/.X11-unix/X12".into()));
    assert_eq!((socket("host:0"), socket("x"), socket(":/../0")), (None, None, None));
    let port = |display: &str| surroundings(&[("DISPLAY", display)]).display_port();
    assert_eq!((port("localhost:10.0"), port(":0"), port("localhost:65000")), (Some(6010), None, None));
    let wayland = [("WAYLAND_DISPLAY", "wayland-1"), ("XDG_RUNTIME_DIR", "/run/user/7")];
    assert_eq!(surroundings(&wayland).display_socket(), Some("/run/user/7/wayland-1".into()));
}

#[test]
fn a_named_program_is_that_one_or_none() {
    let programs = Programs::at("/bin:relative");
    let askpass = |name: &str| surroundings(&[(ASKPASS, name)]).askpass(&programs);
    assert_eq!(askpass("sh").unwrap(), Path::new("/bin/sh"));
    assert_eq!(askpass("/bin/sh").unwrap(), Path::new("/bin/sh"));
    for none in ["/bin", "/nowhere", "./sh", "../bin/sh", "no-such-program"] {
        assert!(askpass(none).unwrap_err().contains(none), "{none}");
    }
}

#[test]
fn the_usual_programs_are_looked_for_in_order() {
    let none = usual(&["/nowhere/ssh-askpass"], &Programs::at("/nowhere")).unwrap_err();
    assert!(none.contains("/nowhere/ssh-askpass"), "{none}");
    assert_eq!(usual(&["/nowhere/a", "/bin/sh"], &Programs::at("")).unwrap(), Path::new("/bin/sh"));
}

#[test]
fn a_program_is_led_to_one_session_alone() {
    let mut command = Command::new("env");
    command.env("WAYLAND_DISPLAY", "other").env("XDG_RUNTIME_DIR", "/kept");
    surroundings(&[("DISPLAY", ":3"), (ASKPASS, "x")]).lead(&mut command);
    let led: BTreeMap<_, _> = command.get_envs().collect();
    let set = |name: &str| led.get(std::ffi::OsStr::new(name)).copied();
    assert_eq!(set("DISPLAY"), Some(Some(":3".as_ref())));
    assert_eq!((set("WAYLAND_DISPLAY"), set("XAUTHORITY"), set(ASKPASS)), (Some(None), Some(None), None));
    assert_eq!(set("XDG_RUNTIME_DIR"), Some(Some("/kept".as_ref())));
}
