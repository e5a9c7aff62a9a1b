//! The part of Python's pickle language that state dicts are written in.
//!
//! A pickle is a program that may call any function. This interpreter knows the few that build tensors and refuses the
//! rest by name, before anything is called. Values live in an arena and refer to each other by index, so that a pickle
//! that shares or nests values without end costs no more memory than it has bytes.

use std::collections::HashMap;

use super::PytorchError;
use super::dtype::Dtype;

/// Index of a value in the arena.
type Id = usize;

/// Values whose meaning is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// A whole number; up to 16 bytes are read.
    Int(i128),
    /// A float, whose value no state dict needs.
    Float,
    /// Text, or bytes that are text.
    Text(String),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dict or an `OrderedDict`.
    Dict(Vec<(Id, Id)>),
    /// A function or class.
    Global(Global),
    /// A block of numbers beside the pickle.
    Storage(Storage),
    /// A view of a storage.
    Tensor(TensorView),
}

/// Functions and classes that a state dict may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`
    Tensor,
    /// `torch._utils._rebuild_parameter`
    Parameter,
    /// `torch.Size`
    Size,
    /// `torch.FloatStorage` and its kin.
    Storage(Dtype),
}

impl Global {
    fn find(module: &str, name: &str) -> Result<Self, PytorchError> {
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Self::Tensor),
            ("torch._utils", "_rebuild_parameter") => Ok(Self::Parameter),
            ("torch", "Size") => Ok(Self::Size),
            ("torch", storage) => Dtype::of_storage(storage).map(Self::Storage).ok_or_else(|| refuse(module, name)),
            _ => Err(refuse(module, name)),
        }
    }
}

fn refuse(module: &str, name: &str) -> PytorchError {
    PytorchError::Refused { global: format!("{module}.{name}") }
}

/// A block of numbers beside the pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    /// Its name in the file.
    pub(super) key: String,
    /// Type of its numbers.
    pub(super) dtype: Dtype,
    /// How many there are.
    pub(super) elements: usize,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorView {
    /// What it is a view of.
    pub(super) storage: Storage,
    /// Element at which it begins.
    pub(super) offset: usize,
    /// Sizes.
    pub(super) shape: Vec<usize>,
    /// Elements between neighbours, per axis.
    pub(super) strides: Vec<usize>,
}

/// What a pickle made.
#[derive(Debug)]
pub(super) struct Pickled {
    arena: Vec<Value>,
    root: Id,
    /// Bytes read.
    pub(super) bytes: usize,
}

impl Pickled {
    /// The whole.
    pub(super) fn root(&self) -> &Value {
        &self.arena[self.root]
    }

    /// The value at `id`, an index within some value of this pickle.
    pub(super) fn at(&self, id: Id) -> &Value {
        &self.arena[id]
    }

    /// Every storage that the pickle names.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.arena.iter().filter_map(|value| if let Value::Storage(storage) = value { Some(storage) } else { None })
    }

    /// The entry of `dict` under the key `name`.
    pub(super) fn entry(&self, dict: &[(Id, Id)], name: &str) -> Option<&Value> {
        let found = dict.iter().rev().find(|(key, _)| matches!(self.at(*key), Value::Text(text) if text == name))?;
        Some(self.at(found.1))
    }
}

