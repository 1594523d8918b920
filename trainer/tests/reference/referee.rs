//! Burn's own way to train beside ours: its learner, its loop, its AdamW and one tape over the whole
//! network, on batches in which nothing is shared. Same weights, same samples: same losses.

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::module::{Module, Param};
use burn::optim::AdamWConfig;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use burn_train::logger::InMemoryMetricLogger;
use burn_train::renderer::CliMetricsRenderer;
use burn_train::{
    ExecutionStrategy, InferenceStep, Learner, SupervisedTraining, TrainOutput, TrainStep,
};
use data_pipeline::batch::{Group, Suffix};
use model::init::Init;
use model::layout::{GroupBatch, Piece, Target};
use model::ops::GroupShape;
use model::weight::{Mapper, Visitor, Weight, Weights};
use model::{Decoder, DecoderConfig, LoraConfig};
use std::sync::{Arc, Mutex};
use trainer::collective::Solo;
use trainer::objective::LossConfig;
use trainer::optimizer::{Optimizer, OptimizerConfig};
use trainer::recipe::{BatchConfig, LossAverage, MicroTokens};
use trainer::sharding::Sharding;
use trainer::step::{Objective, StepInput, StepPart, Stepper};

const STEPS: usize = 12;

/// f32 on both sides, in another order, over so many steps; relative to a loss of about 4.
const ALLOWED: f64 = 1e-5;

/// Large enough that a gradient of mere rounding moves nothing, for AdamW divides by its size.
const EPSILON: f64 = 1e-6;

/// Not 0.999: burn computes `1 - beta` in f32, which then is off by 5e-5 of its value.
const BETA2: f64 = 0.99;

const RATE: f64 = 3e-3;

#[test]
fn burns_learner_gives_the_same_losses() {
    for adapters in [false, true] {
        let decoder = decoder(adapters);
        let tokens = ours(decoder.clone(), LossAverage::Token);
        let samples = ours(decoder.clone(), LossAverage::Sample);
        let referee = theirs(decoder);
        assert_eq!((tokens.len(), referee.len()), (STEPS, STEPS));
        // Every third step has the same samples.
        assert!(tokens[9] < tokens[0], "nothing is learned: {tokens:?}");
        let found = distance(&tokens, &referee);
        assert!(found <= ALLOWED, "adapters {adapters}: {found:.1e}: {tokens:?}, {referee:?}");
        // Another objective is told apart.
        assert!(distance(&samples, &referee) > 100.0 * ALLOWED, "{samples:?}, {referee:?}");
    }
}

/// The largest difference of a step, relative.
fn distance(ours: &[f64], theirs: &[f64]) -> f64 {
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f64::max)
}

fn decoder(adapters: bool) -> Decoder {
    let config = DecoderConfig {
        vocab_size: 50,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        initializer_range: 0.2,
        ..DecoderConfig::baichuan2_tiny()
    };
    let mut decoder = Decoder::init(&config, Init::Normal, 7, &Device::flex());
    if adapters {
        let config = LoraConfig { rank: 4, dropout: 0.0, ..LoraConfig::default() };
        decoder.add_adapters(&config).unwrap();
    }
    decoder
}

/// The samples of a step: groups with prefixes of their own, and one without.
fn groups(step: usize) -> Vec<Group> {
    // Few ids, so that something can be learned of them.
    let ids = |seed: usize, count: usize| -> Vec<u32> {
        (0..count).map(|i| (3 + (step % 3 * 5 + seed * 11 + i * 7) % 17) as u32).collect()
    };
    let mut slot = 0;
    [(6, 3), (4, 2), (0, 1), (9, 1)]
        .into_iter()
        .enumerate()
        .map(|(group, (prefix, suffixes))| Group {
            prefix: ids(group, prefix),
            suffixes: (0..suffixes)
                .map(|suffix| {
                    slot += 1;
                    let ids = ids(group + suffix + 5, 5 + 2 * suffix);
                    Suffix { row: slot - 1, slot: slot - 1, ids, supervised_from: suffix + 1 }
                })
                .collect(),
        })
        .collect()
}

