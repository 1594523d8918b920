//! What is asked for, and whether the device's tensor cores take it.

use super::super::{on_cuda, primitive};
use super::{Class, backward, forward, tuned_for};
use burn::tensor::Tensor;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeTuneId};
use cubek::attention::kernels::tune::key::AttentionKey;
use cubek::attention_backward::kernels::tune::AttentionBackwardKey;
use cubek::std::Hardware;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Which classes of calls a device has kernels for.
type Known<K> = LazyLock<Mutex<HashMap<(CubeTuneId, K), bool>>>;

static FORWARD: Known<AttentionKey> = LazyLock::new(Mutex::default);
static BACKWARD: Known<AttentionBackwardKey> = LazyLock::new(Mutex::default);

/// Mixed values and log-sum-exps, in f32 and of natural logarithms; `None` where the tensor library is to
/// be asked: not on CUDA, with a tape, or for what no tensor core takes.
///
/// # Shapes
/// - q: `[b, h, s, d]`, k and v: `[b, n, t, d]`; results: as q, `[b, h, s]`
pub(crate) fn attend(inputs: [&Tensor<4>; 3], causal: bool) -> Option<(Tensor<4>, Tensor<3>)> {
    let [q, k, v] = inputs;
    if !on_cuda(&q.device()) {
        return None;
    }
    let inputs = [primitive(q)?, primitive(k)?, primitive(v)?];
    let class = Class::of(&inputs[0], &inputs[1], causal);
    if !taken(&FORWARD, &inputs[0], forward::key(&class), forward::suits) {
        return None;
    }
    let (mixed, sums) = forward::Call::new(inputs, &class)?.launch();
    Some((Tensor::from_primitive::<Cube>(mixed), Tensor::from_primitive::<Cube>(sums)))
}

/// Gradients of queries, keys and values, where [`attend`] would have given values; the same bits each
/// time.
///
/// # Shapes
/// - q, mixed and gradient: `[b, h, s, d]`, k and v: `[b, n, t, d]`, sums: `[b, h, s]`
pub(crate) fn attend_backward(
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
    let class = Class::of(&inputs[0], &inputs[1], causal);
    if !taken(&BACKWARD, &inputs[0], backward::key(&class), backward::suits) {
        return None;
    }
    let gradients = backward::Call::new(inputs, primitive(sums)?, &class)?.launch();
    Some(gradients.map(Tensor::from_primitive::<Cube>))
}

/// Whether the device of `like` takes a class, asked once: the answer takes a plan for each kernel.
fn taken<K: Hash + Eq>(
    known: &Known<K>,
    like: &CubeTensor,
    key: K,
    suits: impl FnOnce(&Hardware, &K) -> bool,
) -> bool {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let class = (tuned_for(like), key);
    if let Some(answer) = known.get(&class) {
        return *answer;
    }
    let answer = suits(&Hardware::from_client(&like.client), &class.1);
    known.insert(class, answer);
    answer
}
