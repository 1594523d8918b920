//! Steps against their plain bodies; rounding to the bit.
#![allow(clippy::unwrap_used)]

use super::launches::launches;
use super::site::{Site, left_to_gpus, types, types_of_large_cubes, units_are_threads};
use crate::ops::{BLOCK, Beside, Moment, Piece, Rule, State, Step, pour, square_sums, update};
use crate::rounding::nearest;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

/// Values of the weight, of which a piece is changed.
pub(super) const WEIGHT: usize = 20_011;
/// Values of the stretch that has state.
const STATE: usize = 12_000;
const PIECE: Piece = Piece { weight: 5001, gradient: 703, state: 1001, count: 9_998 };

fn gpu() -> Device {
    crate::ops::kernels::gpu()
}

/// Numbers of both signs and many sizes.
pub(super) fn numbers(seed: usize, count: usize) -> Vec<f32> {
    let number = |i: usize| {
        let x = ((i * 7919 + seed * 104_729) as f32 * 0.618_034).sin();
        0.9 * x.powi(3) + 0.1f32.copysign(x)
    };
    (0..count).map(number).collect()
}

pub(super) fn tensor(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), (device, DType::F32))
}

pub(super) fn host(tensor: &Tensor<1>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

pub(super) fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 2e-6 * b.abs().max(1e-3), "{what}, {i}: {a} and {b}");
    }
}

fn step(rule: Rule, scale: f32) -> Step {
    let (beta1, beta2) = (0.9f32, 0.99f32);
    Step {
        rule,
        scale,
        rate: 1e-2,
        keep: 1.0 - 1e-3,
        beta1,
        beta2,
        rest1: 1.0 - beta1,
        rest2: 1.0 - beta2,
        epsilon: 1e-8,
        correct1: 0.271,
        correct2: 0.029_701,
    }
}

fn state(rule: Rule, beside: Beside, device: &Device) -> State {
    let values = |values| Moment::Values(tensor(values, device));
    let first = (rule != Rule::Along).then(|| values(numbers(3, STATE)));
    let squares = || numbers(4, STATE).into_iter().map(|it| it * it).collect();
    let second = (rule == Rule::AdamW).then(|| values(squares()));
    State { first, second, beside, codes: None }
}

/// The same in 8 bits; codes are cubes, closer to each other the smaller they are.
fn state_in_blocks(rule: Rule, beside: Beside, site: &Site) -> State {
    let device = &site.device;
    let moment = |seed: usize| {
        let codes: Vec<u32> = (0..STATE).map(|i| ((i * 37 + seed * 11) % 256) as u32).collect();
        let codes = TensorData::new(codes, [STATE]);
        let scales = (0..STATE.div_ceil(BLOCK)).map(|block| (block % 5) as f32 / 3.0).collect();
        Moment::Blocks {
            codes: Tensor::from_data(codes, (device, whole(DType::U8, site))),
            scales: tensor(scales, device),
        }
    };
    let signed = (0..256).map(|i| ((i as f32 - 127.0) / 128.0).powi(3));
    let unsigned = (0..256).map(|i| (i as f32 / 255.0).powi(3));
    State {
        first: Some(moment(1)),
        second: (rule == Rule::AdamW).then(|| moment(2)),
        beside,
        codes: Some(tensor(signed.chain(unsigned).collect(), device)),
    }
}

fn values(moment: &Moment) -> Vec<f32> {
    match moment {
        Moment::Values(values) => host(values),
        Moment::Blocks { codes, scales } => {
            let codes: Vec<u32> = codes.to_data().iter::<u32>().collect();
            host(scales).into_iter().chain(codes.into_iter().map(|it| it as f32)).collect()
        }
    }
}

/// What codes and lower halves are kept in: short numbers where the device has bf16, else what it has.
fn whole(short: DType, site: &Site) -> DType {
    if site.numbers == DType::BF16 { short } else { DType::U32 }
}

