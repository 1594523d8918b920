//! Attention by cubek's routines for tensor cores alone, the fastest of them for a class of calls.
//!
//! Asked for attention, the tensor library tries every kernel it has at every new class of lengths: most
//! are made for one query against a long cache, hold partial sums of hundreds of kilobytes a token while
//! they are tried, and one of the backward pass adds with atomics. Here only those are tried whose cubes
//! stage keys and values for tensor cores, and backwards only those that add in a fixed order. What was
//! found the fastest is kept where the tensor library keeps the same.
//!
//! Operands are read where they lie, by their strides.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
use super::{on_cuda, primitive};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
#[cfg(feature = "cuda")]
use burn::tensor::Tensor;
#[cfg(feature = "cuda")]
use burn_cubecl::Cube;
use burn_cubecl::CubeTuneId;
use burn_cubecl::cubecl::ir::ElemType;
use burn_cubecl::cubecl::std::tensor::TensorHandle;
use burn_cubecl::tensor::CubeTensor;
use cubek::attention::kernels::{AttentionVisibility, QueryPlacement};
use cubek::matmul::kernels::tensor::PlainTensor;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

// b rows, h heads, n heads of keys and values, s queries, t keys, d head dim

/// Mixed values and log-sum-exps, in f32 and of natural logarithms; `None` where the tensor library is to
/// be asked: not on CUDA, with a tape, or for what no tensor core takes.
///
/// # Shapes
/// - q: `[b, h, s, d]`, k and v: `[b, n, t, d]`; results: as q, `[b, h, s]`
#[cfg(feature = "cuda")]
pub(crate) fn forward(inputs: [&Tensor<4>; 3], causal: bool) -> Option<(Tensor<4>, Tensor<3>)> {
    let [q, k, v] = inputs;
    if !on_cuda(&q.device()) {
        return None;
    }
    let call = forward::Call::new([primitive(q)?, primitive(k)?, primitive(v)?], causal)?;
    let (mixed, sums) = call.suits().then(|| call.launch())?;
    Some((Tensor::from_primitive::<Cube>(mixed), Tensor::from_primitive::<Cube>(sums)))
}

/// Gradients of queries, keys and values, where [`forward`] would have given values; the same bits each
/// time.
///
/// # Shapes
/// - q, mixed and gradient: `[b, h, s, d]`, k and v: `[b, n, t, d]`, sums: `[b, h, s]`
#[cfg(feature = "cuda")]
pub(crate) fn backward(
    inputs: [&Tensor<4>; 5],
    sums: &Tensor<3>,
    causal: bool,
) -> Option<[Tensor<4>; 3]> {
    let [q, k, v, mixed, gradient] = inputs;
    if !on_cuda(&q.device()) {
        return None;
    }
    let inputs =
        [primitive(q)?, primitive(k)?, primitive(v)?, primitive(mixed)?, primitive(gradient)?];
    let call = backward::Call::new(inputs, primitive(sums)?, causal)?;
    let gradients = call.suits().then(|| call.launch())?;
    Some(gradients.map(Tensor::from_primitive::<Cube>))
}

/// What of a call decides which kernel is the fastest.
#[derive(Clone, Copy, Debug)]
struct Class {
    element: ElemType,
    rows: usize,
    heads: usize,
    key_value_heads: usize,
    queries: usize,
    keys: usize,
    head_dim: usize,
    causal: bool,
}

impl Class {
    fn of(q: &CubeTensor, k: &CubeTensor, causal: bool) -> Self {
        let (of_q, of_k) = (q.meta.shape(), k.meta.shape());
        Self {
            element: element(q),
            rows: of_q[0],
            heads: of_q[1],
            key_value_heads: of_k[1],
            queries: of_q[2],
            keys: of_k[2],
            head_dim: of_q[3],
            causal,
        }
    }

    fn visibility(&self) -> AttentionVisibility {
        // There are as many keys as queries, so where the diagonal ends is the same from both sides.
        AttentionVisibility::new(self.causal, None, QueryPlacement::Last)
    }
}

/// Which classes of calls a device has kernels for.
type Known<K> = Mutex<HashMap<(CubeTuneId, K), bool>>;

/// What `known` says of a class, asked once: the answer takes a plan for each kernel.
fn known<K: Hash + Eq>(
    known: &Known<K>,
    class: (CubeTuneId, K),
    ask: impl FnOnce(&K) -> bool,
) -> bool {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = known.get(&class) {
        return *answer;
    }
    let answer = ask(&class.1);
    known.insert(class, answer);
    answer
}

fn element(tensor: &CubeTensor) -> ElemType {
    dtype_to_storage_type(tensor.dtype)
}

/// Where `tensor` lies, and how.
fn plain(tensor: CubeTensor) -> PlainTensor {
    let element = element(&tensor);
    PlainTensor::new(tensor.binding(), element)
}

/// What a kernel wrote, on the device of `like`.
fn written(handle: TensorHandle, like: &CubeTensor, dtype: DType) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    CubeTensor::new(client, handle.handle, *handle.metadata, device, dtype)
}
