//! Where kernels are tested, and how what they give is held against the CPU.
//!
//! Numbers that go into an operation are numbers of its type, on the device and on the CPU; the CPU computes
//! in f32. So what is apart is the order of sums, and what the device rounds on the way out.

use burn::tensor::{DType, Device, Int, Tensor, TensorData, bf16};

/// How far f32 may be off by the order of sums, of the largest of all values.
const NEAR: f32 = 2e-5;

/// The most that rounding to bf16 changes a number by, of itself, and a little for rounding twice.
const BF16: f32 = 1.02 / 256.0;

/// The device that kernels are tested on: `KNOWCODER_TEST_DEVICE` names it where a build has several.
///
/// `cpu` is CubeCL's runtime for CPUs: what runs there is compiled from the same source by LLVM.
pub(crate) fn gpu() -> Device {
    let name = std::env::var("KNOWCODER_TEST_DEVICE").ok();
    match name.as_deref() {
        #[cfg(feature = "wgpu")]
        None | Some("wgpu") => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        #[cfg(all(feature = "cuda", not(feature = "wgpu")))]
        None => Device::cuda(0),
        #[cfg(all(feature = "cpu", not(any(feature = "cuda", feature = "wgpu"))))]
        None => Device::cpu(),
        #[cfg(feature = "cuda")]
        Some("cuda") => Device::cuda(0),
        #[cfg(feature = "cpu")]
        Some("cpu") => Device::cpu(),
        other => panic!(
            "KNOWCODER_TEST_DEVICE is {other:?}: this build has no such device; wgpu, cuda and cpu exist"
        ),
    }
}

/// Whether each unit of a cube is a thread of the host, as on `cpu`. They wait for each other without
/// giving way: where there are hundreds, a barrier takes seconds.
pub(crate) fn units_are_threads() -> bool {
    #[cfg(feature = "cpu")]
    {
        gpu() == Device::cpu()
    }
    #[cfg(not(feature = "cpu"))]
    {
        false
    }
}

/// Says that a test is left out where [`units_are_threads`].
pub(crate) fn left_to_gpus(what: &str) -> bool {
    let left = units_are_threads();
    if left {
        eprintln!("skipped: {what}: hundreds of threads would wait for each other");
    }
    left
}

/// The types that kernels are tested in: f32, and bf16 where the device has it.
pub(crate) fn types() -> Vec<DType> {
    if gpu().supports_dtype(DType::BF16) {
        return vec![DType::F32, DType::BF16];
    }
    eprintln!(
        "skipped in bf16, which {:?} has not; a GPU of NVIDIA's has it, and so has a CPU: \
         cargo test --package model --features cpu --lib kernels",
        gpu()
    );
    vec![DType::F32]
}

/// The same for kernels whose cubes have hundreds of units.
pub(crate) fn types_of_large_cubes() -> Vec<DType> {
    if units_are_threads() { vec![DType::BF16] } else { types() }
}

/// Where an operation is tried.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) device: Device,
    /// Of the tensors.
    pub(crate) dtype: DType,
    /// Of the numbers in them.
    pub(crate) numbers: DType,
}

impl Site {
    /// The device.
    pub(crate) fn new(dtype: DType) -> Self {
        Self { device: gpu(), dtype, numbers: dtype }
    }

    /// The CPU, in f32, over the numbers that the device has in `dtype`.
    pub(crate) fn reference(dtype: DType) -> Self {
        Self { device: Device::flex(), dtype: DType::F32, numbers: dtype }
    }

    /// Numbers of this type.
    pub(crate) fn rounded(&self, mut numbers: Vec<f32>) -> Vec<f32> {
        if self.numbers == DType::BF16 {
            numbers.iter_mut().for_each(|number| *number = bf16::from_f32(*number).to_f32());
        }
        numbers
    }

    pub(crate) fn tensor<const D: usize>(&self, numbers: Vec<f32>, dims: [usize; D]) -> Tensor<D> {
        let data = TensorData::new(self.rounded(numbers), dims);
        Tensor::from_data(data, (&self.device, self.dtype))
    }

