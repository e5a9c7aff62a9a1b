//! The part of Python's pickle language that state dicts are written in.
//!
//! A pickle is a program that may call any function. This interpreter knows the few that build tensors; a call of any
//! other leaves an inert [`Object`] that carries its name, and nothing is ever executed. Values live in an arena and refer
//! to each other by index, so that a pickle that nests or shares values without end needs no recursion and no copies, and
//! every value and every reference counts against [`MOST_WORK`].

use std::collections::HashMap;
use std::rc::Rc;

use super::PytorchError;
use super::dtype::Dtype;

/// Most values and references that a pickle may make: what 4 194 304 of them occupy is bounded, and a checkpoint of ten
/// thousand tensors with the moments of its optimiser needs a tenth.
const MOST_WORK: usize = 1 << 22;
/// Longest name of a function or class that is kept.
const LONGEST_NAME: usize = 200;

/// Index of a value in the arena.
pub(super) type Id = usize;

/// Values whose meaning is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// A whole number of up to 16 bytes.
    Int(i128),
    /// A number whose value no state dict needs: a float, or a whole number of more bytes.
    Number,
    /// Text, or bytes that are text.
    Text(Rc<str>),
    /// Bytes that are no text; what they say is of no use here.
    Bytes,
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list or a set.
    List(Vec<Id>),
    /// A dict or an `OrderedDict`.
    Dict(Vec<(Id, Id)>),
    /// A function or class.
    Global(Global),
    /// What a call of an unknown function or class stands for.
    Object(Object),
    /// A block of numbers beside the pickle.
    Storage(Rc<Storage>),
    /// A view of a storage.
    Tensor(Rc<TensorView>),
}

/// What a call of an unknown function or class would have made: its name and what was put into it. Inert.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    /// Module and name of the function or class.
    pub(super) class: Rc<str>,
    /// Entries that were put into it, as into a dict.
    pub(super) items: Vec<(Id, Id)>,
    /// Its attributes.
    pub(super) state: Option<Id>,
}

/// Functions and classes that a pickle names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor`, `_rebuild_tensor_v2` and `_rebuild_tensor_v3`
    Tensor,
    /// `torch._utils._rebuild_parameter`
    Parameter,
    /// `torch._tensor._rebuild_from_type_v2`, for tensors of a subclass or with attributes: a function that rebuilds one, the
    /// class, its arguments, and the attributes.
    FromType,
    /// `torch.Size`
    Size,
    /// `torch.FloatStorage` and its kin.
    Storage(Elements),
    /// `torch.float8_e4m3fn` and its kin, by the last part of their names.
    Dtype(Rc<str>),
    /// Any other, module and name.
    Other(Rc<str>),
}

impl Global {
    fn find(module: &str, name: &str) -> Self {
        match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => Self::Tensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Self::Parameter,
            ("torch._tensor", "_rebuild_from_type_v2") => Self::FromType,
            ("torch", "Size") => Self::Size,
            ("torch.storage", "UntypedStorage") => Self::Storage(Elements::Untyped),
            ("torch" | "torch.cuda" | "torch.storage", class) if class.ends_with("Storage") => {
                let known = Dtype::of_storage(class).map(Elements::Known);
                Self::Storage(known.unwrap_or_else(|| Elements::Unknown(full_name(module, name))))
            }
            ("torch", kind) if Dtype::is_torch_name(kind) => Self::Dtype(kind.into()),
            _ => Self::Other(full_name(module, name)),
        }
    }
}

/// `module.name`, cut where it is too long for a message.
fn full_name(module: &str, name: &str) -> Rc<str> {
    module.chars().chain(['.']).chain(name.chars()).take(LONGEST_NAME).collect::<String>().into()
}

/// Type of the elements of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Elements {
    /// This one.
    Known(Dtype),
    /// Bytes, whose meaning the tensor says.
    Untyped,
    /// One of a size that is not known, with the name of the class.
    Unknown(Rc<str>),
}

/// A block of numbers beside the pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    /// Its name in the file.
    pub(super) key: Rc<str>,
    /// Type of its elements.
    pub(super) elements: Elements,
    /// How many there are.
    pub(super) count: usize,
    /// Element of the block in the file at which it begins: files before the archives have storages within storages.
    pub(super) base: usize,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorView {
    /// What it is a view of.
    pub(super) storage: Rc<Storage>,
    /// Type of its elements.
    pub(super) elements: Elements,
    /// Element at which it begins.
    pub(super) offset: usize,
    /// Sizes.
    pub(super) shape: Vec<usize>,
    /// Elements between neighbours, per axis.
    pub(super) strides: Vec<usize>,
}

