#![allow(clippy::unwrap_used)]

use super::*;
use crate::collective::Solo;
use crate::objective::LossConfig;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::recipe::BatchConfig;
use crate::sharding::Sharding;
use crate::step::{Objective, StepInput, StepPart, Stepper};
use burn::tensor::Device;
use data_pipeline::batch::{Group, Suffix};
use model::{Decoder, DecoderConfig};

fn slot(tokens: u32, loss: f32) -> SlotLoss {
    SlotLoss { sample: 0, tokens, loss }
}

/// A step whose samples have these tokens and losses, and this norm.
fn found(slots: &[(u32, f32)], gradient_norm: f64) -> Found {
    let slots: Vec<SlotLoss> = slots.iter().map(|(tokens, loss)| slot(*tokens, *loss)).collect();
    let tokens: u32 = slots.iter().map(|slot| slot.tokens).sum();
    let loss = slots.iter().map(|slot| f64::from(slot.loss)).sum::<f64>() / f64::from(tokens);
    Found { loss, gradient_norm, slots, ..Found::default() }
}

fn guard<'a>(config: &'a GuardConfig, marks: &[usize]) -> Guard<'a> {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = RunDir::new(dir.path());
    std::fs::create_dir_all(run_dir.incidents()).unwrap();
    for step in marks {
        mark(&run_dir, "phase", *step, &[*step]).unwrap();
    }
    mark(&run_dir, "another", 3, &[2, 3]).unwrap();
    Guard::open(config, LossAverage::Token, &run_dir, "phase").unwrap()
}

fn accepted(config: &GuardConfig, losses: &[f64]) -> GuardState {
    let mut state = GuardState::default();
    for (step, loss) in losses.iter().enumerate() {
        state.note(config, step, *loss, true);
    }
    state
}

/// Reason, course and blamed slot of an incident; `None` if the step is fine.
fn check(
    config: &GuardConfig,
    state: &GuardState,
    step: usize,
    found: &Found,
    expected: Option<(Reason, Course, usize)>,
) {
    let verdict = match guard(config, &[]).judge(state, step, found, &|| false) {
        Verdict::Incident(it) => Some((it.reason, it.course, it.blamed)),
        Verdict::Apply => None,
        Verdict::LeaveOut => panic!("no step is marked"),
    };
    assert_eq!(verdict, expected, "{found:?}");
}

#[test]
fn what_is_no_number_is_an_incident() {
    let config = GuardConfig { policy: Policy::Skip, ..GuardConfig::default() };
    let state = GuardState::default();
    check(&config, &state, 4, &found(&[(2, 3.0), (5, 9.0)], 1.0), None);
    let poison = found(&[(2, 3.0), (5, f32::NAN), (5, f32::INFINITY)], f64::NAN);
    check(&config, &state, 4, &poison, Some((Reason::Loss, Course::Skip, 1)));
    let gradient = found(&[(2, 3.0), (2, 5.0)], f64::INFINITY);
    check(&config, &state, 4, &gradient, Some((Reason::Gradient, Course::Skip, 1)));
    // A sample without a supervised token has no loss that could be one.
    let every = found(&[(0, 0.0), (5, f32::NAN), (5, f32::NAN)], f64::NAN);
    check(&config, &state, 4, &every, Some((Reason::EveryLoss, Course::Skip, 1)));
}

#[test]
fn a_spike_is_judged_by_the_steps_before() {
    let config = GuardConfig { policy: Policy::Skip, spike: 3.0, window: 8, ..Default::default() };
    let flat = [9.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0];
    // The first has left the window: mean 1.5, deviation 0.5, so that 3 is the limit.
    let state = accepted(&config, &flat);
    check(&config, &state, 9, &found(&[(1, 3.0)], 1.0), None);
    let above = found(&[(1, 0.5), (1, 5.75)], 1.0);
    check(&config, &state, 9, &above, Some((Reason::Spike, Course::Skip, 1)));
    // Too few to say what is usual.
    check(&config, &accepted(&config, &flat[..7]), 7, &above, None);
    let never = GuardConfig { spike: 0.0, ..config.clone() };
    check(&never, &state, 9, &above, None);
    // What was left out is no measure.
    let mut after = state.clone();
    after.note(&config, 9, f64::NAN, false);
    assert_eq!((&after.losses, &after.left_out[..]), (&state.losses, &[9][..]));
    assert_eq!(after.applied(10), 9);
}

#[test]
fn a_state_comes_back_with_every_bit() {
    let config = GuardConfig { spike: 2.0, ..GuardConfig::default() };
    let losses: Vec<f64> = (1..60).map(|step| 1.0 / f64::from(step) + 0.1).collect();
    let mut state = accepted(&config, &losses);
    state.note(&config, 59, 3.0, false);
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<GuardState>(&text).unwrap(), state);
    assert_eq!(state.losses.len(), 50);
}

#[test]
fn marked_steps_are_left_out_of_their_phase_only() {
    let config = GuardConfig { policy: Policy::Rewind, ..GuardConfig::default() };
    let guard = guard(&config, &[5]);
    let fine = found(&[(2, 3.0)], 1.0);
    let state = GuardState::default();
    assert_eq!(guard.judge(&state, 5, &fine, &|| true), Verdict::LeaveOut);
    for step in [2, 3, 4, 6] {
        assert_eq!(guard.judge(&state, step, &fine, &|| true), Verdict::Apply);
    }
}

