//! The desktop of the session that this process runs in, and dialogs on it.
#![allow(unsafe_code)]

use widestring::U16CString;
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;
use windows_sys::Win32::UI::WindowsAndMessaging::{
    IDOK, IDYES, MB_DEFBUTTON2, MB_ICONINFORMATION, MB_ICONQUESTION, MB_OK, MB_SETFOREGROUND, MB_TOPMOST,
    MB_YESNO, MessageBoxW,
};

/// The title of our dialogs.
pub const TITLE: &str = "myagent";
/// Why nothing can be shown where there is none.
pub const MISSING: &str = "the agent runs in no session with a desktop";

/// Whether a person can see what this process shows: services, and what is started over the network, have no desktop.
#[must_use]
pub fn is_there() -> bool {
    let mut session = 0;
    // SAFETY: the pointer is to a live local.
    let known = unsafe { ProcessIdToSessionId(std::process::id(), &raw mut session) } != 0;
    // Wine has one session for all, and calls it 0 or 1.
    known && (session != 0 || super::is_wine())
}

/// Asks for a yes or no, and waits for it. No is what Return and Escape say.
#[must_use]
pub fn confirm(text: &str) -> bool {
    show(text, MB_YESNO | MB_ICONQUESTION | MB_DEFBUTTON2) == IDYES
}

/// Shows something until it was read.
#[must_use]
pub fn notify(text: &str) -> bool {
    show(text, MB_OK | MB_ICONINFORMATION) == IDOK
}

fn show(text: &str, kind: u32) -> i32 {
    let (text, title) = (U16CString::from_str_truncate(text), U16CString::from_str_truncate(TITLE));
    let kind = kind | MB_TOPMOST | MB_SETFOREGROUND;
    // SAFETY: both texts end with a zero, and no window owns the dialog.
    unsafe { MessageBoxW(std::ptr::null_mut(), text.as_ptr(), title.as_ptr(), kind) }
}
