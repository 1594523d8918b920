//! Against what others wrote: the optimizers and schedules of torch, transformers and bitsandbytes, burn's
//! learner, and a small model whose greedy text its author published.
#![allow(clippy::unwrap_used)]

mod adamw;
mod optimizers;
#[cfg(feature = "flex")]
mod referee;
mod stories;

/// The device that `KNOWCODER_TEST_DEVICE` names: `flex` where it is not set.
fn device() -> burn::tensor::Device {
    let name = std::env::var("KNOWCODER_TEST_DEVICE").unwrap_or_else(|_| "flex".into());
    trainer::device::of(&name, 0).unwrap_or_else(|error| panic!("KNOWCODER_TEST_DEVICE: {error}"))
}
