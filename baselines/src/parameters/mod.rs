//! Parameters of networks: their initial values, their names, and the names that the reference programs give them.

pub mod init;
pub mod named;
pub mod reference;
