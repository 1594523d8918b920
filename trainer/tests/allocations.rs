//! Memory, counted: an allocator of our own sees what steps hold, beside what the plan says.
//!
//! What is counted is live bytes, not pages: the heap's own waste is the system's business.
//! `cargo test -p trainer --test allocations -- --nocapture` shows both by component.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used)]

use burn::tensor::DType;
use data_pipeline::batch::{Batch, Group, Suffix};
use model::backward::CHUNK;
use model::config::DecoderConfig;
use model::init::Init;
use model::{Decoder, LoraConfig};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use trainer::Recipe;
use trainer::collective::Solo;
use trainer::memory::{Machine, Needs, Predicted, shape};
use trainer::optimizer::Optimizer;
use trainer::recipe::{BatchConfig, LossAverage, MicroTokens, Precision, Recompute, Train};
use trainer::sharding::Sharding;
use trainer::step::{Objective, StepInput, StepPart, Stepper};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grown(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
    LARGEST.fetch_max(bytes, Ordering::Relaxed);
}

// SAFETY: every call is the system's; beside it only numbers are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        grown(size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// The most live bytes while `work` is done.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    PEAK.store(live(), Ordering::Relaxed);
    let result = work();
    (result, PEAK.load(Ordering::Relaxed))
}

/// One test at a time: what is counted is the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const LAYERS: usize = 4;

fn baichuan() -> DecoderConfig {
    DecoderConfig { num_hidden_layers: LAYERS, ..DecoderConfig::baichuan2_tiny() }
}

/// Grouped queries, the head being the embedding.
fn tied() -> DecoderConfig {
    DecoderConfig {
        model_type: "llama".into(),
        num_key_value_heads: Some(2),
        tie_word_embeddings: true,
        norm_head: None,
        position: None,
        ..baichuan()
    }
}

struct Case {
    name: &'static str,
    config: DecoderConfig,
    lora: Option<LoraConfig>,
    recompute: usize,
    /// Prefix and suffixes of each group.
    group: (usize, &'static [usize]),
    dtype: Precision,
    /// Micro-batches of a step.
    batches: usize,
}

/// Tokens of a micro-batch.
const MICRO: usize = 2048;

impl Case {
    fn recipe(&self) -> Recipe {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counted.toml");
        let text = "[model]\npreset = \"baichuan2-tiny\"\n[tokenizer]\ntrain = { vocabulary = 3000 }\n\
                    [[phase]]\nkind = \"instruction\"\ndatasets = [\"made-up\"]\nsteps = 9\n";
        std::fs::write(&path, text).unwrap();
        let mut recipe = Recipe::load(&path, &[]).unwrap();
        recipe.model.dtype = self.dtype;
        let phase = &mut recipe.phase[0];
        phase.batch = BatchConfig {
            micro_tokens: MicroTokens::Most(MICRO),
            recompute: Recompute::Blocks(self.recompute),
            ..BatchConfig::default()
        };
        phase.loss_average = LossAverage::Token;
        match &self.lora {
            Some(lora) => phase.lora = lora.clone(),
            None => phase.train = Train::Full,
        }
        recipe
    }

    fn decoder(&self) -> Decoder {
        let device = trainer::device::of("flex", 0).unwrap();
        let mut decoder = Decoder::init(&self.config, Init::Normal, 3, &device);
        if self.dtype == Precision::Bf16 {
            decoder.convert(DType::BF16);
        }
        if let Some(lora) = &self.lora {
            decoder.add_adapters(lora).unwrap();
        }
        decoder
    }

    /// As many groups as the micro-batches hold; all but eight tokens of a suffix have a loss.
    fn groups(&self) -> Vec<Group> {
        let (prefix, suffixes) = self.group;
        let count = self.batches * MICRO / (prefix + suffixes.iter().sum::<usize>());
        let id = |i: usize| 3 + (i * 31 % 2900) as u32;
        let mut slot = 0;
        (0..count)
            .map(|group| {
                let mut suffix = |(place, length): (usize, &usize)| {
                    slot += 1;
                    Suffix {
                        row: slot - 1,
                        slot: slot - 1,
                        ids: (0..*length).map(|i| id(1000 * group + 100 * place + i)).collect(),
                        supervised_from: 8,
                    }
                };
                let suffixes = suffixes.iter().enumerate().map(&mut suffix).collect();
                Group { prefix: (0..prefix).map(|i| id(7 * group + i)).collect(), suffixes }
            })
            .collect()
    }

