//! How long and how deep expressions are.

use vocabulary::Split;
use vocabulary::record::SampleAttribute;

use crate::library::{DataError, SampleStore};
use crate::samples::Annotate;
use crate::tasks::language::listops::expression::Token;
use crate::text::stored_sequence;

/// Length and depth of one expression.
pub(super) type Difficulty = [i32; 2];

/// Tokens of an expression, parentheses not counted, and how many operators are open at once at most.
pub(super) fn difficulty(tokens: &[Token]) -> Difficulty {
    let (mut open, mut deepest) = (0, 0);
    for token in tokens {
        match token {
            Token::Open(_) => open += 1,
            Token::Close => open -= 1,
            Token::Digit(_) => {}
        }
        deepest = deepest.max(open);
    }
    [tokens.len() as i32, deepest]
}

/// The columns of `rows`.
pub(super) fn attributes(rows: &[Difficulty]) -> Vec<SampleAttribute> {
    let column = |(at, name): (usize, &str)| SampleAttribute {
        name: name.to_owned(),
        values: rows.iter().map(|row| row[at]).collect(),
    };
    ["length, tokens", "depth, operators"].into_iter().enumerate().map(column).collect()
}

/// The text of an expression.
pub(super) fn text(tokens: &[Token]) -> String {
    tokens.iter().map(|token| token.text()).collect::<Vec<_>>().join(" ")
}

/// Expressions that are stored under the ids of their tokens.
pub(super) struct StoredExpressions;

impl StoredExpressions {
    fn visit(
        store: &SampleStore,
        split: Split,
        places: &[usize],
        mut visit: impl FnMut(&[Token]),
    ) -> Result<(), DataError> {
        store.visit(split, places, |_, input, _| {
            let tokens: Vec<Token> = stored_sequence(input).iter().filter_map(|id| Token::from_id(*id)).collect();
            visit(&tokens);
        })
    }
}

impl Annotate for StoredExpressions {
    fn attributes(
        &self,
        store: &SampleStore,
        split: Split,
        places: &[usize],
    ) -> Result<Vec<SampleAttribute>, DataError> {
        let mut rows = Vec::with_capacity(places.len());
        Self::visit(store, split, places, |tokens| rows.push(difficulty(tokens)))?;
        Ok(attributes(&rows))
    }

    fn texts(&self, store: &SampleStore, split: Split, place: usize) -> Result<Vec<String>, DataError> {
        let mut texts = vec![];
        Self::visit(store, split, &[place], |tokens| texts.push(text(tokens)))?;
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tasks::language::listops::expression::tokenise;

    #[test]
    fn depth_counts_operators_that_are_open_at_once() {
        let of = |text: &str| difficulty(&tokenise(text).unwrap());
        assert_eq!([of("7"), of("[MAX 1 2 ]"), of("[MAX 1 [MIN 2 3 ] [MED 4 ] ]")], [[1, 0], [4, 1], [10, 2]]);
        let tokens = tokenise("( ( [SM 1 ) X )").unwrap();
        assert_eq!(text(&tokens), "[SM 1 ]");
    }
}
