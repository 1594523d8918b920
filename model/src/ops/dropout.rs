//! Dropout whose draw is a function of a seed and a place.
//!
//! Value `i` of a tensor, counted along its rows, is dropped if word `i` of the seed is small; the words are
//! [`philox`](super::philox)'s, four to a counter. So nothing is drawn in advance and nothing is kept: who
//! needs the draw again makes it again, with the same bits on every device.

use super::{F32, cast, philox};
use burn::tensor::{Bool, Device, Tensor, TensorData};

/// Which values are dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The key of the draw.
    pub seed: u64,
    /// Share of the values that is dropped: 0 ≤ share < 1.
    pub share: f64,
}

impl Dropout {
    /// A value is kept if its word is at least this.
    pub(crate) fn threshold(self) -> u32 {
        // A conversion from a float stays within the type.
        (self.share * 2f64.powi(32)).round() as u32
    }

    /// What kept values are multiplied with: a product is rounded alike everywhere, a quotient is not on
    /// every GPU.
    pub(crate) fn gain(self) -> f32 {
        (1.0 / (1.0 - self.share)) as f32
    }

    /// Whether each of the first `count` values is dropped.
    fn dropped(self, count: usize) -> Vec<bool> {
        let words = (0..count.div_ceil(4) as u64).flat_map(|block| {
            let words = philox::blocks::<1>(block, self.seed);
            words.map(|[word]| word < self.threshold())
        });
        words.take(count).collect()
    }
}

/// `x` with some of its values 0 and the others divided by what share of them is kept.
///
/// In f32, and rounded once to the type of `x`.
pub fn dropout<const D: usize>(x: Tensor<D>, by: Dropout) -> Tensor<D> {
    match in_one_pass(&x, by) {
        Some(y) => y,
        None => plain_dropout(x, by),
    }
}

/// The plain body of [`dropout`]; on a tape it keeps which values are dropped.
pub(crate) fn plain_dropout<const D: usize>(x: Tensor<D>, by: Dropout) -> Tensor<D> {
    let dtype = x.dtype();
    let dropped = dropped(x.dims(), &x.device().inner(), by);
    cast(cast(x, F32).mul_scalar(by.gain()), dtype).mask_fill(dropped, 0.0)
}

/// `base + dropout(y)`, in f32 and rounded once to the type of both; a GPU writes it over a `base` that
/// nobody else holds.
///
/// # Shapes
/// - all of one shape and type, without a tape
pub fn add_dropout<const D: usize>(base: Tensor<D>, y: Tensor<D>, by: Dropout) -> Tensor<D> {
    #[cfg(feature = "kernels")]
    let base = match super::kernels::add_dropout(base, &y, by) {
        Ok(sum) => return sum,
        Err(base) => base,
    };
    let dtype = base.dtype();
    cast(cast(base, F32) + dropout(cast(y, F32), by), dtype)
}

/// [`dropout`] by the body of a device, if it has one for this tensor.
fn in_one_pass<const D: usize>(x: &Tensor<D>, by: Dropout) -> Option<Tensor<D>> {
    #[cfg(feature = "flex")]
    if let Some(y) = super::fused::dropout(x, by) {
        return Some(y);
    }
    #[cfg(feature = "kernels")]
    if let Some(y) = super::kernels::dropout(x, by) {
        return Some(y);
    }
    let _ = (x, by);
    None
}

