//! Adam with decoupled weight decay (arXiv:1711.05101), as `torch.optim.AdamW`.
//!
//! Over slices; the same over tensors is [`model::ops::update()`].

/// What a step of AdamW is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdamW {
    /// The learning rate of this step.
    pub(super) rate: f64,
    /// What the weight is multiplied with.
    pub(super) keep: f64,
    /// Decay of the first moment.
    pub(super) beta1: f64,
    /// Decay of the second moment.
    pub(super) beta2: f64,
    /// Added to the root of the second moment.
    pub(super) epsilon: f64,
    /// This step, counted from 1.
    pub(super) step: usize,
}

impl AdamW {
    /// What the moments, which begin with zeros, lack.
    pub(super) fn corrections(&self) -> (f64, f64) {
        let of = |beta: f64| 1.0 - beta.powi(self.step as i32);
        (of(self.beta1), of(self.beta2))
    }

    /// One pass over the values; all slices are equally long.
    pub(super) fn values(
        &self,
        weight: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let (b1, b2) = (self.beta1 as f32, self.beta2 as f32);
        let (c1, c2) = ((1.0 - self.beta1) as f32, (1.0 - self.beta2) as f32);
        let (correct1, correct2) = self.corrections();
        let (correct1, correct2) = (correct1 as f32, correct2 as f32);
        let (rate, keep, epsilon) = (self.rate as f32, self.keep as f32, self.epsilon as f32);
        let values = weight.iter_mut().zip(gradient).zip(first).zip(second);
        for (((w, g), m), v) in values {
            *m = *m * b1 + g * c1;
            *v = *v * b2 + g * g * c2;
            let update = (*m / correct1) / ((*v / correct2).sqrt() + epsilon);
            *w = *w * keep - update * rate;
        }
    }
}
