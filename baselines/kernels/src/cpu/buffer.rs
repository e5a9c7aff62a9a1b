//! Memory for results that is used again in the next step.
//!
//! A training step needs the same sizes over and over. Memory that goes back to the system has to be mapped and cleared
//! again, which costs about as much as an element-wise kernel. So results of a certain size lie in buffers, which tensors give
//! back when they are dropped. All buffers together, used or idle, never take more than the used ones once took together.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, take};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};

use super::simd::real::Real;

/// Smaller results are left to the allocator.
const SMALLEST: usize = 32 << 10;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct CacheLine([u8; CACHE_LINE]);

const CACHE_LINE: usize = 64;

// SAFETY: an array of bytes, which may be zero.
unsafe impl bytemuck::Zeroable for CacheLine {}
// SAFETY: as large as it is aligned, so without padding, and every pattern of bits is a value.
unsafe impl bytemuck::Pod for CacheLine {}

/// `length` elements, initialised but arbitrary: the kernel that takes a buffer writes all of it.
pub(crate) struct Buffer<T> {
    lines: Vec<CacheLine>,
    length: usize,
    element: PhantomData<T>,
}

impl<T: Real> Buffer<T> {
    /// A buffer of `length` elements, which are not cleared.
    pub(crate) fn new(length: usize) -> Self {
        let lines = (length * size_of::<T>()).div_ceil(CACHE_LINE);
        Self { lines: pool().take(lines), length, element: PhantomData }
    }

    /// The memory as that of a tensor.
    pub(crate) fn into_bytes(mut self) -> Bytes {
        let bytes = self.length * size_of::<T>();
        let held = PooledBytes { buffer: Buffer { lines: take(&mut self.lines), length: bytes, element: PhantomData } };
        // SAFETY: all lines are initialised, and there are at least `bytes` bytes of them.
        unsafe { Bytes::from_controller(Box::new(held), bytes) }
    }
}

impl<T: Real> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.length]
    }
}

impl<T: Real> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.length]
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        pool().put(take(&mut self.lines));
    }
}

/// A buffer that belongs to a tensor; its length counts bytes.
struct PooledBytes {
    buffer: Buffer<u8>,
}

impl AllocationController for PooledBytes {
    fn alloc_align(&self) -> usize {
        // What every allocation of tensors has; ours is aligned to more.
        align_of::<u128>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _policy: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let bytes: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut self.buffer.lines)[..self.buffer.length];
        // SAFETY: bytes that may be uninitialised are laid out like bytes, and the caller only writes initialised ones.
        Ok(unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = &bytemuck::cast_slice(&self.buffer.lines)[..self.buffer.length];
        // SAFETY: bytes that may be uninitialised are laid out like bytes.
        Ok(unsafe { &*(std::ptr::from_ref(bytes) as *const [MaybeUninit<u8>]) })
    }
}

static POOL: Mutex<BufferPool> = Mutex::new(BufferPool::new());

fn pool() -> std::sync::MutexGuard<'static, BufferPool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives memory that nothing uses back to the system: idle buffers, and the pages that mimalloc, where that is the allocator of
/// the program, keeps for each thread of the pool. What comes next then takes what it takes in a new process, whatever ran
/// before it.
pub fn release_idle() {
    // Dropped without the lock.
    let idle = pool().clear();
    drop(idle);
    collect();
    rayon::broadcast(|_| collect());
    // Pages that other threads have emptied.
    collect();
    #[cfg(feature = "tch")]
    crate::libtorch::release_idle();
}

