//! The backward pass of a part of the network, started with a gradient that came from above.

use super::{Fused, Input, apply, constant, input, tensor};
use burn::tensor::{Gradients, Tensor};
use burn_flex::FlexTensor;

/// The tape of `output` run back from `gradient`, if both are f32 on flex.
///
/// The plain way, `(output · gradient).sum().backward()`, reads and writes both several times to say
/// what is known already.
pub(crate) fn pull(output: &Tensor<3>, gradient: &Tensor<3>) -> Option<Gradients> {
    assert_eq!(output.dims(), gradient.dims(), "shapes of an output and of its gradient");
    let gradient = constant(gradient)?;
    let input = input(output).filter(|input| matches!(input, Input::OnTape(_)))?;
    let carrier: Tensor<1> = apply(Carrier { gradient }, [input]);
    Some(carrier.backward())
}

#[derive(Clone, Debug)]
struct Carrier {
    gradient: FlexTensor,
}

impl Fused<1> for Carrier {
    type Saved = ();

    fn forward(&self, _: [&FlexTensor; 1]) -> (FlexTensor, ()) {
        (tensor(vec![0.0], &[1]), ())
    }

    fn backward(
        &self,
        _: [&FlexTensor; 1],
        (): (),
        _: &FlexTensor,
        _: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        [Some(self.gradient.clone())]
    }
}
