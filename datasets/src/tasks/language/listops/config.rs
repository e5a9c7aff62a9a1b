//! Settings of ListOps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vocabulary::SplitSizes;

use crate::config::settings;
use crate::tasks::language::listops::expression::END;
use crate::text::{Padding, TokenLayout, Tokens};

/// Sizes of the splits of the Long Range Arena.
const ARENA: SplitSizes = SplitSizes { train: 96_000, validation: 2_000, test: 2_000 };

settings! {
    /// Settings of ListOps. The defaults are those of the Long Range Arena.
    pub struct Config {
        /// Where the expressions come from.
        #[serde(skip_serializing_if = "ListOpsSource::is_generated")]
        pub source: ListOpsSource = ListOpsSource::Generated,
        /// Depth at which only digits stand, 2 to 64.
        #[schemars(range(min = 2, max = 64))]
        pub max_depth: usize = 10,
        /// Most arguments of an operator, 2 to 1000.
        #[schemars(range(min = 2, max = 1000))]
        pub max_args: usize = 10,
        /// Expressions are longer than this many tokens (digits, operators, brackets).
        pub min_length: usize = 500,
        /// Expressions are shorter than this many tokens; up to 1 000 000.
        #[schemars(range(min = 2, max = 1_000_000))]
        pub max_length: usize = 2_000,
        /// Length of the padded sequences; default: `max_length`, which leaves room for the end token; 2 048 for the released
        /// files, as in the loaders of S4 and CCNN.
        pub length: Option<usize> = None,
        /// Whether the end token follows the expression.
        pub end_token: bool = true,
        /// Side that is filled up. The CCNN code pads on the left, S4 on the right.
        pub padding: Padding = Padding::Left,
        /// What the model sees. The CCNN code feeds the ids as one real channel, S4 embeds them.
        pub tokens: Tokens = Tokens::Embed,
        ..generated("Expressions", "accuracy", ARENA),
        /// Seed of the generator; every expression has its own stream.
        pub seed: u64 = 0,
    }
}

impl Config {
    /// How stored expressions are laid out in sequences of `length` tokens.
    pub(super) fn layout(&self, length: usize) -> TokenLayout {
        TokenLayout {
            length,
            offset: 0,
            end: self.end_token.then(|| i32::from(END)),
            padding: self.padding,
            tokens: self.tokens,
            rows: 1,
        }
    }
}

/// Where the expressions come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListOpsSource {
    /// Made by this program; nothing is fetched.
    #[default]
    Generated,
    /// The files released with the Long Range Arena, `listops-1000/basic_{train,val,test}.tsv`.
    Lra,
}

impl ListOpsSource {
    fn is_generated(&self) -> bool {
        *self == Self::Generated
    }
}
