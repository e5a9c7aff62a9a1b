//! ListOps expressions: tokens, ids, values.

/// A token of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Token {
    /// A digit, 0 to 9.
    Digit(u8),
    /// `[` and an operator.
    Open(Operator),
    /// `]`
    Close,
}

/// What an expression does with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Smallest argument.
    Min,
    /// Largest argument.
    Max,
    /// Median; of an even number of arguments the mean of the middle two, cut off to an integer.
    Med,
    /// Sum modulo 10.
    SumMod,
    /// First argument (original ListOps only).
    First,
    /// Last argument (original ListOps only).
    Last,
}

/// Id that fills a sequence up.
pub const PAD: u8 = 0;
/// Id of tokens outside the vocabulary; no generated expression has one.
pub const UNKNOWN: u8 = 1;
/// Id that ends a sequence.
pub const END: u8 = 2;
/// Number of ids: three special ones, ten digits, four operators, the closing bracket.
pub const VOCABULARY: usize = 18;

const FIRST_DIGIT: u8 = 3;
const FIRST_OPERATOR: u8 = 13;
const CLOSE: u8 = 17;

/// Operators of the Long Range Arena, in the order of their ids.
pub const OPERATORS: [Operator; 4] = [Operator::Min, Operator::Max, Operator::Med, Operator::SumMod];

impl Operator {
    /// The value of the operator on `arguments` (0 to 9, at least one), which are left in any order.
    fn apply(self, arguments: &mut [u8]) -> u8 {
        match self {
            Self::Min => arguments.iter().copied().min().unwrap_or(0),
            Self::Max => arguments.iter().copied().max().unwrap_or(0),
            Self::Med => {
                arguments.sort_unstable();
                let count = arguments.len();
                let (low, high) = (arguments[(count - 1) / 2], arguments[count / 2]);
                (low + high) / 2
            }
            Self::SumMod => (arguments.iter().map(|&value| u64::from(value)).sum::<u64>() % 10) as u8,
            Self::First => arguments.first().copied().unwrap_or(0),
            Self::Last => arguments.last().copied().unwrap_or(0),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Min => "[MIN",
            Self::Max => "[MAX",
            Self::Med => "[MED",
            Self::SumMod => "[SM",
            Self::First => "[FIRST",
            Self::Last => "[LAST",
        }
    }
}

impl Token {
    /// The id of the token in the vocabulary of the Long Range Arena; [`UNKNOWN`] for FIRST and LAST.
    pub fn id(self) -> u8 {
        match self {
            Self::Digit(value) => FIRST_DIGIT + value,
            Self::Open(operator) => {
                let place = OPERATORS.iter().position(|&known| known == operator);
                place.map_or(UNKNOWN, |place| FIRST_OPERATOR + place as u8)
            }
            Self::Close => CLOSE,
        }
    }

    /// The token of an id; `None` for the special ids and beyond.
    pub fn from_id(id: u8) -> Option<Self> {
        match id {
            FIRST_DIGIT..FIRST_OPERATOR => Some(Self::Digit(id - FIRST_DIGIT)),
            FIRST_OPERATOR..CLOSE => Some(Self::Open(OPERATORS[usize::from(id - FIRST_OPERATOR)])),
            CLOSE => Some(Self::Close),
            _ => None,
        }
    }

    /// The token as it is written.
    pub fn text(self) -> &'static str {
        const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        match self {
            Self::Digit(value) => DIGITS.get(usize::from(value)).copied().unwrap_or("?"),
            Self::Open(operator) => operator.text(),
            Self::Close => "]",
        }
    }
}

/// An expression that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// A word that is no token.
    #[error("word {place} `{word}` is no token; tokens are 0 to 9, [MIN, [MAX, [MED, [SM, [FIRST, [LAST and ]")]
    Word {
        /// Place of the word, from 1, parentheses not counted.
        place: usize,
        /// The word, shortened.
        word: String,
    },
    /// A `]` without its operator, or an operator without arguments.
    #[error("token {place}: `]` closes {what}")]
    Close {
        /// Place of the token, from 1.
        place: usize,
        /// What it closes.
        what: &'static str,
    },
    /// More than one expression.
    #[error("token {place} stands after the end of the expression")]
    Trailing {
        /// Place of the token, from 1.
        place: usize,
    },
    /// Nothing, or operators that are not closed.
    #[error("the expression ends with {open} operators that are not closed")]
    Unfinished {
        /// Number of open operators; 0 for an empty expression.
        open: usize,
    },
}

/// The tokens of an expression, with or without the parentheses of the original files.
///
/// # Errors
/// The first word that is no token.
pub fn tokenise(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let separator = |c: char| c.is_whitespace() || c == '(' || c == ')';
    text.split(separator)
        .filter(|word| !word.is_empty())
        .enumerate()
        .map(|(index, word)| {
            token(word).ok_or_else(|| ExpressionError::Word { place: index + 1, word: word.chars().take(20).collect() })
        })
        .collect()
}

fn token(word: &str) -> Option<Token> {
    match word.as_bytes() {
        [digit @ b'0'..=b'9'] => Some(Token::Digit(digit - b'0')),
        // The loaders of the Long Range Arena write `X` for the closing bracket.
        b"]" | b"X" => Some(Token::Close),
        _ => {
            use Operator::{First, Last, Max, Med, Min, SumMod};
            [Min, Max, Med, SumMod, First, Last].into_iter().find(|operator| operator.text() == word).map(Token::Open)
        }
    }
}