/// Numbers that bf16 holds, in f32: what a GPU without bf16 can test.
fn weights() -> Vec<f32> {
    numbers(1, WEIGHT).into_iter().map(|it| nearest(it).to_f32()).collect()
}

fn beside(name: &str, site: &Site) -> Beside {
    let device = &site.device;
    match name {
        "full" => Beside::Full(tensor(weights()[4000..4000 + STATE].to_vec(), device)),
        "low" => {
            let lows: Vec<u32> = (0..STATE as u32).map(|i| (i * 40_503) & 0xffff).collect();
            let data = TensorData::new(lows, [STATE]);
            Beside::Low(Tensor::<1, Int>::from_data(data, (device, whole(DType::U16, site))))
        }
        "draws" => Beside::Draws(0x1234_5678_9abc_def0),
        _ => Beside::Nothing,
    }
}

fn low(beside: &Beside) -> Vec<u32> {
    match beside {
        Beside::Low(low) => low.to_data().iter::<u32>().collect(),
        _ => Vec::new(),
    }
}

fn master(beside: &Beside) -> Vec<f32> {
    match beside {
        Beside::Full(master) => host(master),
        _ => Vec::new(),
    }
}

/// A step of `rule` there.
fn run(rule: Rule, form: &str, scale: f32, site: &Site) -> (Vec<f32>, State) {
    let mut state = state(rule, beside(form, site), &site.device);
    let gradient = site.tensor(numbers(2, WEIGHT), [WEIGHT]);
    let weight = site.tensor(weights(), [WEIGHT]);
    let weight = update(weight, &gradient, &mut state, PIECE, &step(rule, scale));
    assert_eq!(weight.dtype(), site.dtype);
    (host(&weight), state)
}

#[test]
fn a_step_is_the_plain_one() {
    for dtype in types() {
        for rule in [Rule::AdamW, Rule::Lion, Rule::Along] {
            for form in ["nothing", "full", "low", "draws"] {
                hold_step(dtype, rule, form);
            }
        }
    }
}

fn hold_step(dtype: DType, rule: Rule, form: &str) {
    let what = format!("{rule:?} {form} {dtype:?}");
    let (there, here) = (Site::new(dtype), Site::reference(dtype));
    let (found, state) = run(rule, form, 0.37, &there);
    let (expected, plain) = run(rule, form, 0.37, &here);
    // Neighbours of the piece are as they were.
    let end = PIECE.weight + PIECE.count;
    assert_eq!(found[..PIECE.weight], weights()[..PIECE.weight], "{what}");
    assert_eq!(found[end..], weights()[end..], "{what}");
    for (ours, theirs) in [(&state.first, &plain.first), (&state.second, &plain.second)] {
        assert_eq!(ours.is_some(), theirs.is_some(), "{what}");
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            close(&values(ours), &values(theirs), &what);
        }
    }
    // A weight that nothing stands beside is rounded to its type.
    let rounded = form == "nothing" && dtype == DType::BF16;
    match form {
        "nothing" if !rounded => close(&found, &expected, &what),
        "full" => {
            close(&master(&state.beside), &master(&plain.beside), &what);
            assert_ne!(master(&plain.beside), master(&beside(form, &here)));
        }
        _ => {}
    }
    // Numbers that differ in their last bits round to the same bf16 number, but for a few.
    let expected = if rounded { there.rounded(expected) } else { expected };
    let others = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
    let exact = form == "nothing" && !rounded;
    assert!(exact || others < PIECE.count / 500, "{what}: {others} differ");
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() <= b.abs().max(1e-3) / 100.0, "{what}: {a} and {b}");
    }
}

fn nothing_but(beside: Beside) -> State {
    State { first: None, second: None, beside, codes: None }
}

