//! Lion: the sign of an interpolated momentum (arXiv:2302.06675, program 1).
//!
//! Over slices; the same over tensors is [`model::ops::update()`].

/// What a step of Lion is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lion {
    /// The learning rate of this step.
    pub(super) rate: f64,
    /// What the weight is multiplied with.
    pub(super) keep: f64,
    /// Share of the momentum in the step.
    pub(super) beta1: f64,
    /// Decay of the momentum.
    pub(super) beta2: f64,
}

/// -1, 0 or 1: `f32::signum` has no 0.
fn sign(value: f32) -> f32 {
    f32::from(i8::from(value > 0.0) - i8::from(value < 0.0))
}

impl Lion {
    /// One pass over the values; all slices are equally long.
    pub(super) fn values(&self, weight: &mut [f32], gradient: &[f32], momentum: &mut [f32]) {
        let (b1, b2) = (self.beta1 as f32, self.beta2 as f32);
        let (c1, c2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let (rate, keep) = (self.rate as f32, self.keep as f32);
        for ((w, g), m) in weight.iter_mut().zip(gradient).zip(momentum) {
            let update = sign(*m * b1 + g * c1);
            *m = *m * b2 + g * c2;
            *w = *w * keep - update * rate;
        }
    }
}
