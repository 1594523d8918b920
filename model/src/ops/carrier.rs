//! The backward pass of a part of the network.

use burn::tensor::{Gradients, Tensor};

/// Runs the tape of `output` back from `gradient`, the gradient of the loss for it.
pub fn pull(output: Tensor<3>, gradient: Tensor<3>) -> Gradients {
    #[cfg(feature = "flex")]
    if let Some(tape) = super::fused::pull(&output, &gradient) {
        return tape;
    }
    // The sum is only a carrier: the gradient that it hands on is `gradient`.
    (output * gradient.autodiff()).sum().backward()
}
