//! How adapters begin.

use super::{Adapter, Linear, LoraConfig, LoraInit, Setting, Start, svd};
use crate::weight::Weight;
use crate::{Error, ops};
use burn::tensor::{DType, Device, Distribution, Tensor};

/// A fresh adapter for `linear`, the layer at `path`. Under PiSSA the weight gives up what the
/// factors begin with, so that the layer computes what it did.
pub(super) fn adapter(
    path: &str,
    linear: &mut Linear,
    setting: Setting,
    config: &LoraConfig,
    device: &Device,
) -> Result<Adapter, Error> {
    let [out, input] = linear.weight.value.dims();
    let Setting { rank, scale } = setting;
    let (a, b, start) = match config.init {
        LoraInit::Default => {
            // Kaiming with `a = √5`, that is within `1 / √in` (PEFT).
            let bound = 1.0 / (input as f64).sqrt();
            let a = Tensor::random([rank, input], Distribution::Uniform(-bound, bound), device);
            (a, Tensor::zeros([out, rank], device), None)
        }
        LoraInit::Gaussian => {
            let normal = Distribution::Normal(0.0, 1.0 / rank as f64);
            (
                Tensor::random([rank, input], normal, device),
                Tensor::zeros([out, rank], device),
                None,
            )
        }
        LoraInit::Pissa => taken(path, linear, setting, svd::Effort::Converged)?,
        LoraInit::PissaNiter(rounds) => taken(path, linear, setting, svd::Effort::Rounds(rounds))?,
    };
    let mut adapter = Adapter {
        a: Weight::new(a),
        b: Weight::new(b),
        magnitude: None,
        start,
        scale,
        dropout: config.dropout,
        stream: None,
    };
    if config.dora {
        let sum = linear.weight.value.clone().cast(DType::F32) + adapter.delta();
        adapter.magnitude = Some(Weight::new(ops::row_norms(sum)));
    }
    Ok(adapter)
}

/// `A` and `B` from the strongest singular vectors, `scale · B A` taken out of the weight
/// (PiSSA, arXiv:2404.02948, equations 2 to 4).
fn taken(
    path: &str,
    linear: &mut Linear,
    Setting { rank, scale }: Setting,
    effort: svd::Effort,
) -> Result<(Tensor<2>, Tensor<2>, Option<Start>), Error> {
    let weight = linear.weight.value.clone();
    let [out, input] = weight.dims();
    let most = out.min(input);
    if rank > most {
        return Err(Error::Config(format!(
            "lora.rank is {rank}, but `{path}` is {out} × {input} and has {most} singular vectors for lora.init = \"pissa\"; make the rank smaller or leave the layer out"
        )));
    }
    let stored = weight.dtype();
    let weight = weight.cast(DType::F32);
    let (a, b) = svd::halves(&weight, rank, scale, effort);
    let part = b.clone().matmul(a.clone()).mul_scalar(scale);
    linear.weight.value = (weight - part).cast(stored);
    let start = Start { a: a.clone(), b: b.clone() };
    Ok((a, b, Some(start)))
}
