//! The instructions of a pickle.

use std::rc::Rc;

use super::machine::Machine;
use super::value::{Global, PickleValue};
use crate::files::PytorchError;

impl Machine<'_> {
    /// One instruction; true where it was the last.
    pub(super) fn step(&mut self) -> Result<bool, PytorchError> {
        let code = self.take(1)?[0];
        let known = code == b'.'
            || self.stack_and_memo(code)?
            || self.number_or_constant(code)?
            || self.text_or_bytes(code)?
            || self.collection(code)?
            || self.construction(code)?;
        if !known {
            return Err(self.damaged(&format!("instruction {code:#04x}, which no checkpoint has,")));
        }
        Ok(code == b'.')
    }

    /// Instructions that move values; false where `code` is none of them.
    fn stack_and_memo(&mut self, code: u8) -> Result<bool, PytorchError> {
        match code {
            // PROTO and FRAME.
            0x80 | 0x95 => _ = self.take(if code == 0x80 { 1 } else { 8 })?,
            b'(' => {
                self.charge(1)?;
                self.marks.push(self.stack.len());
            }
            b'0' => _ = self.pop()?,
            b'1' => _ = self.marked()?,
            b'2' => {
                self.charge(1)?;
                let top = self.top()?;
                self.stack.push(top);
            }
            b'q' | b'r' => {
                let key = self.number(if code == b'q' { 1 } else { 4 })?;
                self.remember(key)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' | b'j' => {
                let key = self.number(if code == b'h' { 1 } else { 4 })?;
                self.recall(key)?;
            }
            b'p' | b'g' => {
                let key = self.line()?.parse().map_err(|_| self.damaged("a reference that is no number"))?;
                if code == b'p' { self.remember(key)? } else { self.recall(key)? }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Numbers, truth values and `None`; false where `code` makes none of them.
    fn number_or_constant(&mut self, code: u8) -> Result<bool, PytorchError> {
        match code {
            b'N' => self.push(PickleValue::None)?,
            0x88 => self.push(PickleValue::Bool(true))?,
            0x89 => self.push(PickleValue::Bool(false))?,
            b'J' => self.integer(4)?,
            b'K' | b'M' => {
                let number = self.number(if code == b'K' { 1 } else { 2 })?;
                self.push(PickleValue::Int(number.into()))?;
            }
            0x8a | 0x8b => {
                let count = self.length(if code == 0x8a { 1 } else { 4 })?;
                self.integer(count)?;
            }
            b'I' | b'L' => self.decimal()?,
            b'G' => {
                self.take(8)?;
                self.push(PickleValue::Number)?;
            }
            b'F' => {
                self.line()?;
                self.push(PickleValue::Number)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Texts and bytes; false where `code` makes none of them.
    fn text_or_bytes(&mut self, code: u8) -> Result<bool, PytorchError> {
        match code {
            // BINUNICODE, BINSTRING and BINBYTES; their short forms; their long forms.
            b'X' | b'T' | b'B' => self.string(4)?,
            0x8c | b'U' | b'C' => self.string(1)?,
            0x8d | 0x8e | 0x96 => self.string(8)?,
            b'V' => {
                let text = self.line()?.into();
                self.push(PickleValue::Text(text))?;
            }
            b'S' => {
                let text = self.line()?.trim_matches(['\'', '"']).into();
                self.push(PickleValue::Text(text))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Tuples, lists, sets and dicts; false where `code` makes none of them.
    fn collection(&mut self, code: u8) -> Result<bool, PytorchError> {
        match code {
            b')' => self.push(PickleValue::Tuple(Vec::new()))?,
            0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            b't' => {
                let parts = self.marked()?;
                self.push(PickleValue::Tuple(parts))?;
            }
            b']' | 0x8f => self.push(PickleValue::List(Vec::new()))?,
            b'l' | 0x91 => {
                let parts = self.marked()?;
                self.push(PickleValue::List(parts))?;
            }
            b'a' => {
                let part = self.pop()?;
                self.append(&[part])?;
            }
            b'e' | 0x90 => {
                let parts = self.marked()?;
                self.append(&parts)?;
            }
            b'}' => self.push(PickleValue::Dict(Vec::new()))?,
            b'd' => {
                let parts = self.marked()?;
                self.push(PickleValue::Dict(Vec::new()))?;
                self.set_items(&parts)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let parts = self.marked()?;
                self.set_items(&parts)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Functions and classes, their calls, and storages; false where `code` is none of them.
    fn construction(&mut self, code: u8) -> Result<bool, PytorchError> {
        match code {
            b'c' => {
                let global = self.global()?;
                self.push(PickleValue::Global(global))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (PickleValue::Text(module), PickleValue::Text(name)) = (&self.arena[module], &self.arena[name])
                else {
                    return Err(self.damaged("a function without a name"));
                };
                let global = Global::find(module, name);
                self.push(PickleValue::Global(global))?;
            }
            // INST and OBJ: a class and, from a mark on, its arguments.
            b'i' => {
                let global = self.global()?;
                let parts = self.marked()?;
                self.call(global, &parts)?;
            }
            b'o' => {
                let parts = self.marked()?;
                let Some((&class, arguments)) = parts.split_first() else {
                    return Err(self.damaged("a class without a name"));
                };
                let global = self.callable(class)?;
                self.call(global, arguments)?;
            }
            // REDUCE, NEWOBJ and NEWOBJ_EX call a function or class, the last with named arguments, too.
            b'R' | 0x81 | 0x92 => {
                if code == 0x92 {
                    self.pop()?;
                }
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.reduce(function, arguments)?;
            }
            b'b' => {
                let attributes = self.pop()?;
                let top = self.top()?;
                match &mut self.arena[top] {
                    // Attributes of an `OrderedDict`, e.g. the versions of the modules, or of a parameter.
                    PickleValue::Dict(_) | PickleValue::Tensor(_) => {}
                    PickleValue::Object(object) => object.state = Some(attributes),
                    _ => return Err(self.damaged("attributes for what has none")),
                }
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(PickleValue::Storage(Rc::new(storage)))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn integer(&mut self, count: usize) -> Result<(), PytorchError> {
        let number = self.signed(count)?;
        self.push(number.map_or(PickleValue::Number, PickleValue::Int))
    }

    /// A number in decimal digits, as protocol 0 has it.
    fn decimal(&mut self) -> Result<(), PytorchError> {
        let value = match self.line()? {
            "00" => PickleValue::Bool(false),
            "01" => PickleValue::Bool(true),
            line => {
                let digits = line.trim_end_matches('L');
                let whole = digits.trim_start_matches('-').bytes().all(|digit| digit.is_ascii_digit());
                match digits.parse() {
                    Ok(number) => PickleValue::Int(number),
                    Err(_) if whole && !digits.is_empty() => PickleValue::Number,
                    Err(_) => return Err(self.damaged("a number that is none")),
                }
            }
        };
        self.push(value)
    }

    fn string(&mut self, count: usize) -> Result<(), PytorchError> {
        let length = self.length(count)?;
        let text = self.text(length)?;
        self.push(text)
    }
}