/// Which values are dropped, as a tensor: drawn where it lies if that device has a body of its own.
fn dropped<const D: usize>(dims: [usize; D], device: &Device, by: Dropout) -> Tensor<D, Bool> {
    // Of ones nothing that is kept is 0.
    let ones = Tensor::<D>::ones(dims, (device, F32));
    match in_one_pass(&ones, by) {
        Some(drawn) => drawn.equal_elem(0.0),
        None => {
            let dropped = by.dropped(dims.iter().product());
            Tensor::from_data(TensorData::new(dropped, dims), device)
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::{DType, bf16};

    const BY: Dropout = Dropout { seed: 0x0123_4567_89ab_cdef, share: 0.3 };

    /// Numbers of both signs that are no bf16, none of them 0.
    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 0.37 + 1.0).sin() * 3.0).collect()
    }

    fn tensor<const D: usize>(dims: [usize; D], dtype: DType) -> Tensor<D> {
        let values = TensorData::new(numbers(dims.iter().product()), dims);
        Tensor::from_data(values, (&Device::flex(), dtype))
    }

    fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        cast(tensor, F32).into_data().iter::<f32>().collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    /// Value by value, from the draw alone.
    fn expected(values: &[f32], by: Dropout) -> Vec<f32> {
        let dropped = by.dropped(values.len());
        let value = |(value, dropped): (&f32, bool)| if dropped { 0.0 } else { value * by.gain() };
        values.iter().zip(dropped).map(value).collect()
    }

    #[test]
    fn kept_values_are_scaled_and_the_others_are_nothing() {
        // Less than a vector, parts of one, and enough for several threads.
        for count in [1, 2, 3, 4, 5, 63, 64, 65, 1027, 70_003, 131_072] {
            let found = host(dropout(tensor([count], F32), BY));
            assert_eq!(bits(&found), bits(&expected(&numbers(count), BY)), "{count}");
        }
        assert_eq!(host(dropout(tensor([2, 0, 3], F32), BY)), Vec::<f32>::new());
    }

    #[test]
    fn the_share_is_what_was_asked_for() {
        for share in [0.02, 0.05, 0.1, 0.3, 0.5, 0.9] {
            for count in [1_001, 40_000, 262_147] {
                for seed in [0, 1, u64::MAX] {
                    let dropped = Dropout { seed, share }.dropped(count);
                    let found = dropped.iter().filter(|is| **is).count() as f64 / count as f64;
                    // Five standard deviations of a binomial.
                    let bound = 5.0 * (share * (1.0 - share) / count as f64).sqrt();
                    assert!((found - share).abs() < bound, "{share} of {count}: {found}");
                }
            }
        }
    }

    #[test]
    fn neighbours_and_seeds_have_nothing_to_do_with_each_other() {
        let (count, share) = (200_000, 0.5);
        let of = |seed| Dropout { seed, share }.dropped(count + 4);
        let (here, there) = (of(7), of(8));
        // Half of all pairs are alike: five standard deviations.
        let bound = 5.0 * 0.5 / (count as f64).sqrt();
        for apart in 0..=4 {
            let other = if apart == 0 { &there } else { &here };
            let alike = (0..count).filter(|i| here[*i] == other[i + apart]).count();
            let found = alike as f64 / count as f64;
            assert!((found - 0.5).abs() < bound, "{apart} apart: {found}");
        }
    }

    #[test]
    fn what_lies_behind_a_value_does_not_matter() {
        let long = BY.dropped(1000);
        for count in [1, 6, 64, 999] {
            assert_eq!(BY.dropped(count), long[..count]);
            assert_eq!(
                bits(&host(dropout(tensor([count], F32), BY))),
                bits(&host(dropout(tensor([1000], F32), BY).narrow(0, 0, count)))
            );
        }
        // Nor how values are arranged.
        let flat = host(dropout(tensor([1000], F32), BY));
        let folded = host(dropout(tensor([5, 40, 5], F32), BY));
        assert_eq!(bits(&flat), bits(&folded));
    }

    #[test]
    fn nothing_is_dropped_of_no_share() {
        let by = Dropout { share: 0.0, ..BY };
        assert_eq!(host(dropout(tensor([333], F32), by)), numbers(333));
    }

    #[test]
    fn bodies_agree_to_the_bit() {
        for dims in [[1, 1, 5], [3, 70, 33], [2, 513, 128]] {
            let x = || tensor(dims, F32);
            assert_eq!(bits(&host(dropout(x(), BY))), bits(&host(plain_dropout(x(), BY))));
        }
    }

    #[test]
    fn bf16_is_rounded_once() {
        let rounded = |values: Vec<f32>| -> Vec<f32> {
            values.into_iter().map(|value| bf16::from_f32(value).to_f32()).collect()
        };
        let x = rounded(numbers(1003));
        let low = || tensor([1003], F32).cast(DType::BF16);
        let dropped = dropout(low(), BY);
        assert_eq!(dropped.dtype(), DType::BF16);
        assert_eq!(bits(&host(dropped)), bits(&rounded(expected(&x, BY))));
        let base = low().mul_scalar(0.25);
        let sum = host(base.clone()).iter().zip(expected(&x, BY)).map(|(a, b)| a + b).collect();
        let found = add_dropout(base, low(), BY);
        assert_eq!(found.dtype(), DType::BF16);
        assert_eq!(bits(&host(found)), bits(&rounded(sum)));
    }

    #[test]
    fn a_sum_is_that_of_both() {
        let (base, y) = (|| tensor([7, 33], F32).mul_scalar(-1.7), || tensor([7, 33], F32));
        let expected = host(base() + dropout(y(), BY));
        assert_eq!(bits(&host(add_dropout(base(), y(), BY))), bits(&expected));
    }

    #[test]
    fn a_gradient_is_dropped_as_its_value_was() {
        for dtype in [F32, DType::BF16] {
            let x = tensor([5, 41], dtype).autodiff().require_grad();
            let dy = tensor([5, 41], dtype).mul_scalar(-0.7);
            let y = dropout(x.clone(), BY);
            let untaped = dropout(tensor([5, 41], dtype), BY);
            assert_eq!(bits(&host(y.clone().inner())), bits(&host(untaped)));
            let mut tape = (y * dy.clone().autodiff()).sum().backward();
            let found = host(x.grad_remove(&mut tape).unwrap());
            assert_eq!(bits(&found), bits(&host(dropout(dy, BY))), "{dtype:?}");
        }
    }
}
