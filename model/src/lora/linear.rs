//! A linear layer, and the adapter beside it.

use crate::ops::{self, Dropout};
use crate::weight::{Mapper, Visitor, Weight, Weights, join};
use burn::tensor::{DType, Tensor};

/// `scale · (dropout(x) Aᵀ) Bᵀ`, and under DoRA the norms that rows are brought to.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// `[rank, in]`.
    pub a: Weight<2>,
    /// `[out, rank]`.
    pub b: Weight<2>,
    /// DoRA's norm of each row: `[out]`.
    pub magnitude: Option<Weight<1>>,
    /// Where the factors began, if that was taken from the weight (PiSSA).
    pub start: Option<Start>,
    /// `alpha / rank`, or `alpha / √rank`.
    pub scale: f64,
    /// Dropout on the input.
    pub dropout: f64,
    /// Seed of this pass's dropout.
    pub stream: Option<u64>,
}

/// The factors that PiSSA took out of the weight.
#[derive(Clone, Debug)]
pub struct Start {
    /// `[rank, in]`.
    pub a: Tensor<2>,
    /// `[out, rank]`.
    pub b: Tensor<2>,
}

/// A linear layer, adapted or not.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Weight<2>,
    /// The adapter beside it.
    pub adapter: Option<Adapter>,
}

impl Adapter {
    /// `scale · B A` in f32: `[out, in]`.
    pub fn delta(&self) -> Tensor<2> {
        self.b.value.clone().matmul(self.a.value.clone()).mul_scalar(self.scale)
    }

    /// The weight that `weight` and this adapter are together, in f32: `[out, in]`.
    pub fn merged_with(&self, weight: Tensor<2>) -> Tensor<2> {
        let sum = weight.cast(DType::F32) + self.delta();
        match &self.magnitude {
            Some(magnitude) => {
                let out = sum.dims()[0];
                let gain = magnitude.value.clone() / ops::row_norms(sum.clone());
                sum * gain.reshape([out, 1])
            }
            None => sum,
        }
    }

    /// `x` with a share of its values dropped and the rest scaled up, where this pass drops any.
    fn dropped(&self, x: &Tensor<3>) -> Option<Tensor<3>> {
        self.drops().map(|by| ops::dropout(x.clone(), by))
    }

    /// Which values that are, the same for every pass with this stream.
    pub(super) fn drops(&self) -> Option<Dropout> {
        let seed = self.stream.filter(|_| self.dropout > 0.0)?;
        Some(Dropout { seed, share: self.dropout })
    }
}

impl Linear {
    /// A layer without adapter.
    pub fn new(weight: Tensor<2>) -> Self {
        Self::of(Weight::new(weight))
    }

    /// A layer of this weight, without adapter.
    pub fn of(weight: Weight<2>) -> Self {
        Self { weight, adapter: None }
    }

    /// `[batch, length, in]` to `[batch, length, out]`; adapters drop inputs only in training.
    pub fn forward(&self, x: Tensor<3>, training: bool) -> Tensor<3> {
        let weight = self.weight.value.clone();
        let Some(adapter) = &self.adapter else { return ops::linear(x, weight) };
        let dropped = if training { adapter.dropped(&x) } else { None };
        let (a, b) = (adapter.a.value.clone(), adapter.b.value.clone());
        match &adapter.magnitude {
            Some(magnitude) => {
                let magnitude = magnitude.value.clone();
                ops::dora_linear(x, dropped, weight, (a, b), magnitude, adapter.scale)
            }
            None => {
                let input = dropped.unwrap_or_else(|| x.clone());
                ops::adapted_linear(x, input, weight, a, b, adapter.scale)
            }
        }
    }

    /// The weight with its adapter, in f32: `[out, in]`.
    pub fn merged(&self) -> Tensor<2> {
        let weight = self.weight.value.clone();
        match &self.adapter {
            Some(adapter) => adapter.merged_with(weight),
            None => ops::cast(weight, DType::F32),
        }
    }

    /// Makes the adapter a part of the weight. The sum is formed in f32 and rounded once.
    pub fn merge(&mut self) {
        if let Some(adapter) = self.adapter.take() {
            let stored = self.weight.value.dtype();
            self.weight.value = adapter.merged_with(self.weight.value.clone()).cast(stored);
        }
    }
}

impl Weights for Linear {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor) {
        visitor.weight(&join(prefix, "weight"), &self.weight);
        if let Some(adapter) = &self.adapter {
            visitor.weight(&join(prefix, "lora_A.weight"), &adapter.a);
            visitor.weight(&join(prefix, "lora_B.weight"), &adapter.b);
            if let Some(magnitude) = &adapter.magnitude {
                visitor.weight(&join(prefix, "lora_magnitude_vector"), magnitude);
            }
        }
    }

    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper) {
        mapper.weight(&join(prefix, "weight"), &mut self.weight);
        if let Some(adapter) = &mut self.adapter {
            mapper.weight(&join(prefix, "lora_A.weight"), &mut adapter.a);
            mapper.weight(&join(prefix, "lora_B.weight"), &mut adapter.b);
            if let Some(magnitude) = &mut adapter.magnitude {
                mapper.weight(&join(prefix, "lora_magnitude_vector"), magnitude);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    /// Numbers that are no bf16, from a fixed rule.
    fn matrix(rows: usize, columns: usize, step: f32) -> Tensor<2> {
        let values: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * step).sin()).collect();
        Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex())
    }

    #[test]
    fn a_merge_into_bf16_is_rounded_once() {
        for dora in [false, true] {
            let adapter = Adapter {
                a: Weight::new(matrix(2, 6, 0.7)),
                b: Weight::new(matrix(5, 2, 1.3)),
                magnitude: dora.then(|| Weight::new(ops::row_norms(matrix(5, 6, 0.9)))),
                start: None,
                scale: 0.01,
                dropout: 0.0,
                stream: None,
            };
            let stored = matrix(5, 6, 0.37).cast(DType::BF16);
            let exact = adapter.merged_with(stored.clone()).into_data();
            assert_eq!(exact.dtype(), DType::F32);
            let expected: Vec<f32> =
                exact.iter::<f32>().map(|value| half::bf16::from_f32(value).to_f32()).collect();
            let mut linear = Linear::new(stored);
            linear.adapter = Some(adapter);
            linear.merge();
            let merged = linear.weight.value;
            assert_eq!(merged.dtype(), DType::BF16);
            assert_eq!(merged.into_data().iter::<f32>().collect::<Vec<f32>>(), expected);
        }
    }
}