    /// What is f32 in every type.
    pub(crate) fn full<const D: usize>(&self, numbers: Vec<f32>, dims: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(numbers, dims), (&self.device, DType::F32))
    }

    /// Whole numbers.
    pub(crate) fn ints(&self, numbers: Vec<i32>) -> Tensor<1, Int> {
        let length = numbers.len();
        Tensor::from_data(TensorData::new(numbers, [length]), &self.device)
    }

    /// `tensor` as another operation gets it: what the device rounds between two, the CPU has not.
    pub(crate) fn between<const D: usize>(&self, tensor: Tensor<D>) -> Tensor<D> {
        let (dims, dtype) = (tensor.dims(), tensor.dtype());
        match dtype == self.numbers {
            true => tensor,
            false => self.tensor(tensor.into_data().iter::<f32>().collect(), dims),
        }
    }
}

/// What an operation gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    values: Vec<f32>,
    dtype: DType,
    /// To the type of what went in; 0 for what is f32 in every type.
    roundings: usize,
}

impl Found {
    /// What was computed in f32, and rounded once.
    pub(crate) fn new<const D: usize>(tensor: Tensor<D>) -> Self {
        Self::rounded(tensor, 1)
    }

    /// What is f32 whatever went in.
    pub(crate) fn full<const D: usize>(tensor: Tensor<D>) -> Self {
        Self::rounded(tensor, 0)
    }

    /// What was rounded so many times, from one factor to the next.
    pub(crate) fn rounded<const D: usize>(tensor: Tensor<D>, roundings: usize) -> Self {
        let dtype = tensor.dtype();
        Self { values: tensor.into_data().iter::<f32>().collect(), dtype, roundings }
    }

    /// Holds it against what should be there, where tensors are of `dtype`.
    fn hold(&self, reference: &Self, dtype: DType, what: &str) {
        let expected = if self.roundings == 0 { DType::F32 } else { dtype };
        assert_eq!(self.dtype, expected, "{what}");
        assert_eq!(self.values.len(), reference.values.len(), "{what}");
        let rounding = if expected == DType::BF16 { self.roundings as f32 * BF16 } else { 0.0 };
        let most = reference.values.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
        for (at, (a, b)) in self.values.iter().zip(&reference.values).enumerate() {
            let allowed = NEAR * most + rounding * b.abs();
            assert!((a - b).abs() <= allowed, "{what}, at {at}: {a} and {b}");
        }
    }
}

/// Holds what an operation gives on the device, in each type, against what it gives on the CPU.
pub(crate) fn check(name: &str, run: impl Fn(&Site) -> Vec<Found>) {
    check_in(&types(), name, run);
}

/// The same in these types.
pub(crate) fn check_in(types: &[DType], name: &str, run: impl Fn(&Site) -> Vec<Found>) {
    for dtype in types.iter().copied() {
        let (ours, theirs) = (run(&Site::new(dtype)), run(&Site::reference(dtype)));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            ours.hold(theirs, dtype, &format!("{name} in {dtype:?}, result {i}"));
        }
    }
}

/// A tensor whose rows have a gap of so many values behind them, as CUDA has it: rows there begin at
/// multiples of some hundred bytes.
pub(crate) fn with_gaps<const D: usize>(
    make: impl FnOnce([usize; D]) -> Tensor<D>,
    mut dims: [usize; D],
    gap: usize,
) -> Tensor<D> {
    let wide = dims[D - 1];
    dims[D - 1] += gap;
    make(dims).narrow(D - 1, 0, wide)
}

/// That the rows of a tensor of the device lie apart by more than they are long.
#[cfg(not(feature = "fusion"))]
pub(crate) fn assert_gaps<const D: usize>(tensor: &Tensor<D>) {
    let Some(tensor) = super::primitive(tensor) else {
        return;
    };
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    assert!(strides[D - 2] > shape[D - 1], "{shape:?} in {strides:?}");
}

#[cfg(feature = "fusion")]
pub(crate) fn assert_gaps<const D: usize>(_: &Tensor<D>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_by_more_than_a_rounding_is_found() {
        let of =
            |values: [f32; 2], dtype, roundings| Found { values: values.into(), dtype, roundings };
        let exact = of([1.0, -300.0], DType::F32, 1);
        let near = [1.0 + 1.0 / 256.0, -301.0];
        of(near, DType::BF16, 1).hold(&exact, DType::BF16, "near");
        let far = [
            of([1.02, -300.0], DType::BF16, 1),
            of([1.0, -302.0], DType::BF16, 1),
            of(near, DType::F32, 0),
            of([1.0, -300.0], DType::F32, 1),
        ];
        for far in far {
            let held = std::panic::catch_unwind(|| far.hold(&exact, DType::BF16, "far"));
            assert!(held.is_err(), "{far:?}");
        }
    }
}
