//! AWS-LC's heap: whose memory it takes, and what is left of what it frees.
#![allow(unsafe_code)]

use super::super::alone::alone;
use super::super::{Kind, Vault, Wish};
use super::*;
use aws_lc_sys as c;

/// Sizes of blocks: of the arena's least kind, of two others, and of none.
const SIZES: [usize; 4] = [1, 1000, 100_000, 1 << 20];

fn filled(size: usize) -> *mut c_void {
    // SAFETY: null is checked at once.
    let user = unsafe { c::OPENSSL_malloc(size) };
    assert!(!user.is_null());
    // SAFETY: the block has as many bytes.
    unsafe { user.cast::<u8>().write_bytes(0xa5, size) };
    user
}

#[test]
fn what_aws_lc_frees_is_wiped() {
    alone("vault::heap::tests::what_aws_lc_frees_is_wiped", || {
        assert!(install());
        let vault = Vault::new(Wish::Memfd).unwrap();
        for size in SIZES {
            let user = filled(size);
            let inside = in_arena(user as usize);
            assert_eq!(inside, vault.kind() == Kind::MemfdSecret && class_of(size).is_some());
            // SAFETY: it came from there.
            unsafe { c::OPENSSL_free(user) };
            if inside {
                // SAFETY: the arena stays mapped, and no other thread uses it here.
                let left = unsafe { std::slice::from_raw_parts(user.cast::<u8>(), size) };
                assert!(left.iter().all(|byte| *byte == 0), "{size} bytes");
            }
        }
    });
}

#[test]
fn blocks_grow_with_what_they_hold_and_are_given_again() {
    alone("vault::heap::tests::blocks_grow_with_what_they_hold_and_are_given_again", || {
        assert!(install());
        let _vault = Vault::new(Wish::Memfd).unwrap();
        for pair in SIZES.windows(2) {
            let user = filled(pair[0]);
            // SAFETY: it came from there.
            let larger = unsafe { c::OPENSSL_realloc(user, pair[1]) };
            // SAFETY: it has more bytes than those, which were written.
            let kept = unsafe { std::slice::from_raw_parts(larger.cast::<u8>(), pair[0]) };
            assert!(kept.iter().all(|byte| *byte == 0xa5));
            let used = locked().used;
            // SAFETY: it came from there.
            unsafe { c::OPENSSL_free(larger) };
            let again = filled(pair[1]);
            // The ordinary heap may give another one.
            assert!(again == larger || !in_arena(larger as usize));
            assert_eq!(locked().used, used);
            // SAFETY: it came from there.
            unsafe { c::OPENSSL_free(again) };
        }
    });
}

/// Threads that take more than there is, all at once: each block is its holder's alone.
#[test]
fn an_arena_that_is_full_fails_nobody() {
    alone("vault::heap::tests::an_arena_that_is_full_fails_nobody", || {
        assert!(install());
        let _vault = Vault::new(Wish::Memfd).unwrap();
        let before = locked().used;
        std::thread::scope(|scope| {
            for mark in 1..=8_u8 {
                scope.spawn(move || hold_and_check(mark));
            }
        });
        assert_eq!(locked().used, before);
    });
}

/// Holds some blocks, marked, as long as others do.
fn hold_and_check(mark: u8) {
    let held: Vec<(*mut u8, usize)> = (0..600)
        .map(|turn| {
            let size = 1 + turn * 97 % 5000;
            let user = filled(size).cast::<u8>();
            // SAFETY: the block has as many bytes.
            unsafe { user.write_bytes(mark, size) };
            (user, size)
        })
        .collect();
    for (user, size) in held {
        // SAFETY: the block is this thread's, and was written.
        let bytes = unsafe { std::slice::from_raw_parts(user, size) };
        assert!(bytes.iter().all(|byte| *byte == mark));
        // SAFETY: it came from there.
        unsafe { c::OPENSSL_free(user.cast()) };
    }
}
