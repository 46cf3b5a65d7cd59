//! `ssh-add -c`: the dialog on the desktop, answered as a person would, by its buttons.

use std::thread::JoinHandle;

use crate::keys::{key, signs};
use crate::rig::{ADD_CONSTRAINED, Agent, FAILURE, SIGN, SUCCESS, until};
use myagent::platform::process::exists;
use widestring::U16CString;
use windows_sys::Win32::Foundation::HWND;
use windows_sys::Win32::UI::WindowsAndMessaging::{
    FindWindowW, GetWindowThreadProcessId, IDNO, IDYES, PostMessageW, WM_COMMAND,
};

/// What Windows calls the class of dialogs.
const DIALOG: &str = "#32770";

type Key = (Vec<u8>, Vec<u8>, Vec<u8>);

/// The one dialog that is open, if it is.
fn dialog() -> Option<isize> {
    let (class, title) = (U16CString::from_str(DIALOG).unwrap(), U16CString::from_str("myagent").unwrap());
    // SAFETY: both texts end with a zero.
    let window = unsafe { FindWindowW(class.as_ptr(), title.as_ptr()) };
    (!window.is_null()).then_some(window as isize)
}

/// The process that shows it.
fn owner(window: isize) -> u32 {
    let mut pid = 0;
    // SAFETY: the pointer is to a live local; the system knows whether there is such a window.
    unsafe { GetWindowThreadProcessId(window as HWND, &raw mut pid) };
    pid
}

/// Clicks until the dialog is gone: one that is just opening overlooks it.
fn click(button: i32) {
    let window = until(dialog);
    let pid = owner(window);
    until(|| {
        // SAFETY: no pointer; the system knows whether there is such a window.
        unsafe { PostMessageW(window as HWND, WM_COMMAND, usize::try_from(button).unwrap(), 0) };
        (!exists(pid)).then_some(())
    });
}

/// One that signs while the question is open.
fn signing(agent: &Agent, key: &Key) -> JoinHandle<bool> {
    let (mut client, key) = (agent.client(), key.clone());
    std::thread::spawn(move || signs(&mut client, &key))
}

/// In one test: there is one desktop.
#[test]
fn a_dialog_asks_before_each_use() {
    let agent = Agent::start();
    let (mut client, key) = (agent.client(), key(6));
    assert_eq!(client.ask(ADD_CONSTRAINED, &[&key.2[..], &[2]].concat()).0, SUCCESS);
    assert_eq!(agent.place.status()["asking"]["place"], "a dialog on your desktop");
    for (button, wanted) in [(IDYES, true), (IDNO, false), (IDYES, true)] {
        let asked = signing(&agent, &key);
        click(button);
        assert_eq!(asked.join().unwrap(), wanted);
    }
    // While it is open others are served, and it goes with who asked.
    let mut leaving = agent.client();
    let blob = &key.1;
    let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    leaving.say(SIGN, &[string(blob), string(b"data"), vec![0; 4]].concat());
    let window = until(dialog);
    let pid = owner(window);
    assert_eq!(agent.client().keys(), 1);
    assert_eq!(agent.place.status()["asking"]["open"], 1);
    drop(leaving);
    until(|| (!exists(pid)).then_some(()));
    assert!(dialog().is_none());
    // A lock ends it, and the answer is no.
    let mut asking = agent.client();
    asking.say(SIGN, &[string(blob), string(b"data"), vec![0; 4]].concat());
    let pid = owner(until(dialog));
    assert_eq!(client.ask(22, &string(b"password")).0, SUCCESS);
    assert_eq!(asking.hear().0, FAILURE);
    until(|| (!exists(pid)).then_some(()));
}

/// Nobody can be asked, and that is a no.
#[test]
fn no_way_to_ask_means_no() {
    let agent = Agent::at(crate::rig::Place::own(), &[("SSH_ASKPASS_REQUIRE", "never")]);
    let (mut client, key) = (agent.client(), key(7));
    assert_eq!(client.ask(ADD_CONSTRAINED, &[&key.2[..], &[2]].concat()).0, SUCCESS);
    assert!(!signs(&mut client, &key));
    let refusals = agent.place.status()["refusals"].to_string();
    assert!(refusals.contains("SSH_ASKPASS_REQUIRE=never"), "{refusals}");
}
