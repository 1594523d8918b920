//! Flat buffers against their plain bodies.

use super::super::site::{Site, types_of_large_cubes, units_are_threads};
use super::super::update_tests::{WEIGHT, close, host, numbers, tensor};
use crate::ops::{pour, square_sums};
use burn::tensor::{DType, Device, Tensor, TensorData, bf16};

#[test]
fn pouring_and_sums_are_the_plain_ones() {
    let counts: &[usize] =
        if units_are_threads() { &[4097] } else { &[1, 4095, 4096, 4097, 15_000] };
    for dtype in types_of_large_cubes() {
        for count in counts.iter().copied() {
            hold_flat(dtype, count);
        }
    }
}

fn hold_flat(dtype: DType, count: usize) {
    let what = format!("{count} in {dtype:?}");
    let (there, here) = (Site::new(dtype), Site::reference(dtype));
    let run = |site: &Site| {
        let values = site.tensor(numbers(5, WEIGHT), [WEIGHT]);
        let bucket = site.full(numbers(6, WEIGHT), [WEIGHT]);
        let bucket = pour(bucket, 17, &values, 300..300 + count, false);
        let bucket = pour(bucket, 18, &values, 3..3 + count, true);
        let sums = site.full(vec![-1.0; 9], [9]);
        (host(&bucket), host(&square_sums(sums, 2, &values, 7..7 + count, 4096)))
    };
    let ((found, sums), (expected, plain)) = (run(&there), run(&here));
    assert!(found == expected, "{what}");
    close(&sums, &plain, &what);
    let squared = there.rounded(numbers(5, WEIGHT)).into_iter().map(|it| f64::from(it * it));
    let exact: f64 = squared.skip(7).take(count).sum();
    let units = count.div_ceil(4096);
    let ours: f64 = sums[2..2 + units].iter().map(|it| f64::from(*it)).sum();
    assert!((ours - exact).abs() < 1e-5 * exact, "{what}: {ours} and {exact}");
    assert!(sums.iter().enumerate().all(|(i, it)| (2..2 + units).contains(&i) || *it == -1.0));
    if !units_are_threads() {
        assert_eq!(run(&there).1, sums, "{what}: the same bits");
    }
}

#[test]
fn a_weight_in_bf16_is_read_where_the_device_has_it() {
    // Gradients in bf16 are converted on the way; lavapipe has no bf16, a CPU does.
    let device = Device::flex();
    let values: Vec<bf16> = numbers(8, 100).into_iter().map(bf16::from_f32).collect();
    let values = Tensor::<1>::from_data(TensorData::new(values, [100]), (&device, DType::BF16));
    let bucket = pour(tensor(vec![0.0; 200], &device), 50, &values, 0..100, false);
    assert_eq!(bucket.dtype(), DType::F32);
    let expected: Vec<f32> = values.to_data().iter::<f32>().collect();
    assert_eq!(host(&bucket)[50..150], expected);
}
