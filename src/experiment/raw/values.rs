//! Values of a file: mappings, lists, texts and names, and what is said of others.

use crate::experiment::{Content, Diagnostic, MAX_SOURCE, Node, Position, shorten, with_suggestion, yaml::Pair};

/// Seeds of `value`: a list of whole numbers.
pub fn seeds(value: &Node) -> Result<Vec<u64>, Diagnostic> {
    let items = list(value, "seeds", "[0, 1, 2]")?;
    let mut seeds = Vec::new();
    for item in items {
        let seed = match &item.content {
            Content::Number(n) => n.plain().and_then(|n| n.as_u64()),
            _ => None,
        };
        let Some(seed) = seed else {
            let message = format!("a seed is a whole number, 0 or more; found {}", item.describe());
            return Err(Diagnostic::at(item.at, message));
        };
        if seeds.contains(&seed) {
            return Err(Diagnostic::at(item.at, format!("seed {seed} stands twice")));
        }
        seeds.push(seed);
    }
    Ok(seeds)
}

pub(super) fn known_keys(pairs: &[Pair], place: &str, known: &[&str]) -> Result<(), Diagnostic> {
    match pairs.iter().find(|pair| !known.contains(&pair.key.as_str())) {
        Some(pair) => Err(unknown_key(&pair.key, pair.at, place, known)),
        None => Ok(()),
    }
}

/// The error for a key that does not belong to `place`.
pub fn unknown_key(key: &str, at: Position, place: &str, known: &[impl AsRef<str>]) -> Diagnostic {
    let message = format!("unknown key `{}` in {place}", shorten(key));
    Diagnostic::at(at, with_suggestion(message, key, known.iter().map(AsRef::as_ref))).accepted("keys", known)
}

pub(super) fn mapping<'a>(node: &'a Node, what: &str) -> Result<&'a [Pair], Diagnostic> {
    match &node.content {
        Content::Map(pairs) => Ok(pairs),
        _ => Err(Diagnostic::at(
            node.at,
            format!("{what} must be a mapping of keys to values; found {}", node.describe()),
        )),
    }
}

/// Like [`mapping`]; nothing written counts as an empty mapping.
pub(super) fn mapping_or_nothing<'a>(node: &'a Node, what: &str) -> Result<&'a [Pair], Diagnostic> {
    if node.content == Content::Null { Ok(&[]) } else { mapping(node, &format!("`{what}`")) }
}

pub(super) fn settings(node: &Node, what: &str) -> Result<Node, Diagnostic> {
    node.check_numbers()?;
    Ok(Node { at: node.at, content: Content::Map(mapping_or_nothing(node, what)?.to_vec()) })
}

pub(super) fn list<'a>(node: &'a Node, what: &str, example: &str) -> Result<&'a [Node], Diagnostic> {
    match &node.content {
        Content::List(items) if !items.is_empty() => Ok(items),
        _ => {
            Err(Diagnostic::at(node.at, format!("`{what}` must be a list of at least one; found {}", node.describe()))
                .note(format!("e.g. {what}: {example}")))
        }
    }
}

/// Where settings come from (`source`), or how they were found (`tuning`): a line of text.
pub(super) fn line(node: &Node, what: &str) -> Result<String, Diagnostic> {
    let words = text(node, what)?.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() || words.chars().count() > MAX_SOURCE {
        let message = format!("`{what}` must be text of 1 to {MAX_SOURCE} characters");
        return Err(Diagnostic::at(node.at, message).note(match what {
            "source" => "name the paper with its table, or the file of a repository",
            _ => "say what was tried on which split, or that nothing was",
        }));
    }
    Ok(words)
}

/// One of `options`, by its word.
pub(super) fn choice<T: Copy, const N: usize>(
    node: &Node,
    what: &str,
    options: &[(&str, T); N],
) -> Result<T, Diagnostic> {
    let word = text(node, what)?;
    options.iter().find(|(name, _)| *name == word).map(|(_, chosen)| *chosen).ok_or_else(|| {
        let (message, words) = (format!("`{what}` cannot be `{}`", shorten(&word)), options.map(|(name, _)| name));
        Diagnostic::at(node.at, with_suggestion(message, &word, words)).accepted("values", &words)
    })
}

pub(super) fn text(node: &Node, what: &str) -> Result<String, Diagnostic> {
    match &node.content {
        Content::Text(text) => Ok(text.clone()),
        // A name like `2024` or `1.10` reads as a number; people mean the characters.
        Content::Number(number) => Ok(number.written.clone()),
        _ => {
            let message = format!("`{what}` must be text; found {}", node.describe());
            let wrong = Diagnostic::at(node.at, message);
            match node.content {
                Content::Null | Content::Bool(_) => {
                    Err(wrong.note("words such as `true` and `null` need quotes to be text"))
                }
                _ => Err(wrong),
            }
        }
    }
}

/// Names of experiments and labels become folder names.
pub fn is_safe(name: &str, extra: &[char]) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || extra.contains(&c))
}

/// `text` made of the characters that folder names are safe with.
pub fn make_safe(text: &str) -> String {
    let safe: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+') { c } else { '-' }).collect();
    safe.trim_matches('-').to_owned()
}

/// Longest label; ids of runs stay below 120 characters with it.
pub const MAX_LABEL: usize = 40;

/// Longest name of an experiment.
pub const MAX_NAME: usize = 80;

/// Whether an experiment, and so its folder, may have this name.
pub fn is_name(name: &str) -> bool {
    is_safe(name, &['.']) && name.len() <= MAX_NAME
}

pub(super) fn check_name(name: &str, at: Position) -> Result<(), Diagnostic> {
    if is_name(name) {
        return Ok(());
    }
    let message = format!("`{}` cannot be the name of a folder", shorten(name));
    Err(Diagnostic::at(at, message)
        .note(format!("use letters, digits, `-`, `_` and `.`, at most {MAX_NAME} characters")))
}

pub(super) fn check_label(label: &str, at: Position) -> Result<(), Diagnostic> {
    if is_safe(label, &[]) && label.len() <= MAX_LABEL {
        return Ok(());
    }
    let message = format!("`{}` cannot be a label, since it becomes part of a folder name", shorten(label));
    Err(Diagnostic::at(at, message).note(format!("use letters, digits, `-` and `_`, at most {MAX_LABEL} characters")))
}