#[test]
fn rounding_is_the_hosts_to_the_bit() {
    // Along a gradient of zeros, nothing kept but the weight: only rounding is left.
    let device = gpu();
    let still = Step { rate: 0.0, keep: 1.0, ..step(Rule::Along, 1.0) };
    let values = numbers(7, WEIGHT);
    for start in [0, 5001] {
        for key in [0, 1, 0x1234_5678_9abc_def0, u64::MAX] {
            let piece = Piece { weight: start, gradient: 0, state: 0, count: WEIGHT - start };
            let run = |device: &Device| {
                let mut state = nothing_but(Beside::Draws(key));
                let gradient = tensor(vec![0.0; WEIGHT], device);
                let weight = tensor(values.clone(), device);
                host(&update(weight, &gradient, &mut state, piece, &still))
            };
            let (found, expected) = (run(&device), run(&Device::flex()));
            assert!(found == expected, "key {key:x} from {start}");
            assert!(found[start..].iter().all(|it| it.to_bits() & 0xffff == 0));
            assert!(found[start..] != values[start..]);
        }
    }
    // A weight and its lower half come back as they were.
    for dtype in types() {
        let run = |site: &Site| {
            let mut state = nothing_but(beside("low", site));
            let piece = Piece { weight: 0, gradient: 0, state: 0, count: STATE };
            let gradient = site.tensor(vec![0.0; WEIGHT], [WEIGHT]);
            let weight = site.tensor(weights(), [WEIGHT]);
            let weight = update(weight, &gradient, &mut state, piece, &still);
            (host(&weight), low(&state.beside))
        };
        let (weight, lows) = run(&Site::new(dtype));
        assert_eq!(lows, low(&beside("low", &Site::reference(dtype))));
        assert!(run(&Site::reference(dtype)) == (weight.clone(), lows), "{dtype:?}");
        assert_eq!(weight, weights());
    }
}

#[test]
fn what_nobody_else_holds_is_changed_in_place() {
    let device = gpu();
    let mut state = state(Rule::AdamW, Beside::Nothing, &device);
    let gradient = tensor(numbers(2, WEIGHT), &device);
    let weight = tensor(weights(), &device);
    let place = |tensor: &Tensor<1>| super::primitive(tensor).map(address);
    let places = |weight: &Tensor<1>, state: &State| {
        let moments = [&state.first, &state.second].map(|moment| match moment {
            Some(Moment::Values(values)) => place(values).unwrap(),
            other => panic!("{other:?}"),
        });
        (place(weight).unwrap(), moments)
    };
    let before = places(&weight, &state);
    let weight = update(weight, &gradient, &mut state, PIECE, &step(Rule::AdamW, 1.0));
    assert_eq!(places(&weight, &state), before);
    // What somebody else holds stays as it was.
    let held = weight.clone();
    let values = host(&held);
    let weight = update(weight, &gradient, &mut state, PIECE, &step(Rule::AdamW, 1.0));
    assert_eq!(host(&held), values);
    assert_ne!(host(&weight), values);
    let bucket = tensor(vec![0.0; WEIGHT], &device);
    let before = place(&bucket).unwrap();
    let bucket = pour(bucket, 11, &gradient, 5..5000, false);
    let bucket = pour(bucket, 11, &gradient, 5..5000, true);
    assert_eq!(place(&bucket).unwrap(), before);
}

