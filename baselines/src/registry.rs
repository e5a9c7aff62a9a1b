//! Every baseline by name.