/// Our step: groups, micro-batches, gradients block by block.
fn ours(mut decoder: Decoder, average: LossAverage) -> Vec<f64> {
    let config = OptimizerConfig {
        learning_rate: RATE,
        beta2: BETA2,
        epsilon: EPSILON,
        clip_norm: 0.0,
        ..OptimizerConfig::default()
    };
    let batch = BatchConfig { micro_tokens: MicroTokens::Most(32), ..BatchConfig::default() };
    let loss = LossConfig::default();
    let mut stepper = Stepper::new(&decoder, &config, Sharding::default(), 0, &mut Solo);
    let mut optimizer = Optimizer::default();
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let groups = groups(step);
        let input = StepInput {
            samples: groups.iter().map(|group| group.suffixes.len()).sum(),
            supervised: groups.iter().map(|group| group.supervised() as u64).sum(),
            parts: vec![StepPart { groups, dropout_seed: None }],
            noise_seed: 0,
        };
        let objective = Objective { batch: &batch, average, loss: &loss };
        let found = stepper.gradients(&decoder, input, objective, false, &mut Solo).unwrap();
        stepper.update(&mut decoder, &mut optimizer, &found, &config, 1.0, &mut Solo).unwrap();
        losses.push(found.loss);
    }
    losses
}

/// The learner of burn-train on the same samples.
fn theirs(decoder: Decoder) -> Vec<f64> {
    let device = Device::flex().autodiff();
    let losses = Losses::default();
    let network = Network::of(decoder, losses.clone());
    let optimizer = AdamWConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(BETA2 as f32)
        .with_epsilon(EPSILON as f32)
        .with_weight_decay(0.0)
        .init();
    let folder = tempfile::tempdir().unwrap();
    let train = Arc::new(Batches((0..STEPS).map(|step| apart(&groups(step))).collect()));
    let result = SupervisedTraining::new(folder.path(), train, Arc::new(Batches(Vec::new())))
        .num_epochs(1)
        .with_training_strategy(ExecutionStrategy::single(device).into())
        .with_metric_logger(InMemoryMetricLogger::new())
        .with_application_logger(None)
        .renderer(Box::new(CliMetricsRenderer::new()))
        .launch(Learner::new(network, optimizer, RATE));
    assert!(result.error.is_none(), "{:?}", result.error);
    let losses = losses.lock().unwrap();
    losses.clone()
}

/// Each sample as a row of its own, prefix and all; each loss divided by their number.
fn apart(groups: &[Group]) -> GroupBatch {
    let mut batch = GroupBatch { pieces: Vec::new(), ids: Vec::new(), targets: Vec::new() };
    for group in groups {
        for suffix in &group.suffixes {
            let sample: Vec<u32> = group.prefix.iter().chain(&suffix.ids).copied().collect();
            let first = (group.prefix.len() + suffix.supervised_from).max(1);
            let start = batch.ids.len();
            batch.targets.extend((first..sample.len()).map(|i| Target {
                position: start + i - 1,
                label: sample[i],
                weight: 1.0,
            }));
            batch.ids.extend(sample.iter().map(|id| *id as i32));
            batch.pieces.push(Piece {
                groups: 1,
                shape: GroupShape { prefix: 0, k: 1, suffix: sample.len() },
                prefix_lengths: vec![0],
                suffix_lengths: vec![sample.len()],
            });
        }
    }
    let count = batch.targets.len() as f32;
    batch.targets.iter_mut().for_each(|target| target.weight = 1.0 / count);
    batch
}

type Losses = Arc<Mutex<Vec<f64>>>;

/// Our decoder as a module of burn.
#[derive(Module, Debug)]
struct Network {
    /// Trained weights, each flat, in the decoder's order.
    weights: Vec<Param<Tensor<1>>>,
    /// Shapes, and weights that are not trained.
    #[module(skip)]
    decoder: Decoder,
    /// Of each step.
    #[module(skip)]
    losses: Losses,
}

