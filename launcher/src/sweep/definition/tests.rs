#![allow(clippy::unwrap_used)]

use super::*;
use crate::sweep::space::tests as spaces;
use expect_test::{Expect, expect};

/// A sweep of two seeds over a space with a key of each kind.
pub fn specimen() -> Sweep {
    Sweep {
        name: "specimen".to_owned(),
        recipe: PathBuf::from("tiny.toml"),
        cluster: None,
        method: Method::Random,
        metric: Metric::Worst,
        phase: "instruction".to_owned(),
        mode: Mode::Max,
        seed: 1,
        seeds: vec![5, 6],
        parallel: 1,
        budget: Budget { trials: 10, ..Budget::default() },
        retries: 2,
        space: spaces::specimen(),
        stop: Stop::None,
        plans_memory: false,
        sets: Vec::new(),
    }
}

/// A file of this text beside `tiny.toml`.
fn parse(text: &str) -> Result<Sweep, Error> {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let path = tiny.join("s.toml");
    file::parse(text, &path).map_err(|error| {
        // The sentence without where the repository lies.
        let message = error.message.replace(&format!("{}/", tiny.display()), "");
        Error { message, ..error }
    })
}

const SWEEP: &str = "[sweep]\nrecipe = \"tiny.toml\"\nmethod = \"random\"\nmetric = \"loss\"\nbudget = { trials = 4 }\n";
const SPACE: &str = "[space]\noptimizer.learning_rate = { log = [1e-4, 1e-2] }\n";

fn refused(text: &str, expected: Expect) {
    let error = parse(text).unwrap_err();
    expected.assert_eq(&error.message);
    assert_eq!(error.code, crate::error::exit::DECLARATION);
}

#[test]
fn a_short_file_means_a_whole_sweep() {
    let sweep = parse(&format!("{SWEEP}seeds_per_trial = 3\n{SPACE}")).unwrap();
    assert_eq!((sweep.name.as_str(), sweep.phase.as_str()), ("s", "instruction"));
    assert_eq!((sweep.mode, sweep.seeds.as_slice()), (Mode::Min, &[5, 6, 7][..]));
    assert_eq!((sweep.parallel, sweep.retries, sweep.budget.trials), (1, 2, 4));
    assert_eq!(sweep.stop, Stop::None);
    let asha = format!("{SWEEP}{SPACE}[stop]\nmethod = \"asha\"\nfirst = 1\nfactor = 2\n");
    assert_eq!(parse(&asha).unwrap().stop, Stop::Asha { rungs: vec![1, 2, 4], factor: 2 });
    let grid = SWEEP.replace("random", "grid").replace("budget = { trials = 4 }\n", "");
    let grid = format!(
        "{grid}[space]\n\"lora.rank\" = {{ values = [2, 4] }}\n\"run.exact_shards\" = {{ values = [0, 1] }}\n"
    );
    assert_eq!(parse(&grid).unwrap().budget.trials, 4);
}

#[test]
fn what_makes_another_sweep_is_told_from_what_does_not() {
    let of = |more: &str, space: &str| parse(&format!("{SWEEP}{more}{space}")).unwrap().essence();
    let same = of("parallel = 7\nretries = 0\n", SPACE);
    assert_eq!(of("", SPACE), same);
    assert_ne!(of("seed = 2\n", SPACE), same);
    assert_ne!(of("seeds = [1]\n", SPACE), same);
    assert_ne!(of("", &SPACE.replace("1e-4", "1e-5")), same);
}

#[test]
fn wrong_files_say_what_and_where() {
    refused(
        &format!("{SWEEP}pararell = 2\n{SPACE}"),
        expect!["s.toml:6:1: unknown key `pararell`; did you mean `parallel`?"],
    );
    refused(
        &format!("{}{SPACE}", SWEEP.replace("random", "rando")),
        expect!["s.toml:3:10: unknown value `rando`; did you mean `random`?"],
    );
    refused(
        &format!("{}{SPACE}", SWEEP.replace("\"loss\"", "\"accuracy\"")),
        expect![
            "s.toml:4:10: unknown metric `accuracy`; known are: f1.worst, f1.mean, f1.LANGUAGE such as f1.zh, loss"
        ],
    );
    refused(
        &format!("{}{SPACE}", SWEEP.replace("\"loss\"", "\"f1.fr\"")),
        expect![
            "s.toml:4:10: f1.fr will never have a value: the recipe's benchmarks have f1.en, f1.zh"
        ],
    );
    parse(&format!("{}{SPACE}", SWEEP.replace("\"loss\"", "\"f1.zh\""))).unwrap();
    refused(
        &format!("{}{SPACE}", SWEEP.replace("budget = { trials = 4 }\n", "")),
        expect!["s.toml:4:10: say how many trials there may be: budget = { trials = 40 }"],
    );
    refused(
        &format!("{SWEEP}seeds = [1, 1]\n{SPACE}"),
        expect!["s.toml:6:9: `seeds` is [1, 1], expected different numbers, one at least"],
    );
    refused(
        &format!("{SWEEP}constraints = [\"disk\"]\n{SPACE}"),
        expect!["s.toml:6:16: unknown constraint `disk`; known is: memory"],
    );
    refused(
        &format!("{SWEEP}phase = \"instructions\"\n{SPACE}"),
        expect![
            "s.toml:6:9: the recipe has no phase `instructions`; its phases are schema-understanding, alignment, instruction"
        ],
    );
    refused(
        &format!("{}{SPACE}", SWEEP.replace("trials = 4", "trials = 4, wall = \"8 hours\"")),
        expect![[
            r#"s.toml:5:31: `wall` is "8 hours", expected a time such as "90m", "8h" or "2d""#
        ]],
    );
    refused(
        &format!("{SWEEP}[space]\n\"run.seed\" = {{ values = [1] }}\n"),
        expect!["s.toml:7:1: `run.seed` is the sweep's to decide; for seeds, write `seeds`"],
    );
    refused(
        &format!("{SWEEP}[space]\n\"checkpoint.pause.step\" = {{ values = [1] }}\n"),
        expect![
            "s.toml:7:1: `checkpoint.pause.step` is the sweep's to decide; for seeds, write `seeds`"
        ],
    );
    refused(
        &format!(
            "{SWEEP}{SPACE}[set.checkpoint]\npause = {{ phase = \"instruction\", step = 3 }}\n"
        ),
        expect![
            "s.toml:8:6: `checkpoint.pause.phase` is the sweep's to decide; for seeds, write `seeds`"
        ],
    );
    refused(
        &format!("{SWEEP}[space]\n\"lora.rank\" = {{ log = [0, 4] }}\n"),
        expect!["s.toml:7:1: `lora.rank`: log = [0, 4], expected numbers above 0"],
    );
}

