//! A process that trains runs, one after another, as its orders come.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use baselines::device::DeviceChoice;
use datasets::Library;
use vocabulary::record::StopReason;

use crate::registry::Registry;
use crate::runner::run::{RunContext, perform};
use crate::runner::{Interrupt, Order, Outcome, Reporter, RunnerError, Setup};
use crate::training::memory::Ledger;

/// Carry out the orders that come on standard input until they end, and report what happens on standard output.
///
/// # Errors
/// The orders are none, or the device cannot be opened.
pub(crate) fn serve(
    folder: PathBuf,
    device: DeviceChoice,
    library: &Library,
    registry: &Registry,
) -> Result<(), RunnerError> {
    let interrupt = Interrupt::install(None)?;
    let mut setup = String::new();
    // The rest of what the buffer holds is read by the thread below.
    std::io::stdin().read_line(&mut setup)?;
    let setup: Setup = serde_json::from_str(&setup).map_err(|_| RunnerError::NoOrders)?;
    let (sender, orders) = mpsc::channel();
    let orders_end = interrupt.clone();
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        // Whoever gave the orders wants this process to leave, or is there no longer.
        orders_end.request();
    };
    std::thread::Builder::new().spawn(read)?;
    let fresh = setup.fresh;
    let mut context = RunContext {
        setup,
        until: None,
        out: folder,
        library,
        registry,
        device: device.open()?,
        device_name: device.settled().to_string(),
        reporter: Arc::new(Reporter::new(interrupt.clone())),
        interrupt,
        prepared: HashMap::new(),
        memory: Ledger::default(),
    };
    for line in orders {
        if context.interrupt.requested() {
            break;
        }
        let run = serde_json::from_str::<Order>(&line)
            .map_err(|error| error.to_string())
            .and_then(|order| order.run(registry));
        let outcome = match run {
            Ok((run, inputs, part)) => {
                context.until = part.until;
                context.setup.fresh = fresh && !part.goes_on;
                perform(&mut context, &run, &inputs)
            }
            Err(message) => Outcome::failed(StopReason::Error, message),
        };
        context.reporter.ended(outcome);
    }
    Ok(())
}
