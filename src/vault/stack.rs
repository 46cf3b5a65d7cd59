//! Work with secrets on a stack that is wiped afterwards.
//!
//! Libraries wipe what they know they have copied, not what the compiler spilled from registers or what their
//! assembly put aside: a password lay in a worker's stack for as long as the thread lived (found by tests/secrets,
//! in an optimised build only).
//! Guarantees: whatever `work` wrote to the stack, down to [`DEPTH`], is overwritten when [`scrubbed`] returns.
#![forbid(unsafe_code)]

use std::hint::black_box;

/// Bytes of stack that are overwritten: twice what the deepest work needs (64 KiB: a signature with ML-DSA, which
/// keeps its matrix there), and little of the 2 MiB that a thread has.
const DEPTH: usize = 128 * 1024;

/// Does `work` and wipes the stack that it used. Not for work that waits.
pub fn scrubbed<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    overwrite();
    result
}

/// Never inlined, so that its frame is where [`overwrite`] has its own.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn overwrite() {
    black_box(&mut [0_u8; DEPTH]);
}
