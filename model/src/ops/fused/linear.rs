//! `y = x Wᵀ`: gradients of weights are formed as the weights lie, so that nothing is transposed.

use super::product::{self, Matrix};
use super::{Fused, apply, dims, input, tensor, values, width};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

/// The product, if both operands are f32 on flex.
pub(crate) fn linear(x: &Tensor<3>, weight: &Tensor<2>) -> Option<Tensor<3>> {
    Some(apply(Linear, [input(x)?, input(weight)?]))
}

#[derive(Clone, Debug)]
struct Linear;

impl Fused<2> for Linear {
    type Saved = ();

    fn forward(&self, [x, weight]: [&FlexTensor; 2]) -> (FlexTensor, ()) {
        let (out, inner) = (dims(weight)[0], width(weight));
        let mut shape = dims(x);
        let rows = shape.iter().product::<usize>() / inner.max(1);
        let y = product::new(
            [rows, out, inner],
            Matrix::rows(values(x), inner),
            Matrix::rows(values(weight), inner).transposed(),
        );
        shape.pop();
        shape.push(out);
        (tensor(y, &shape), ())
    }

    fn backward(
        &self,
        [x, weight]: [&FlexTensor; 2],
        (): (),
        gradient: &FlexTensor,
        [of_x, of_weight]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let (out, inner) = (dims(weight)[0], width(weight));
        let rows = values(x).len() / inner.max(1);
        let dy = Matrix::rows(values(gradient), out);
        let dx = of_x.then(|| {
            let dx = product::new([rows, inner, out], dy, Matrix::rows(values(weight), inner));
            tensor(dx, &dims(x))
        });
        let dw = of_weight.then(|| {
            let x = Matrix::rows(values(x), inner);
            tensor(product::new([out, inner, rows], dy.transposed(), x), &[out, inner])
        });
        [dx, dw]
    }
}
