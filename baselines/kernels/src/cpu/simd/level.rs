//! Loops compiled once per instruction set; the widest that the processor has runs.
#![allow(unsafe_code)]

/// No fused multiply-add.
pub(crate) const PLAIN: usize = 0;
/// Fused multiply-add and 16 or more registers of at least 128 bits.
pub(crate) const FUSED: usize = 1;
/// AVX-512: 32 registers of 512 bits.
pub(crate) const WIDE: usize = 2;

/// A loop without calls, to be compiled for several instruction sets. `run` must be `#[inline(always)]`, or it is
/// compiled for the oldest processor only.
pub(crate) trait Loop {
    fn run<const LEVEL: usize>(self);
}

/// Runs `body` with the widest instructions of this processor.
pub(crate) fn dispatch(body: impl Loop) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
        fn wide(body: impl Loop) {
            body.run::<WIDE>();
        }
        #[target_feature(enable = "avx2,fma")]
        fn fused(body: impl Loop) {
            body.run::<FUSED>();
        }
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the processor has every feature that the function is compiled for.
            unsafe { wide(body) }
        } else if avx2 {
            // SAFETY: as above.
            unsafe { fused(body) }
        } else {
            body.run::<PLAIN>();
        }
    }
    #[cfg(target_arch = "aarch64")]
    body.run::<FUSED>();
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    body.run::<PLAIN>();
}

/// Hints to the processor that `values` will be read soon.
pub(crate) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(64 / size_of::<T>()) {
        // SAFETY: a prefetch reads nothing that the program could see, and the address is that of a value.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}
