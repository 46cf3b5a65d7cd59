//! Writing zeros that the compiler may not leave out.
#![forbid(unsafe_code)]

/// Makes every byte zero, as quickly as memory takes it: zeroize writes a slice byte by byte.
pub(super) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // Whoever looks next is not known to the compiler, so that the zeros must be there.
    zeroize::optimization_barrier(bytes);
}