impl Network {
    fn of(decoder: Decoder, losses: Losses) -> Self {
        struct Flat(Vec<Param<Tensor<1>>>);
        impl Visitor for Flat {
            fn weight<const D: usize>(&mut self, _: &str, weight: &Weight<D>) {
                if weight.trainable {
                    let flat = weight.value.clone().reshape([-1]).autodiff();
                    self.0.push(Param::from_tensor(flat));
                }
            }
        }
        let mut flat = Flat(Vec::new());
        decoder.visit("", &mut flat);
        Self { weights: flat.0, decoder, losses }
    }

    /// The decoder with this module's weights.
    fn assembled(&self) -> Decoder {
        struct Assemble<'a>(std::slice::Iter<'a, Param<Tensor<1>>>);
        impl Mapper for Assemble<'_> {
            fn weight<const D: usize>(&mut self, _: &str, weight: &mut Weight<D>) {
                if weight.trainable {
                    let flat = self.0.next().unwrap().val();
                    weight.value = flat.reshape(weight.value.dims());
                }
            }
        }
        let mut decoder = self.decoder.clone();
        decoder.map("", &mut Assemble(self.weights.iter()));
        decoder
    }

    /// The weighted sum of the losses, of one piece.
    fn loss(&self, batch: &GroupBatch) -> Tensor<1> {
        let decoder = self.assembled();
        let device = decoder.device();
        let logits = decoder.logits(batch);
        let [_, tokens, vocabulary] = logits.dims();
        let n = batch.targets.len();
        let ints = |of: &dyn Fn(&Target) -> i32| -> Tensor<1, Int> {
            let values: Vec<i32> = batch.targets.iter().map(of).collect();
            Tensor::from_data(TensorData::new(values, [n]), &device)
        };
        let positions = ints(&|target| target.position as i32);
        let labels = ints(&|target| target.label as i32).reshape([n, 1]);
        let weights: Vec<f32> = batch.targets.iter().map(|target| target.weight).collect();
        let weights = Tensor::<1>::from_data(TensorData::new(weights, [n]), &device);
        let chosen = logits.reshape([tokens, vocabulary]).select(0, positions);
        let chosen = activation::log_softmax(chosen, 1).gather(1, labels).reshape([n]);
        (chosen.neg() * weights).sum()
    }
}

impl TrainStep for Network {
    type Input = GroupBatch;
    type Output = ();

    fn step(&self, batch: GroupBatch) -> TrainOutput<()> {
        let loss = self.loss(&batch);
        let gradients = loss.backward();
        self.losses.lock().unwrap().push(f64::from(loss.into_scalar::<f32>()));
        TrainOutput::new(self, gradients, ())
    }
}

impl InferenceStep for Network {
    type Input = GroupBatch;
    type Output = ();

    fn step(&self, _: GroupBatch) {}
}

/// A loader of batches that are there already.
#[derive(Clone)]
struct Batches(Vec<GroupBatch>);

impl DataLoader<GroupBatch> for Batches {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<GroupBatch> + 'a> {
        Box::new(Pass { batches: &self.0, next: 0 })
    }

    fn num_items(&self) -> usize {
        self.0.len()
    }

    fn to_device(&self, _: &Device) -> Arc<dyn DataLoader<GroupBatch>> {
        // They hold host numbers only.
        Arc::new(self.clone())
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<GroupBatch>> {
        Arc::new(Self(self.0[start..end].to_vec()))
    }
}

/// One pass over them.
struct Pass<'a> {
    batches: &'a [GroupBatch],
    next: usize,
}

impl Iterator for Pass<'_> {
    type Item = Result<GroupBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.get(self.next)?;
        self.next += 1;
        Some(Ok(batch.clone()))
    }
}

impl DataLoaderIterator<GroupBatch> for Pass<'_> {
    fn progress(&self) -> Progress {
        Progress::new(self.next, self.batches.len(), None)
    }
}
