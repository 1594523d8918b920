#![allow(clippy::unwrap_used)]

use super::*;
use crate::collective::{CollectiveError, Solo};
use burn::tensor::{Device, TensorData};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

const MODEL: [(&str, usize); 4] = [
    ("model.embed_tokens.weight", 3 << 20),
    ("model.layers.0.mlp.up_proj.weight", 1 << 19),
    ("model.layers.1.mlp.up_proj.weight", 1 << 19),
    ("lm_head.weight", 10_000),
];

fn exchange(sharding: Sharding) -> Exchange {
    let info = |(path, values): (&str, usize)| WeightInfo {
        path: path.to_owned(),
        dims: vec![values],
        trainable: true,
    };
    Exchange::new(MODEL.map(info).to_vec(), (0, 1), sharding, true, &Site::Host, &|_| false)
}

fn gradient(path: &str, values: usize) -> Tensor<1> {
    let first = path.len() as f32;
    let values: Vec<f32> = (0..values).map(|i| first + (i % 97) as f32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), &Device::flex())
}

fn in_memory(exchange: &Exchange) -> &host::Buckets {
    match &exchange.buckets {
        Buckets::Host(buckets) => buckets,
        Buckets::Device(_) => panic!("made for memory"),
    }
}

/// One rank that tells of each sum as it happens.
struct Told(Mutex<Sender<usize>>);

impl Collective for Told {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        2
    }

    fn all_reduce(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        self.0.lock().unwrap().send(buffer.len()).unwrap();
        Ok(())
    }

    fn reduce_scatter(&mut self, buffer: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
        self.all_reduce(buffer)?;
        Ok(0..buffer.len() / 2)
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

#[test]
fn a_bucket_leaves_before_the_next_gradient_is_there() {
    for stage in 0..=2 {
        let (sender, sums) = channel();
        let sharding = Sharding { stage, bucket_mib: 1 };
        let info = |(path, values): (&str, usize)| WeightInfo {
            path: path.to_owned(),
            dims: vec![values],
            trainable: true,
        };
        let weights = MODEL.map(info).to_vec();
        let mut exchange = Exchange::new(weights, (0, 2), sharding, false, &Site::Host, &|_| false);
        let mut told = Told(Mutex::new(sender));
        let next = || sums.recv_timeout(Duration::from_secs(60));
        let work = |filling: &mut dyn Fill| {
            let mut seen = Vec::new();
            for (path, values) in MODEL.into_iter().rev() {
                filling.add(path, gradient(path, values));
                if values >= 1 << 19 {
                    seen.push(next().unwrap());
                }
            }
            seen
        };
        exchange.begin();
        let (seen, _) = exchange.round(&mut told, work).unwrap();
        // The head's few values travel with the first block.
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(seen[0] > 10_000, "{seen:?}");
    }
}

#[test]
fn what_is_put_in_comes_out_whatever_the_order() {
    for bucket_mib in [1, 25] {
        let mut exchange = exchange(Sharding { stage: 0, bucket_mib });
        for round in 0..2 {
            exchange.begin();
            let work = |filling: &mut dyn Fill| {
                // The second time one weight has no gradient.
                for (path, values) in MODEL.into_iter().skip(round) {
                    filling.add(path, gradient(path, values));
                }
            };
            exchange.round(&mut Solo, work).unwrap();
            let mut square = 0.0;
            for (i, stretch) in exchange.own().iter().enumerate() {
                let values = stretch.dims[0];
                let expected: Vec<f32> = match i < round {
                    true => vec![0.0; values],
                    false => gradient(&stretch.path, values).into_data().iter().collect(),
                };
                square += expected.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>();
                assert!(exchange.gradient(stretch) == expected, "{}", stretch.path);
                let middle = Stretch { range: 5000..9000, ..stretch.clone() };
                assert!(exchange.gradient(&middle) == expected[5000..9000], "{}", stretch.path);
            }
            let norm = exchange.norm(&mut Solo).unwrap();
            assert!((norm - square.sqrt()).abs() < 1e-9 * norm, "{norm}");
        }
    }
}

#[test]
fn buffers_are_used_again() {
    let mut exchange = exchange(Sharding::default());
    let mut places: Vec<Vec<*const f32>> = Vec::new();
    for _ in 0..3 {
        exchange.begin();
        exchange.round(&mut Solo, |_| ()).unwrap();
        places.push(in_memory(&exchange).buffers.iter().map(|buffer| buffer.as_ptr()).collect());
    }
    assert_eq!(places[0], places[1]);
    assert_eq!(places[1], places[2]);
}

#[test]
fn where_shares_are_kept_few_buffers_exist() {
    let (sender, _sums) = channel();
    let sharding = Sharding { stage: 2, bucket_mib: 1 };
    let info = |(path, values): (&str, usize)| WeightInfo {
        path: path.to_owned(),
        dims: vec![values],
        trainable: true,
    };
    let weights = MODEL.map(info).to_vec();
    let mut exchange = Exchange::new(weights, (0, 2), sharding, false, &Site::Host, &|_| false);
    assert!(in_memory(&exchange).buffers.len() > 2 * AWAY);
    let mut told = Told(Mutex::new(sender));
    for _ in 0..3 {
        exchange.begin();
        let work = |filling: &mut dyn Fill| {
            for (path, values) in MODEL.into_iter().rev() {
                filling.add(path, gradient(path, values));
            }
        };
        exchange.round(&mut told, work).unwrap();
        let buckets = in_memory(&exchange);
        assert!(buckets.buffers.iter().all(Vec::is_empty));
        assert!(buckets.spare.len() <= AWAY);
        let kept: usize = buckets.kept.iter().map(Vec::len).sum();
        let size: usize = exchange.plan.partition.buckets.iter().map(|it| it.length).sum();
        assert_eq!(kept, size);
    }
}
