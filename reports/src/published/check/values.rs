//! Values of one model and task in several places, and the value that guessing reaches.

use super::finding::{Finding, RowName, shown};
use crate::published::errata::Kind;
use crate::published::networks::other_names;
use crate::published::provenance::Variant;
use crate::published::values::Published;

/// Values of one model on one task that are not one number, rounded: of every number the place where it stands first.
pub(super) fn disagreeing(values: &[Published]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let same = |other: &&Published| {
            other.task == value.task
                && (other.model == value.model || other_names(&value.model).any(|name| name == other.model))
                && other.variant.contains(&Variant::Pretrained) == value.variant.contains(&Variant::Pretrained)
        };
        let mut earlier = values[..index].iter().filter(same);
        let Some(first) = earlier.next().filter(|first| !first.agrees(value)) else { continue };
        if earlier.any(|other| other.agrees(value)) {
            continue;
        }
        let (row, other) = (RowName::of(value), RowName::of(first));
        match findings.iter_mut().find(|finding| finding.row == row && finding.other == other) {
            Some(finding) => {
                for (numbers, value) in finding.numbers.iter_mut().zip([value, first]) {
                    numbers.push_str(&format!(", {}", shown(value)));
                }
            }
            None => {
                findings.push(Finding { kind: Kind::Disagreeing, row, other, numbers: [shown(value), shown(first)] });
            }
        }
    }
    findings
}

/// What guessing reaches, percent: one over the number of classes.
pub(super) fn chance(task: &str) -> Option<f64> {
    let classes = match task {
        "sMNIST" | "pMNIST" | "sCIFAR10" | "npCIFAR" | "CIFAR10" | "STL10" | "Image" | "2DImage" | "ListOps" => 10,
        "SC10-MFCC" | "SC10-raw" | "SC10-0.5x" => 10,
        "Text" | "Retrieval" | "Pathfinder" | "2DPathfinder" | "Path-X" => 2,
        "CharTraj" => 20,
        "SC35" | "SC35-8kHz-zeroshot" => 35,
        "CIFAR100" => 100,
        // The average of 10, 50, 50, 10, 50 and 50.
        "LRA-average" => return Some(220.0 / 6.0),
        _ => return None,
    };
    Some(100.0 / f64::from(classes))
}
