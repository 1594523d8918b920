//! The end of a step where weights and gradients stay on the device: nothing is read but one number a unit
//! of the gradients, for the norm.

use crate::Error;
use crate::collective::Collective;
use crate::exchange::Exchange;
use crate::optimizer::{Optimizer, OptimizerConfig, Part};
use crate::sharding::{Stretch, UNIT};
use crate::transfer::host;
use burn::tensor::{DType, Device, Tensor};
use model::backward::Gradients;
use model::weight::{Mapper, Weight, Weights};
use model::{Decoder, ops};
use std::collections::BTreeMap;

/// How weights change.
#[derive(Clone, Copy)]
pub(super) struct Rule<'a> {
    pub(super) config: &'a OptimizerConfig,
    /// The schedule's.
    pub(super) factor: f64,
    /// What gradients are multiplied with.
    pub(super) scale: f32,
}

/// Global norm over all gradients.
pub(super) fn norm(gradients: &Gradients, device: &Device) -> f64 {
    let units = |gradient: &Tensor<1>| gradient.dims()[0].div_ceil(UNIT);
    let total: usize = gradients.values().map(units).sum();
    if total == 0 {
        return 0.0;
    }
    let mut sums = Tensor::<1>::zeros([total], (device, DType::F32));
    let mut at = 0;
    for gradient in gradients.values() {
        sums = ops::square_sums(sums, at, gradient, 0..gradient.dims()[0], UNIT);
        at += units(gradient);
    }
    host::<f32>(sums).into_iter().map(f64::from).sum::<f64>().sqrt()
}

/// Changes every weight that has a gradient; each is let go of as soon as it has been used.
pub(super) fn apply(
    decoder: &mut Decoder,
    optimizer: &mut Optimizer,
    mut gradients: Gradients,
    rule: Rule<'_>,
) {
    let mut parts =
        |path: &str, _: &Stretch| gradients.remove(path).map(|it| vec![Part::whole(it)]);
    whole(decoder, optimizer, &mut parts, rule);
}

/// Changes this rank's stretches by the gradients that were summed, and gives every rank all of them.
pub(super) fn exchanged(
    decoder: &mut Decoder,
    optimizer: &mut Optimizer,
    exchange: &Exchange,
    rule: Rule<'_>,
    collective: &mut dyn Collective,
) -> Result<(), Error> {
    if !exchange.is_sharded() {
        let mut parts = |_: &str, stretch: &Stretch| Some(exchange.parts(stretch));
        whole(decoder, optimizer, &mut parts, rule);
        return Ok(());
    }
    optimizer.begin_step();
    let placeholder = placeholder(&decoder.device());
    let mut all = Taken { weights: BTreeMap::new(), dims: BTreeMap::new(), placeholder };
    decoder.map("", &mut all);
    let weights = &mut all.weights;
    for stretch in exchange.own() {
        let Some(weight) = weights.remove(&stretch.path) else { continue };
        let gradient = (exchange.parts(&stretch), rule.scale);
        let weight = optimizer.update_there(&stretch, weight, gradient, rule.config, rule.factor);
        weights.insert(stretch.path, weight);
    }
    let spread = exchange.spread_weights(weights, collective);
    // Also after an error: a decoder is never without its weights.
    decoder.map("", &mut all);
    spread
}

/// The gradient of a weight by path and stretch, if it has one.
type Parts<'a> = dyn FnMut(&str, &Stretch) -> Option<Vec<Part>> + 'a;

/// Changes weights that this rank holds all of.
fn whole(decoder: &mut Decoder, optimizer: &mut Optimizer, parts: &mut Parts<'_>, rule: Rule<'_>) {
    struct Update<'a, 'b> {
        optimizer: &'a mut Optimizer,
        parts: &'a mut Parts<'b>,
        rule: Rule<'a>,
        placeholder: Tensor<1>,
    }
    impl Mapper for Update<'_, '_> {
        fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
            if !weight.trainable {
                return;
            }
            let dims = weight.value.dims();
            let range = 0..dims.iter().product();
            let stretch = Stretch { path: path.to_owned(), dims: dims.to_vec(), range };
            let Some(parts) = (self.parts)(path, &stretch) else { return };
            let Rule { config, factor, scale } = self.rule;
            let flat = taken(weight, &self.placeholder);
            let new = self.optimizer.update_there(&stretch, flat, (parts, scale), config, factor);
            weight.value = new.reshape(dims);
        }
    }
    optimizer.begin_step();
    let placeholder = placeholder(&decoder.device());
    decoder.map("", &mut Update { optimizer, parts, rule, placeholder });
}

/// What stands where a weight was taken out, to be changed in its place: who holds it alone needs no copy.
fn placeholder(device: &Device) -> Tensor<1> {
    Tensor::zeros([1], device)
}

fn taken<const D: usize>(weight: &mut Weight<D>, placeholder: &Tensor<1>) -> Tensor<1> {
    std::mem::replace(&mut weight.value, placeholder.clone().reshape([1; D])).reshape([-1])
}

/// Takes all trained weights out, or puts them back.
struct Taken {
    weights: BTreeMap<String, Tensor<1>>,
    dims: BTreeMap<String, Vec<usize>>,
    placeholder: Tensor<1>,
}

impl Mapper for Taken {
    fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
        if let Some(dims) = self.dims.remove(path) {
            if let (Some(value), Ok(dims)) =
                (self.weights.remove(path), <[usize; D]>::try_from(dims))
            {
                weight.value = value.reshape(dims);
            }
        } else if weight.trainable {
            self.dims.insert(path.to_owned(), weight.value.dims().to_vec());
            self.weights.insert(path.to_owned(), taken(weight, &self.placeholder));
        }
    }
}
