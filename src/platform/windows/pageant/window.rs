//! The hidden window that clients of PuTTY before 0.75 speak to: they put a request into memory that they share with it,
//! send it the name of that, and find the answer there.
//!
//! Guarantees: a window of another agent is left alone; what the system sends to every window is not kept waiting. Few
//! requests at a time: they are answered on one thread, so whoever comes by this way may wait for others that do.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel, sync_channel};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use widestring::{U16CStr, u16cstr};
use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::System::DataExchange::COPYDATASTRUCT;
use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;
use windows_sys::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DefWindowProcW, DispatchMessageW, FindWindowW, GetMessageW, MSG, PM_NOREMOVE,
    PeekMessageW, RegisterClassW, WM_CLOSE, WM_COPYDATA, WNDCLASSW,
};
use zeroize::Zeroizing;

use super::memory::{LEN_BYTES, Shared};
use crate::frame::MAX_LEN;
use crate::platform::harden::close_thread;
use crate::platform::windows::socket::{Accepted, Arrival, Peer};

/// Class and title by which clients find it.
const NAME: &U16CStr = u16cstr!("Pageant");
/// What such a message is marked with.
const MARK: usize = 0x804e_50ba;
/// The longest name of shared memory, in bytes: PuTTY's have 22.
const MOST_NAME: usize = 256;

/// Between two looks for what is sent to every window.
const LOOK: Duration = Duration::from_millis(5);
/// Most requests at once: each waits for those that have come after it.
const MOST_OPEN: usize = 8;

/// Requests that are answered now.
static OPEN: AtomicUsize = AtomicUsize::new(0);
/// Where requests go. There is one window in a process.
static SERVED: OnceLock<(Handle, Sender<Arrival>)> = OnceLock::new();

/// Makes the window, on a thread of its own that ends with the process. Needs a runtime.
///
/// # Errors
/// `AddrInUse` where another agent has such a window; the system's.
pub fn open(arrivals: Sender<Arrival>) -> io::Result<()> {
    // SAFETY: both texts end with a zero.
    if !unsafe { FindWindowW(NAME.as_ptr(), NAME.as_ptr()) }.is_null() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    SERVED.set((Handle::current(), arrivals)).map_err(|_| io::ErrorKind::AlreadyExists)?;
    let (done, made) = sync_channel(1);
    std::thread::Builder::new().spawn(move || {
        close_thread();
        let window = make();
        let is_made = window.is_ok();
        let _ = done.send(window);
        if is_made {
            listen();
        }
    })?;
    made.recv().map_err(io::Error::other)?
}

/// A window belongs to the thread that has made it.
fn make() -> io::Result<()> {
    // SAFETY: gives the program's own module.
    let module = unsafe { GetModuleHandleW(null()) };
    let class = WNDCLASSW {
        lpfnWndProc: Some(receive),
        hInstance: module,
        lpszClassName: NAME.as_ptr(),
        ..WNDCLASSW::default()
    };
    // SAFETY: the structure and the text in it are alive; the system copies both.
    if unsafe { RegisterClassW(&raw const class) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: texts that end with a zero, and nothing else. It is never shown.
    let window = unsafe {
        CreateWindowExW(
            0,
            NAME.as_ptr(),
            NAME.as_ptr(),
            0,
            0,
            0,
            0,
            0,
            null_mut(),
            null_mut(),
            module,
            null(),
        )
    };
    if window.is_null() { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn listen() {
    let mut message = MSG::default();
    // SAFETY: the pointer is to a live local. What is sent to the window goes to `receive` meanwhile.
    while unsafe { GetMessageW(&raw mut message, null_mut(), 0, 0) } > 0 {
        // SAFETY: as above.
        unsafe { DispatchMessageW(&raw const message) };
    }
}

unsafe extern "system" fn receive(window: HWND, message: u32, what: WPARAM, with: LPARAM) -> LRESULT {
    // Left to the system, anybody's wish to close it would take the window away, and the agent go on without.
    if message == WM_CLOSE {
        return 0;
    }
    if message != WM_COPYDATA {
        // SAFETY: what the system has called this with.
        return unsafe { DefWindowProcW(window, message, what, with) };
    }
    // SAFETY: the system gives such a message with a copy of the sender's structure, or with none.
    let Some(sent) = (unsafe { (with as *const COPYDATASTRUCT).as_ref() }) else { return 0 };
    // A panic must not go through the system's code.
    let answered = std::panic::catch_unwind(|| sent_name(sent).map(answer_in));
    LRESULT::from(matches!(answered, Ok(Some(Ok(())))))
}

/// The name of the shared memory in a message of ours.
fn sent_name(sent: &COPYDATASTRUCT) -> Option<&CStr> {
    let length = usize::try_from(sent.cbData).ok().filter(|length| (1..=MOST_NAME).contains(length))?;
    if sent.dwData != MARK || sent.lpData.is_null() {
        return None;
    }
    // SAFETY: the system has copied as many bytes, which are there until the message is answered.
    let name = unsafe { std::slice::from_raw_parts(sent.lpData.cast::<u8>(), length) };
    CStr::from_bytes_with_nul(name).ok()
}

/// Answers the request in the shared memory of this name, unless so many others are open already.
fn answer_in(name: &CStr) -> io::Result<()> {
    let _place = Place::take().ok_or(io::ErrorKind::ResourceBusy)?;
    let memory = Shared::open(name)?;
    let request = memory.message()?;
    let answer = answer(request)?;
    memory.put(&answer)
}

/// A place among the requests that are answered. They lie one within the other on the thread's stack.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let before = OPEN.fetch_add(1, Ordering::Relaxed);
        let place = Self;
        (before < MOST_OPEN).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Has the agent answer, as it answers a client of a pipe. What the system has for every window is taken meanwhile: others
/// wait for that.
fn answer(request: Zeroizing<Vec<u8>>) -> io::Result<Vec<u8>> {
    let (runtime, arrivals) = SERVED.get().ok_or(io::ErrorKind::NotConnected)?;
    let (done, answered) = channel();
    runtime.spawn(async move {
        let _ = done.send(answer_to(&request, arrivals).await);
    });
    loop {
        match answered.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) => take_what_is_sent(),
            Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

fn take_what_is_sent() {
    let mut message = MSG::default();
    // SAFETY: the pointer is to a live local. What is sent to the window goes to `receive` meanwhile.
    unsafe { PeekMessageW(&raw mut message, null_mut(), 0, 0, PM_NOREMOVE) };
}

async fn answer_to(request: &[u8], arrivals: &Sender<Arrival>) -> io::Result<Vec<u8>> {
    let (mut ours, its) = duplex(LEN_BYTES + MAX_LEN);
    let arrival = Ok((Accepted::Window(its), Ok(Peer::ours(None))));
    arrivals.send(arrival).await.map_err(|_| io::ErrorKind::NotConnected)?;
    ours.write_all(request).await?;
    let length = ours.read_u32().await?;
    let mut answer = length.to_be_bytes().to_vec();
    let length = usize::try_from(length).map_err(io::Error::other)?;
    answer.resize(LEN_BYTES + length.min(MAX_LEN), 0);
    ours.read_exact(&mut answer[LEN_BYTES..]).await?;
    Ok(answer)
}
