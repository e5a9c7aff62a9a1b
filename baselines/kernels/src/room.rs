//! Memory for results that is used again in the next step.
//!
//! A training step needs the same sizes over and over. Memory that goes back to the system has to be mapped and cleared
//! again, which costs about as much as an element-wise kernel. So results of a certain size lie in rooms, which tensors give
//! back when they are dropped. All rooms together, used or idle, never take more than the used ones once took together.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, take};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};

use super::simd::Real;

/// Smaller results are left to the allocator.
const SMALLEST: usize = 32 << 10;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

const LINE: usize = 64;

// SAFETY: an array of bytes, which may be zero.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: as large as it is aligned, so without padding, and every pattern of bits is a value.
unsafe impl bytemuck::Pod for Line {}

/// `length` elements, initialised but arbitrary: whoever takes a room writes all of it.
pub(super) struct Room<T> {
    lines: Vec<Line>,
    length: usize,
    element: PhantomData<T>,
}

impl<T: Real> Room<T> {
    /// Room for `length` elements, which are not cleared.
    pub(super) fn new(length: usize) -> Self {
        let lines = (length * size_of::<T>()).div_ceil(LINE);
        Self { lines: shelf().take(lines), length, element: PhantomData }
    }

    /// The memory as that of a tensor.
    pub(super) fn into_bytes(mut self) -> Bytes {
        let bytes = self.length * size_of::<T>();
        let held = Held { room: Room { lines: take(&mut self.lines), length: bytes, element: PhantomData } };
        // SAFETY: all lines are initialised, and there are at least `bytes` bytes of them.
        unsafe { Bytes::from_controller(Box::new(held), bytes) }
    }
}

impl<T: Real> Deref for Room<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.length]
    }
}

impl<T: Real> DerefMut for Room<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.length]
    }
}

impl<T> Drop for Room<T> {
    fn drop(&mut self) {
        shelf().put(take(&mut self.lines));
    }
}

/// A room that belongs to a tensor; its length counts bytes.
struct Held {
    room: Room<u8>,
}

impl AllocationController for Held {
    fn alloc_align(&self) -> usize {
        // What every allocation of tensors has; ours is aligned to more.
        align_of::<u128>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _policy: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let bytes: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut self.room.lines)[..self.room.length];
        // SAFETY: bytes that may be uninitialised are laid out like bytes, and the caller only writes initialised ones.
        Ok(unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = &bytemuck::cast_slice(&self.room.lines)[..self.room.length];
        // SAFETY: bytes that may be uninitialised are laid out like bytes.
        Ok(unsafe { &*(std::ptr::from_ref(bytes) as *const [MaybeUninit<u8>]) })
    }
}

static SHELF: Mutex<Shelf> = Mutex::new(Shelf::new());

fn shelf() -> std::sync::MutexGuard<'static, Shelf> {
    SHELF.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Give memory that nothing uses back to the system: idle rooms, and the pages that mimalloc, where that is the allocator of
/// the program, keeps for each thread of the pool. What comes next then takes what it takes in a new process, whatever ran
/// before it.
pub fn release_idle() {
    // Dropped without the lock.
    let idle = shelf().clear();
    drop(idle);
    collect();
    rayon::broadcast(|_| collect());
    // Pages that other threads have emptied.
    collect();
}

