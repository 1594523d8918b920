//! `silu(gate) ⊙ up`: one pass forward, one backward.

use super::lanes::{exp, vectorised};
use super::{Fused, Shared, apply, dims, each_part, input, tensor, values, written};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

/// The product, if both operands are f32 on flex.
pub(crate) fn swiglu(gate: &Tensor<3>, up: &Tensor<3>) -> Option<Tensor<3>> {
    Some(apply(SwiGlu, [input(gate)?, input(up)?]))
}

#[derive(Clone, Debug)]
struct SwiGlu;

/// Values of a task.
const PART: usize = 1 << 14;

impl Fused<2> for SwiGlu {
    type Saved = ();

    fn forward(&self, [gate, up]: [&FlexTensor; 2]) -> (FlexTensor, ()) {
        let shape = dims(gate);
        let (gate, up) = (values(gate), values(up));
        let count = gate.len();
        let y = written(count, |y| {
            let y = Shared::new(y);
            each_part(count.div_ceil(PART), count, |part| {
                let (at, n) = (part * PART, PART.min(count - part * PART));
                // SAFETY: each value belongs to one part.
                unsafe { activate(&gate[at..][..n], &up[at..][..n], y.part(at, n)) }
            });
        });
        (tensor(y, &shape), ())
    }

    fn backward(
        &self,
        [gate, up]: [&FlexTensor; 2],
        (): (),
        gradient: &FlexTensor,
        _: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let shape = dims(gate);
        let (gate, up, dy) = (values(gate), values(up), values(gradient));
        let count = gate.len();
        let mut of_gate = Vec::new();
        let of_up = written(count, |of_up| {
            let of_up = Shared::new(of_up);
            of_gate = written(count, |of_gate| {
                let of_gate = Shared::new(of_gate);
                each_part(count.div_ceil(PART), count, |part| {
                    let (at, n) = (part * PART, PART.min(count - part * PART));
                    let (gate, up, dy) = (&gate[at..][..n], &up[at..][..n], &dy[at..][..n]);
                    // SAFETY: each value belongs to one part.
                    unsafe { gradients(gate, up, dy, of_gate.part(at, n), of_up.part(at, n)) }
                });
            });
        });
        [Some(tensor(of_gate, &shape)), Some(tensor(of_up, &shape))]
    }
}

vectorised! {
    /// `y = gate σ(gate) up`.
    pub fn activate(gate: &[f32], up: &[f32], y: &mut [f32]) {
        for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
            *y = gate * up / (1.0 + exp(-gate));
        }
    }
}

vectorised! {
    /// Gradients of both factors from `dy`.
    pub fn gradients(
        gate: &[f32], up: &[f32], dy: &[f32], of_gate: &mut [f32], of_up: &mut [f32],
    ) {
        for (((gate, up), dy), (of_gate, of_up)) in
            gate.iter().zip(up).zip(dy).zip(of_gate.iter_mut().zip(of_up))
        {
            let sigmoid = 1.0 / (1.0 + exp(-gate));
            let silu = gate * sigmoid;
            *of_up = dy * silu;
            *of_gate = dy * up * (sigmoid + silu * (1.0 - sigmoid));
        }
    }
}
