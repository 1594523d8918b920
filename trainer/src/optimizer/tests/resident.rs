//! Steps where tensors stay on the device: state outlives checkpoints and other cuts there, too.

use super::*;

/// As [`train`], but where tensors stay on the device: in its plain body, which is the reference of others.
fn train_there(
    optimizer: &mut Optimizer,
    weights: Tensor<1>,
    cuts: &[Range<usize>],
    config: &OptimizerConfig,
    steps: Range<usize>,
) -> Tensor<1> {
    let mut weights = weights;
    for step in steps {
        optimizer.begin_step();
        let gradient = upload(numbers(step + 1, 0.3), &device());
        for cut in cuts {
            // In two parts, as from two buckets.
            let middle = cut.start + cut.len() / 3 / BLOCK * BLOCK;
            let part =
                |range: Range<usize>| Part { values: gradient.clone(), at: range.start, range };
            let parts = vec![part(cut.start..middle), part(middle..cut.end)];
            let stretch = stretch(cut.clone());
            weights = optimizer.update_there(&stretch, weights, (parts, 0.5), config, 0.7);
        }
    }
    weights
}

#[test]
fn state_on_a_device_outlives_a_checkpoint_and_other_cuts() {
    let (first, second) = ([0..8192, 8192..COUNT], [0..4096, 4096..COUNT]);
    let whole = 0..COUNT;
    for rule in rules() {
        for bits8 in [32, 8] {
            for master in [MasterKind::F32, MasterKind::Split, MasterKind::None] {
                let config = OptimizerConfig { bits: bits8, master, ..rule.clone() };
                let is_muon = rule.name == Rule::Muon;
                let whole = std::slice::from_ref(&whole);
                let (before, after): (&[_], &[_]) =
                    if is_muon { (whole, whole) } else { (&first[..], &second[..]) };
                let start = || upload(in_bf16(), &device());
                let mut undisturbed = Optimizer::default();
                let expected = train_there(&mut undisturbed, start(), before, &config, 0..4);
                let mut saved = Optimizer::default();
                let weights = train_there(&mut saved, start(), before, &config, 0..2);
                let mut again = restored_from(&saved.kept(), after, 2);
                let weights = train_there(&mut again, weights, after, &config, 2..4);
                let what = format!("{:?}, {bits8} bits, {master:?}", rule.name);
                assert_eq!(bits(&host(weights)), bits(&host(expected.clone())), "{what}");
                // The pass in memory rounds a few numbers otherwise: their last bits differ before.
                let half: Vec<f32> = (0..4).flat_map(|step| numbers(step + 1, 0.3)).collect();
                let passed = pass_with(&half, &config, before);
                let others = bits(&host(expected))
                    .iter()
                    .zip(&bits(&passed))
                    .filter(|(a, b)| a != b)
                    .count();
                assert!(others < COUNT / 50, "{what}: {others} weights differ");
            }
        }
    }
}

/// Four steps over slices along half of these gradients.
fn pass_with(gradients: &[f32], config: &OptimizerConfig, cuts: &[Range<usize>]) -> Vec<bf16> {
    let mut optimizer = Optimizer::default();
    let mut weights = in_bf16();
    for gradient in gradients.chunks(COUNT) {
        optimizer.begin_step();
        for cut in cuts {
            let half: Vec<f32> = gradient[cut.clone()].iter().map(|it| it * 0.5).collect();
            let weight = upload(weights[cut.clone()].to_vec(), &device());
            let gradient = upload(half, &device());
            let new = optimizer.update(&stretch(cut.clone()), weight, gradient, config, 0.7);
            weights[cut.clone()].clone_from_slice(&host::<bf16>(new));
        }
    }
    weights
}
