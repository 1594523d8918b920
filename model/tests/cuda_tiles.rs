//! The way of tile kernels on Hopper, as far as it goes without one: the kernel is chosen, compiled for it
//! with its warpgroup instructions, and launched on a driver that does nothing with it.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

mod fake_cuda;

use burn::tensor::{DType, Device, Tensor, TensorData};
use half::bf16;
use model::ops::{Transposed, product, product_routes};

#[test]
fn a_layer_is_multiplied_with_warpgroup_instructions() {
    let fake = fake_cuda::begin("tiles", "");
    let device = Device::cuda(0);
    let ones = |dims: [usize; 2]| -> Tensor<2> {
        let values = vec![bf16::ONE; dims[0] * dims[1]];
        Tensor::from_data(TensorData::new(values, dims), (&device, DType::BF16))
    };
    let result = product(ones([256, 1024]), ones([512, 1024]), Transposed::Second);
    // Reading says whether the launch has failed; what is read is what was there before.
    let values = result.try_into_data().unwrap();
    assert_eq!(values.shape().as_slice(), [256, 512]);
    assert_eq!(fake.count("fake_launches"), 1);
    assert_eq!(fake.count("fake_warpgroup_kernels"), 1);
    assert_eq!(fake.products(), [""; 0]);
    assert!(product_routes().contains("NVIDIA H200"), "{}", product_routes());
}
