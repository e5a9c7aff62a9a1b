//! The lease of a run: which process, on which machine, may write into its folder.
//!
//! Locks of the operating system are not relied upon: some file systems that several machines share do not carry them from one
//! to the other, and say nothing. What all of them have is that a name is given once. So a lease is a file with that name,
//! [`LEASE`](vocabulary::record::LEASE), which appears whole and is never replaced; its holder overwrites it in place with a later
//! time, and removes it in the end.
//!
//! - `exclusive`: files that one process alone creates or removes;
//! - `acquire`: what stands in the way of a lease, how long it is waited for, and when it is taken over;
//! - `hold`: a lease that is held, its renewal, and the question before every write whether it still is.
//!
//! Who finds the lease of a process of the same machine looks at the process. A lease of another machine counts as long as its bytes
//! change; they are compared by one reader and measured by its own clock, so that the clocks of two machines need not agree. A
//! holder that was stopped for so long, and goes on, finds that out before it writes.

mod acquire;
mod error;
mod exclusive;
mod hold;
#[cfg(test)]
mod tests;

pub(crate) use acquire::{Patience, Wanted};
pub(crate) use error::LeaseError;
pub(crate) use hold::{Held, Hold};
