//! AWS-LC's heap in secret memory, so that parsed RSA keys may stay between two signatures.
//!
//! Checking an RSA key and setting it up costs as much as its signature. Where `memfd_secret` is in force
//! the parsed key may be kept: everything that AWS-LC allocates lies in one arena of such pages, which no
//! scan and no dump reads. Elsewhere nothing is kept.
//! Guarantees: what AWS-LC frees is wiped, in the arena and outside; where the arena is full the ordinary
//! heap is used and nothing fails; there is room for kept keys only while half of the arena is free, which is more
//! than all threads together need for the keys that they use and forget, and a key stays only where no block that it
//! may be in came from the ordinary heap: an arena that is cut into small blocks has no large ones, however empty.
//! Must never: move a block out of the arena while it is in use, or free one that it did not give.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::mapping::map_secret;
use super::wipe::wipe;

/// Sizes to try, in bytes: half of the largest holds some 150 RSA-3072 keys; the smallest is for a small
/// limit on locked memory, and holds a few.
const ARENA_SIZES: [usize; 3] = [4 << 20, 1 << 20, 256 << 10];

/// Bytes before each block: its size, and padding that keeps the block aligned as malloc(3) aligns.
const HEADER: usize = 16;

/// Blocks of the arena have 2^5 to 2^17 bytes with their header; larger ones are rare and short-lived.
const CLASSES: std::ops::RangeInclusive<u32> = 5..=17;

const CLASS_COUNT: usize = 18;

/// The arena's addresses, once there is one. As one value: a thread that frees a block of the ordinary heap while the
/// arena is made must not see one end of it alone.
static ADDRESSES: OnceLock<Range<usize>> = OnceLock::new();
/// AWS-LC allocates here.
static INSTALLED: AtomicBool = AtomicBool::new(false);
/// How many blocks came from the ordinary heap.
static OUTSIDE: AtomicUsize = AtomicUsize::new(0);
static ARENA: Mutex<Arena> = Mutex::new(Arena { next: 0, used: 0, free: [0; CLASS_COUNT] });

struct Arena {
    /// The first address never given out.
    next: usize,
    /// Bytes in use, headers included.
    used: usize,
    /// For each class the first free block, which begins with the address of the next one.
    free: [usize; CLASS_COUNT],
}

/// Makes AWS-LC allocate here. To be called before anything else uses AWS-LC; until a vault is made the ordinary heap
/// serves. False where somebody came first: then nothing is ever kept.
pub fn install() -> bool {
    // SAFETY: the three functions keep the contracts of malloc, realloc and free among themselves, and no
    // block of another allocator can come to them, since nothing was allocated before.
    let done =
        unsafe { aws_lc_sys::CRYPTO_set_mem_functions(Some(allocate), Some(reallocate), Some(release)) };
    INSTALLED.store(done == 1, Ordering::Release);
    done == 1
}

/// Maps the arena, where the system has `memfd_secret` and locked memory for it.
pub(super) fn arm() {
    let mut arena = locked();
    if arena.next != 0 || !INSTALLED.load(Ordering::Acquire) {
        return;
    }
    if let Some((base, size)) = ARENA_SIZES.iter().find_map(|size| Some((map_secret(*size).ok()?, *size))) {
        arena.next = base.as_ptr() as usize;
        let _ = ADDRESSES.set(arena.next..arena.next + size);
    }
}

/// How many blocks were given outside of the arena so far.
pub(super) fn given_outside() -> usize {
    OUTSIDE.load(Ordering::Relaxed)
}

/// Whether another parsed key may be kept.
pub(super) fn has_room() -> bool {
    ADDRESSES.get().is_some_and(|arena| locked().used < arena.len() / 2)
}

fn locked() -> MutexGuard<'static, Arena> {
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The class of a block for `size` bytes, where the arena has such.
fn class_of(size: usize) -> Option<u32> {
    let class = size.checked_add(HEADER)?.checked_next_power_of_two()?.trailing_zeros();
    Some(class.max(*CLASSES.start())).filter(|class| CLASSES.contains(class))
}

fn in_arena(address: usize) -> bool {
    ADDRESSES.get().is_some_and(|arena| arena.contains(&address))
}

impl Arena {
    fn take(&mut self, class: u32) -> Option<NonNull<u8>> {
        let (index, size) = (class as usize, 1 << class);
        let mut address = self.free[index];
        if address != 0 {
            // SAFETY: a free block of the arena begins with the next free one's address; it is ours under
            // the lock.
            self.free[index] = unsafe { *(address as *const usize) };
        } else {
            address = self.next;
            if address + size > ADDRESSES.get().map_or(0, |arena| arena.end) {
                return None;
            }
            self.next += size;
        }
        self.used += size;
        NonNull::new(address as *mut u8)
    }

    fn give_back(&mut self, address: usize, class: u32) {
        // SAFETY: the block was given by `take`, is wiped, and nobody else has it.
        unsafe { *(address as *mut usize) = self.free[class as usize] };
        self.free[class as usize] = address;
        self.used -= 1 << class;
    }
}

/// A block and how many bytes it holds for its user.
fn block(size: usize) -> Option<(NonNull<u8>, usize)> {
    if let Some(class) = class_of(size) {
        if let Some(start) = locked().take(class) {
            return Some((start, (1 << class) - HEADER));
        }
    }
    OUTSIDE.fetch_add(1, Ordering::Relaxed);
    // SAFETY: null is checked by the caller of NonNull::new.
    let start = unsafe { libc::malloc(size.checked_add(HEADER)?) };
    Some((NonNull::new(start.cast())?, size))
}

unsafe extern "C" fn allocate(size: usize, _file: *const c_char, _line: c_int) -> *mut c_void {
    let Some((start, capacity)) = block(size) else { return ptr::null_mut() };
    // SAFETY: every block begins with HEADER bytes of ours.
    unsafe { start.cast::<usize>().write(capacity) };
    start.as_ptr().wrapping_add(HEADER).cast()
}

/// The size that `allocate` noted for a block of its own.
fn capacity(user: *mut c_void) -> usize {
    // SAFETY: AWS-LC gives only what `allocate` gave, and that has its size HEADER bytes before.
    unsafe { *user.cast::<u8>().wrapping_sub(HEADER).cast::<usize>() }
}

unsafe extern "C" fn reallocate(
    user: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    if !user.is_null() && size <= capacity(user) {
        return user;
    }
    // SAFETY: no requirement beyond malloc's.
    let larger = unsafe { allocate(size, file, line) };
    if !user.is_null() && !larger.is_null() {
        // SAFETY: the old block holds as many bytes, the new one more, and they are two blocks.
        unsafe { ptr::copy_nonoverlapping(user.cast::<u8>(), larger.cast::<u8>(), capacity(user)) };
        // SAFETY: the old block is not used any more.
        unsafe { release(user, file, line) };
    }
    larger
}

unsafe extern "C" fn release(user: *mut c_void, _file: *const c_char, _line: c_int) {
    if user.is_null() {
        return;
    }
    let capacity = capacity(user);
    // SAFETY: the whole block is given back, and holds as many bytes.
    wipe(unsafe { std::slice::from_raw_parts_mut(user.cast::<u8>(), capacity) });
    let start = user.cast::<u8>().wrapping_sub(HEADER);
    if in_arena(start as usize) {
        locked().give_back(start as usize, (capacity + HEADER).trailing_zeros());
    } else {
        // SAFETY: it came from malloc in `block`.
        unsafe { libc::free(start.cast()) };
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
