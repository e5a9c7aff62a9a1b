//! The calls that build tensors and dicts; every other leaves an inert object.

use std::rc::Rc;

use super::machine::Machine;
use super::value::{Elements, Global, Id, Object, PickleValue, Storage, TensorView};
use crate::files::{Dtype, PytorchError};

impl Machine<'_> {
    /// What `id` would call. What an unknown call made may be called again, to no effect.
    pub(super) fn callable(&self, id: Id) -> Result<Global, PytorchError> {
        match &self.arena[id] {
            PickleValue::Global(global) => Ok(global.clone()),
            PickleValue::Object(object) => Ok(Global::Other(object.class.clone())),
            _ => Err(self.damaged("a call of what is no function")),
        }
    }

    fn is_from_type(&self, id: Id) -> bool {
        self.arena[id] == PickleValue::Global(Global::FromType)
    }

    pub(super) fn reduce(&mut self, function: Id, arguments: Id) -> Result<(), PytorchError> {
        let global = self.callable(function)?;
        let PickleValue::Tuple(arguments) = &self.arena[arguments] else {
            return Err(self.damaged("a call without arguments"));
        };
        let arguments = arguments.clone();
        self.charge(arguments.len())?;
        self.call(global, &arguments)
    }

    pub(super) fn call(&mut self, global: Global, arguments: &[Id]) -> Result<(), PytorchError> {
        match (global, arguments) {
            (Global::OrderedDict, []) => self.push(PickleValue::Dict(Vec::new())),
            (Global::OrderedDict, &[pairs]) => {
                let mut parts = Vec::new();
                for pair in self.sequence(pairs)? {
                    let pair = self.sequence(pair)?;
                    if pair.len() != 2 {
                        return Err(self.damaged("an entry that is no pair"));
                    }
                    parts.extend(pair);
                }
                self.push(PickleValue::Dict(Vec::new()))?;
                self.set_items(&parts)
            }
            (Global::Tensor, &[storage, offset, shape, strides, ref rest @ ..]) => {
                let PickleValue::Storage(storage) = &self.arena[storage] else {
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
                    PickleValue::Global(Global::Dtype(name)) => Some(name.clone()),
                    _ => None,
                });
                let elements = match said {
                    Some(name) => Dtype::of_torch(&name).map_or(Elements::Unknown(name), Elements::Known),
                    None => storage.elements.clone(),
                };
                self.push(PickleValue::Tensor(Rc::new(TensorView { storage, elements, offset, shape, strides })))
            }
            // Also one made of what is no tensor here, e.g. of a quantised one.
            (Global::Parameter, &[tensor, ..])
                if matches!(self.arena[tensor], PickleValue::Tensor(_) | PickleValue::Object(_)) =>
            {
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
                self.push(PickleValue::Tuple(parts))
            }
            (Global::Other(class), _) => {
                self.push(PickleValue::Object(Object { class, items: Vec::new(), state: None }))
            }
            _ => Err(self.damaged("a call with the wrong arguments")),
        }
    }

    /// Read `("storage", type, key, device, elements)`, in old files with the view of another storage that it is:
    /// `(key, first element, elements)`.
    pub(super) fn storage(&mut self, id: Id) -> Result<Storage, PytorchError> {
        let parts = self.sequence(id)?;
        let &[kind, class, key, _, count, ref rest @ ..] = parts.as_slice() else {
            return Err(self.damaged("a storage of an unknown form"));
        };
        let base = match rest.first().map(|&view| &self.arena[view]) {
            Some(PickleValue::Tuple(view)) => match view.as_slice() {
                &[_, first, _] => self.count(first)?,
                _ => return Err(self.damaged("a storage of an unknown form")),
            },
            _ => 0,
        };
        match (&self.arena[kind], &self.arena[class], &self.arena[key]) {
            (PickleValue::Text(kind), PickleValue::Global(class), PickleValue::Text(key)) if &**kind == "storage" => {
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
            PickleValue::Tuple(parts) | PickleValue::List(parts) => parts.clone(),
            _ => return Err(self.damaged("something other than a tuple")),
        };
        self.charge(parts.len())?;
        Ok(parts)
    }

    fn count(&self, id: Id) -> Result<usize, PytorchError> {
        match self.arena[id] {
            PickleValue::Int(number) => {
                usize::try_from(number).map_err(|_| self.damaged("a size that is negative or too large"))
            }
            _ => Err(self.damaged("a size that is no number")),
        }
    }

    fn counts(&mut self, id: Id) -> Result<Vec<usize>, PytorchError> {
        self.sequence(id)?.into_iter().map(|part| self.count(part)).collect()
    }
}
