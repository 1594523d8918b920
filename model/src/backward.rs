//! Loss and gradients, block by block.
//!
//! A tape never spans more than one block: gradients of a block are ready, and can be reduced and
//! released, before the block below is touched. Tapes, or what a block keeps without one, are kept from
//! the forward pass, or the block is computed again, as the caller's memory plan says. Logits exist for a
//! chunk of supervised positions only, and of the last block only these are computed behind attention.

mod asked;
mod segment;

pub use segment::Tape;

use crate::decoder::{EMBEDDING, block_path};
use crate::layout::{GroupBatch, Layout, Target};
use crate::noise::Noise;
use crate::ops::LossTerms;
use crate::weight::{add, collect, track};
use crate::{Decoder, ops};
pub(crate) use asked::Asked;
use burn::tensor::{DType, Int, Tensor, TensorData, activation};
use segment::Blocks;
use std::collections::BTreeMap;

/// Gradients by weight path, each flattened to `[numel]`.
pub type Gradients = BTreeMap<String, Tensor<1>>;

/// How a batch is differentiated.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// So many blocks, the first ones, are computed again in the backward pass: of all tapes theirs
    /// would be kept longest.
    pub recompute: usize,
    /// Supervised positions whose logits exist at a time.
    pub chunk: usize,
    /// Seed of adapter dropout; `None` outside training.
    pub dropout_seed: Option<u64>,
    /// Added to embedded tokens in training.
    pub noise: Option<Noise>,
    /// What is minimised beside the negative log-likelihood.
    pub terms: LossTerms,
    /// Where gradients come from.
    pub tape: Tape,
}

/// Supervised positions whose logits exist at a time, unless [`Options`] say otherwise.
pub const CHUNK: usize = 1024;

impl Default for Options {
    fn default() -> Self {
        let terms = LossTerms::default();
        let tape = Tape::default();
        Self { recompute: 0, chunk: CHUNK, dropout_seed: None, noise: None, terms, tape }
    }
}

/// The loss of a batch.
#[derive(Clone, Debug, Default)]
pub struct Loss {
    /// Weighted sum over the supervised positions, of what is minimised: with [`Options::terms`] theirs, too.
    pub sum: f64,
    /// Weighted loss of each target, in the batch's order.
    pub targets: Vec<f32>,
}

/// A part of the network that a batch has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The last norm, and the head's own matrix; not a matrix that is the embedding's.
    Head,
    /// A block.
    Block(usize),
    /// The embedding.
    Embedding,
}

/// What is finished, with all gradients so far.
pub struct Ready<'a> {
    /// The part.
    pub part: Part,
    /// Gradients of all parts.
    pub gradients: &'a mut Gradients,
}

impl Ready<'_> {
    /// Takes the gradients of the finished part out, each with its path.
    pub fn take(self) -> Vec<(String, Tensor<1>)> {
        let is_of = |path: &str| match self.part {
            Part::Embedding => path == EMBEDDING,
            Part::Block(i) => {
                path.strip_prefix(&block_path(i)).is_some_and(|rest| rest.starts_with('.'))
            }
            Part::Head => path != EMBEDDING && !path.starts_with("model.layers."),
        };
        let paths: Vec<String> =
            self.gradients.keys().filter(|path| is_of(path)).cloned().collect();
        let gradients = self.gradients;
        paths.into_iter().filter_map(|path| gradients.remove_entry(&path)).collect()
    }
}

/// Summed loss of `batch`; its gradients are added to `gradients`.
pub fn backward(
    decoder: &Decoder,
    batch: &GroupBatch,
    options: Options,
    gradients: &mut Gradients,
) -> Loss {
    backward_telling(decoder, batch, options, gradients, &mut |_| {})
}