fn collect() {
    // SAFETY: it takes no pointer, may be called on any thread at any time, and frees only what nobody has.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

/// Idle rooms by size, and how much there is. Sizes count lines.
struct Shelf {
    idle: BTreeMap<usize, Vec<(u64, Vec<Line>)>>,
    idle_lines: usize,
    used_lines: usize,
    most_used: usize,
    clock: u64,
}

impl Shelf {
    const fn new() -> Self {
        Self { idle: BTreeMap::new(), idle_lines: 0, used_lines: 0, most_used: 0, clock: 0 }
    }

    /// All idle rooms; how much was used at once is forgotten.
    fn clear(&mut self) -> BTreeMap<usize, Vec<(u64, Vec<Line>)>> {
        self.idle_lines = 0;
        self.most_used = self.used_lines;
        take(&mut self.idle)
    }

    /// A room of `lines` lines, or a few more.
    fn take(&mut self, lines: usize) -> Vec<Line> {
        if lines * LINE < SMALLEST {
            return vec![Line([0; LINE]); lines];
        }
        let found = self.idle.range_mut(lines..=lines + lines / 8).find_map(|(_, rooms)| rooms.pop());
        let room = match found {
            Some((_, room)) => {
                self.idle_lines -= room.len();
                room
            }
            None => {
                self.keep_to(self.most_used.saturating_sub(self.used_lines + lines));
                vec![Line([0; LINE]); lines]
            }
        };
        self.used_lines += room.len();
        self.most_used = self.most_used.max(self.used_lines);
        room
    }

    fn put(&mut self, room: Vec<Line>) {
        let lines = room.len();
        if lines * LINE < SMALLEST {
            return;
        }
        self.used_lines -= lines;
        self.idle_lines += lines;
        self.clock += 1;
        self.idle.entry(lines).or_default().push((self.clock, room));
        self.keep_to(self.most_used.saturating_sub(self.used_lines));
    }

    /// Drop the rooms that have been idle for longest, until the others take at most `most` lines.
    fn keep_to(&mut self, most: usize) {
        while self.idle_lines > most {
            let oldest = self.idle.iter().filter_map(|(&size, rooms)| Some((rooms.first()?.0, size))).min();
            let Some((_, size)) = oldest else { return };
            if let Some(rooms) = self.idle.get_mut(&size) {
                rooms.remove(0);
                self.idle_lines -= size;
                if rooms.is_empty() {
                    self.idle.remove(&size);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 8 * SMALLEST / LINE;

    #[test]
    fn rooms_come_back_and_never_exceed_what_was_used_at_once() {
        let mut shelf = Shelf::new();
        let rooms: Vec<_> = (0..3).map(|_| shelf.take(SIZE)).collect();
        // A room of the first is given back last.
        let first = rooms[0].as_ptr();
        rooms.into_iter().rev().for_each(|room| shelf.put(room));
        assert_eq!((shelf.used_lines, shelf.idle_lines, shelf.most_used), (0, 3 * SIZE, 3 * SIZE));
        let again = shelf.take(SIZE - 1);
        assert_eq!((again.as_ptr(), again.len()), (first, SIZE), "the one that was given back last");
        let other = shelf.take(2 * SIZE);
        assert_eq!((shelf.used_lines, shelf.idle_lines), (3 * SIZE, 0), "idle rooms make way for another size");
        shelf.put(other);
        shelf.put(again);
        assert_eq!((shelf.used_lines, shelf.idle_lines), (0, 3 * SIZE));
        assert!(shelf.idle.values().all(|rooms| !rooms.is_empty()));
    }

    #[test]
    fn a_cleared_shelf_keeps_no_more_than_is_in_use() {
        let mut shelf = Shelf::new();
        let rooms: Vec<_> = (0..3).map(|_| shelf.take(SIZE)).collect();
        let mut rooms = rooms.into_iter();
        rooms.by_ref().take(2).for_each(|room| shelf.put(room));
        assert_eq!(shelf.clear().values().map(Vec::len).sum::<usize>(), 2);
        assert_eq!((shelf.used_lines, shelf.idle_lines, shelf.most_used), (SIZE, 0, SIZE));
        rooms.for_each(|room| shelf.put(room));
        assert_eq!((shelf.used_lines, shelf.idle_lines), (0, SIZE));
    }

    #[test]
    fn small_rooms_are_left_to_the_allocator() {
        let mut shelf = Shelf::new();
        let room = shelf.take(3);
        assert_eq!(room.len(), 3);
        shelf.put(room);
        assert_eq!((shelf.used_lines, shelf.idle_lines, shelf.idle.len()), (0, 0, 0));
    }

    #[test]
    fn the_elements_of_a_room_are_those_of_its_bytes() {
        let mut room = Room::<f32>::new(30_000);
        room.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
        assert!(room.as_ptr().addr().is_multiple_of(LINE));
        let mut bytes = room.into_bytes();
        let values: &[f32] = bytemuck::cast_slice(&bytes);
        assert_eq!((values.len(), values[29_999]), (30_000, 29_999.0));
        bytes[0] = 7;
        assert_eq!(bytes[..4], [7, 0, 0, 0]);
    }
}
