//! A GPU and the real NCCL with a world of one, where what is summed stays as it is.
#![allow(clippy::unwrap_used)]

#[test]
fn a_gpu_sums_known_tensors() {
    if std::env::var("KNOWCODER_TEST_DEVICE").as_deref() != Ok("cuda") {
        eprintln!("skipped: KNOWCODER_TEST_DEVICE=cuda asks for a GPU and NCCL");
        return;
    }
    #[cfg(not(feature = "cuda"))]
    panic!("KNOWCODER_TEST_DEVICE=cuda needs a build with --features cuda");
    #[cfg(feature = "cuda")]
    gpu::sums_known_tensors();
}

#[cfg(feature = "cuda")]
mod gpu {
    use super::super::fakes::{LENGTHS, QUICK, values};
    use super::super::{Collective, Gpu, Nccl};
    use crate::collective::Solo;
    use burn::tensor::{DType, Device, Tensor, TensorData};

    pub fn sums_known_tensors() {
        let mut nccl = Nccl::new(Box::new(Solo), Gpu::open(0), QUICK).unwrap();
        eprintln!("{:?}", nccl.member().library);
        let device = Device::cuda(0);
        for dtype in [DType::F32, DType::BF16] {
            for len in [1, 8, 1_000_003] {
                let known: Vec<f32> = (0..len).map(|i| (i % 128) as f32).collect();
                let data = TensorData::new(known.clone(), [len]);
                let whole = Tensor::<1>::from_data(data, &device).cast(dtype);
                let mut buffer = whole.clone() + 1.0;
                let before = buffer.clone();
                let sums = nccl.on_device().unwrap();
                sums.all_reduce(&mut buffer).unwrap();
                sums.flush().unwrap();
                sums.finish().unwrap();
                sums.reduce_scatter(&mut buffer).unwrap();
                sums.finish().unwrap();
                sums.all_gather(&mut buffer).unwrap();
                sums.finish().unwrap();
                let read = |tensor: Tensor<1>| {
                    tensor.into_data().convert::<f32>().try_to_vec::<f32>().unwrap()
                };
                let expected: Vec<f32> = known.iter().map(|value| value + 1.0).collect();
                // What the tensor library does next sees the sums.
                assert!(
                    read(buffer.clone() * 2.0 - 1.0)
                        .iter()
                        .zip(&expected)
                        .all(|(a, b)| *a == 2.0 * b - 1.0)
                );
                assert!(read(before) == expected && read(buffer) == expected, "{dtype:?}, {len}");
            }
        }
        memory_is_its_own(&device);
        host_values(&mut nccl);
    }

    /// What is written from outside is seen through this tensor only.
    fn memory_is_its_own(device: &Device) {
        let mut tensor = Tensor::<1>::ones([1000], device);
        let mut copy = tensor.clone();
        let own = model::cuda::Address::of(&mut tensor).unwrap();
        let other = model::cuda::Address::of(&mut copy).unwrap();
        assert_ne!(own.pointer(), other.pointer());
        let again = model::cuda::Address::of(&mut tensor);
        assert_eq!((own.len(), own.dtype()), (1000, DType::F32));
        drop(again);
    }

    fn host_values(nccl: &mut Nccl) {
        for len in LENGTHS {
            let mut buffer = values(0, len);
            Collective::all_reduce(nccl, &mut buffer).unwrap();
            Collective::reduce_scatter(nccl, &mut buffer).unwrap();
            Collective::all_gather(nccl, &mut buffer).unwrap();
            assert!(buffer == values(0, len), "length {len}");
        }
    }
}