impl TensorView {
    /// The type of the elements in words, e.g. `complex64`.
    pub(super) fn type_name(&self) -> String {
        match &self.elements {
            Elements::Known(dtype) => dtype.name().to_owned(),
            Elements::Untyped => "bytes without a type".to_owned(),
            Elements::Unknown(class) => class.to_string(),
        }
    }
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

    /// Where the whole lies.
    pub(super) fn root_id(&self) -> Id {
        self.root
    }

    /// The value at `id`, an index within some value of this pickle.
    pub(super) fn at(&self, id: Id) -> &Value {
        &self.arena[id]
    }

    /// Every value, in the order in which they were made.
    pub(super) fn values(&self) -> &[Value] {
        &self.arena
    }

    /// Every storage that the pickle names.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.arena
            .iter()
            .filter_map(|value| if let Value::Storage(storage) = value { Some(storage.as_ref()) } else { None })
    }

    /// The entry of `dict` under the key `name`.
    pub(super) fn entry(&self, dict: &[(Id, Id)], name: &str) -> Option<&Value> {
        let found = dict.iter().rev().find(|(key, _)| matches!(self.at(*key), Value::Text(text) if &**text == name))?;
        Some(self.at(found.1))
    }
}

/// Run the pickle at the start of `bytes`.
///
/// # Errors
/// Bytes that are no pickle, one that asks for more than [`MOST_WORK`], or an instruction that no checkpoint has.
pub(super) fn run(bytes: &[u8]) -> Result<Pickled, PytorchError> {
    let mut machine = Machine {
        bytes,
        at: 0,
        arena: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        work: 0,
    };
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
    /// Values and references made.
    work: usize,
}

impl<'a> Machine<'a> {
    fn damaged(&self, what: &str) -> PytorchError {
        PytorchError::Damaged(format!("{what} at byte {} of its pickle", self.at))
    }

