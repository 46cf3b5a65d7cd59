//! A thread on a stack of our own, looked at when the thread has ended.

use std::collections::HashSet;
use std::ffi::c_void;

/// As much as a thread of the program has.
const STACK: usize = 2 << 20;

/// What the stack is full of before the thread begins.
const PAINT: u8 = 0xd5;

/// So many zeros in a row are a sweep's, and nothing else's here.
const SWEEP: usize = 24 * 1024;

/// Does `work` on a thread of its own, and gives what that has left on its stack.
///
/// std's threads have stacks that are gone with them.
pub(crate) fn stack_after(work: impl FnOnce() + Send) -> Stack {
    let mut memory = Memory::new();
    memory.bytes_mut().fill(PAINT);
    let mut work = Some(work);
    let mut call = || (work.take().unwrap())();
    let mut call: &mut (dyn FnMut() + Send) = &mut call;
    let argument: *mut c_void = (&raw mut call).cast();
    // SAFETY: plain numbers, which the next line sets.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: writes the attributes alone.
    assert_eq!(unsafe { libc::pthread_attr_init(&raw mut attributes) }, 0);
    // SAFETY: the memory is whole pages, and lives until the thread was waited for.
    let set = unsafe { libc::pthread_attr_setstack(&raw mut attributes, memory.base.cast(), STACK) };
    assert_eq!(set, 0);
    let mut thread = 0;
    // SAFETY: `call` lives until the thread was waited for, and only the thread uses it meanwhile.
    let begun = unsafe { libc::pthread_create(&raw mut thread, &raw const attributes, begin, argument) };
    assert_eq!(begun, 0);
    // SAFETY: the thread was begun just now, and nobody else waits for it.
    assert_eq!(unsafe { libc::pthread_join(thread, std::ptr::null_mut()) }, 0);
    // SAFETY: set up above, not used again.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    Stack(memory.bytes_mut().to_vec())
}

extern "C" fn begin(argument: *mut c_void) -> *mut c_void {
    // SAFETY: what `stack_after` gives, which waits for this thread.
    let call = unsafe { &mut *argument.cast::<&mut (dyn FnMut() + Send)>() };
    // A panic ends the test program here, and says why.
    call();
    std::ptr::null_mut()
}

struct Memory {
    base: *mut u8,
}

impl Memory {
    fn new() -> Self {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), STACK, access, kind, -1, 0) };
        assert_ne!(base, libc::MAP_FAILED);
        Self { base: base.cast() }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: mapped above, and no thread runs on it while this is looked at.
        unsafe { std::slice::from_raw_parts_mut(self.base, STACK) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`; no thread runs on it any more.
        unsafe { libc::munmap(self.base.cast(), STACK) };
    }
}

/// Bytes that are neither paint nor zero.
#[derive(Debug)]
pub(crate) struct Left {
    /// What went deeper than the sweep: where sweeps are within sweeps, some words.
    pub(crate) below: usize,
    /// The frames of those who had it swept, and of the thread.
    pub(crate) above: usize,
}

/// The bytes of a stack, its deepest first.
pub(crate) struct Stack(Vec<u8>);

impl Stack {
    /// How deep it was ever used, in bytes.
    pub(crate) fn depth(&self) -> usize {
        self.0.iter().position(|byte| *byte != PAINT).map_or(0, |deepest| self.0.len() - deepest)
    }

    /// What is left below and above the deepest run of zeros that is long enough for a sweep; none without such a run.
    pub(crate) fn around_the_sweep(&self) -> Option<Left> {
        let used = self.used();
        let mut run = 0;
        for (at, byte) in used.iter().enumerate() {
            run = if *byte == 0 { run + 1 } else { 0 };
            if run == SWEEP {
                return Some(Left { below: left(&used[..at]), above: left(&used[at..]) });
            }
        }
        None
    }

    /// How many bytes are neither paint nor zero.
    pub(crate) fn left(&self) -> usize {
        left(self.used())
    }

    /// Whether it holds a piece of the secret, forwards or backwards: what a register holds.
    pub(crate) fn holds(&self, secret: &[u8]) -> bool {
        const PIECE: usize = 8;
        let backwards: Vec<u8> = secret.iter().rev().copied().collect();
        let pieces: HashSet<&[u8]> = secret.windows(PIECE).chain(backwards.windows(PIECE)).collect();
        self.used().windows(PIECE).any(|place| pieces.contains(place))
    }

    fn used(&self) -> &[u8] {
        &self.0[self.0.len() - self.depth()..]
    }
}

fn left(part: &[u8]) -> usize {
    part.iter().filter(|byte| !matches!(**byte, PAINT | 0)).count()
}
