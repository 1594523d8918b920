//! Dropout in one pass, alone or added to what is there; its words are drawn where they are needed.

#[cfg(test)]
mod tests;

use super::given::{given, own};
use super::rows::{address, elements, grid};
use super::{Kernels, empty_like, primitive, width};
use crate::ops::Dropout;
use crate::ops::philox::{MULTIPLIERS, ROUNDS, STEPS};
use burn::tensor::Tensor;
use burn_cubecl::Cube;
use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use cubecl::std::tensor::layout::linear::{LinearView, LinearViewMut};

/// See [`crate::ops::dropout`].
pub(crate) fn dropout<const D: usize>(x: &Tensor<D>, by: Dropout) -> Option<Tensor<D>> {
    let kept = <Cube as Kernels>::dropout(primitive(x).filter(|_| counts(x))?, by);
    Some(Tensor::from_primitive::<Cube>(kept))
}

/// See [`crate::ops::add_dropout`]; gives `base` back where it does not lie on a GPU.
pub(crate) fn add_dropout<const D: usize>(
    base: Tensor<D>,
    y: &Tensor<D>,
    by: Dropout,
) -> Result<Tensor<D>, Tensor<D>> {
    let alike = !base.is_autodiff() && base.dtype() == y.dtype() && base.dims() == y.dims();
    match primitive(y).filter(|_| alike && counts(y)) {
        Some(y) => {
            let sum = <Cube as Kernels>::add_dropout(given(base), y, by);
            Ok(Tensor::from_primitive::<Cube>(sum))
        }
        None => Err(base),
    }
}

/// Whether blocks of four can be counted in 32 bits.
fn counts<const D: usize>(x: &Tensor<D>) -> bool {
    u32::try_from(x.shape().num_elements() / 4).is_ok()
}

/// [`Dropout`] as the kernels take it, with the halves of the seed: not every GPU has more than 32 bits.
#[derive(CubeLaunch, CubeType)]
pub(super) struct Draw {
    low: u32,
    high: u32,
    threshold: u32,
    gain: f32,
}

impl Dropout {
    fn launch(self) -> DrawLaunch {
        let Self { seed, .. } = self;
        DrawLaunch::new(seed as u32, (seed >> 32) as u32, self.threshold(), self.gain())
    }
}

/// The words of a block of four: [`philox`](crate::ops::philox).
#[cube]
fn words(block: u32, draw: &Draw) -> (u32, u32, u32, u32) {
    let by_first = comptime!(MULTIPLIERS[0]);
    let by_third = comptime!(MULTIPLIERS[1]);
    let mut a = block + 0u32;
    let mut b = 0u32.runtime();
    let mut c = 0u32.runtime();
    let mut d = 0u32.runtime();
    let mut low = draw.low + 0u32;
    let mut high = draw.high + 0u32;
    #[unroll]
    for _ in 0..comptime!(ROUNDS) {
        let first_high = a.mul_hi(by_first);
        let first_low = a * by_first;
        let third_high = c.mul_hi(by_third);
        let third_low = c * by_third;
        a = third_high ^ b ^ low;
        b = third_low;
        c = first_high ^ d ^ high;
        d = first_low;
        low += comptime!(STEPS[0]);
        high += comptime!(STEPS[1]);
    }
    (a, b, c, d)
}

/// All bits if a value with this word is kept, else none.
#[cube]
fn bits(word: u32, draw: &Draw) -> u32 {
    select(word >= draw.threshold, 0xffff_ffffu32, 0u32)
}

