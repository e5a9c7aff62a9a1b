//! What a pickle makes: plain values, views of storages, and inert stand-ins for everything else.

use std::rc::Rc;

use crate::files::Dtype;

/// Longest name of a function or class that is kept.
const LONGEST_NAME: usize = 200;

/// Index of a value in the arena.
pub(crate) type Id = usize;

/// Values whose meaning is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PickleValue {
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
pub(crate) struct Object {
    /// Module and name of the function or class.
    pub(crate) class: Rc<str>,
    /// Entries that were put into it, as into a dict.
    pub(crate) items: Vec<(Id, Id)>,
    /// Its attributes.
    pub(crate) state: Option<Id>,
}

/// Functions and classes that a pickle names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Global {
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
    /// What `module.name` means.
    pub(super) fn find(module: &str, name: &str) -> Self {
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
pub(crate) enum Elements {
    /// This one.
    Known(Dtype),
    /// Bytes, whose meaning the tensor says.
    Untyped,
    /// One of a size that is not known, with the name of the class.
    Unknown(Rc<str>),
}

/// A block of numbers beside the pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Storage {
    /// Its name in the file.
    pub(crate) key: Rc<str>,
    /// Type of its elements.
    pub(crate) elements: Elements,
    /// How many there are.
    pub(crate) count: usize,
    /// Element of the block in the file at which it begins: files before the archives have storages within storages.
    pub(crate) base: usize,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TensorView {
    /// What it is a view of.
    pub(crate) storage: Rc<Storage>,
    /// Type of its elements.
    pub(crate) elements: Elements,
    /// Element at which it begins.
    pub(crate) offset: usize,
    /// Sizes.
    pub(crate) shape: Vec<usize>,
    /// Elements between neighbours, per axis.
    pub(crate) strides: Vec<usize>,
}

impl TensorView {
    /// The type of the elements in words, e.g. `complex64`.
    pub(crate) fn type_name(&self) -> String {
        match &self.elements {
            Elements::Known(dtype) => dtype.name.to_owned(),
            Elements::Untyped => "bytes without a type".to_owned(),
            Elements::Unknown(class) => class.to_string(),
        }
    }
}

/// What a pickle made.
#[derive(Debug)]
pub(crate) struct Pickled {
    /// Every value, in the order in which they were made.
    pub(crate) arena: Vec<PickleValue>,
    /// Where the whole lies.
    pub(crate) root: Id,
    /// Bytes read.
    pub(crate) bytes: usize,
}

impl Pickled {
    /// The whole.
    pub(crate) fn root(&self) -> &PickleValue {
        &self.arena[self.root]
    }

    /// The value at `id`, an index within some value of this pickle.
    pub(crate) fn at(&self, id: Id) -> &PickleValue {
        &self.arena[id]
    }

    /// Every storage that the pickle names.
    pub(crate) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.arena
            .iter()
            .filter_map(|value| if let PickleValue::Storage(storage) = value { Some(storage.as_ref()) } else { None })
    }

    /// The entry of `dict` under the key `name`.
    pub(crate) fn entry(&self, dict: &[(Id, Id)], name: &str) -> Option<&PickleValue> {
        let found =
            dict.iter().rev().find(|(key, _)| matches!(self.at(*key), PickleValue::Text(text) if &**text == name))?;
        Some(self.at(found.1))
    }
}