/// Run the pickle at the start of `bytes`.
///
/// # Errors
/// A function that is not known, an instruction that no state dict has, or bytes that are no pickle.
pub(super) fn run(bytes: &[u8]) -> Result<Pickled, PytorchError> {
    let mut machine =
        Machine { bytes, at: 0, arena: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    while !machine.step()? {}
    let root = machine.pop()?;
    Ok(Pickled { arena: machine.arena, root, bytes: machine.at })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    arena: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine<'_> {
    fn damaged(&self, what: &str) -> PytorchError {
        PytorchError::Damaged(format!("{what} at byte {} of its pickle", self.at))
    }

    fn take(&mut self, count: usize) -> Result<&[u8], PytorchError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { return Err(self.damaged("it ends too early")) };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// An unsigned little-endian number of `count` bytes, at most 8.
    fn number(&mut self, count: usize) -> Result<u64, PytorchError> {
        Ok(self.take(count)?.iter().rev().fold(0, |number, &byte| (number << 8) | u64::from(byte)))
    }

    fn length(&mut self, count: usize) -> Result<usize, PytorchError> {
        let length = self.number(count)?;
        usize::try_from(length).map_err(|_| self.damaged("an impossible length"))
    }

    /// A signed little-endian number of `count` bytes.
    fn signed(&mut self, count: usize) -> Result<i128, PytorchError> {
        if count > 16 {
            return Err(self.damaged("a number of more than 16 bytes"));
        }
        let bytes = self.take(count)?;
        let fill = if bytes.last().is_some_and(|&last| last >= 0x80) { 0xff } else { 0 };
        let mut whole = [fill; 16];
        whole[..count].copy_from_slice(bytes);
        Ok(i128::from_le_bytes(whole))
    }

    fn text(&mut self, length: usize) -> Result<String, PytorchError> {
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| self.damaged("text that is not UTF-8"))
    }

    /// Text up to the next line feed.
    fn line(&mut self) -> Result<String, PytorchError> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(self.damaged("it ends within a line"));
        };
        let text = self.text(length)?;
        self.at += 1;
        Ok(text)
    }

    fn push(&mut self, value: Value) {
        self.arena.push(value);
        self.stack.push(self.arena.len() - 1);
    }

    fn pop(&mut self) -> Result<Id, PytorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.damaged("an instruction without its operands"));
        }
        self.stack.pop().ok_or_else(|| self.damaged("an instruction without its operands"))
    }

    fn top(&self) -> Result<Id, PytorchError> {
        self.stack.last().copied().ok_or_else(|| self.damaged("an instruction without its operands"))
    }

    /// Everything above the last mark.
    fn marked(&mut self) -> Result<Vec<Id>, PytorchError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a missing mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn remember(&mut self, key: u64) -> Result<(), PytorchError> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Result<(), PytorchError> {
        let id = self.memo.get(&key).copied().ok_or_else(|| self.damaged("a reference to nothing"))?;
        self.stack.push(id);
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), PytorchError> {
        let mut parts = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        parts.reverse();
        self.push(Value::Tuple(parts));
        Ok(())
    }

    /// Put pairs into the dict on top of the stack.
    fn set_items(&mut self, parts: &[Id]) -> Result<(), PytorchError> {
        let top = self.top()?;
        let (pairs, rest) = parts.as_chunks::<2>();
        match &mut self.arena[top] {
            Value::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err(self.damaged("entries for what is no dict")),
        }
    }

    /// Put values into the list on top of the stack.
    fn append(&mut self, parts: Vec<Id>) -> Result<(), PytorchError> {
        let top = self.top()?;
        match &mut self.arena[top] {
            Value::List(list) => {
                list.extend(parts);
                Ok(())
            }
            _ => Err(self.damaged("values for what is no list")),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), PytorchError> {
        let global = Global::find(module, name)?;
        self.push(Value::Global(global));
        Ok(())
    }

    /// One instruction; true where it was the last.
    fn step(&mut self) -> Result<bool, PytorchError> {
        let code = self.take(1)?[0];
        match code {
            b'.' => return Ok(true),
            // PROTO and FRAME.
            0x80 | 0x95 => {
                self.take(if code == 0x80 { 1 } else { 8 })?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                self.pop()?;
            }
            b'1' => {
                self.marked()?;
            }
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' => self.integer(4)?,
            b'K' => {
                let number = self.number(1)?;
                self.push(Value::Int(number.into()));
            }
            b'M' => {
                let number = self.number(2)?;
                self.push(Value::Int(number.into()));
            }
            0x8a => {
                let count = self.length(1)?;
                self.integer(count)?;
            }
            0x8b => {
                let count = self.length(4)?;
                self.integer(count)?;
            }
            b'I' | b'L' => self.written()?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Float);
            }
            b'F' => {
                self.line()?;
                self.push(Value::Float);
            }
            // BINUNICODE, BINSTRING and BINBYTES; their short forms; their long forms.
            b'X' | b'T' | b'B' => self.string(4)?,
            0x8c | b'U' | b'C' => self.string(1)?,
            0x8d | 0x8e => self.string(8)?,
            b'V' => {
                let text = self.line()?;
                self.push(Value::Text(text));
            }
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            b't' => {
                let parts = self.marked()?;
                self.push(Value::Tuple(parts));
            }
            b']' => self.push(Value::List(Vec::new())),
            b'l' => {
                let parts = self.marked()?;
                self.push(Value::List(parts));
            }
            b'a' => {
                let part = self.pop()?;
                self.append(vec![part])?;
            }
            b'e' => {
                let parts = self.marked()?;
                self.append(parts)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let parts = self.marked()?;
                self.push(Value::Dict(Vec::new()));
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
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.arena[module].clone(), self.arena[name].clone()) {
                    (Value::Text(module), Value::Text(name)) => self.global(&module, &name)?,
                    _ => return Err(self.damaged("a function without a name")),
                }
            }
            // REDUCE and NEWOBJ call a function or class.
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)?;
            }
            b'b' => {
                // Attributes of an `OrderedDict`, e.g. the versions of the modules.
                self.pop()?;
                let top = self.top()?;
                if !matches!(self.arena[top], Value::Dict(_)) {
                    return Err(self.damaged("attributes for what is no dict"));
                }
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Value::Storage(storage));
            }
            other => return Err(self.damaged(&format!("instruction {other:#04x}, which no state dict has,"))),
        }
        Ok(false)
    }

    fn integer(&mut self, count: usize) -> Result<(), PytorchError> {
        let number = self.signed(count)?;
        self.push(Value::Int(number));
        Ok(())
    }

    /// A number in decimal digits, as protocol 0 has it.
    fn written(&mut self) -> Result<(), PytorchError> {
        let line = self.line()?;
        let value = match line.as_str() {
            "00" => Value::Bool(false),
            "01" => Value::Bool(true),
            digits => match digits.trim_end_matches('L').parse() {
                Ok(number) => Value::Int(number),
                Err(_) => return Err(self.damaged("a number that is none")),
            },
        };
        self.push(value);
        Ok(())
    }

    fn string(&mut self, count: usize) -> Result<(), PytorchError> {
        let length = self.length(count)?;
        let text = self.text(length)?;
        self.push(Value::Text(text));
        Ok(())
    }

    fn call(&mut self, function: Id, arguments: Id) -> Result<(), PytorchError> {
        let Value::Tuple(arguments) = self.arena[arguments].clone() else {
            return Err(self.damaged("a call without arguments"));
        };
        let Value::Global(global) = self.arena[function] else {
            return Err(self.damaged("a call of what is no function"));
        };
        match (global, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.push(Value::Dict(Vec::new())),
            (Global::OrderedDict, &[pairs]) => {
                let mut parts = Vec::new();
                for pair in self.sequence(pairs)? {
                    parts.extend(self.sequence(pair)?);
                }
                self.push(Value::Dict(Vec::new()));
                self.set_items(&parts)?;
            }
            (Global::Tensor, &[storage, offset, shape, strides, ..]) => {
                let Value::Storage(storage) = self.arena[storage].clone() else {
                    return Err(self.damaged("a tensor without a storage"));
                };
                let (shape, strides) = (self.counts(shape)?, self.counts(strides)?);
                if shape.len() != strides.len() {
                    return Err(self.damaged("a tensor whose strides do not fit its shape"));
                }
                let offset = self.count(offset)?;
                self.push(Value::Tensor(TensorView { storage, offset, shape, strides }));
            }
            (Global::Parameter, &[tensor, ..]) if matches!(self.arena[tensor], Value::Tensor(_)) => {
                self.stack.push(tensor);
            }
            (Global::Size, &[sizes]) => {
                let parts = self.sequence(sizes)?;
                self.push(Value::Tuple(parts));
            }
            _ => return Err(self.damaged("a call with the wrong arguments")),
        }
        Ok(())
    }

    /// Read `("storage", type, key, device, elements)`.
    fn storage(&self, id: Id) -> Result<Storage, PytorchError> {
        let parts = self.sequence(id)?;
        let &[kind, class, key, _, elements, ..] = parts.as_slice() else {
            return Err(self.damaged("a storage of an unknown form"));
        };
        match (&self.arena[kind], &self.arena[class], &self.arena[key]) {
            (Value::Text(kind), Value::Global(Global::Storage(dtype)), Value::Text(key)) if kind == "storage" => {
                Ok(Storage { key: key.clone(), dtype: *dtype, elements: self.count(elements)? })
            }
            _ => Err(self.damaged("a storage of an unknown form")),
        }
    }

    fn sequence(&self, id: Id) -> Result<Vec<Id>, PytorchError> {
        match &self.arena[id] {
            Value::Tuple(parts) | Value::List(parts) => Ok(parts.clone()),
            _ => Err(self.damaged("something other than a tuple")),
        }
    }

    fn count(&self, id: Id) -> Result<usize, PytorchError> {
        match self.arena[id] {
            Value::Int(number) => {
                usize::try_from(number).map_err(|_| self.damaged("a size that is negative or too large"))
            }
            _ => Err(self.damaged("a size that is no number")),
        }
    }

    fn counts(&self, id: Id) -> Result<Vec<usize>, PytorchError> {
        self.sequence(id)?.into_iter().map(|part| self.count(part)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_of_all_protocols_are_read() {
        // pickle.dumps({"a": (1, -2, True, None, 1.5), "b": [300, "x"]}, protocol)
        let written: [&[u8]; 2] = [
            b"(dp0\nVa\np1\n(I1\nI-2\nI01\nNF1.5\ntp2\nsVb\np3\n(lp4\nI300\naVx\np5\nas.",
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01(K\x01J\xfe\xff\xff\xff\x88NG?\xf8\x00\x00\x00\x00\x00\x00tq\x02\
              X\x01\x00\x00\x00bq\x03]q\x04(M,\x01X\x01\x00\x00\x00xq\x05eu.",
        ];
        for bytes in written {
            let made = run(bytes).unwrap();
            assert_eq!(made.bytes, bytes.len());
            let Value::Dict(dict) = made.root() else { panic!("{:?}", made.root()) };
            let Some(Value::Tuple(parts)) = made.entry(dict, "a") else { panic!("{dict:?}") };
            let parts: Vec<&Value> = parts.iter().map(|&id| made.at(id)).collect();
            assert_eq!(parts, [&Value::Int(1), &Value::Int(-2), &Value::Bool(true), &Value::None, &Value::Float]);
            let Some(Value::List(parts)) = made.entry(dict, "b") else { panic!("{dict:?}") };
            assert_eq!(made.at(parts[0]), &Value::Int(300));
        }
    }

    #[test]
    fn functions_are_refused_by_name_before_they_are_called() {
        let cases: [(&[u8], &str); 4] = [
            (b"cos\nsystem\n(S'x'\ntR.", "os.system"),
            (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "builtins.eval"),
            (b"ctorch\nload\n.", "torch.load"),
            (b"cnumpy.core.multiarray\nscalar\n.", "numpy.core.multiarray.scalar"),
        ];
        for (bytes, name) in cases {
            match run(bytes) {
                Err(PytorchError::Refused { global }) => assert_eq!(global, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn values_shared_without_end_cost_little() {
        // x = (x, x), a hundred thousand times.
        let mut bytes = b"N".to_vec();
        for _ in 0..100_000 {
            bytes.extend(b"2\x86");
        }
        bytes.push(b'.');
        assert!(run(&bytes).unwrap().arena.len() <= 100_001);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = run(&bytes);
        }

        /// Instructions that exist, in any order.
        #[test]
        fn no_program_makes_it_panic(choice in proptest::collection::vec(0usize..PARTS.len(), 0..60)) {
            let mut bytes: Vec<u8> = choice.iter().flat_map(|&i| PARTS[i].iter().copied()).collect();
            bytes.push(b'.');
            let _ = run(&bytes);
        }
    }

    const PARTS: [&[u8]; 34] = [
        b"(",
        b"0",
        b"1",
        b"2",
        b"N",
        b"\x88",
        b"K\x02",
        b"J\xff\xff\xff\xff",
        b"\x8a\x02\x01\x80",
        b"X\x01\x00\x00\x00a",
        b"\x8c\x07storage",
        b")",
        b"\x85",
        b"\x86",
        b"\x87",
        b"t",
        b"]",
        b"a",
        b"e",
        b"}",
        b"s",
        b"u",
        b"d",
        b"l",
        b"q\x00",
        b"h\x00",
        b"\x94",
        b"ccollections\nOrderedDict\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nFloatStorage\n",
        b"ctorch._utils\n_rebuild_parameter\n",
        b"R",
        b"b",
        b"Q",
    ];
}