fn collect() {
    // SAFETY: it takes no pointer, may be called on any thread at any time, and frees only what nobody has.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

/// Idle buffers by size, and how much there is. Sizes count lines.
struct BufferPool {
    idle: BTreeMap<usize, Vec<(u64, Vec<CacheLine>)>>,
    idle_lines: usize,
    used_lines: usize,
    most_used: usize,
    clock: u64,
}

impl BufferPool {
    const fn new() -> Self {
        Self { idle: BTreeMap::new(), idle_lines: 0, used_lines: 0, most_used: 0, clock: 0 }
    }

    /// All idle buffers; how much was used at once is forgotten.
    fn clear(&mut self) -> BTreeMap<usize, Vec<(u64, Vec<CacheLine>)>> {
        self.idle_lines = 0;
        self.most_used = self.used_lines;
        take(&mut self.idle)
    }

    /// A buffer of `lines` lines, or a few more.
    fn take(&mut self, lines: usize) -> Vec<CacheLine> {
        if lines * CACHE_LINE < SMALLEST {
            return vec![CacheLine([0; CACHE_LINE]); lines];
        }
        let found = self.idle.range_mut(lines..=lines + lines / 8).find_map(|(_, buffers)| buffers.pop());
        let buffer = match found {
            Some((_, buffer)) => {
                self.idle_lines -= buffer.len();
                buffer
            }
            None => {
                self.keep_to(self.most_used.saturating_sub(self.used_lines + lines));
                vec![CacheLine([0; CACHE_LINE]); lines]
            }
        };
        self.used_lines += buffer.len();
        self.most_used = self.most_used.max(self.used_lines);
        buffer
    }

    fn put(&mut self, buffer: Vec<CacheLine>) {
        let lines = buffer.len();
        if lines * CACHE_LINE < SMALLEST {
            return;
        }
        self.used_lines -= lines;
        self.idle_lines += lines;
        self.clock += 1;
        self.idle.entry(lines).or_default().push((self.clock, buffer));
        self.keep_to(self.most_used.saturating_sub(self.used_lines));
    }

    /// Drop the buffers that have been idle for longest, until the others take at most `most` lines.
    fn keep_to(&mut self, most: usize) {
        while self.idle_lines > most {
            let oldest = self.idle.iter().filter_map(|(&size, buffers)| Some((buffers.first()?.0, size))).min();
            let Some((_, size)) = oldest else { return };
            if let Some(buffers) = self.idle.get_mut(&size) {
                buffers.remove(0);
                self.idle_lines -= size;
                if buffers.is_empty() {
                    self.idle.remove(&size);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 8 * SMALLEST / CACHE_LINE;

    #[test]
    fn buffers_come_back_and_never_exceed_what_was_used_at_once() {
        let mut pool = BufferPool::new();
        let buffers: Vec<_> = (0..3).map(|_| pool.take(SIZE)).collect();
        // A buffer of the first is given back last.
        let first = buffers[0].as_ptr();
        buffers.into_iter().rev().for_each(|buffer| pool.put(buffer));
        assert_eq!((pool.used_lines, pool.idle_lines, pool.most_used), (0, 3 * SIZE, 3 * SIZE));
        let again = pool.take(SIZE - 1);
        assert_eq!((again.as_ptr(), again.len()), (first, SIZE), "the one that was given back last");
        let other = pool.take(2 * SIZE);
        assert_eq!((pool.used_lines, pool.idle_lines), (3 * SIZE, 0), "idle buffers make way for another size");
        pool.put(other);
        pool.put(again);
        assert_eq!((pool.used_lines, pool.idle_lines), (0, 3 * SIZE));
        assert!(pool.idle.values().all(|buffers| !buffers.is_empty()));
    }

    #[test]
    fn a_cleared_pool_keeps_no_more_than_is_in_use() {
        let mut pool = BufferPool::new();
        let buffers: Vec<_> = (0..3).map(|_| pool.take(SIZE)).collect();
        let mut buffers = buffers.into_iter();
        buffers.by_ref().take(2).for_each(|buffer| pool.put(buffer));
        assert_eq!(pool.clear().values().map(Vec::len).sum::<usize>(), 2);
        assert_eq!((pool.used_lines, pool.idle_lines, pool.most_used), (SIZE, 0, SIZE));
        buffers.for_each(|buffer| pool.put(buffer));
        assert_eq!((pool.used_lines, pool.idle_lines), (0, SIZE));
    }

    #[test]
    fn small_buffers_are_left_to_the_allocator() {
        let mut pool = BufferPool::new();
        let buffer = pool.take(3);
        assert_eq!(buffer.len(), 3);
        pool.put(buffer);
        assert_eq!((pool.used_lines, pool.idle_lines, pool.idle.len()), (0, 0, 0));
    }

    #[test]
    fn the_elements_of_a_buffer_are_those_of_its_bytes() {
        let mut buffer = Buffer::<f32>::new(30_000);
        buffer.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
        assert!(buffer.as_ptr().addr().is_multiple_of(CACHE_LINE));
        let mut bytes = buffer.into_bytes();
        let values: &[f32] = bytemuck::cast_slice(&bytes);
        assert_eq!((values.len(), values[29_999]), (30_000, 29_999.0));
        bytes[0] = 7;
        assert_eq!(bytes[..4], [7, 0, 0, 0]);
    }
}
