//! Numbers of AWS-LC's, each wiped when dropped.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use aws_lc_sys as c;

never_copied_or_shown!(Number);

/// A number of AWS-LC's, wiped when dropped.
pub(super) struct Number(NonNull<c::BIGNUM>);

impl Number {
    pub(super) fn from_digits(digits: &[u8]) -> Option<Self> {
        // SAFETY: reads exactly the slice; null asks for a new number.
        let number = unsafe { c::BN_bin2bn(digits.as_ptr(), digits.len(), ptr::null_mut()) };
        NonNull::new(number).map(Self)
    }

    /// A copy of a number that belongs to somebody else.
    ///
    /// # Safety
    /// `number` is null or points to a live number.
    pub(super) unsafe fn copy_of(number: *const c::BIGNUM) -> Option<Self> {
        NonNull::new(number.cast_mut())?;
        // SAFETY: not null, and so live, as the caller has promised.
        NonNull::new(unsafe { c::BN_dup(number) }).map(Self)
    }

    /// The number, to be read by the library.
    pub(super) fn get(&self) -> *const c::BIGNUM {
        self.0.as_ptr()
    }

    /// The number itself, for one who frees it.
    pub(super) fn give(self) -> *mut c::BIGNUM {
        std::mem::ManuallyDrop::new(self).0.as_ptr()
    }

    /// Bytes of its digits.
    pub(super) fn len(&self) -> usize {
        // SAFETY: a live number.
        unsafe { c::BN_num_bytes(self.get()) as usize }
    }

    /// Its digits, big-endian: for what is public.
    pub(super) fn digits(&self) -> Vec<u8> {
        let mut digits = vec![0; self.len()];
        self.write(&mut digits);
        digits
    }

    /// Writes its digits into as many bytes.
    pub(super) fn write(&self, out: &mut [u8]) {
        debug_assert_eq!(out.len(), self.len());
        // SAFETY: `out` has as many bytes as the number, which is what is written.
        unsafe { c::BN_bn2bin(self.get(), out.as_mut_ptr()) };
    }

    /// self mod (prime - 1)
    pub(super) fn modulo_less_one(&self, prime: &[u8]) -> Option<Self> {
        let (prime, less_one, remainder) =
            (Self::from_digits(prime)?, Self::from_digits(&[])?, Self::from_digits(&[])?);
        // SAFETY: gives a constant that lives for ever.
        let one = unsafe { c::BN_value_one() };
        // SAFETY: three live numbers.
        if unsafe { c::BN_sub(less_one.0.as_ptr(), prime.get(), one) } != 1 {
            return None;
        }
        // SAFETY: null is checked at once.
        let context = Context(NonNull::new(unsafe { c::BN_CTX_new() })?);
        let out = remainder.0.as_ptr();
        // SAFETY: three live numbers and a live context; a divisor of zero is refused.
        let done = unsafe { c::BN_nnmod(out, self.get(), less_one.get(), context.0.as_ptr()) };
        (done == 1).then_some(remainder)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::BN_clear_free(self.0.as_ptr()) };
    }
}

struct Context(NonNull<c::BN_CTX>);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        unsafe { c::BN_CTX_free(self.0.as_ptr()) };
    }
}
