//! Stack, memo and arena of a running pickle, and the reading of its operands.

use std::collections::HashMap;

use super::value::{Global, Id, Object, PickleValue, Pickled};
use crate::files::PytorchError;

/// Most values and references that a pickle may make: what 4 194 304 of them occupy is bounded, and a checkpoint of ten
/// thousand tensors with the moments of its optimiser needs a tenth.
const MOST_WORK: usize = 1 << 22;

/// The state of a running pickle.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(super) arena: Vec<PickleValue>,
    pub(super) stack: Vec<Id>,
    /// Heights of the stack.
    pub(super) marks: Vec<usize>,
    /// Remembered values.
    pub(super) memo: HashMap<u64, Id>,
    /// Values and references made.
    work: usize,
}

impl<'a> Machine<'a> {
    /// At the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, arena: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), work: 0 }
    }

    /// What was made, with the value on top of the stack as the whole.
    pub(super) fn finish(mut self) -> Result<Pickled, PytorchError> {
        let root = self.pop()?;
        Ok(Pickled { arena: self.arena, root, bytes: self.at })
    }

    pub(super) fn damaged(&self, what: &str) -> PytorchError {
        PytorchError::Damaged(format!("{what} at byte {} of its pickle", self.at))
    }

    /// Count `count` values or references.
    pub(super) fn charge(&mut self, count: usize) -> Result<(), PytorchError> {
        self.work = self.work.saturating_add(count);
        if self.work > MOST_WORK {
            return Err(PytorchError::TooLarge(format!("its pickle makes more than {MOST_WORK} values")));
        }
        Ok(())
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PytorchError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { return Err(self.damaged("it ends too early")) };
        let bytes: &'a [u8] = self.bytes;
        let taken = &bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// An unsigned little-endian number of `count` bytes, at most 8.
    pub(super) fn number(&mut self, count: usize) -> Result<u64, PytorchError> {
        Ok(self.take(count)?.iter().rev().fold(0, |number, &byte| (number << 8) | u64::from(byte)))
    }

    pub(super) fn length(&mut self, count: usize) -> Result<usize, PytorchError> {
        let length = self.number(count)?;
        usize::try_from(length).map_err(|_| self.damaged("an impossible length"))
    }

    /// A signed little-endian number of `count` bytes; none where it has more than 16, as states of random generators do.
    pub(super) fn signed(&mut self, count: usize) -> Result<Option<i128>, PytorchError> {
        let bytes = self.take(count)?;
        if count > 16 {
            return Ok(None);
        }
        let fill = if bytes.last().is_some_and(|&last| last >= 0x80) { 0xff } else { 0 };
        let mut whole = [fill; 16];
        whole[..count].copy_from_slice(bytes);
        Ok(Some(i128::from_le_bytes(whole)))
    }

    /// Text, or bytes that are none.
    pub(super) fn text(&mut self, length: usize) -> Result<PickleValue, PytorchError> {
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_or(PickleValue::Bytes, |text| PickleValue::Text(text.into())))
    }

    /// Text up to the next line feed.
    pub(super) fn line(&mut self) -> Result<&'a str, PytorchError> {
        let bytes: &'a [u8] = self.bytes;
        let rest = &bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(self.damaged("it ends within a line"));
        };
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| self.damaged("text that is not UTF-8"))
    }

    pub(super) fn push(&mut self, value: PickleValue) -> Result<(), PytorchError> {
        self.charge(1)?;
        self.arena.push(value);
        self.stack.push(self.arena.len() - 1);
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Result<Id, PytorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.damaged("an instruction without its operands"));
        }
        self.stack.pop().ok_or_else(|| self.damaged("an instruction without its operands"))
    }

    pub(super) fn top(&self) -> Result<Id, PytorchError> {
        self.stack.last().copied().ok_or_else(|| self.damaged("an instruction without its operands"))
    }

    /// Everything above the last mark.
    pub(super) fn marked(&mut self) -> Result<Vec<Id>, PytorchError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a missing mark"))?;
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn remember(&mut self, key: u64) -> Result<(), PytorchError> {
        self.charge(1)?;
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    pub(super) fn recall(&mut self, key: u64) -> Result<(), PytorchError> {
        self.charge(1)?;
        let id = self.memo.get(&key).copied().ok_or_else(|| self.damaged("a reference to nothing"))?;
        self.stack.push(id);
        Ok(())
    }

    pub(super) fn tuple(&mut self, count: usize) -> Result<(), PytorchError> {
        let mut parts = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        parts.reverse();
        self.push(PickleValue::Tuple(parts))
    }

    /// Put pairs into the dict on top of the stack.
    pub(super) fn set_items(&mut self, parts: &[Id]) -> Result<(), PytorchError> {
        self.charge(parts.len())?;
        let top = self.top()?;
        let (pairs, rest) = parts.as_chunks::<2>();
        match &mut self.arena[top] {
            PickleValue::Dict(dict) | PickleValue::Object(Object { items: dict, .. }) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err(self.damaged("entries for what is no dict")),
        }
    }

    /// Put values into the list on top of the stack.
    pub(super) fn append(&mut self, parts: &[Id]) -> Result<(), PytorchError> {
        self.charge(parts.len())?;
        let top = self.top()?;
        match &mut self.arena[top] {
            PickleValue::List(list) => {
                list.extend(parts);
                Ok(())
            }
            // A list of another class.
            PickleValue::Object(_) => Ok(()),
            _ => Err(self.damaged("values for what is no list")),
        }
    }

    pub(super) fn global(&mut self) -> Result<Global, PytorchError> {
        let (module, name) = (self.line()?, self.line()?);
        Ok(Global::find(module, name))
    }
}
