//! A slice that several threads write to, each in places of its own.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// A slice that several threads write to.
pub(crate) struct Shared<'a, T> {
    values: *mut T,
    length: usize,
    owner: PhantomData<&'a mut [T]>,
}

// SAFETY: threads write through it only, in places that do not overlap (see `slice`).
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(values: &'a mut [T]) -> Self {
        Self { values: values.as_mut_ptr(), length: values.len(), owner: PhantomData }
    }

    pub(crate) fn len(self) -> usize {
        self.length
    }

    /// Where element `place` lies.
    pub(crate) fn at(self, place: usize) -> *mut T {
        assert!(place < self.length, "place {place} lies beyond {}", self.length);
        // SAFETY: the element lies inside the slice that `values` points to.
        unsafe { self.values.add(place) }
    }

    /// The `length` elements from `first` on.
    ///
    /// # Safety
    /// No other slice of these elements may be alive.
    pub(crate) unsafe fn slice(self, first: usize, length: usize) -> &'a mut [T] {
        assert!(first + length <= self.length, "place {first} to {} lies beyond {}", first + length, self.length);
        // SAFETY: the elements lie inside the slice that `values` points to, which is borrowed exclusively; the caller
        // vouches that nobody else refers to them.
        unsafe { std::slice::from_raw_parts_mut(self.values.add(first), length) }
    }
}
