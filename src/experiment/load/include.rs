//! `include`: files whose tasks, baselines, rules and training settings a file takes over.
//!
//! What is included is merged with the file as if its text stood in front, before anything of it is read: nothing that comes
//! after knows of it, and a run is the same whether its settings were included or written. Every key and value keeps the place
//! in the file that it stands in.

use std::path::{Path, PathBuf};

use super::read::read;
use crate::experiment::raw::included_keys;
use crate::experiment::yaml::parse;
use crate::experiment::{Content, Diagnostic, Mistake, Node, Position, Sources};

/// Key of the list of files.
const INCLUDE: &str = "include";

/// Puts what files include in front of what they say.
pub(super) struct Includer<'a> {
    sources: &'a mut Sources,
    /// Files that are being read, the innermost last.
    open: Vec<PathBuf>,
    /// Files that were taken over: a second time adds nothing.
    taken: Vec<PathBuf>,
}

impl<'a> Includer<'a> {
    /// For the file at `path`, if the text is of one.
    pub(super) fn new(sources: &'a mut Sources, path: Option<&Path>) -> Self {
        // A file that has gone since it was read can include nothing that includes it.
        let open = path.and_then(|path| path.canonicalize().ok()).into_iter().collect();
        Self { sources, open, taken: Vec::new() }
    }

    /// `root`, the content of a file in `folder`, without its `include`, behind what that names.
    ///
    /// # Errors
    /// A file that is missing, includes itself, or has keys that are not taken over.
    pub(super) fn resolve(&mut self, root: &Node, folder: Option<&Path>) -> Result<Node, Diagnostic> {
        let Some(list) = root.get(INCLUDE) else { return Ok(root.clone()) };
        let mut own = root.clone();
        own.remove(&[INCLUDE.to_owned()]);
        let mut whole = Node::empty(root.at);
        for item in names(list)? {
            let Content::Text(name) = &item.content else {
                let message = format!("an included file is the text of its path; found {}", item.describe());
                return Err(Diagnostic::at(item.at, message));
            };
            let folder = folder.ok_or_else(|| {
                Diagnostic::at(item.at, "`include` needs a file, to whose folder its paths are relative")
            })?;
            if let Some(part) = self.file(&folder.join(name), item.at)? {
                append(&mut whole, &part);
            }
        }
        append(&mut whole, &own);
        Ok(whole)
    }

    /// What is taken over from the file at `path` and from what it includes; nothing where that has happened before. The
    /// file is named at `at`.
    fn file(&mut self, path: &Path, at: Position) -> Result<Option<Node>, Diagnostic> {
        let refuse = |kind, message: String| Diagnostic { kind, ..Diagnostic::at(at, message) };
        let real = path.canonicalize().map_err(|error| {
            let message = format!("cannot read the included file `{}`: {error}", path.display());
            refuse(Mistake::Unreadable, message).note("its path is relative to the folder of the file that includes it")
        })?;
        if let Some(first) = self.open.iter().position(|open| *open == real) {
            let way = self.open[first..].iter().chain([&real]).filter_map(|path| path.file_name());
            let way: Vec<String> = way.map(|name| name.to_string_lossy().into_owned()).collect();
            let message = format!("`{}` includes itself", path.display());
            return Err(refuse(Mistake::IncludeCycle, message).note(way.join(" includes ")));
        }
        if self.taken.contains(&real) {
            return Ok(None);
        }
        let text = read(path).map_err(|error| refuse(error.kind, error.message))?;
        let source = self.sources.file(path.display().to_string(), text.clone());
        let root = parse(&text, source, 0)?.filter(|root| root.content != Content::Null);
        let root = root.ok_or_else(|| refuse(Mistake::BadSetting, format!("`{}` is empty", path.display())))?;
        included_keys(&root)?;
        self.open.push(real.clone());
        let mut part = self.resolve(&root, path.parent())?;
        for described in ["version", "description"] {
            part.remove(&[described.to_owned()]);
        }
        self.open.pop();
        self.taken.push(real);
        Ok(Some(part))
    }
}

fn names(list: &Node) -> Result<&[Node], Diagnostic> {
    match &list.content {
        Content::List(items) if !items.is_empty() => Ok(items),
        _ => {
            let message = format!("`include` must be a list of at least one file; found {}", list.describe());
            Err(Diagnostic::at(list.at, message).note("e.g. include: [common/state-space.yaml]"))
        }
    }
}

/// Put `more` behind `whole`: entries and rules follow those that are there, training settings win over them. Other keys are
/// those of the including file, which is last and has each once.
fn append(whole: &mut Node, more: &Node) {
    let (Content::Map(pairs), Content::Map(new)) = (&mut whole.content, &more.content) else {
        *whole = more.clone();
        return;
    };
    for pair in new {
        let Some(old) = pairs.iter_mut().find(|old| old.key == pair.key) else {
            pairs.push(pair.clone());
            continue;
        };
        old.at = pair.at;
        match (pair.key.as_str(), &mut old.value.content, &pair.value.content) {
            ("cells", Content::List(rules), Content::List(further)) if !further.is_empty() => {
                rules.extend(further.iter().cloned());
            }
            ("tasks" | "baselines", Content::List(entries), Content::List(further)) if !further.is_empty() => {
                further.iter().for_each(|entry| add_entry(entries, entry));
            }
            ("training", Content::Map(_), Content::Map(_)) => old.value.merge(&pair.value),
            // Nothing written changes nothing.
            ("training", Content::Map(_), Content::Null) => {}
            // What is of the wrong kind is refused where it stands, and nothing may hide it.
            ("cells" | "tasks" | "baselines", Content::List(_), _)
            | ("training", Content::Map(_) | Content::Null, _) => old.value = pair.value.clone(),
            _ => {}
        }
    }
}

/// Add a task or baseline; one with the label of an earlier one changes that one where it stands.
fn add_entry(entries: &mut Vec<Node>, entry: &Node) {
    let label = |entry: &Node| match &entry.get("label")?.content {
        Content::Text(text) => Some(text.to_ascii_lowercase()),
        Content::Number(number) => Some(number.written.to_ascii_lowercase()),
        _ => None,
    };
    let same = label(entry).and_then(|own| entries.iter_mut().find(|other| label(other).as_ref() == Some(&own)));
    match same {
        Some(earlier) => earlier.merge(entry),
        None => entries.push(entry.clone()),
    }
}
