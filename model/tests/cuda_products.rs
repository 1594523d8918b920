//! The tensor library's CUDA server over a driver that works on memory of the host, with a cuBLASLt that
//! computes there: products go from tensors through the server's own queue and stream to the library and
//! back. Kernels do nothing on such a driver, so that only what the library has computed can be right.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

mod fake_cuda;

use burn::tensor::{DType, Device, Tensor, TensorData};
use half::bf16;
use model::ops::{Transposed, add_product, linear, product, product_in, product_routes, products};

/// Numbers that bf16 holds exactly, as all their sums here.
fn value(seed: usize, index: usize) -> f32 {
    ((index * 7 + seed * 3) % 5) as f32 - 2.0
}

fn tensor<const D: usize>(
    seed: usize,
    dims: [usize; D],
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    let values: Vec<f32> = (0..dims.iter().product()).map(|i| value(seed, i)).collect();
    let data = match dtype {
        DType::F32 => TensorData::new(values, dims),
        _ => TensorData::new(values.into_iter().map(bf16::from_f32).collect::<Vec<_>>(), dims),
    };
    Tensor::from_data(data, (device, dtype))
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// What flex makes of the same operands in f32.
fn expected(dims: [[usize; 2]; 2], transposed: Transposed) -> Tensor<2> {
    let flex = Device::flex();
    let [a, b] = [tensor(1, dims[0], &flex, DType::F32), tensor(2, dims[1], &flex, DType::F32)];
    product(a, b, transposed)
}

const ALL: [(Transposed, [[usize; 2]; 2]); 3] = [
    (Transposed::Neither, [[5, 32], [32, 8]]),
    (Transposed::First, [[32, 5], [32, 8]]),
    (Transposed::Second, [[5, 32], [8, 32]]),
];

fn check(device: &Device) {
    for (transposed, dims) in ALL {
        let operands =
            || [tensor(1, dims[0], device, DType::BF16), tensor(2, dims[1], device, DType::BF16)];
        let right = expected(dims, transposed);
        let [a, b] = operands();
        assert_eq!(values(product(a, b, transposed)), values(right.clone()), "{transposed:?}");
        let [a, b] = operands();
        let found = product_in(a, b, transposed, DType::F32);
        assert_eq!(found.dtype(), DType::F32);
        assert_eq!(values(found), values(right.clone()), "{transposed:?} in f32");
        for dtype in [DType::F32, DType::BF16] {
            let sum = tensor::<2>(3, [5, 8], device, dtype);
            let kept = sum.clone();
            let before = values(tensor::<2>(3, [5, 8], &Device::flex(), DType::F32));
            let summed: Vec<f32> =
                before.iter().zip(values(right.clone())).map(|(a, b)| a + 2.0 * b).collect();
            let [a, b] = operands();
            let found = add_product(sum, a.clone(), b.clone(), transposed, 2.0);
            assert_eq!(values(found), summed, "{transposed:?} added in {dtype:?}");
            // Somebody else has the sum, too: it stays what it was. Then nobody has, and it is taken.
            assert_eq!(values(kept.clone()), before);
            assert_eq!(values(add_product(kept, a, b, transposed, 2.0)), summed);
        }
    }
    let batch =
        |seed, dims: [usize; 2]| tensor::<3>(seed, [2, dims[0], dims[1]], device, DType::BF16);
    let flex = |seed, dims: [usize; 2]| {
        tensor::<3>(seed, [2, dims[0], dims[1]], &Device::flex(), DType::F32)
    };
    for (transposed, [a, b]) in ALL {
        let found = products(batch(1, a), batch(2, b), transposed);
        assert_eq!(values(found), values(products(flex(1, a), flex(2, b), transposed)));
    }
    let [x, weight] =
        [batch(1, [3, 16]).reshape([1, 6, 16]), batch(2, [4, 16]).reshape([1, 8, 16])];
    let found = linear(x.clone(), weight.clone().reshape([8, 16]));
    let to_f32 = |t: Tensor<3>, dims: [usize; 3]| {
        Tensor::<3>::from_data(TensorData::new(values(t), dims), &Device::flex())
    };
    let right = linear(to_f32(x, [1, 6, 16]), to_f32(weight, [1, 8, 16]).reshape([8, 16]));
    assert_eq!(values(found), values(right));
}

#[test]
fn products_go_through_the_servers_stream_to_the_library() {
    let fake = fake_cuda::begin("cublaslt", "");
    let device = Device::cuda(0);
    check(&device);
    // From another thread, whose work goes to another stream of the server's.
    let shared = tensor::<2>(1, [5, 32], &device, DType::BF16);
    let weight = tensor::<2>(2, [8, 32], &device, DType::BF16);
    let right = values(expected([[5, 32], [8, 32]], Transposed::Second));
    let elsewhere = std::thread::spawn(move || values(product(shared, weight, Transposed::Second)));
    assert_eq!(elsewhere.join().unwrap(), right);
    let table = product_routes();
    assert!(table.contains("NVIDIA H200") && table.contains("libcublasLt.so.13"), "{table}");
    // Nothing of it was a kernel: those would have left what was there.
    assert_eq!(fake.count("fake_launches"), 0);
    let asked = fake.products();
    let with = |what: &str| asked.iter().filter(|line| line.contains(what)).count();
    // For each layout two products, four that add, one batch; a layer; one from another thread.
    assert_eq!((asked.len(), with("beta 1")), (23, 12), "{asked:#?}");
    assert_eq!((with("beta 1, in place"), with("beta 1, elsewhere")), (6, 6), "{asked:#?}");
}
