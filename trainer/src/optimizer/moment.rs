//! What the optimizer remembers of one stretch of a weight.

use super::blocks::Blocks;
use super::master::Master;
pub(super) use crate::transfer::{host, upload};
use burn::tensor::{DType, Device, Element, Int, Tensor, TensorData};
use model::ops;

/// Numbers in f32.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one a stretch, each with thousands of numbers")]
pub(super) enum Values {
    /// Where the weights lie.
    Device(Tensor<1>),
    /// In memory.
    Host(Vec<f32>),
}

impl Values {
    pub(super) fn into_host(self) -> Vec<f32> {
        match self {
            Self::Device(tensor) => host(tensor),
            Self::Host(values) => values,
        }
    }

    pub(super) fn into_tensor(self, device: &Device) -> Tensor<1> {
        match self {
            Self::Device(tensor) => tensor,
            Self::Host(values) => upload(values, device),
        }
    }

    /// A copy in memory.
    pub(super) fn data(&self) -> TensorData {
        match self {
            Self::Device(tensor) => tensor.to_data(),
            Self::Host(values) => data(values),
        }
    }
}

/// A moment of AdamW, or the momentum of another rule.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one a stretch, each with thousands of numbers")]
pub(super) enum Moment {
    /// In 32 bits.
    Values(Values),
    /// In 8 bits, in memory.
    Blocks(Blocks),
    /// In 8 bits, where the weights lie.
    BlocksThere(BlocksThere),
}

/// A moment in 8 bits on the device: as [`Blocks`].
#[derive(Clone, Debug)]
pub(super) struct BlocksThere {
    pub(super) codes: Tensor<1, Int>,
    pub(super) scales: Tensor<1>,
    pub(super) signed: bool,
}

impl BlocksThere {
    /// The same on the device.
    pub(super) fn of(blocks: Blocks, device: &Device) -> Self {
        let Blocks { codes, scales, signed } = blocks;
        let count = codes.len();
        let codes = TensorData::new(codes, [count]);
        let codes = Tensor::from_data(codes, (device, DType::U8));
        Self { codes, scales: upload(scales, device), signed }
    }

    fn into_host(self) -> Blocks {
        let codes = self.codes.into_data().iter::<u8>().collect();
        Blocks { codes, scales: host(self.scales), signed: self.signed }
    }
}

impl Moment {
    pub(super) fn into_values(self) -> Values {
        match self {
            Self::Values(values) => values,
            Self::Blocks(blocks) => Values::Host(blocks.values()),
            Self::BlocksThere(blocks) => Values::Host(blocks.into_host().values()),
        }
    }

    /// In 8 bits on the device; zeros where there is none yet.
    pub(super) fn in_blocks(
        moment: Option<Self>,
        length: usize,
        signed: bool,
        device: &Device,
    ) -> BlocksThere {
        match moment {
            Some(Self::BlocksThere(kept)) => kept,
            Some(Self::Blocks(kept)) => BlocksThere::of(kept, device),
            other => {
                let zeros = || vec![0.0; length];
                let values = other.map_or_else(zeros, |it| it.into_values().into_host());
                BlocksThere::of(Blocks::of(&values, signed), device)
            }
        }
    }

    /// In memory, as `blocks` says; zeros where there is none yet.
    pub(super) fn on_host(moment: Option<Self>, length: usize, blocks: bool, signed: bool) -> Self {
        match (moment, blocks) {
            (Some(Self::Blocks(kept)), true) => Self::Blocks(kept),
            (Some(Self::BlocksThere(kept)), true) => Self::Blocks(kept.into_host()),
            (moment, blocks) => {
                let values =
                    moment.map_or_else(|| vec![0.0; length], |it| it.into_values().into_host());
                match blocks {
                    true => Self::Blocks(Blocks::of(&values, signed)),
                    false => Self::Values(Values::Host(values)),
                }
            }
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// AdamW's first moment; the momentum of Lion and Muon.
    pub(super) first: Option<Moment>,
    /// AdamW's second moment.
    pub(super) second: Option<Moment>,
    /// What weights in bf16 lack.
    pub(super) master: Option<Master>,
}

/// A moment as a tensor.
pub(super) fn tensor(moment: Option<Moment>, device: &Device) -> Option<Tensor<1>> {
    moment.map(|it| ops::cast(it.into_values().into_tensor(device), DType::F32))
}

/// A copy of values.
pub(super) fn data<E: Element>(values: &[E]) -> TensorData {
    TensorData::new(values.to_vec(), [values.len()])
}
