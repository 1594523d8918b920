//! Products of matrices, on whichever way is fastest for the shape and the device.

use super::{F32, cast};
use burn::tensor::{DType, Tensor};

/// Which operand of a product is taken transposed. Both ways of it lie in memory as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transposed {
    /// `a b`, as a gradient goes back through a layer: `dY W`.
    Neither,
    /// `aᵀ b`, the gradient of a weight: `dYᵀ X`.
    First,
    /// `a bᵀ`, a layer: `X Wᵀ`.
    Second,
}

/// `a b`, in the type of `a`.
///
/// # Shapes
/// - a: `[m, k]`, or `[k, m]` if it is the transposed one; b: `[k, n]`, or `[n, k]`; result: `[m, n]`
pub fn product(a: Tensor<2>, b: Tensor<2>, transposed: Transposed) -> Tensor<2> {
    let dtype = a.dtype();
    product_in(a, b, transposed, dtype)
}

/// The same in another type, to which sums are rounded once: f32 where bf16 would lose what is added up.
pub fn product_in(a: Tensor<2>, b: Tensor<2>, transposed: Transposed, dtype: DType) -> Tensor<2> {
    #[cfg(feature = "cuda")]
    if super::kernels::multiplies(&a, &b, dtype) {
        return super::kernels::product(a, b, transposed, dtype);
    }
    plain_product(a, b, transposed, dtype)
}

/// The same for each of a batch.
///
/// # Shapes
/// - a: `[batch, m, k]`, b: `[batch, k, n]`, each with the last two changed if it is the transposed one
pub fn products(a: Tensor<3>, b: Tensor<3>, transposed: Transposed) -> Tensor<3> {
    #[cfg(feature = "cuda")]
    if super::kernels::multiplies(&a, &b, a.dtype()) {
        let dtype = a.dtype();
        return super::kernels::product(a, b, transposed, dtype);
    }
    let dtype = a.dtype();
    plain_product(a, b, transposed, dtype)
}

/// `sum + scale · a b`, in the type of `sum`, whose memory the result takes over if nobody else has it.
///
/// # Shapes
/// - as of [`product`]; sum: `[m, n]`
pub fn add_product(
    sum: Tensor<2>,
    a: Tensor<2>,
    b: Tensor<2>,
    transposed: Transposed,
    scale: f64,
) -> Tensor<2> {
    #[cfg(feature = "cuda")]
    if !sum.is_autodiff() && super::kernels::multiplies(&a, &b, sum.dtype()) {
        return super::kernels::add_product(sum, a, b, transposed, scale);
    }
    let dtype = sum.dtype();
    let product = plain_product(a, b, transposed, dtype);
    sum + if scale == 1.0 { product } else { product.mul_scalar(scale) }
}

/// Which ways products have taken on the GPUs of this process, as a table; nothing without such a choice.
pub fn product_routes() -> String {
    #[cfg(feature = "cuda")]
    return super::kernels::product_routes();
    #[cfg(not(feature = "cuda"))]
    String::new()
}

/// Which way the last product of this process took that had a choice, whatever it was told to take: `burn`,
/// `tiles` or `cublaslt`.
pub fn last_product_way() -> Option<&'static str> {
    #[cfg(feature = "cuda")]
    return super::kernels::last_product_way();
    #[cfg(not(feature = "cuda"))]
    None
}

/// The plain body.
fn plain_product<const D: usize>(
    a: Tensor<D>,
    b: Tensor<D>,
    transposed: Transposed,
    dtype: DType,
) -> Tensor<D> {
    // A result in f32 of operands in bf16 is not to be rounded to bf16 between.
    let (a, b) = match dtype {
        F32 => (cast(a, F32), cast(b, F32)),
        _ => (a, b),
    };
    let product = match transposed {
        Transposed::Neither => a.matmul(b),
        Transposed::First => a.transpose().matmul(b),
        Transposed::Second => a.matmul(b.transpose()),
    };
    cast(product, dtype)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    fn value(seed: usize, index: usize) -> f32 {
        ((index * 37 + seed * 101) % 61) as f32 / 30.0 - 1.0
    }

    fn tensor<const D: usize>(seed: usize, dims: [usize; D], device: &Device) -> Tensor<D> {
        let values: Vec<f32> = (0..dims.iter().product()).map(|i| value(seed, i)).collect();
        Tensor::from_data(TensorData::new(values, dims), device)
    }

    /// Dimensions in memory of an operand that is `[rows, columns]` in the formula.
    fn lying([rows, columns]: [usize; 2], transposed: bool) -> [usize; 2] {
        if transposed { [columns, rows] } else { [rows, columns] }
    }

    fn expected([m, n, k]: [usize; 3], transposed: Transposed) -> Vec<f32> {
        let at = |seed, [rows, columns]: [usize; 2], transposed: bool, i: usize, j: usize| {
            value(seed, if transposed { j * rows + i } else { i * columns + j })
        };
        let (first, second) = (transposed == Transposed::First, transposed == Transposed::Second);
        let element = |i: usize, j: usize| -> f32 {
            (0..k).map(|l| at(1, [m, k], first, i, l) * at(2, [k, n], second, l, j)).sum()
        };
        (0..m * n).map(|index| element(index / n, index % n)).collect()
    }

    fn close<const D: usize>(found: Tensor<D>, expected: &[f32]) {
        let found: Vec<f32> = found.into_data().iter::<f32>().collect();
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
    }

    fn check(dims @ [m, n, k]: [usize; 3], transposed: Transposed, device: &Device) {
        let a = lying([m, k], transposed == Transposed::First);
        let b = lying([k, n], transposed == Transposed::Second);
        let [a, b] = [tensor(1, a, device), tensor(2, b, device)];
        let expected = expected(dims, transposed);
        close(product(a.clone(), b.clone(), transposed), &expected);
        let sum = tensor::<2>(3, [m, n], device);
        let added = add_product(sum, a.clone(), b.clone(), transposed, 0.5);
        let summed: Vec<f32> =
            expected.iter().enumerate().map(|(i, x)| value(3, i) + 0.5 * x).collect();
        close(added, &summed);
        let pair = |x: Tensor<2>| Tensor::stack::<3>(vec![x.clone(), x * 2.0], 0);
        let four: Vec<f32> =
            expected.iter().copied().chain(expected.iter().map(|x| 4.0 * x)).collect();
        close(products(pair(a), pair(b), transposed), &four);
    }

    const ALL: [Transposed; 3] = [Transposed::Neither, Transposed::First, Transposed::Second];

    proptest! {
        #[test]
        fn products_are_sums(dims in [1..7_usize, 1..7_usize, 1..7_usize], which in 0..3_usize) {
            check(dims, ALL[which], &Device::flex());
        }
    }

    #[test]
    fn a_result_in_f32_is_not_rounded_to_bf16_between() {
        let device = Device::flex();
        let [a, b] = [[1.0, 1.0], [1.0, 0.001]].map(|values: [f32; 2]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [1, 2]), &device)
                .cast(DType::BF16)
        });
        let small =
            b.clone().slice([0..1, 1..2]).cast(F32).into_data().iter::<f32>().next().unwrap();
        let found = product_in(a, b, Transposed::Second, F32);
        assert_eq!(found.into_data().iter::<f32>().next(), Some(1.0 + small));
    }
}