/// The value (0 to 9) of an expression.
///
/// # Errors
/// An expression that is not well formed.
pub fn evaluate(tokens: &[Token]) -> Result<u8, ExpressionError> {
    // Values of all open operators, one after the other; each operator remembers where its own begin.
    let mut values: Vec<u8> = Vec::new();
    let mut open: Vec<(Operator, usize)> = Vec::new();
    for (index, &token) in tokens.iter().enumerate() {
        let place = index + 1;
        if open.is_empty() && !values.is_empty() {
            return Err(ExpressionError::Trailing { place });
        }
        match token {
            Token::Digit(value) => values.push(value % 10),
            Token::Open(operator) => open.push((operator, values.len())),
            Token::Close => {
                let (operator, start) = open.pop().ok_or(ExpressionError::Close { place, what: "nothing" })?;
                if values.len() == start {
                    return Err(ExpressionError::Close { place, what: "an operator without arguments" });
                }
                let value = operator.apply(&mut values[start..]);
                values.truncate(start);
                values.push(value);
            }
        }
    }
    match (open.len(), values.first()) {
        (0, Some(&value)) => Ok(value),
        (open, _) => Err(ExpressionError::Unfinished { open }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Result<u8, ExpressionError> {
        evaluate(&tokenise(text)?)
    }

    #[test]
    fn operators_have_the_values_of_the_arena() {
        for (text, expected) in [
            ("7", 7),
            ("[MIN 3 1 2 ]", 1),
            ("[MAX 3 1 2 ]", 3),
            ("[MED 9 1 2 ]", 2),
            ("[MED 1 2 ]", 1),
            ("[MED 9 0 3 4 ]", 3),
            ("[MED 9 0 3 5 ]", 4),
            ("[SM 9 9 5 ]", 3),
            ("[FIRST 4 [MAX 1 9 ] ]", 4),
            ("[LAST 4 [MAX 1 9 ] ]", 9),
            ("( ( ( [SM ( ( ( [MIN 4 ) 8 ) ] ) ) 7 ) ] )", 1),
            ("[MAX 1 2 X", 2),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_its_place() {
        assert_eq!(value("[MIN 1 [AVG 2 ] ]"), Err(ExpressionError::Word { place: 3, word: "[AVG".into() }));
        assert_eq!(value("12"), Err(ExpressionError::Word { place: 1, word: "12".into() }));
        assert_eq!(value("]"), Err(ExpressionError::Close { place: 1, what: "nothing" }));
        assert_eq!(value("[MIN ]"), Err(ExpressionError::Close { place: 2, what: "an operator without arguments" }));
        assert_eq!(value("[MIN 1 ] 2"), Err(ExpressionError::Trailing { place: 4 }));
        assert_eq!(value("[MIN 1 [MAX 2"), Err(ExpressionError::Unfinished { open: 2 }));
        assert_eq!(value(" ( ) "), Err(ExpressionError::Unfinished { open: 0 }));
    }

    #[test]
    fn ids_are_a_bijection() {
        let tokens: Vec<Token> = (0..=255).filter_map(Token::from_id).collect();
        assert_eq!(tokens.len(), VOCABULARY - 3);
        for token in tokens {
            assert_eq!(Token::from_id(token.id()), Some(token));
            assert_eq!(tokenise(token.text()).unwrap(), [token]);
        }
        assert_eq!(Token::Open(Operator::First).id(), UNKNOWN);
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let mut text = "[MAX ".repeat(200_000);
        text.push('5');
        text.push_str(&" ]".repeat(200_000));
        assert_eq!(value(&text), Ok(5));
    }

    fn labelled(text: &str) -> Vec<(u8, String)> {
        text.lines()
            .map(|line| {
                let (label, expression) = line.split_once('\t').unwrap();
                (label.parse().unwrap(), expression.to_owned())
            })
            .collect()
    }

    #[test]
    fn original_expressions_have_their_published_values() {
        let rows = labelled(include_str!("../../../../tests/fixtures/listops/nangia_bowman.tsv"));
        assert_eq!(rows.len(), 50);
        for (label, text) in rows {
            assert_eq!(value(&text), Ok(label), "{text}");
        }
    }

    #[test]
    #[ignore = "needs BENCH_DATA, a folder with listops/*.tsv, `label TAB expression`"]
    fn every_original_expression_has_its_published_value() {
        let folder = crate::files::given_data::folder("listops").join("listops");
        let mut checked = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "tsv") {
                for (label, text) in labelled(&std::fs::read_to_string(&path).unwrap()) {
                    assert_eq!(value(&text), Ok(label), "{}: {text}", path.display());
                    checked += 1;
                }
            }
        }
        eprintln!("{checked} expressions have their published values");
        assert_eq!(checked, 3_500);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = value(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn no_tokens_make_it_panic(ids in proptest::collection::vec(3u8..20, 0..60)) {
            let tokens: Vec<Token> = ids
                .into_iter()
                .map(|id| Token::from_id(id).unwrap_or(Token::Open(if id == 18 { Operator::First } else { Operator::Last })))
                .collect();
            if let Ok(found) = evaluate(&tokens) {
                prop_assert!(found <= 9);
            }
        }
    }
}
