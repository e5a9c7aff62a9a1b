//! The worst errors of networks, as pictures and texts.

use serde::Serialize;

use crate::format::significant;
use crate::tables::{Worst, WorstOfTasks, probability};

/// Most texts of a network on a page, which are longer than pictures are.
const MOST_TEXTS: usize = 3;

/// The section of a page.
#[derive(Debug, Default, Serialize)]
pub(super) struct Gallery {
    caption: String,
    networks: Vec<Network>,
}

#[derive(Debug, Serialize)]
struct Network {
    title: String,
    /// Whether its inputs are texts.
    read: bool,
    errors: Vec<Card>,
}

#[derive(Debug, Serialize)]
struct Card {
    /// Base64 of a PNG file, whose alphabet needs no escape.
    picture: Option<String>,
    texts: Vec<String>,
    said: String,
    /// What stands in small print.
    about: String,
}

/// The section; nothing where no errors were kept.
pub(super) fn gallery(worst: &WorstOfTasks) -> Option<Gallery> {
    let networks: Vec<Network> = worst.networks.iter().map(network).collect();
    (!networks.is_empty()).then(|| Gallery { caption: worst.caption(), networks })
}

fn network(worst: &Worst) -> Network {
    let card = |error: &vocabulary::record::WorstError| Card {
        picture: error.picture.clone(),
        texts: error.texts.clone(),
        said: format!("said {}, is {}", error.prediction, error.label),
        about: format!("sample {}, p(label) {}", error.position, significant(probability(error), 2)),
    };
    let read = worst.errors.iter().any(|error| !error.texts.is_empty());
    let most = if read { MOST_TEXTS } else { usize::MAX };
    Network {
        title: format!("{}: {}, seed {}", worst.task, worst.baseline, worst.seed),
        read,
        errors: worst.errors.iter().take(most).map(card).collect(),
    }
}