#[test]
fn broken_weights_are_the_fault_of_the_step_before() {
    let config = GuardConfig { policy: Policy::Rewind, ..GuardConfig::default() };
    let every = found(&[(5, f32::NAN), (5, f32::NAN)], f64::NAN);
    let one = found(&[(5, 1.0), (5, f32::NAN)], f64::NAN);
    let check =
        |state: &GuardState, step, found: &Found, is_broken: bool, expected: &[usize]| match guard(
            &config,
            &[],
        )
        .judge(state, step, found, &|| is_broken)
        {
            Verdict::Incident(trouble) => assert_eq!(trouble.leave_out, expected),
            other => panic!("{other:?}"),
        };
    let mut state = GuardState::default();
    check(&state, 0, &every, false, &[0]);
    check(&state, 6, &every, false, &[5, 6]);
    check(&state, 6, &one, false, &[6]);
    check(&state, 6, &one, true, &[5, 6]);
    state.left_out = vec![4, 5];
    check(&state, 6, &every, true, &[3, 6]);
}

#[test]
fn enough_is_enough() {
    let poison = found(&[(2, 3.0), (5, f32::NAN)], f64::NAN);
    let course = |policy, marks: &[usize], left_out: &[usize], found: &Found| {
        let config = GuardConfig { policy, most: 3, ..GuardConfig::default() };
        let state = GuardState { left_out: left_out.to_vec(), ..GuardState::default() };
        match guard(&config, marks).judge(&state, 9, found, &|| false) {
            Verdict::Incident(trouble) => (trouble.course, trouble.because.is_some()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(course(Policy::Skip, &[], &[2], &poison), (Course::Skip, false));
    assert_eq!(course(Policy::Skip, &[], &[2, 4], &poison), (Course::Stop, true));
    assert_eq!(course(Policy::Rewind, &[2], &[2], &poison), (Course::Rewind, false));
    assert_eq!(course(Policy::Rewind, &[2, 4], &[2, 4], &poison), (Course::Stop, true));
    assert_eq!(course(Policy::Stop, &[2, 4], &[2, 4], &poison), (Course::Stop, false));
    let every = found(&[(5, f32::NAN)], f64::NAN);
    assert_eq!(course(Policy::Skip, &[], &[7], &every), (Course::Skip, false));
    assert_eq!(course(Policy::Skip, &[], &[8], &every), (Course::Stop, true));
}

#[test]
fn a_sample_pulls_as_much_as_the_step_would_lose_without_it() {
    let slots = [slot(10, 20.0), slot(2, 16.0), slot(100, 600.0), slot(0, 0.0), slot(3, f32::NAN)];
    let by_token = pulls(&slots, LossAverage::Token);
    assert_eq!(first_blamed(&slots[..4], LossAverage::Token), 2);
    assert_eq!(by_token[4], f64::INFINITY);
    assert_eq!(by_token[3], f64::NEG_INFINITY);
    // By samples, 8 a token is worse than 6.
    assert_eq!(first_blamed(&slots[..4], LossAverage::Sample), 1);
    assert_eq!(first_blamed(&[], LossAverage::Token), 0);
}

/// Rows of ids, each a sample of its own.
fn step(stepper: &mut Stepper, decoder: &Decoder, rows: &[Vec<u32>]) -> Found {
    let group = |(slot, ids): (usize, &Vec<u32>)| Group {
        prefix: vec![1],
        suffixes: vec![Suffix { row: slot, slot, ids: ids.clone(), supervised_from: 0 }],
    };
    let groups: Vec<Group> = rows.iter().enumerate().map(group).collect();
    let supervised = groups.iter().map(Group::supervised).sum::<usize>() as u64;
    let parts = vec![StepPart { groups, dropout_seed: None }];
    let input = StepInput { parts, samples: rows.len(), supervised, noise_seed: 0 };
    let (batch, loss) = (BatchConfig::default(), LossConfig::default());
    let objective = Objective { batch: &batch, average: LossAverage::Token, loss: &loss };
    stepper.gradients(decoder, input, objective, false, &mut Solo).unwrap()
}

#[test]
fn a_planted_outlier_is_a_spike_and_blamed_first() {
    let config = DecoderConfig {
        vocab_size: 64,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 1,
        num_attention_heads: 4,
        ..DecoderConfig::preset("baichuan2-tiny").unwrap()
    };
    let device = Device::flex();
    let mut decoder = Decoder::init(&config, Default::default(), 7, &device);
    let rule = OptimizerConfig { learning_rate: 1e-2, ..OptimizerConfig::default() };
    let mut optimizer = Optimizer::default();
    let mut stepper = Stepper::new(&decoder, &rule, Sharding::default(), 0, &mut Solo);
    // Counting from different numbers is learned soon.
    let counting = |from: u32| -> Vec<u32> { (0..12).map(|i| 2 + (from + i) % 20).collect() };
    let usual = |step: u32| -> Vec<Vec<u32>> {
        (0..6).map(|sample| counting(3 * step + 5 * sample)).collect()
    };
    let guarded =
        GuardConfig { policy: Policy::Skip, spike: 12.0, window: 10, ..GuardConfig::default() };
    let guard = guard(&guarded, &[]);
    let mut state = GuardState::default();
    for number in 0..40 {
        let found = step(&mut stepper, &decoder, &usual(number));
        let verdict = guard.judge(&state, number as usize, &found, &|| is_broken(&decoder));
        assert_eq!(verdict, Verdict::Apply, "step {number}");
        stepper.update(&mut decoder, &mut optimizer, &found, &rule, 1.0, &mut Solo).unwrap();
        state.note(&guarded, number as usize, found.loss, true);
    }
    let mut rows = usual(40);
    // One id that nothing was learned of, absurdly often.
    rows[3] = vec![60; 200];
    let found = step(&mut stepper, &decoder, &rows);
    let Verdict::Incident(trouble) = guard.judge(&state, 40, &found, &|| false) else {
        panic!("a loss of {} after {:?} is no spike", found.loss, state.window())
    };
    assert_eq!((trouble.reason, trouble.blamed), (Reason::Spike, 3));
}
