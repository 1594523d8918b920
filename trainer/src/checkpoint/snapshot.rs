//! What a rank must write for a checkpoint, copied to the host: training waits for no more than that.

use super::{CheckpointInfo, Learner, WEIGHTS};
use crate::Error;
use crate::optimizer::Kept;
use burn::tensor::TensorData;
use model::files::HostTensors;
use model::peft::Beside;
use model::tensor_file;
use model::weight::{Visitor, Weight, Weights, list};
use std::path::PathBuf;

/// A file of a checkpoint.
#[derive(Debug)]
pub(super) struct Part {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub content: Content,
}

/// What a file holds.
#[derive(Debug)]
pub(super) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These tensors.
    Tensors(Vec<(String, TensorData)>),
    /// What a file of another checkpoint holds.
    Same(Frozen),
}

/// Weights that are what they were in an earlier checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frozen {
    /// The file of the earlier checkpoint.
    pub path: PathBuf,
    /// Its hash.
    pub hash: String,
}

/// What one rank writes.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) info: CheckpointInfo,
    pub(super) parts: Vec<Part>,
}

impl Snapshot {
    /// The part of `writer`, one of `writers` ranks: each writes the state that it holds, the first one
    /// all that ranks have in common. `frozen` are weights that need not be written again.
    pub(super) fn of(
        learner: &Learner,
        info: CheckpointInfo,
        (writer, writers): (usize, usize),
        frozen: Option<&Frozen>,
    ) -> Result<Self, Error> {
        let mut parts = Vec::new();
        if writer == 0 {
            parts.extend(weights(learner, frozen)?);
        }
        let state = learner.optimizer.kept().into_iter().map(named).collect();
        let name = states(writer, writers);
        parts.push(Part { name, content: Content::Tensors(state) });
        Ok(Self { info, parts })
    }

    /// Bytes that writing it takes, at most.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = |part: &Part| match &part.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Tensors(tensors) => tensor_file::size(tensors),
            Content::Same(_) => 0,
        };
        self.parts.iter().map(bytes).sum()
    }
}

/// Name of the file of a rank's share of the optimizer's state.
pub(super) fn states(writer: usize, writers: usize) -> String {
    format!("optimizer-{writer}-of-{writers}.safetensors")
}

/// Whether training leaves the weights under the adapters alone.
pub(super) fn is_frozen(learner: &Learner) -> bool {
    learner.lora.is_some()
        && !list(&learner.decoder, "")
            .iter()
            .any(|weight| weight.trainable && !weight.path.contains("lora_"))
}

fn weights(learner: &Learner, frozen: Option<&Frozen>) -> Result<Vec<Part>, Error> {
    let part = |name: &str, content| Part { name: name.to_owned(), content };
    let mut config =
        serde_json::to_vec_pretty(&learner.decoder.config.to_json()).unwrap_or_default();
    config.push(b'\n');
    let content = match frozen.filter(|_| is_frozen(learner)) {
        Some(frozen) => Content::Same(frozen.clone()),
        None => Content::Tensors(on_host(learner)),
    };
    let mut parts = vec![part("config.json", Content::Bytes(config)), part(WEIGHTS, content)];
    if let Some(lora) = &learner.lora {
        let Beside { config, tensors, start } = Beside::of(&learner.decoder, lora)?;
        parts.push(part(Beside::CONFIG, Content::Bytes(config)));
        parts.push(part(Beside::TENSORS, Content::Tensors(floats(tensors))));
        if !start.is_empty() {
            parts.push(part(Beside::START, Content::Tensors(floats(start))));
        }
    }
    Ok(parts)
}

/// All weights but those of adapters, in the type that they are held in.
fn on_host(learner: &Learner) -> Vec<(String, TensorData)> {
    struct Copy(Vec<(String, TensorData)>);
    impl Visitor for Copy {
        fn weight<const D: usize>(&mut self, path: &str, weight: &Weight<D>) {
            if !path.contains("lora_") {
                self.0.push((path.to_owned(), weight.value.to_data()));
            }
        }
    }
    let mut copy = Copy(Vec::new());
    learner.decoder.visit("", &mut copy);
    copy.0
}

fn floats(tensors: HostTensors) -> Vec<(String, TensorData)> {
    let named = |(name, (dims, values)): (String, (Vec<usize>, Vec<f32>))| {
        (name, TensorData::new(values, dims))
    };
    tensors.into_iter().map(named).collect()
}

/// The name says where the values belong, which `states` reads.
fn named(kept: Kept) -> (String, TensorData) {
    let Kept { path, kind, start, unit, data } = kept;
    (format!("{path}|{kind}|{start}|{unit}"), data)
}