    /// Count `count` values or references.
    fn charge(&mut self, count: usize) -> Result<(), PytorchError> {
        self.work = self.work.saturating_add(count);
        if self.work > MOST_WORK {
            return Err(PytorchError::TooLarge(format!("its pickle makes more than {MOST_WORK} values")));
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], PytorchError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { return Err(self.damaged("it ends too early")) };
        let bytes: &'a [u8] = self.bytes;
        let taken = &bytes[self.at..end];
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

    /// A signed little-endian number of `count` bytes; none where it has more than 16, as states of random generators do.
    fn signed(&mut self, count: usize) -> Result<Option<i128>, PytorchError> {
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
    fn text(&mut self, length: usize) -> Result<Value, PytorchError> {
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_or(Value::Bytes, |text| Value::Text(text.into())))
    }

    /// Text up to the next line feed.
    fn line(&mut self) -> Result<&'a str, PytorchError> {
        let bytes: &'a [u8] = self.bytes;
        let rest = &bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(self.damaged("it ends within a line"));
        };
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| self.damaged("text that is not UTF-8"))
    }

    fn push(&mut self, value: Value) -> Result<(), PytorchError> {
        self.charge(1)?;
        self.arena.push(value);
        self.stack.push(self.arena.len() - 1);
        Ok(())
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
        self.charge(1)?;
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Result<(), PytorchError> {
        self.charge(1)?;
        let id = self.memo.get(&key).copied().ok_or_else(|| self.damaged("a reference to nothing"))?;
        self.stack.push(id);
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), PytorchError> {
        let mut parts = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        parts.reverse();
        self.push(Value::Tuple(parts))
    }

    /// Put pairs into the dict on top of the stack.
    fn set_items(&mut self, parts: &[Id]) -> Result<(), PytorchError> {
        self.charge(parts.len())?;
        let top = self.top()?;
        let (pairs, rest) = parts.as_chunks::<2>();
        match &mut self.arena[top] {
            Value::Dict(dict) | Value::Object(Object { items: dict, .. }) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err(self.damaged("entries for what is no dict")),
        }
    }

    /// Put values into the list on top of the stack.
    fn append(&mut self, parts: &[Id]) -> Result<(), PytorchError> {
        self.charge(parts.len())?;
        let top = self.top()?;
        match &mut self.arena[top] {
            Value::List(list) => {
                list.extend(parts);
                Ok(())
            }
            // A list of another class.
            Value::Object(_) => Ok(()),
            _ => Err(self.damaged("values for what is no list")),
        }
    }

    fn global(&mut self) -> Result<Global, PytorchError> {
        let module: Rc<str> = self.line()?.into();
        let name = self.line()?;
        Ok(Global::find(&module, name))
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
            b'(' => {
                self.charge(1)?;
                self.marks.push(self.stack.len());
            }
            b'0' => {
                self.pop()?;
            }
            b'1' => {
                self.marked()?;
            }
            b'2' => {
                self.charge(1)?;
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'J' => self.integer(4)?,
            b'K' => {
                let number = self.number(1)?;
                self.push(Value::Int(number.into()))?;
            }
            b'M' => {
                let number = self.number(2)?;
                self.push(Value::Int(number.into()))?;
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
                self.push(Value::Number)?;
            }
            b'F' => {
                self.line()?;
                self.push(Value::Number)?;
            }
            // BINUNICODE, BINSTRING and BINBYTES; their short forms; their long forms.
            b'X' | b'T' | b'B' => self.string(4)?,
            0x8c | b'U' | b'C' => self.string(1)?,
            0x8d | 0x8e | 0x96 => self.string(8)?,
            b'V' => {
                let text = self.line()?.into();
                self.push(Value::Text(text))?;
            }
            b'S' => {
                let text = self.line()?.trim_matches(['\'', '"']).into();
                self.push(Value::Text(text))?;
            }
            b')' => self.push(Value::Tuple(Vec::new()))?,
            0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            b't' => {
                let parts = self.marked()?;
                self.push(Value::Tuple(parts))?;
            }
            b']' | 0x8f => self.push(Value::List(Vec::new()))?,
            b'l' | 0x91 => {
                let parts = self.marked()?;
                self.push(Value::List(parts))?;
            }
            b'a' => {
                let part = self.pop()?;
                self.append(&[part])?;
            }
            b'e' | 0x90 => {
                let parts = self.marked()?;
                self.append(&parts)?;
            }
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b'd' => {
                let parts = self.marked()?;
                self.push(Value::Dict(Vec::new()))?;
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
                let global = self.global()?;
                self.push(Value::Global(global))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (&self.arena[module], &self.arena[name]) else {
                    return Err(self.damaged("a function without a name"));
                };
                let global = Global::find(module, name);
                self.push(Value::Global(global))?;
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
            // REDUCE and NEWOBJ call a function or class.
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.reduce(function, arguments)?;
            }
            // NEWOBJ_EX has arguments with names, too.
            0x92 => {
                self.pop()?;
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.reduce(function, arguments)?;
            }
            b'b' => {
                let attributes = self.pop()?;
                let top = self.top()?;
                match &mut self.arena[top] {
                    // Attributes of an `OrderedDict`, e.g. the versions of the modules, or of a parameter.
                    Value::Dict(_) | Value::Tensor(_) => {}
                    Value::Object(object) => object.state = Some(attributes),
                    _ => return Err(self.damaged("attributes for what has none")),
                }
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Value::Storage(Rc::new(storage)))?;
            }
            other => return Err(self.damaged(&format!("instruction {other:#04x}, which no checkpoint has,"))),
        }
        Ok(false)
    }

    fn integer(&mut self, count: usize) -> Result<(), PytorchError> {
        let number = self.signed(count)?;
        self.push(number.map_or(Value::Number, Value::Int))
    }

    /// A number in decimal digits, as protocol 0 has it.
    fn written(&mut self) -> Result<(), PytorchError> {
        let value = match self.line()? {
            "00" => Value::Bool(false),
            "01" => Value::Bool(true),
            line => {
                let digits = line.trim_end_matches('L');
                let whole = digits.trim_start_matches('-').bytes().all(|digit| digit.is_ascii_digit());
                match digits.parse() {
                    Ok(number) => Value::Int(number),
                    Err(_) if whole && !digits.is_empty() => Value::Number,
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

    /// What `id` would call. What an unknown call made may be called again, to no effect.
    fn callable(&self, id: Id) -> Result<Global, PytorchError> {
        match &self.arena[id] {
            Value::Global(global) => Ok(global.clone()),
            Value::Object(object) => Ok(Global::Other(object.class.clone())),
            _ => Err(self.damaged("a call of what is no function")),
        }
    }

    fn is_from_type(&self, id: Id) -> bool {
        self.arena[id] == Value::Global(Global::FromType)
    }

    fn reduce(&mut self, function: Id, arguments: Id) -> Result<(), PytorchError> {
        let global = self.callable(function)?;
        let Value::Tuple(arguments) = &self.arena[arguments] else {
            return Err(self.damaged("a call without arguments"));
        };
        let arguments = arguments.clone();
        self.charge(arguments.len())?;
        self.call(global, &arguments)
    }

    fn call(&mut self, global: Global, arguments: &[Id]) -> Result<(), PytorchError> {
        match (global, arguments) {
            (Global::OrderedDict, []) => self.push(Value::Dict(Vec::new())),
            (Global::OrderedDict, &[pairs]) => {
                let mut parts = Vec::new();
                for pair in self.sequence(pairs)? {
                    let pair = self.sequence(pair)?;
                    if pair.len() != 2 {
                        return Err(self.damaged("an entry that is no pair"));
                    }
                    parts.extend(pair);
                }
                self.push(Value::Dict(Vec::new()))?;
                self.set_items(&parts)
            }
            (Global::Tensor, &[storage, offset, shape, strides, ref rest @ ..]) => {
                let Value::Storage(storage) = &self.arena[storage] else {
                    return Err(self.damaged("a tensor without a storage"));
                };
                let storage = storage.clone();
                let (shape, strides) = (self.counts(shape)?, self.counts(strides)?);
                if shape.len() != strides.len() {
                    return Err(self.damaged("a tensor whose strides do not fit its shape"));
                }
                let offset = self.count(offset)?;
                // The third version says its type behind `requires_grad` and the hooks.
                let said = rest.get(2).and_then(|&id| match &self.arena[id] {
                    Value::Global(Global::Dtype(name)) => Some(name.clone()),
                    _ => None,
                });
                let elements = match said {
                    Some(name) => Dtype::of_torch(&name).map_or(Elements::Unknown(name), Elements::Known),
                    None => storage.elements.clone(),
                };
                self.push(Value::Tensor(Rc::new(TensorView { storage, elements, offset, shape, strides })))
            }
            (Global::Parameter, &[tensor, ..]) if matches!(self.arena[tensor], Value::Tensor(_)) => {
                self.charge(1)?;
                self.stack.push(tensor);
                Ok(())
            }
            // One within another would be a recursion, which no tensor is saved as.
            (Global::FromType, &[function, _, arguments, ..]) if !self.is_from_type(function) => {
                self.reduce(function, arguments)
            }
            (Global::Size, &[sizes]) => {
                let parts = self.sequence(sizes)?;
                self.push(Value::Tuple(parts))
            }
            (Global::Other(class), _) => self.push(Value::Object(Object { class, items: Vec::new(), state: None })),
            // A parameter made of what is no tensor here, e.g. of a quantised one.
            (Global::Parameter, &[tensor, ..]) if matches!(self.arena[tensor], Value::Object(_)) => {
                self.charge(1)?;
                self.stack.push(tensor);
                Ok(())
            }
            _ => Err(self.damaged("a call with the wrong arguments")),
        }
    }

    /// Read `("storage", type, key, device, elements)`, in old files with the view of another storage that it is:
    /// `(key, first element, elements)`.
    fn storage(&mut self, id: Id) -> Result<Storage, PytorchError> {
        let parts = self.sequence(id)?;
        let &[kind, class, key, _, count, ref rest @ ..] = parts.as_slice() else {
            return Err(self.damaged("a storage of an unknown form"));
        };
        let base = match rest.first().map(|&view| &self.arena[view]) {
            Some(Value::Tuple(view)) => match view.as_slice() {
                &[_, first, _] => self.count(first)?,
                _ => return Err(self.damaged("a storage of an unknown form")),
            },
            _ => 0,
        };
        match (&self.arena[kind], &self.arena[class], &self.arena[key]) {
            (Value::Text(kind), Value::Global(class), Value::Text(key)) if &**kind == "storage" => {
                let elements = match class {
                    Global::Storage(elements) => elements.clone(),
                    Global::Other(name) => Elements::Unknown(name.clone()),
                    _ => return Err(self.damaged("a storage of an unknown form")),
                };
                Ok(Storage { key: key.clone(), elements, count: self.count(count)?, base })
            }
            _ => Err(self.damaged("a storage of an unknown form")),
        }
    }

    fn sequence(&mut self, id: Id) -> Result<Vec<Id>, PytorchError> {
        let parts = match &self.arena[id] {
            Value::Tuple(parts) | Value::List(parts) => parts.clone(),
            _ => return Err(self.damaged("something other than a tuple")),
        };
        self.charge(parts.len())?;
        Ok(parts)
    }

    fn count(&self, id: Id) -> Result<usize, PytorchError> {
        match self.arena[id] {
            Value::Int(number) => {
                usize::try_from(number).map_err(|_| self.damaged("a size that is negative or too large"))
            }
            _ => Err(self.damaged("a size that is no number")),
        }
    }

    fn counts(&mut self, id: Id) -> Result<Vec<usize>, PytorchError> {
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
            assert_eq!(parts, [&Value::Int(1), &Value::Int(-2), &Value::Bool(true), &Value::None, &Value::Number]);
            let Some(Value::List(parts)) = made.entry(dict, "b") else { panic!("{dict:?}") };
            assert_eq!(made.at(parts[0]), &Value::Int(300));
        }
    }

    /// Module and name of what a pickle would call stay with the result; nothing is called.
    #[test]
    fn unknown_functions_leave_inert_objects() {
        let cases: [(&[u8], &str); 5] = [
            (b"cos\nsystem\n(S'x'\ntR.", "os.system"),
            (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "builtins.eval"),
            (b"(S'x'\nios\nsystem\n.", "os.system"),
            (b"(cos\nsystem\nS'x'\no.", "os.system"),
            (b"cnumpy.core.multiarray\nscalar\n)R(K\x01tb.", "numpy.core.multiarray.scalar"),
        ];
        for (bytes, name) in cases {
            match run(bytes).unwrap().root() {
                Value::Object(object) => assert_eq!(&*object.class, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    /// A state of a random generator has whole numbers of many bytes, an array of numpy has bytes that are no text.
    #[test]
    fn values_of_no_use_are_passed_over() {
        let mut long = b"\x80\x02\x8a\x20".to_vec();
        long.extend([0xff; 32]);
        long.push(b'.');
        assert_eq!(run(&long).unwrap().root(), &Value::Number);
        assert_eq!(run(b"\x80\x03C\x02\xff\xfe.").unwrap().root(), &Value::Bytes);
        assert!(matches!(run(b"\x80\x04\x8f(K\x01K\x02\x90.").unwrap().root(), Value::List(parts) if parts.len() == 2));
    }

    /// Three hundred kilobytes that ask for gigabytes: one long list put into a hundred thousand dicts.
    #[test]
    fn work_is_bounded() {
        let mut bytes = b"](".to_vec();
        for _ in 0..50_000 {
            bytes.extend(b"N)\x86");
        }
        bytes.extend(b"eq\x00");
        for _ in 0..50_000 {
            bytes.extend(b"ccollections\nOrderedDict\nh\x00\x85R0");
        }
        bytes.extend(b"N.");
        assert!(matches!(run(&bytes), Err(PytorchError::TooLarge(_))));
        let mut sizes = b"(".to_vec();
        for _ in 0..50_000 {
            sizes.extend(b"K\x01");
        }
        sizes.extend(b"tq\x00");
        for _ in 0..50_000 {
            sizes.extend(b"ctorch\nSize\nh\x00\x85R0");
        }
        sizes.extend(b"N.");
        assert!(matches!(run(&sizes), Err(PytorchError::TooLarge(_))));
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

    const PARTS: [&[u8]; 41] = [
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
        b"ctorch._tensor\n_rebuild_from_type_v2\n",
        b"R",
        b"b",
        b"Q",
        b"cos\nsystem\n",
        b"i\nx\n",
        b"o",
        b"\x92",
        b"\x90",
        b"ctorch.storage\nUntypedStorage\n",
    ];
}
