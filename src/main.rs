//! The `bench` binary.

use std::process::ExitCode;

/// Freed pages stay with the process: training allocates and frees the same large buffers every step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bench::main(bench::Registry::standard())
}
