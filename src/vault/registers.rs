//! The processor's wide registers, in which a library's last secret stays while its thread sleeps.
//!
//! A thread that waits does not use them, and the system keeps them for it: whoever may look at a thread (a debugger, a
//! core image) finds there what was computed last. The scalar of an Ed25519 key stood there (found by tests/secrets, in
//! an optimised build).
//! Guarantees: after [`wipe`] no vector register of this thread holds anything, on x86-64 and on 64-bit ARM. On other
//! processors it does nothing. General registers need none of it: waiting alone takes them all.
#![allow(unsafe_code)]

/// What a call may use is named by the ABI in which that is all of them: the one of Windows keeps ten for the caller.
#[cfg(target_arch = "x86_64")]
pub(super) fn wipe() {
    use std::arch::{asm, is_x86_feature_detected};
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has these registers, and a call may use them as well.
        unsafe {
            asm!(
                ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
                "vpxord zmm\\n, zmm\\n, zmm\\n",
                ".endr",
                clobber_abi("sysv64"),
                options(nomem, nostack, preserves_flags)
            );
        }
    }
    if is_x86_feature_detected!("avx") {
        // SAFETY: the processor has the instruction; it empties registers 0 to 15, which a call may use as well.
        unsafe { asm!("vzeroall", clobber_abi("sysv64"), options(nomem, nostack, preserves_flags)) };
        return;
    }
    // SAFETY: every processor of this kind has these registers, and a call may use them as well.
    unsafe {
        asm!(
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
            "pxor xmm\\n, xmm\\n",
            ".endr",
            clobber_abi("sysv64"),
            options(nomem, nostack, preserves_flags)
        );
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) fn wipe() {
    // SAFETY: every processor of this kind has these registers, and a call may use them as well, but for the lower
    // halves of eight, which are named.
    unsafe {
        std::arch::asm!(
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
            "movi v\\n\\().2d, #0",
            ".endr",
            ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
            "movi v\\n\\().2d, #0",
            ".endr",
            out("v8") _,
            out("v9") _,
            out("v10") _,
            out("v11") _,
            out("v12") _,
            out("v13") _,
            out("v14") _,
            out("v15") _,
            clobber_abi("C"),
            options(nomem, nostack, preserves_flags)
        );
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn wipe() {}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use crate::vault::scrubbed;
    use std::arch::asm;

    /// What a library leaves in a register that few use.
    #[test]
    fn scrubbed_work_leaves_nothing_in_a_register() {
        let secret = [7_u8; 16];
        let mut left = [1_u8; 16];
        scrubbed(|| {
            // SAFETY: reads 16 bytes of `secret`; the register is one that a call may use.
            unsafe { asm!("movdqu xmm15, [{}]", in(reg) secret.as_ptr(), out("xmm15") _) };
        });
        // SAFETY: writes 16 bytes of `left`.
        unsafe { asm!("movdqu [{}], xmm15", in(reg) left.as_mut_ptr()) };
        assert_eq!(left, [0; 16]);
    }
}
