//! Every kernel against the plain body of its operation.
#![allow(clippy::unwrap_used)]

use crate::ops;
use burn::tensor::{Device, Tensor, TensorData};

#[test]
fn swiglu_is_the_plain_one() {
    let device = Device::wgpu(burn::tensor::DeviceKind::DefaultDevice);
    let values = |seed: u32| -> Vec<f32> {
        (0..6 * 1000).map(|i: u32| ((i * 37 + seed) % 199) as f32 / 50.0 - 2.0).collect()
    };
    let tensor = |seed, device: &Device| {
        Tensor::<3>::from_data(TensorData::new(values(seed), [2, 3, 1000]), device)
    };
    let found = super::swiglu(&tensor(1, &device), &tensor(5, &device)).unwrap();
    let flex = Device::flex();
    let expected = ops::swiglu(tensor(1, &flex), tensor(5, &flex));
    let found: Vec<f32> = found.into_data().iter::<f32>().collect();
    let expected: Vec<f32> = expected.into_data().iter::<f32>().collect();
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
}
