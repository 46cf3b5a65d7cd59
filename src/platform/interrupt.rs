//! Work that an interrupt from the keyboard must not end in the middle.
#![forbid(unsafe_code)]

/// Does `work`; an interrupt that comes meanwhile takes its effect afterwards.
#[cfg(unix)]
pub fn held<T>(work: impl FnOnce() -> T) -> T {
    use nix::sys::signal::{SigSet, SigmaskHow, Signal};
    let mut interrupt = SigSet::empty();
    interrupt.add(Signal::SIGINT);
    let before = interrupt.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let done = work();
    // Where it could not be set there is nothing to set back.
    let _ = before.and_then(|before| before.thread_set_mask());
    done
}

/// Does `work`: this system's consoles restore themselves.
#[cfg(not(unix))]
pub fn held<T>(work: impl FnOnce() -> T) -> T {
    work()
}
