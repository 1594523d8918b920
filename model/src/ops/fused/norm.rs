//! RMSNorm and NormHead: one pass forward, one backward.

use super::lanes::{self, dot, vectorised};
use super::{Fused, ROWS, Shared, apply, dims, each_part, input, tensor, values, width, written};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

/// RMSNorm, if both operands are f32 on flex.
pub(crate) fn rms_norm(x: &Tensor<3>, gain: &Tensor<1>, eps: f64) -> Option<Tensor<3>> {
    Some(apply(RmsNorm { eps }, [input(x)?, input(gain)?]))
}

/// Rows divided by their length, if f32 on flex.
pub(crate) fn normalise_rows(weight: &Tensor<2>) -> Option<Tensor<2>> {
    Some(apply(NormaliseRows, [input(weight)?]))
}

#[derive(Clone, Debug)]
struct RmsNorm {
    eps: f64,
}

impl Fused<2> for RmsNorm {
    /// `1 / sqrt(mean(x²) + eps)` of each row.
    type Saved = Vec<f32>;

    fn forward(&self, [x, gain]: [&FlexTensor; 2]) -> (FlexTensor, Vec<f32>) {
        let (shape, h) = (dims(x), width(x));
        let (x, gain) = (values(x), values(gain));
        let rows = x.len() / h.max(1);
        let mut inverse = vec![0.0; rows];
        let y = written(x.len(), |y| {
            let (y, inverse) = (Shared::new(y), Shared::new(&mut inverse));
            each_part(rows.div_ceil(ROWS), x.len(), |part| {
                for row in part * ROWS..rows.min((part + 1) * ROWS) {
                    let x = &x[row * h..][..h];
                    let mean = dot(x, x) / h as f32;
                    let scale = (mean + self.eps as f32).sqrt().recip();
                    // SAFETY: each row belongs to one part.
                    unsafe {
                        inverse.part(row, 1)[0] = scale;
                        scaled(x, gain, scale, y.part(row * h, h));
                    }
                }
            });
        });
        (tensor(y, &shape), inverse)
    }

    fn backward(
        &self,
        [x, gain]: [&FlexTensor; 2],
        inverse: Vec<f32>,
        gradient: &FlexTensor,
        wanted: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let (shape, h) = (dims(x), width(x));
        let (x, gain, dy) = (values(x), values(gain), values(gradient));
        let rows = inverse.len();
        let parts = rows.div_ceil(ROWS);
        // One gradient of the gain for each part, added in their order.
        let mut gains = vec![0.0; parts * h];
        let dx = written(x.len(), |dx| {
            let (dx, gains) = (Shared::new(dx), Shared::new(&mut gains));
            each_part(parts, x.len(), |part| {
                let rows = part * ROWS..rows.min((part + 1) * ROWS);
                for (row, inverse) in rows.clone().zip(&inverse[rows]) {
                    let at = row * h;
                    // SAFETY: each row, and the gain of this part, belong to one part.
                    unsafe {
                        let (dx, dgain) = (dx.part(at, h), gains.part(part * h, h));
                        norm_gradient(&dy[at..][..h], &x[at..][..h], gain, *inverse, dx, dgain);
                    }
                }
            });
        });
        let dgain = wanted[1].then(|| {
            let mut sum = vec![0.0; h];
            gains.chunks_exact(h).for_each(|part| lanes::add(&mut sum, part));
            tensor(sum, &[h])
        });
        [Some(tensor(dx, &shape)), dgain]
    }
}

vectorised! {
    /// `y = x scale gain`.
    pub fn scaled(x: &[f32], gain: &[f32], scale: f32, y: &mut [f32]) {
        for ((y, x), gain) in y.iter_mut().zip(x).zip(gain) {
            *y = x * scale * gain;
        }
    }
}

vectorised! {
    /// `dx = s (dy gain) - x s³ Σ(dy gain x) / h`, `dgain += dy x s` with `s = inverse`.
    pub fn norm_gradient(
        dy: &[f32], x: &[f32], gain: &[f32], inverse: f32, dx: &mut [f32], dgain: &mut [f32],
    ) {
        for (((dx, dy), gain), (x, dgain)) in
            dx.iter_mut().zip(dy).zip(gain).zip(x.iter().zip(dgain.iter_mut()))
        {
            *dx = dy * gain * inverse;
            *dgain += dy * x * inverse;
        }
        let factor = inverse * inverse * dot(dx, x) / x.len() as f32;
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx -= x * factor;
        }
    }
}

#[derive(Clone, Debug)]
struct NormaliseRows;

/// The least length that a row is divided by, as in the plain body.
const SHORTEST: f32 = 1e-12;

impl Fused<1> for NormaliseRows {
    /// The result, and `1 / ‖w‖` of each row.
    type Saved = (FlexTensor, Vec<f32>);

    fn forward(&self, [weight]: [&FlexTensor; 1]) -> (FlexTensor, Self::Saved) {
        let (shape, h) = (dims(weight), width(weight));
        let w = values(weight);
        let rows = w.len() / h.max(1);
        let mut inverse = vec![0.0; rows];
        let y = written(w.len(), |y| {
            let (y, inverse) = (Shared::new(y), Shared::new(&mut inverse));
            each_part(rows.div_ceil(ROWS), w.len(), |part| {
                for row in part * ROWS..rows.min((part + 1) * ROWS) {
                    let w = &w[row * h..][..h];
                    let scale = dot(w, w).sqrt().max(SHORTEST).recip();
                    // SAFETY: each row belongs to one part.
                    unsafe {
                        inverse.part(row, 1)[0] = scale;
                        multiplied(w, scale, y.part(row * h, h));
                    }
                }
            });
        });
        let y = tensor(y, &shape);
        (y.clone(), (y, inverse))
    }

    fn backward(
        &self,
        [weight]: [&FlexTensor; 1],
        (y, inverse): Self::Saved,
        gradient: &FlexTensor,
        _: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        let h = width(weight);
        let (y, dy) = (values(&y), values(gradient));
        let rows = inverse.len();
        let dw = written(y.len(), |dw| {
            let dw = Shared::new(dw);
            each_part(rows.div_ceil(ROWS), y.len(), |part| {
                for row in part * ROWS..rows.min((part + 1) * ROWS) {
                    let (y, dy) = (&y[row * h..][..h], &dy[row * h..][..h]);
                    // SAFETY: each row belongs to one part.
                    unsafe { direction_gradient(dy, y, inverse[row], dw.part(row * h, h)) }
                }
            });
        });
        [Some(tensor(dw, &dims(weight)))]
    }
}

vectorised! {
    /// `y = x factor`.
    pub fn multiplied(x: &[f32], factor: f32, y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = x * factor;
        }
    }
}

vectorised! {
    /// `dw = (dy - y Σ(dy y)) inverse`: only what is across the row's direction passes.
    pub fn direction_gradient(dy: &[f32], y: &[f32], inverse: f32, dw: &mut [f32]) {
        let along = dot(dy, y);
        for ((dw, dy), y) in dw.iter_mut().zip(dy).zip(y) {
            *dw = (dy - y * along) * inverse;
        }
    }
}
