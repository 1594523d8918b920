//! A named tensor of the network, and whether it is trained.
//!
//! Weights are held without a tape. A step asks for a tracked copy of just the part that it
//! differentiates, so that no tape is ever longer than one block.

use crate::ops::cast;
use burn::tensor::{DType, Gradients as Tape, Tensor};
use std::collections::BTreeMap;

/// A tensor of `D` dimensions under a name of its owner.
#[derive(Clone, Debug)]
pub struct Weight<const D: usize> {
    /// The numbers, tracked only in a copy made by [`track`].
    pub value: Tensor<D>,
    /// Whether training changes it.
    pub trainable: bool,
}

impl<const D: usize> Weight<D> {
    /// A trainable weight.
    pub fn new(value: Tensor<D>) -> Self {
        Self { value, trainable: true }
    }
}

/// What [`Weights::visit`] calls for each weight.
pub trait Visitor {
    /// `path` is the weight's name as in a Hugging Face file.
    fn weight<const D: usize>(&mut self, path: &str, weight: &Weight<D>);
}

/// What [`Weights::map`] calls for each weight.
pub trait Mapper {
    /// Changes the weight at `path`.
    fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>);
}

/// A part of the network that owns weights.
pub trait Weights {
    /// Calls `visitor` for each weight, in a fixed order.
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor);
    /// Lets `mapper` change each weight, in the same order.
    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper);
}

/// Name and shape of a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightInfo {
    /// Its path.
    pub path: String,
    /// Its dimensions.
    pub dims: Vec<usize>,
    /// Whether training changes it.
    pub trainable: bool,
}

impl WeightInfo {
    /// Number of values.
    pub fn numel(&self) -> usize {
        self.dims.iter().product()
    }
}

/// Names and shapes of every weight of `part`.
pub fn list(part: &impl Weights, prefix: &str) -> Vec<WeightInfo> {
    struct List(Vec<WeightInfo>);
    impl Visitor for List {
        fn weight<const D: usize>(&mut self, path: &str, weight: &Weight<D>) {
            self.0.push(WeightInfo {
                path: path.into(),
                dims: weight.value.dims().to_vec(),
                trainable: weight.trainable,
            });
        }
    }
    let mut list = List(Vec::new());
    part.visit(prefix, &mut list);
    list.0
}

/// A copy of `part` whose trainable weights record a tape.
pub fn track<P: Weights + Clone>(part: &P) -> P {
    struct Track;
    impl Mapper for Track {
        fn weight<const D: usize>(&mut self, _: &str, weight: &mut Weight<D>) {
            if weight.trainable {
                weight.value = weight.value.clone().autodiff().require_grad();
            }
        }
    }
    let mut tracked = part.clone();
    tracked.map("", &mut Track);
    tracked
}

/// Moves the gradients of a tracked `part` out of the tape, each flattened to `[numel]`.
pub fn collect(
    part: &impl Weights,
    prefix: &str,
    tape: &mut Tape,
    into: &mut BTreeMap<String, Tensor<1>>,
) {
    struct Collect<'a>(&'a mut Tape, &'a mut BTreeMap<String, Tensor<1>>);
    impl Visitor for Collect<'_> {
        fn weight<const D: usize>(&mut self, path: &str, weight: &Weight<D>) {
            if let Some(gradient) = weight.value.grad_remove(self.0) {
                add(self.1, path, gradient.reshape([-1]));
            }
        }
    }
    part.visit(prefix, &mut Collect(tape, into));
}

/// Where the gradients of a part go that has no tape: sums by path, as [`collect`] adds to them.
pub(crate) struct Sink<'a> {
    prefix: String,
    into: &'a mut BTreeMap<String, Tensor<1>>,
}

impl<'a> Sink<'a> {
    /// For the part at `prefix`.
    pub(crate) fn new(prefix: String, into: &'a mut BTreeMap<String, Tensor<1>>) -> Self {
        Self { prefix, into }
    }

    /// For the part of it that is called `name`.
    pub(crate) fn of(&mut self, name: &str) -> Sink<'_> {
        Sink { prefix: join(&self.prefix, name), into: self.into }
    }

    /// Adds what `gradient` gives, in the type of the weight called `name`, if that is trained.
    pub(crate) fn add<const D: usize>(
        &mut self,
        name: &str,
        weight: &Weight<D>,
        gradient: impl FnOnce() -> Tensor<D>,
    ) {
        if weight.trainable {
            let gradient = cast(gradient(), weight.value.dtype());
            add(self.into, &join(&self.prefix, name), gradient.reshape([-1]));
        }
    }
}

/// Adds `gradient` to what is kept under `path`; sums are f32 whatever their parts are.
pub fn add(into: &mut BTreeMap<String, Tensor<1>>, path: &str, gradient: Tensor<1>) {
    let sum = match into.remove(path) {
        Some(kept) => cast(kept, DType::F32) + cast(gradient, DType::F32),
        None => gradient,
    };
    into.insert(path.to_owned(), sum);
}

/// Joins a prefix and a name with a dot, if there is a prefix.
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
