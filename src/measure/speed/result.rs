//! What training steps took, step by step and in summary.

use std::collections::BTreeMap;

use baselines::kernels::profile;
use serde::Serialize;

/// Smallest, middle and largest of several values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) min: f64,
    /// Middle; the mean of the middle two of an even number.
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// Of at least one value.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self { min: values[0], median: (low + high) / 2.0, max: values[values.len() - 1] }
    }
}

/// What the steps of one task and baseline took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SpeedResult {
    pub(crate) parameters: u64,
    /// Samples of a step.
    pub(crate) samples: usize,
    /// Forward passes of a step.
    pub(crate) passes: usize,
    /// Seconds of a whole step.
    pub(crate) seconds: Summary,
    /// Seconds that a step would take if nothing else ran on the machine, as far as CPU times tell: that of the thread that
    /// takes the steps, or that of all threads shared among them, whichever is more. Absent where another device computes.
    pub(crate) undisturbed_seconds: Option<Summary>,
    /// Seconds of CPU time of a whole step, over all threads, where the system tells.
    pub(crate) cpu_seconds: Option<Summary>,
    /// Median seconds that a step waits for its batch to be read, decoded and augmented.
    pub(crate) data_seconds: f64,
    /// Seconds of waiting of all steps that count, as a share of the time of these steps.
    pub(crate) data_share: f64,
    /// Median seconds of placing the batch on the device and of the forward pass, loss included.
    pub(crate) forward_seconds: f64,
    /// Median seconds of the backward pass.
    pub(crate) backward_seconds: f64,
    /// Median seconds of clipping and of the update.
    pub(crate) optimiser_seconds: f64,
    /// Resident memory before the network was built, in bytes, where the system tells.
    pub(crate) base_memory_bytes: Option<u64>,
    /// Peak resident memory, in bytes, where the system tells.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// Most memory that the device's allocator held after a phase of a step, in bytes, pages kept for reuse included; absent
    /// on the CPU, whose memory is that of the process.
    pub(crate) device_memory_bytes: Option<u64>,
    /// Where asked for, what every kernel took in a step on average. (A GPU finishes before and after each of them then,
    /// which makes the whole step slower.)
    pub(crate) kernels: Option<Vec<KernelTime>>,
}

/// What one kernel takes in a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct KernelTime {
    /// Name, with `backward` where it is a gradient.
    pub(crate) name: &'static str,
    /// Calls per step.
    pub(crate) calls: f64,
    /// Seconds per step.
    pub(crate) seconds: f64,
}

/// The steps of one task and baseline, of all rounds.
pub(crate) struct StepTimes {
    pub(super) parameters: u64,
    pub(super) samples: usize,
    pub(super) passes: usize,
    pub(super) base_memory_bytes: Option<u64>,
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) measurement: Measurement,
}

impl StepTimes {
    /// Count the steps of `more`, another round of the same, too. The memory remains that of the first round: in later
    /// ones the process still holds pages of the earlier.
    pub(crate) fn add(&mut self, more: Self) {
        let (own, more) = (&mut self.measurement, more.measurement);
        own.laps.iter_mut().zip(more.laps).for_each(|(own, more)| own.extend(more));
        own.totals.extend(more.totals);
        own.cpu.extend(more.cpu);
        own.undisturbed.extend(more.undisturbed);
        for (name, time) in more.kernels.into_iter().flatten() {
            let sum = own.kernels.get_or_insert_default().entry(name).or_default();
            sum.calls += time.calls;
            sum.total += time.total;
        }
    }

    /// Medians and extremes over all steps.
    pub(crate) fn summary(self) -> SpeedResult {
        let Measurement { laps, totals, cpu, undisturbed, device_memory, kernels } = self.measurement;
        let waited: f64 = laps[0].iter().sum();
        let data_share = waited / totals.iter().sum::<f64>();
        let [data, forward, backward, update] = laps.map(|lap| Summary::of(lap).median);
        let steps = totals.len() as f64;
        let per_step = |(name, time): (&'static str, profile::Time)| KernelTime {
            name,
            calls: time.calls as f64 / steps,
            seconds: time.total.as_secs_f64() / steps,
        };
        let kernels = kernels.map(|kernels| {
            let mut kernels: Vec<KernelTime> = kernels.into_iter().map(per_step).collect();
            kernels.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
            kernels
        });
        SpeedResult {
            parameters: self.parameters,
            samples: self.samples,
            passes: self.passes,
            seconds: Summary::of(totals),
            undisturbed_seconds: (!undisturbed.is_empty()).then(|| Summary::of(undisturbed)),
            cpu_seconds: (!cpu.is_empty()).then(|| Summary::of(cpu)),
            data_seconds: data,
            data_share,
            forward_seconds: forward,
            backward_seconds: backward,
            optimiser_seconds: update,
            base_memory_bytes: self.base_memory_bytes,
            peak_memory_bytes: self.peak_memory_bytes,
            device_memory_bytes: device_memory,
            kernels,
        }
    }
}

/// What the clocks say.
pub(super) struct Measurement {
    /// Per step: waiting, forward, backward, update.
    pub(super) laps: [Vec<f64>; 4],
    pub(super) totals: Vec<f64>,
    pub(super) cpu: Vec<f64>,
    pub(super) undisturbed: Vec<f64>,
    pub(super) device_memory: Option<u64>,
    pub(super) kernels: Option<BTreeMap<&'static str, profile::Time>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_add_their_steps_and_keep_the_memory_of_the_first() {
        let round = |totals: &[f64], memory| StepTimes {
            parameters: 3,
            samples: 2,
            passes: 1,
            base_memory_bytes: Some(memory),
            peak_memory_bytes: Some(2 * memory),
            measurement: Measurement {
                laps: [0.0, 0.25, 0.5, 0.25].map(|share| totals.iter().map(|total| share * total).collect()),
                totals: totals.to_vec(),
                cpu: totals.to_vec(),
                undisturbed: totals.to_vec(),
                device_memory: None,
                kernels: Some(BTreeMap::from([(
                    "gelu",
                    profile::Time { calls: 4, total: std::time::Duration::from_secs(6) },
                )])),
            },
        };
        let mut steps = round(&[1.0, 9.0], 100);
        steps.add(round(&[2.0, 3.0], 500));
        let found = steps.summary();
        assert_eq!(found.seconds, Summary { min: 1.0, median: 2.5, max: 9.0 });
        assert_eq!((found.forward_seconds, found.backward_seconds, found.data_share), (0.625, 1.25, 0.0));
        assert_eq!((found.base_memory_bytes, found.peak_memory_bytes), (Some(100), Some(200)));
        // Two rounds of two steps: 8 calls and 12 seconds in four steps.
        assert_eq!(found.kernels, Some(vec![KernelTime { name: "gelu", calls: 2.0, seconds: 3.0 }]));
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(Summary::of(vec![3.0, 1.0, 2.0]), Summary { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Summary::of(vec![4.0, 1.0]), Summary { min: 1.0, median: 2.5, max: 4.0 });
    }
}
