//! A block between its forward and its backward pass: on a tape, or with what it kept itself.

use super::asked::Asked;
use super::{Gradients, Options};
use crate::Decoder;
use crate::block::{Block, Pass, Saved};
use crate::decoder::block_path;
use crate::layout::Layout;
use crate::ops;
use crate::weight::{Sink, collect, track};
use burn::tensor::{Device, Tensor};

/// Where gradients come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tape {
    /// From backward passes that are written out where a GPU computes; on the CPU, whose operations have
    /// such of their own, from tapes.
    #[default]
    Auto,
    /// From tapes alone.
    Always,
    /// From backward passes that are written out, but for blocks that have none: DoRA's.
    Needed,
}

impl Tape {
    /// Whether what has a backward pass of its own goes without a tape.
    pub(super) fn is_needless(self, device: &Device) -> bool {
        match self {
            Self::Auto => !is_host(device),
            Self::Always => false,
            Self::Needed => true,
        }
    }
}

fn is_host(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    let host = *device == Device::flex();
    #[cfg(not(feature = "flex"))]
    let host = {
        let _ = device;
        false
    };
    host
}

/// The blocks of a pass.
pub(super) struct Blocks<'a> {
    decoder: &'a Decoder,
    layout: &'a Layout,
    options: Options,
    asked: &'a Asked,
    /// Whether tapes are avoided.
    pub explicit: bool,
    /// The lowest block that gradients have to reach; behind it, without a tape, nothing is kept.
    lowest: usize,
}

/// A block whose forward pass is done.
pub(super) enum Segment {
    /// Its tape.
    Taped(Box<Taped>),
    /// What it kept itself.
    Explicit(Box<Saved>),
}

pub(super) struct Taped {
    block: Block,
    input: Tensor<3>,
    output: Tensor<3>,
}

impl<'a> Blocks<'a> {
    pub fn new(
        decoder: &'a Decoder,
        layout: &'a Layout,
        options: Options,
        asked: &'a Asked,
    ) -> Self {
        let explicit = options.tape.is_needless(&decoder.device());
        let lowest = if explicit && !decoder.embedding.trainable {
            let first = decoder.blocks.iter().position(crate::lora::learns);
            first.unwrap_or(decoder.blocks.len())
        } else {
            0
        };
        Self { decoder, layout, options, asked, explicit, lowest }
    }

    /// What block `i` computes with: the last one only what the loss looks at.
    fn pass(&self, i: usize) -> Pass<'a> {
        let is_last = i + 1 == self.decoder.blocks.len();
        Pass {
            layout: self.layout,
            training: self.options.dropout_seed.is_some(),
            asked: self.asked.places.as_ref().filter(|_| is_last),
        }
    }

    /// Whether gradients have to reach block `i`.
    pub fn reaches(&self, i: usize) -> bool {
        i >= self.lowest
    }

    /// Adapter dropout of block `i` is a function of (seed, block, layer): computing it again draws the same.
    fn seeded(&self, i: usize) -> Block {
        let block = &self.decoder.blocks[i];
        match self.options.dropout_seed {
            Some(seed) => crate::lora::seeded(block, seed, i),
            None => block.clone(),
        }
    }

    /// The result of block `i`, of which nothing is kept.
    pub fn forward(&self, i: usize, x: Tensor<3>) -> Tensor<3> {
        let block = self.seeded(i);
        if self.explicit && block.is_explicit() {
            // The bits of the forward pass that keeps.
            block.output(&mut block.keep(x, self.pass(i)), self.pass(i))
        } else {
            block.forward_asked(x, self.pass(i))
        }
    }

    /// The same, and what its backward pass needs.
    pub fn keep(&self, i: usize, x: Tensor<3>) -> (Segment, Tensor<3>) {
        let block = self.seeded(i);
        if self.explicit && block.is_explicit() {
            let mut saved = block.keep(x, self.pass(i));
            let output = block.output(&mut saved, self.pass(i));
            return (Segment::Explicit(Box::new(saved)), output);
        }
        let taped = taped(&block, x, self.pass(i));
        let output = taped.output.clone().inner();
        (Segment::Taped(Box::new(taped)), output)
    }

    /// What the backward pass of block `i` needs, without its result.
    pub fn again(&self, i: usize, x: Tensor<3>) -> Segment {
        let block = self.seeded(i);
        if self.explicit && block.is_explicit() {
            Segment::Explicit(Box::new(block.keep(x, self.pass(i))))
        } else {
            Segment::Taped(Box::new(taped(&block, x, self.pass(i))))
        }
    }

    /// Adds the gradients of block `i`; returns that of its input, if anything below needs it.
    pub fn backward(
        &self,
        i: usize,
        segment: Segment,
        gradient: Tensor<3>,
        gradients: &mut Gradients,
    ) -> Option<Tensor<3>> {
        match segment {
            Segment::Taped(taped) => {
                let Taped { block, input, output } = *taped;
                let mut tape = ops::pull(output, gradient);
                collect(&block, &block_path(i), &mut tape, gradients);
                input.grad_remove(&mut tape)
            }
            Segment::Explicit(saved) => {
                let wanted = i > self.lowest || self.decoder.embedding.trainable;
                let mut sink = Sink::new(block_path(i), gradients);
                self.seeded(i).backward(*saved, gradient, self.pass(i), wanted, &mut sink)
            }
        }
    }
}

fn taped(block: &Block, x: Tensor<3>, pass: Pass<'_>) -> Taped {
    let block = track(block);
    let input = x.autodiff().require_grad();
    let output = block.forward_asked(input.clone(), pass);
    Taped { block, input, output }
}
