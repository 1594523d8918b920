#![allow(clippy::unwrap_used)]

use super::*;
use crate::collective::{CollectiveError, DeviceCollective, Solo};
use burn::tensor::TensorData;

const MODEL: [(&str, usize); 4] = [
    ("model.embed_tokens.weight", 3 << 18),
    ("model.layers.0.mlp.up_proj.weight", 1 << 17),
    ("model.layers.1.mlp.up_proj.weight", 1 << 17),
    ("lm_head.weight", 10_000),
];

fn exchange() -> Exchange {
    let info = |(path, values): (&str, usize)| WeightInfo {
        path: path.to_owned(),
        dims: vec![values],
        trainable: true,
    };
    let sharding = Sharding { stage: 0, bucket_mib: 1 };
    let site = Site::Device(Device::flex());
    Exchange::new(MODEL.map(info).to_vec(), (0, 1), sharding, false, &site, &|_| false)
}

fn gradient(seed: usize, values: usize) -> Vec<f32> {
    (0..values).map(|i| ((i * 31 + seed * 7) % 97) as f32 - 40.0).collect()
}

fn tensor(values: Vec<f32>) -> Tensor<1> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), &Device::flex())
}

#[test]
fn micro_batches_add_up_and_what_is_missing_is_zero() {
    let mut exchange = exchange();
    // Steps with other weights missing: nothing of the step before is left.
    for step in 0..4 {
        exchange.begin();
        let has =
            |round: usize, i: usize| !(step + round + i).is_multiple_of(4) && (step, i) != (2, 1);
        for round in 0..2 {
            for (i, (path, values)) in MODEL.into_iter().enumerate().filter(|(i, _)| has(round, *i))
            {
                exchange.add(path, &tensor(gradient(round + i, values)));
            }
        }
        let work = |filling: &mut dyn Fill| {
            for (i, (path, values)) in MODEL.into_iter().enumerate().filter(|(i, _)| has(2, *i)) {
                filling.add(path, tensor(gradient(2 + i, values)));
            }
        };
        exchange.round(&mut Solo, work).unwrap();
        let mut square = 0.0;
        for (i, stretch) in exchange.own().iter().enumerate() {
            let mut expected = vec![0.0; stretch.len()];
            for round in (0..3).filter(|round| has(*round, i)) {
                let values = gradient(round + i, stretch.len());
                expected.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
            assert!(exchange.gradient(stretch) == expected, "step {step}, {}", stretch.path);
            square += expected.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>();
        }
        let norm = exchange.norm(&mut Solo).unwrap();
        assert!((norm - square.sqrt()).abs() <= 1e-6 * norm, "{norm}, {}", square.sqrt());
        // One buffer a bucket, in the first step.
        let Buckets::Device(buckets) = &exchange.buckets else { panic!("made for a device") };
        assert_eq!(buckets.made, exchange.plan.partition.buckets.len());
    }
}

#[test]
fn ranks_that_share_memory_alone_are_refused() {
    struct Apart;
    impl Collective for Apart {
        fn rank(&self) -> usize {
            0
        }
        fn world(&self) -> usize {
            2
        }
        fn all_reduce(&mut self, _: &mut [f32]) -> Result<(), CollectiveError> {
            Ok(())
        }
        fn reduce_scatter(&mut self, _: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
            Ok(0..0)
        }
        fn all_gather(&mut self, _: &mut [f32]) -> Result<(), CollectiveError> {
            Ok(())
        }
        fn broadcast(&mut self, _: &mut Vec<u8>, _: usize) -> Result<(), CollectiveError> {
            Ok(())
        }
        fn barrier(&mut self) -> Result<(), CollectiveError> {
            Ok(())
        }
        fn abort(&mut self) {}
    }
    assert_eq!(Site::of(&Device::flex(), false, &mut Apart), Site::Host);
    let mut exchange = exchange();
    exchange.begin();
    let error = exchange.round(&mut Apart, |_| ()).unwrap_err();
    assert!(error.to_string().contains("memory only"), "{error}");
}

/// One of two ranks, which writes down what it is asked for.
#[derive(Default)]
struct Noted(Vec<String>);

impl Collective for Noted {
    fn rank(&self) -> usize {
        0
    }
    fn world(&self) -> usize {
        2
    }
    fn all_reduce(&mut self, _: &mut [f32]) -> Result<(), CollectiveError> {
        Ok(())
    }
    fn reduce_scatter(&mut self, _: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
        Ok(0..0)
    }
    fn all_gather(&mut self, _: &mut [f32]) -> Result<(), CollectiveError> {
        Ok(())
    }
    fn broadcast(&mut self, _: &mut Vec<u8>, _: usize) -> Result<(), CollectiveError> {
        Ok(())
    }
    fn barrier(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }
    fn abort(&mut self) {}
    fn on_device(&mut self) -> Option<&mut dyn DeviceCollective> {
        Some(self)
    }
}

impl DeviceCollective for Noted {
    fn all_reduce(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
        self.0.push(format!("sum {}", buffer.dims()[0]));
        Ok(())
    }
    fn reduce_scatter(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError> {
        DeviceCollective::all_reduce(self, buffer)
    }
    fn all_gather(&mut self, _: &mut Tensor<1>) -> Result<(), CollectiveError> {
        Ok(())
    }
    fn flush(&mut self) -> Result<(), CollectiveError> {
        self.0.push("flush".to_owned());
        Ok(())
    }
    fn finish(&mut self) -> Result<(), CollectiveError> {
        self.0.push("finish".to_owned());
        Ok(())
    }
}

#[test]
fn the_buckets_of_a_block_leave_together_on_every_rank() {
    const BLOCKS: usize = 3;
    let mut weights = vec![WeightInfo {
        path: "model.embed_tokens.weight".to_owned(),
        dims: vec![1 << 20],
        trainable: true,
    }];
    weights.extend((0..BLOCKS).map(|block| WeightInfo {
        path: format!("model.layers.{block}.mlp.up_proj.weight"),
        dims: vec![3 << 18],
        trainable: true,
    }));
    for stage in [0, 1, 2] {
        let sharding = Sharding { stage, bucket_mib: 1 };
        let site = Site::Device(Device::flex());
        let of = |paths: &[WeightInfo]| {
            let mut noted = Noted::default();
            let mut exchange =
                Exchange::new(weights.clone(), (0, 2), sharding, false, &site, &|_| false);
            let work = |filling: &mut dyn Fill| {
                for weight in paths.iter().rev() {
                    filling.add(&weight.path, tensor(vec![1.0; weight.numel()]));
                }
            };
            exchange.begin();
            exchange.round(&mut noted, work).unwrap();
            let ends = device::groups(&exchange.plan);
            let sizes: Vec<usize> =
                exchange.plan.partition.buckets.iter().map(|bucket| bucket.size()).collect();
            (noted.0, ends, sizes)
        };
        let (full, ends, sizes) = of(&weights);
        assert!(ends.len() > BLOCKS && ends.len() < sizes.len(), "{ends:?} of {}", sizes.len());
        assert_eq!(ends.last(), Some(&sizes.len()));
        let lines = |wanted: &str| full.iter().filter(|line| line.starts_with(wanted)).count();
        assert_eq!((lines("sum"), lines("flush")), (sizes.len(), ends.len()));
        if stage < 2 {
            // Waited for once, behind everything.
            assert_eq!((lines("finish"), full.last().unwrap().as_str()), (1, "finish"));
        }
        // A rank without a micro-batch, or with other gradients, asks for the same groups.
        assert_eq!(of(&[]).0, full, "stage {stage}");
        assert_eq!(of(&weights[1..]).0, full, "stage {stage}");
    }
}