#[test]
fn a_step_is_one_launch() {
    if left_to_gpus("launches of a step") {
        return;
    }
    let (device, site) = (gpu(), Site::new(DType::F32));
    for form in ["nothing", "full", "low", "draws"] {
        for blocks in [false, true] {
            let beside = beside(form, &site);
            let mut state = match blocks {
                true => state_in_blocks(Rule::AdamW, beside, &site),
                false => state(Rule::AdamW, beside, &device),
            };
            let piece = Piece { state: 4 * BLOCK, ..PIECE };
            let gradient = tensor(numbers(2, WEIGHT), &device);
            let weight = tensor(weights(), &device);
            let step = step(Rule::AdamW, 0.5);
            let found = launches(|| drop(update(weight, &gradient, &mut state, piece, &step)));
            assert_eq!(found.len(), 1, "{form}, in blocks: {blocks}: {found:?}");
        }
    }
    let (bucket, gradient) = (tensor(vec![0.0; WEIGHT], &device), tensor(weights(), &device));
    let found = launches(|| {
        let bucket = pour(bucket, 11, &gradient, 5..5000, true);
        drop(square_sums(bucket, 0, &gradient, 0..9000, 4096));
    });
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn moments_in_8_bits_are_the_plain_ones() {
    let every: Vec<(Rule, &str)> = [Rule::AdamW, Rule::Lion]
        .into_iter()
        .flat_map(|rule| ["nothing", "full", "low", "draws"].map(|form| (rule, form)))
        .collect();
    let few = vec![(Rule::AdamW, "low"), (Rule::AdamW, "nothing"), (Rule::Lion, "full")];
    // From a block on; the last of them is short.
    let (cases, count) = if units_are_threads() { (few, 300) } else { (every, PIECE.count) };
    for dtype in types_of_large_cubes() {
        for (rule, form) in cases.iter().copied() {
            hold_blocks(dtype, rule, form, Piece { state: 4 * BLOCK, count, ..PIECE });
        }
    }
}

fn hold_blocks(dtype: DType, rule: Rule, form: &str, piece: Piece) {
    let (there, here) = (Site::new(dtype), Site::reference(dtype));
    let run = |site: &Site| {
        let mut state = state_in_blocks(rule, beside(form, site), site);
        let gradient = site.tensor(numbers(2, WEIGHT), [WEIGHT]);
        let weight = site.tensor(weights(), [WEIGHT]);
        let weight = update(weight, &gradient, &mut state, piece, &step(rule, 0.37));
        (host(&weight), state)
    };
    let what = format!("{rule:?} {form} {dtype:?}");
    let few = piece.count / 500 + 2;
    let ((found, state), (expected, plain)) = (run(&there), run(&here));
    let before = state_in_blocks(rule, Beside::Nothing, &here);
    let moments =
        [(&state.first, &plain.first, before.first), (&state.second, &plain.second, before.second)];
    for (ours, theirs, before) in moments {
        let (Some(ours), Some(theirs), Some(before)) = (ours, theirs, before) else {
            assert!(ours.is_none() && rule == Rule::Lion);
            continue;
        };
        let (ours, theirs, before) = (values(ours), values(theirs), values(&before));
        let blocks = STATE.div_ceil(BLOCK);
        close(&ours[..blocks], &theirs[..blocks], &what);
        // Half-way between two codes, the last bit of a quotient decides.
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        let others = apart(&ours[blocks..], &theirs[blocks..]);
        assert!(others < few, "{what}: {others} codes differ");
        assert!(apart(&theirs, &before) > blocks, "{what}: scales and codes change");
    }
    // A weight that nothing stands beside is rounded to its type.
    let rounded = form == "nothing" && dtype == DType::BF16;
    let expected = if rounded { there.rounded(expected) } else { expected };
    let others = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
    let exact = form == "nothing" && !rounded;
    assert!(exact || others < few, "{what}: {others} differ");
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() <= b.abs().max(1e-3) / 100.0, "{what}: {a} and {b}");
    }
}

/// Which memory a tensor has.
#[cfg(not(feature = "fusion"))]
fn address(tensor: burn_cubecl::tensor::CubeTensor) -> String {
    format!("{:?}", tensor.handle.memory.descriptor())
}

#[cfg(feature = "fusion")]
fn address(tensor: burn::backend::tensor::FloatTensor<burn_cubecl::Cube>) -> String {
    let client = tensor.client.clone();
    let tensor = client.resolve_tensor_float::<burn_cubecl::CubeBackend>(tensor).unwrap();
    format!("{:?}", tensor.handle.memory.descriptor())
}
