//! What is dropped, and every bit of what is kept, is that of the CPU.
#![allow(clippy::unwrap_used)]

use crate::ops::kernels::gpu;
use crate::ops::{Dropout, add_dropout, cast, dropout};
use burn::tensor::{DType, Device, Tensor, TensorData};

const BY: Dropout = Dropout { seed: 0x0123_4567_89ab_cdef, share: 0.3 };

/// Made-up values of both signs, the same on every run and device, rounded by the CPU.
fn values<const D: usize>(
    dims: [usize; D],
    seed: usize,
    (device, dtype): (&Device, DType),
) -> Tensor<D> {
    let count = dims.iter().product::<usize>();
    let value = |i: usize| ((i * 7919 + seed * 104_729) as f32 * 0.618_034).sin() * 3.0;
    let numbers = TensorData::new((0..count).map(value).collect::<Vec<f32>>(), dims);
    Tensor::from_data(numbers.convert_dtype(dtype), (device, dtype))
}

fn bits<const D: usize>(tensor: Tensor<D>) -> Vec<u32> {
    cast(tensor, DType::F32).into_data().iter::<f32>().map(f32::to_bits).collect()
}

/// f32, and bf16 where the device has it.
fn types() -> Vec<DType> {
    let types = [DType::F32, DType::BF16].into_iter();
    types.filter(|dtype| gpu().supports_dtype(*dtype)).collect()
}

/// The same bits on the device and on the CPU.
fn check<const D: usize>(what: &str, run: impl Fn((&Device, DType)) -> Tensor<D>) {
    for dtype in types() {
        let [ours, theirs] = [gpu(), Device::flex()].map(|device| run((&device, dtype)));
        assert_eq!((ours.dtype(), theirs.dtype()), (dtype, dtype), "{what}");
        assert!(bits(ours) == bits(theirs), "{what}, {dtype:?}");
    }
}

#[test]
fn dropout_is_that_of_the_cpu_to_the_bit() {
    // Vectors of one value, of two, of four and of more; blocks that two vectors share.
    for dims in [[1, 1, 5], [3, 7, 6], [1, 5, 4], [2, 9, 40], [3, 67, 132], [1, 70_001, 3]] {
        for (seed, share) in [(5, 0.1), (u64::MAX - 3, 0.5), (0, 0.9), (1, 0.0)] {
            let by = Dropout { seed, share };
            check(&format!("{dims:?}, {by:?}"), |on| dropout(values(dims, 1, on), by));
            check(&format!("{dims:?}, {by:?}, added"), |on| {
                add_dropout(values(dims, 2, on), values(dims, 1, on), by)
            });
        }
    }
}

#[test]
fn a_view_drops_what_its_copy_would() {
    let turned = |seed, on: (&Device, DType)| values([5, 12, 8], seed, on).swap_dims(0, 1);
    // Rows with gaps behind them, as CUDA has them.
    let part = |seed, on: (&Device, DType)| values([2, 5, 56], seed, on).narrow(2, 0, 40);
    check("turned", |on| dropout(turned(1, on), BY));
    check("turned, added", |on| add_dropout(turned(2, on), turned(1, on), BY));
    check("with gaps", |on| dropout(part(1, on), BY));
    check("with gaps, added", |on| add_dropout(part(2, on), part(1, on), BY));
}

#[test]
fn what_is_added_to_is_not_written_while_somebody_holds_it() {
    let of = |seed| values([3, 50], seed, (&gpu(), DType::F32));
    let base = of(1);
    let sum = add_dropout(base.clone(), of(2), BY);
    assert_ne!(bits(sum), bits(base.clone()));
    assert_eq!(bits(base), bits(of(1)));
}

#[test]
fn a_tape_drops_what_the_kernel_drops() {
    for dtype in types() {
        let of = |seed| values([2, 33, 20], seed, (&gpu(), dtype));
        let taped = of(1).autodiff().require_grad();
        let y = dropout(taped.clone(), BY);
        assert_eq!(bits(y.clone().inner()), bits(dropout(of(1), BY)), "{dtype:?}");
        let mut tape = (y * of(2).autodiff()).sum().backward();
        let found = taped.grad_remove(&mut tape).unwrap();
        assert_eq!(bits(found), bits(dropout(of(2), BY)), "{dtype:?}");
    }
}