/// [`bits`] of the values of vector `at`.
#[cube]
fn mask<N: Size>(at: usize, draw: &Draw) -> Vector<u32, N> {
    let mut mask = Vector::<u32, N>::new(0u32);
    let width = mask.vector_size();
    if comptime!(width < 4) {
        // Vectors share a block, and each draws it.
        let first = at * width;
        let (a, b, c, d) = words(u32::cast_from(first / 4), draw);
        #[unroll]
        for lane in 0..width {
            let place = first % 4 + lane;
            let word = select(place < 2, select(place == 0, a, b), select(place == 2, c, d));
            mask.insert(lane, bits(word, draw));
        }
    } else {
        let blocks = comptime!(width / 4);
        #[unroll]
        for block in 0..blocks {
            let (a, b, c, d) = words(u32::cast_from(at * blocks + block), draw);
            mask.insert(comptime!(4 * block), bits(a, draw));
            mask.insert(comptime!(4 * block + 1), bits(b, draw));
            mask.insert(comptime!(4 * block + 2), bits(c, draw));
            mask.insert(comptime!(4 * block + 3), bits(d, draw));
        }
    }
    mask
}

/// The values of vector `at`, with the gain or 0.
///
/// By their bits: what stands between the product and a sum keeps both from being rounded as one.
#[cube]
fn kept<N: Size>(x: Vector<f32, N>, at: usize, draw: &Draw) -> Vector<f32, N> {
    let scaled = x * Vector::<f32, N>::new(draw.gain);
    Vector::<f32, N>::reinterpret(Vector::<u32, N>::reinterpret(scaled) & mask::<N>(at, draw))
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn dropout_kernel<T: Float, N: Size>(
    x: LinearView<'_, Vector<T, N>>,
    mut output: LinearViewMut<'_, Vector<T, N>>,
    draw: Draw,
    #[define(T)] _dtype: ElemType,
) {
    if !output.is_in_bounds(ABSOLUTE_POS) {
        terminate!();
    }
    let x = Vector::<f32, N>::cast_from(x.read(ABSOLUTE_POS));
    output.write(ABSOLUTE_POS, Vector::cast_from(kept::<N>(x, ABSOLUTE_POS, &draw)));
}

/// See [`crate::ops::dropout`].
pub(super) fn forward(x: CubeTensor, by: Dropout) -> CubeTensor {
    let output = empty_like(&x);
    let width = width(&[&x, &output]);
    let (dim, cubes) = grid(&output, output.meta.num_elements() / width as usize);
    let (address, dtype) = (address(&[&x, &output]), elements(&output));
    // SAFETY: each unit checks that its place is within the output, in whose shape `x` is viewed.
    unsafe {
        dropout_kernel::launch_unchecked(
            &output.client,
            cubes,
            dim,
            address,
            width,
            x.into_linear_view_like(&output),
            output.clone().into_linear_view(),
            by.launch(),
            dtype,
        );
    }
    output
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn add_dropout_kernel<T: Float, N: Size>(
    mut sum: LinearViewMut<'_, Vector<T, N>>,
    y: LinearView<'_, Vector<T, N>>,
    draw: Draw,
    #[define(T)] _dtype: ElemType,
) {
    if !sum.is_in_bounds(ABSOLUTE_POS) {
        terminate!();
    }
    let before = Vector::<f32, N>::cast_from(sum.read(ABSOLUTE_POS));
    let y = Vector::<f32, N>::cast_from(y.read(ABSOLUTE_POS));
    sum.write(ABSOLUTE_POS, Vector::cast_from(before + kept::<N>(y, ABSOLUTE_POS, &draw)));
}

/// See [`crate::ops::add_dropout`].
pub(super) fn add(base: CubeTensor, y: CubeTensor, by: Dropout) -> CubeTensor {
    let sum = own(base);
    let width = width(&[&sum, &y]);
    let (dim, cubes) = grid(&sum, sum.meta.num_elements() / width as usize);
    let (address, dtype) = (address(&[&sum, &y]), elements(&sum));
    // SAFETY: each unit checks that its place is within the sum, in whose shape `y` is viewed, and touches
    // no other.
    unsafe {
        add_dropout_kernel::launch_unchecked(
            &sum.client,
            cubes,
            dim,
            address,
            width,
            sum.clone().into_linear_view(),
            y.into_linear_view_like(&sum),
            by.launch(),
            dtype,
        );
    }
    sum
}