#[test]
fn a_recipe_that_pauses_by_itself_is_no_sweep() {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
    let mut recipe = trainer::Recipe::load(&tiny, &[]).unwrap();
    assert_eq!(check::pause(&recipe), Ok(()));
    recipe.checkpoint.pause =
        Some(trainer::recipe::Pause { phase: "instruction".to_owned(), step: 3 });
    let expected = expect![
        "the recipe has checkpoint.pause, behind step 3 of phase `instruction`; where trials pause is the sweep's to decide: leave it out"
    ];
    expected.assert_eq(&check::pause(&recipe).unwrap_err());
}

#[test]
fn keys_and_rungs_are_held_against_the_recipe() {
    let error =
        parse(&format!("{SWEEP}[space]\n\"optimizer.lerning_rate\" = {{ log = [1e-4, 1] }}\n"))
            .unwrap_err();
    assert!(
        error.message.starts_with("s.toml:7:1: with optimizer.lerning_rate = 0.0001: "),
        "{error}"
    );
    assert!(error.message.contains("did you mean `learning_rate`?"), "{error}");
    refused(
        &format!("{SWEEP}{SPACE}[stop]\nmethod = \"asha\"\nrungs = [2, 7]\n"),
        expect!["s.toml:8:1: [stop]: the last rung is 7, but phase `instruction` has 7 steps"],
    );
    refused(
        &format!("{SWEEP}{SPACE}[stop]\nmethod = \"asha\"\nrungs = [4, 2]\n"),
        expect![
            "s.toml:8:1: [stop]: the rungs are [4, 2], expected steps in ascending order, from 1"
        ],
    );
    let f1 = SWEEP.replace("\"loss\"", "\"f1.worst\"");
    refused(
        &format!("{f1}{SPACE}[stop]\nmethod = \"median\"\nrungs = [2, 4]\n"),
        expect![[
            r#"s.toml:8:1: [stop]: f1.worst is not known at step 2: evaluation.during.every is 0; write "evaluation.during.every" = 2 below [set]"#
        ]],
    );
    parse(&format!("{f1}{SPACE}[stop]\nmethod = \"median\"\nrungs = [2, 4]\n[set]\n\"evaluation.during.every\" = 2\n")).unwrap();
    refused(
        &format!("{SWEEP}{SPACE}[set]\n\"optimizer.learning_rate\" = 1e-3\n"),
        expect![
            "s.toml:9:1: `optimizer.learning_rate` stands in [space], too; leave one of them out"
        ],
    );
    let endless = SWEEP.replace("random", "grid");
    refused(
        &format!("{endless}{SPACE}"),
        expect![
            "s.toml:1:1: `optimizer.learning_rate` has no end of values; for a grid give it `points`, such as points = 5"
        ],
    );
}

#[test]
fn a_grid_that_is_too_large_is_refused_unless_trials_are_limited() {
    let keys = "\"phase.0.steps\" = { int = [1, 9000] }\n\"phase.1.steps\" = { int = [1, 9000] }\n";
    let grid = SWEEP.replace("random", "grid").replace("budget = { trials = 4 }\n", "");
    refused(
        &format!("{grid}[space]\n{keys}"),
        expect![
            "s.toml:4:10: the grid has 81000000 points, more than the 100000 that a sweep keeps; give keys fewer values, or try only the first of them: budget = { trials = 1000 }"
        ],
    );
    let limited = SWEEP.replace("random", "grid");
    assert_eq!(parse(&format!("{limited}[space]\n{keys}")).unwrap().budget.trials, 4);
}

#[test]
fn times_have_units() {
    assert_eq!(file::duration("90m"), Some(Duration::from_secs(5400)));
    assert_eq!(file::duration("1.5h"), Some(Duration::from_secs(5400)));
    for wrong in ["", "8", "h", "-1h", "8 hours", "0s"] {
        assert_eq!(file::duration(wrong), None, "{wrong}");
    }
}