/// The same; `ready` may take gradients out as soon as this batch adds nothing more to them.
///
/// It is called behind the head, behind each block from the last to the first, and behind the embedding,
/// each time with all gradients: those of a part that is still to come hold what was there before.
pub fn backward_telling(
    decoder: &Decoder,
    batch: &GroupBatch,
    options: Options,
    gradients: &mut Gradients,
    ready: &mut dyn FnMut(Ready<'_>),
) -> Loss {
    if batch.targets.is_empty() {
        return Loss::default();
    }
    let device = decoder.device();
    let layout = Layout::new(batch, &decoder.config, &device);
    let ids = batch.ids(&device);
    let mut x = decoder.embed(ids);
    if let Some(noise) = options.noise {
        x = noise.add(x, batch);
    }
    let asked = Asked::new(&batch.targets, batch.ids.len(), &device);
    let blocks = Blocks::new(decoder, &layout, options, &asked);
    let mut inputs = Vec::with_capacity(decoder.blocks.len());
    let mut segments = Vec::new();
    for i in 0..decoder.blocks.len() {
        if !blocks.reaches(i) {
            x = blocks.forward(i, x);
        } else if i < options.recompute {
            inputs.push(x.clone());
            x = blocks.forward(i, x);
        } else {
            let (segment, output) = blocks.keep(i, x);
            x = output;
            segments.push(segment);
        }
    }
    let targets = (&batch.targets[..], &asked.rows[..]);
    let (rows, gradient) = head(decoder, targets, x, (options, blocks.explicit), gradients);
    ready(Ready { part: Part::Head, gradients });
    let mut gradient = Some(gradient);
    for i in (0..decoder.blocks.len()).rev() {
        if blocks.reaches(i) {
            let kept = segments.pop();
            let segment = kept.or_else(|| Some(blocks.again(i, inputs.pop()?)));
            let (Some(segment), Some(above)) = (segment, gradient.take()) else { break };
            gradient = blocks.backward(i, segment, above, gradients);
        }
        ready(Ready { part: Part::Block(i), gradients });
    }
    if let Some(gradient) = gradient.filter(|_| decoder.embedding.trainable) {
        embedding(decoder, &batch.ids, gradient, gradients);
    }
    ready(Ready { part: Part::Embedding, gradients });
    // Asked for at last: the device has its work before it while the host waits.
    let targets: Vec<f32> = rows.into_data().iter::<f32>().collect();
    let sum = targets.iter().map(|loss| f64::from(*loss)).sum();
    Loss { sum, targets }
}

/// Loss of each target, whose row of the last block's output `x` stands beside it, and the gradient of that
/// output; without a tape if `explicit`.
fn head(
    decoder: &Decoder,
    (targets, rows_of): (&[Target], &[i32]),
    x: Tensor<3>,
    (options, explicit): (Options, bool),
    gradients: &mut Gradients,
) -> (Tensor<1>, Tensor<3>) {
    let [g, s, d] = x.dims();
    let device = decoder.device();
    let flat = x.reshape([g * s, d]);
    let head = if explicit { decoder.head.clone() } else { track(&decoder.head) };
    let (matrix_path, raw) = decoder.head_weight();
    let trained = raw.trainable;
    // Rows are normalised once, on a tape where their gradient will be asked for from one.
    let normalised = (trained && head.normalise && !explicit).then(|| {
        let raw = raw.value.clone().autodiff().require_grad();
        (raw.clone(), head.matrix(raw, DType::F32))
    });
    let plain_matrix = match &normalised {
        Some((_, matrix)) => ops::cast(matrix.clone().inner(), decoder.compute),
        None => decoder.head_matrix(),
    };
    let mut matrix_gradient: Option<Tensor<2>> = None;
    let mut state_gradient = Tensor::zeros([g * s, d], (&device, decoder.compute));
    let mut rows = Vec::new();
    for (chunk, at) in targets.chunks(options.chunk).zip(rows_of.chunks(options.chunk)) {
        let n = chunk.len();
        let ints = |f: &dyn Fn(usize) -> i32| -> Tensor<1, Int> {
            Tensor::from_data(TensorData::new((0..n).map(f).collect(), [n]), &device)
        };
        let labels = ints(&|i| chunk[i].label as i32);
        let weights: Vec<f32> = chunk.iter().map(|target| target.weight).collect();
        let weights = Tensor::from_data(TensorData::new(weights, [n]), &device);
        let states = ops::take_rows(flat.clone(), &ints(&|i| at[i])).reshape([1, n, d]);
        let states = if explicit { states } else { states.autodiff().require_grad() };
        let normed = head.normed(states.clone());
        let hidden = if explicit { normed.clone() } else { normed.clone().inner() };
        let hidden = hidden.reshape([n, d]);
        let matrix = plain_matrix.clone();
        let loss = ops::cross_entropy(hidden, matrix, labels, weights, options.terms, trained);
        rows.push(loss.rows);
        if let Some(part) = loss.head {
            // Summed over the chunks in f32, whatever the products are in.
            let part = ops::cast(part, DType::F32);
            matrix_gradient = Some(match matrix_gradient {
                Some(sum) => sum + part,
                None => part,
            });
        }
        let gradient = loss.hidden.reshape([1, n, d]);
        let (gradient, of_gain) = if explicit {
            let gain = head.norm.value.clone();
            let trained = head.norm.trainable;
            let (dx, of_gain) =
                ops::rms_norm_backward(states, gain, gradient, None, head.eps, trained);
            (Some(dx), of_gain)
        } else {
            let mut tape = ops::pull(normed, gradient);
            let of_gain = head.norm.value.grad_remove(&mut tape);
            (states.grad_remove(&mut tape), of_gain.filter(|_| head.norm.trainable))
        };
        if let Some(of_gain) = of_gain {
            let of_gain = ops::cast(of_gain, decoder.head.norm.value.dtype());
            add(gradients, "model.norm.weight", of_gain);
        }
        if let Some(gradient) = gradient {
            state_gradient = ops::add_rows(state_gradient, at, gradient.reshape([n, d]));
        }
    }
    if let Some(gradient) = matrix_gradient {
        let gradient = match normalised {
            Some((raw, matrix)) => {
                let mut tape = ops::pull(matrix.unsqueeze(), gradient.unsqueeze());
                raw.grad_remove(&mut tape)
            }
            None if head.normalise => {
                Some(ops::normalise_rows_backward(raw.value.clone(), gradient))
            }
            None => Some(ops::cast(gradient, raw.value.dtype())),
        };
        if let Some(gradient) = gradient {
            add(gradients, matrix_path, gradient.reshape([-1]));
        }
    }
    (Tensor::cat(rows, 0), state_gradient.reshape([g, s, d]))
}

/// Gradient of the embedding's rows, added to what is there.
fn embedding(decoder: &Decoder, ids: &[i32], gradient: Tensor<3>, gradients: &mut Gradients) {
    let [g, s, d] = gradient.dims();
    let weight = &decoder.embedding.value;
    let before = gradients.remove(EMBEDDING).map(|sum| sum.reshape(weight.dims()));
    let sum = ops::embedding_gradient(weight, ids, gradient.reshape([g * s, d]), before);
    gradients.insert(EMBEDDING.to_owned(), sum.reshape([-1]));
}

/// The same loss in one piece on one tape, by its textbook formula: the reference that [`backward`] is held
/// against.
pub fn plain_backward(decoder: &Decoder, batch: &GroupBatch, terms: LossTerms) -> (f64, Gradients) {
    let device = decoder.device();
    let tracked = track(decoder);
    let layout = Layout::new(batch, &decoder.config, &device);
    let mut x = tracked.embed(batch.ids(&device));
    for block in &tracked.blocks {
        x = block.forward(x, &layout, false);
    }
    let [g, s, d] = x.dims();
    let logits = ops::linear(tracked.head.normed(x), tracked.head_matrix());
    let logits = ops::cast(logits, DType::F32);
    let n = batch.targets.len();
    let take = |f: &dyn Fn(usize) -> i32| -> Tensor<1, Int> {
        Tensor::from_data(TensorData::new((0..n).map(f).collect(), [n]), &device)
    };
    let positions = take(&|i| batch.targets[i].position as i32);
    let labels = take(&|i| batch.targets[i].label as i32).reshape([n, 1]);
    let weights: Vec<f32> = batch.targets.iter().map(|target| target.weight).collect();
    let weights = Tensor::<1>::from_data(TensorData::new(weights, [n]), &device);
    let vocabulary = decoder.config.vocab_size;
    let _ = d;
    let chosen = logits.reshape([g * s, vocabulary]).select(0, positions);
    let logs = activation::log_softmax(chosen.clone(), 1);
    let of_labels = logs.clone().gather(1, labels.clone());
    let everywhere = logs.mean_dim(1);
    let log_z = chosen.gather(1, labels) - of_labels.clone();
    let likelihood = of_labels.mul_scalar(1.0 - terms.smoothing);
    let losses =
        log_z.square().mul_scalar(terms.z) - (likelihood + everywhere.mul_scalar(terms.smoothing));
    let sum = (losses.reshape([n]) * weights).sum();
    let mut tape = sum.backward();
    let mut gradients = Gradients::new();
    collect(&tracked, "", &mut tape, &mut gradients);
    (f64::from(sum.into_scalar::<f32>()), gradients)
}