    fn needs(&self) -> Predicted {
        let recipe = self.recipe();
        let machine = Machine::here(1, Sharding::default());
        let needs = Needs::new(&recipe, 0, &self.config, machine, None).unwrap();
        let batches = Batch::pack(self.groups(), MICRO);
        assert_eq!(batches.len(), self.batches, "{}", self.name);
        let largest = batches.iter().map(shape).max().unwrap();
        needs.of(&largest, self.batches > 1, self.recompute)
    }
}

/// Steps of a case, counted.
struct Counted {
    weights: usize,
    gradients: usize,
    states: usize,
    /// Live bytes at the end of each step, and the most within it: computing, updating.
    steps: Vec<(usize, usize, usize)>,
    /// The largest piece of memory that a step asked for.
    largest: usize,
}

fn counted(case: &Case, steps: usize) -> Counted {
    let recipe = case.recipe();
    let phase = &recipe.phase[0];
    let groups = case.groups();
    let before = live();
    let mut decoder = case.decoder();
    let weights = live() - before;
    let mut optimizer = Optimizer::default();
    let config = &phase.optimizer;
    let mut stepper = Stepper::new(&decoder, config, Sharding::default(), 0, &mut Solo);
    let objective =
        Objective { batch: &phase.batch, average: phase.loss_average, loss: &phase.loss };
    let drops = case.lora.as_ref().is_some_and(|lora| lora.dropout > 0.0);
    let mut result = Counted { weights, gradients: 0, states: 0, steps: Vec::new(), largest: 0 };
    result.steps.reserve(steps);
    LARGEST.store(0, Ordering::Relaxed);
    for step in 0..steps {
        let started = live();
        let samples = groups.iter().map(|group| group.suffixes.len()).sum();
        let supervised = groups.iter().map(Group::supervised).sum::<usize>() as u64;
        let part = StepPart { groups: groups.clone(), dropout_seed: drops.then_some(5) };
        let input = StepInput { parts: vec![part], samples, supervised, noise_seed: 0 };
        let (found, computing) =
            peak(|| stepper.gradients(&decoder, input, objective, false, &mut Solo).unwrap());
        assert!(found.loss.is_finite(), "{}: {}", case.name, found.loss);
        result.gradients = live() - started;
        let (_, updating) = peak(|| {
            let solo = &mut Solo;
            stepper.update(&mut decoder, &mut optimizer, &found, config, 1.0, solo).unwrap();
        });
        drop(found);
        if step == 0 {
            result.states = live() - started;
        }
        result.steps.push((live() - before, computing - before, updating - before));
    }
    result.largest = LARGEST.load(Ordering::Relaxed);
    result
}

/// Threads, the multiplication's own buffers and whatever else is made once.
fn warm_up() {
    for lora in [None, Some(LoraConfig { rank: 8, ..LoraConfig::default() })] {
        let case = Case {
            name: "warm-up",
            config: DecoderConfig { num_hidden_layers: 1, ..baichuan() },
            lora,
            recompute: 0,
            group: GROUP,
            dtype: Precision::F32,
            batches: 2,
        };
        counted(&case, 2);
    }
}

const GROUP: (usize, &[usize]) = (64, &[48, 48, 48, 48]);

fn cases() -> Vec<Case> {
    let lora = LoraConfig { rank: 8, alpha: 16.0, ..LoraConfig::default() };
    let case = |name, config, lora: Option<&LoraConfig>, recompute, group| Case {
        name,
        config,
        lora: lora.cloned(),
        recompute,
        group,
        dtype: Precision::F32,
        batches: 2,
    };
    let dropped = LoraConfig { dropout: 0.1, ..lora.clone() };
    let dora = LoraConfig { dora: true, ..lora.clone() };
    let alone: (usize, &[usize]) = (0, &[256]);
    vec![
        case("adapters", baichuan(), Some(&lora), 0, GROUP),
        case("adapters, half computed again", baichuan(), Some(&lora), LAYERS / 2, GROUP),
        case("adapters, all computed again", baichuan(), Some(&lora), LAYERS, GROUP),
        case("adapters with dropout", baichuan(), Some(&dropped), 0, GROUP),
        case("DoRA", baichuan(), Some(&dora), 0, GROUP),
        case("all weights", baichuan(), None, 0, GROUP),
        case("all weights, half computed again", baichuan(), None, LAYERS / 2, GROUP),
        case("all weights, all computed again", baichuan(), None, LAYERS, GROUP),
        case("all weights, no groups", baichuan(), None, 0, alone),
        case("all weights, tied head", tied(), None, 0, GROUP),
    ]
}

/// A plan may say a third more than is held, and a tenth less; small things are not counted.
const SMALL: f64 = (1 << 20) as f64;

fn fits(predicted: u64, counted: usize) -> bool {
    let (predicted, counted) = (predicted as f64, counted as f64);
    counted <= 1.1 * predicted + SMALL && predicted <= 1.33 * counted + SMALL
}

#[test]
fn a_plan_says_what_is_held() {
    let _alone = alone();
    warm_up();
    let mut wrong = Vec::new();
    for case in cases() {
        let counted = counted(&case, 3);
        let needs = case.needs();
        let kib = |bytes: u64| bytes >> 10;
        let (_, computing, updating) = counted.steps[2];
        let passes = needs.activations + needs.logits + needs.work;
        let fixed = counted.weights + counted.gradients + counted.states;
        let held = computing.max(updating);
        let total = needs.total - needs.program - needs.data;
        eprintln!("{} (KiB: planned, counted)", case.name);
        eprintln!(
            "  planned: activations {}, logits {}, work {}; counted: computing {}, updating {}",
            kib(needs.activations),
            kib(needs.logits),
            kib(needs.work),
            computing >> 10,
            updating >> 10,
        );
        for (what, planned, found) in [
            ("weights", needs.weights, counted.weights),
            ("gradients", needs.gradients, counted.gradients),
            ("states", needs.states, counted.states),
            ("passes", passes, held.saturating_sub(fixed)),
            ("total", total, held),
        ] {
            eprintln!("  {what}: {}, {}", kib(planned), found >> 10);
            if !fits(planned, found) {
                wrong.push(format!("{}, {what}: {planned} planned, {found} counted", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What stays between the passes of a step, in bf16: gradients of several micro-batches add up in f32. What a
/// pass holds there is told, not held against anything: those bodies are not a GPU's.
#[test]
fn a_plan_says_what_is_held_of_sums_in_bf16() {
    let _alone = alone();
    warm_up();
    let mut wrong = Vec::new();
    for (batches, config) in [(1, baichuan()), (2, baichuan()), (2, tied())] {
        let case = Case {
            name: "all weights in bf16",
            config,
            lora: None,
            recompute: 0,
            group: GROUP,
            dtype: Precision::Bf16,
            batches,
        };
        let counted = counted(&case, 1);
        let needs = case.needs();
        let (_, computing, updating) = counted.steps[0];
        let total = needs.total - needs.program - needs.data;
        let held = computing.max(updating);
        eprintln!("{}, {batches} micro-batches: {total} planned, {held} counted", case.name);
        for (what, planned, found) in [
            ("weights", needs.weights, counted.weights),
            ("gradients", needs.gradients, counted.gradients),
            ("states", needs.states, counted.states),
        ] {
            eprintln!("  {what}: {planned}, {found}");
            if !fits(planned, found) {
                wrong.push(format!("{batches} × {what}: {planned} planned, {found} counted"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_buffer_is_larger_than_a_chunk_of_logits() {
    let _alone = alone();
    warm_up();
    for case in cases() {
        let targets: usize = case.groups().iter().map(Group::supervised).sum();
        // Else there would be no chunks to see.
        assert!(targets > 2 * CHUNK, "{}", case.name);
        let vocabulary = case.config.vocab_size;
        let matrix = case.config.hidden_size.max(case.config.intermediate_size);
        let most = 4 * vocabulary * CHUNK.max(matrix);
        let largest = counted(&case, 2).largest;
        assert!(largest <= most, "{}: {largest} bytes at once, {most} allowed", case.name);
        // Of a step's logits this is a fraction.
        assert!(most < 4 * vocabulary * targets / 2);
    }
}

#[test]
fn nothing_grows_behind_the_second_step() {
    let _alone = alone();
    warm_up();
    for case in cases().into_iter().filter(|case| case.group == GROUP) {
        let counted = counted(&case, 7);
        let (held, computing, updating) = counted.steps[1];
        for (step, now) in counted.steps.iter().enumerate().skip(2) {
            // Maps of the tape may double their room once.
            let allowed = 64 << 10;
            assert!(now.0 <= held + allowed, "{}, step {}: {now:?}", case.name, step + 1);
            assert!(now.1 <= computing + allowed, "{}, step {}: {now:?}", case.name, step + 1);
            assert!(now.2 <= updating + allowed, "{}, step {}: {now:?}", case.name, step + 1);
        }
    }
}
