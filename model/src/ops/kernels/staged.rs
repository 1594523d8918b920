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
#[cfg(feature = "cuda")]
mod gate;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(crate) use gate::{attend, attend_backward};

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::CubeTuneId;
use burn_cubecl::cubecl::ir::ElemType;
use burn_cubecl::cubecl::std::tensor::TensorHandle;
use burn_cubecl::tensor::CubeTensor;
use cubek::attention::kernels::{AttentionVisibility, QueryPlacement};
use cubek::matmul::kernels::tensor::PlainTensor;

// b rows, h heads, n heads of keys and values, s queries, t keys, d head dim

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

/// The device of a tensor, as what was found on it is told from what was found elsewhere.
fn tuned_for(like: &CubeTensor) -> CubeTuneId {
    CubeTuneId::new(&like.client, &like.device)
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
