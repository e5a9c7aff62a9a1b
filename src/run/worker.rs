//! A process that trains cells, one after another, as its orders come.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::mpsc;

use baselines::device::DeviceChoice;
use datasets::Library;
use vocabulary::record::StopReason;

use super::cell::{self, Bench, Outcome};
use super::interrupt::Interrupt;
use super::memory;
use super::protocol::{Order, Setup};
use super::telling::Telling;
use crate::exit::{Exit, Stop};
use crate::registry::Registry;

/// Carry out the orders that come on standard input until they end, and tell what happens on standard output.
///
/// # Errors
/// The orders are none, or the device cannot be opened.
pub fn serve(folder: PathBuf, device: DeviceChoice, library: &Library, registry: &Registry) -> Result<Exit, Stop> {
    let interrupt = Interrupt::install(None).map_err(Stop::failed)?;
    let mut setup = String::new();
    // The rest of what the buffer holds is read by the thread below.
    std::io::stdin().read_line(&mut setup).map_err(Stop::failed)?;
    let setup: Setup = serde_json::from_str(&setup)
        .map_err(|_| Stop::usage("this command takes the orders of `bench run`; nothing else can use it"))?;
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
    std::thread::Builder::new().spawn(read).map_err(Stop::failed)?;
    let mut bench = Bench {
        experiment: &setup.experiment,
        missing: setup.missing,
        out: folder,
        library,
        device: device.open()?,
        device_name: device.settled().to_string(),
        plan: setup.plan,
        fresh: setup.fresh,
        process: setup.process,
        display: Telling::new(interrupt.clone()),
        interrupt,
        prepared: HashMap::new(),
        memory: memory::Ledger::default(),
    };
    for line in orders {
        if bench.interrupt.requested() {
            break;
        }
        let cell = serde_json::from_str::<Order>(&line)
            .map_err(|error| error.to_string())
            .and_then(|order| order.cell(registry));
        let outcome = match cell {
            Ok((cell, inputs)) => cell::run(&mut bench, &cell, &inputs),
            Err(message) => Outcome::failed(StopReason::Error, message),
        };
        bench.display.ended(outcome);
    }
    Ok(Exit::Done)
}
