//! Work with secrets on a stack that is wiped afterwards.
//!
//! Libraries wipe what they know they have copied, not what the compiler spilled from registers or what their
//! assembly put aside: a password lay in a worker's stack for as long as the thread lived (found by tests/secrets,
//! in an optimised build only).
//! Guarantees: whatever `work` wrote to the stack, down to [`SHALLOW`] or [`DEEP`], is overwritten when [`swept`] or
//! [`scrubbed`] returns; tests/vault measures that no work goes deeper.
#![forbid(unsafe_code)]

use std::hint::black_box;

/// Bytes of stack that are overwritten after work of any kind: twice what the deepest needs (64 KiB: a signature with
/// ML-DSA, which keeps its matrix there), and little of the 2 MiB that a thread has.
const DEEP: usize = 128 * 1024;

/// Bytes after work that never goes deep: nearly three times what importing RSA-4096 needs, the deepest of it (12 KiB).
/// It takes half a microsecond, and a signature with Ed25519 six.
const SHALLOW: usize = 32 * 1024;

/// Does `work` and wipes the stack that it used. Not for work that waits.
pub fn scrubbed<T>(work: impl FnOnce() -> T) -> T {
    let _sweep = Sweep::<DEEP>;
    below(work)
}

/// The same after sealing, opening, importing and signing, but for what says that it is deep: that does its own.
pub(crate) fn swept<T>(work: impl FnOnce() -> T) -> T {
    let _sweep = Sweep::<SHALLOW>;
    below(work)
}

/// Never inlined, so that its frame is where [`overwrite`] has its own.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Also where the work panics.
struct Sweep<const DEPTH: usize>;

impl<const DEPTH: usize> Drop for Sweep<DEPTH> {
    #[inline(always)]
    fn drop(&mut self) {
        overwrite::<DEPTH>();
        super::registers::wipe();
    }
}

#[inline(never)]
fn overwrite<const DEPTH: usize>() {
    black_box(&mut [0_u8; DEPTH]);
}
