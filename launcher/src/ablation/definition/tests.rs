#![allow(clippy::unwrap_used)]
use super::*;
use expect_test::{Expect, expect};

const FILE: &str = r#"
title = "With and without"
question = "Does it help?"
expects = "It does."
base = "../base.toml"
seeds = [42, 43]
seen = ["en"]

[set]
"evaluation.rows" = 8

[[variant]]
name = "without"
about = "nothing"
set = { "phase.0.skip" = true }

[[variant]]
name = "with"
about = "everything"
set = { "phase.0.datasets" = ["a:train", "b"], "prompt.form" = "list", "phase.0.weights" = { a = 2 } }
smoke = { "phase.0.datasets" = ["c:train"] }
jobs = ["../parallel/job.toml"]

[smoke]
base = "small.toml"
seeds = [1]
set = { "phase.0.steps" = 3 }
"#;

fn parse(text: &str, choice: Choice<'_>) -> Result<Ablation, String> {
    let path = Path::new("configs/ablations/x.toml");
    Ablation::parse(text, path, choice).map_err(|error| error.to_string())
}

fn sets(ablation: &Ablation) -> Vec<&[String]> {
    ablation.variants.iter().map(|variant| variant.sets.as_slice()).collect()
}

#[test]
fn a_variant_is_values_of_the_recipe() {
    let ablation = parse(FILE, Choice::default()).unwrap();
    assert_eq!(ablation.name, "x");
    assert_eq!(ablation.base, Path::new("configs/ablations/../base.toml"));
    assert_eq!((ablation.seeds.as_slice(), ablation.is_smoke), (&[42, 43][..], false));
    assert_eq!(
        ablation.variants[1].jobs,
        [PathBuf::from("configs/ablations/../parallel/job.toml")]
    );
    assert_eq!(
        sets(&ablation),
        [
            &["evaluation.rows=8", "phase.0.skip=true"][..],
            &[
                "evaluation.rows=8",
                "phase.0.datasets=[\"a:train\", \"b\"]",
                "phase.0.weights={ a = 2 }",
                "prompt.form=\"list\""
            ][..],
        ]
    );
}

#[test]
fn the_small_form_has_its_own_values() {
    let more = ["run.device=cuda".to_owned()];
    let ablation = parse(FILE, Choice { smoke: true, variants: &[], sets: &more }).unwrap();
    assert_eq!(ablation.base, Path::new("configs/ablations/small.toml"));
    assert_eq!((ablation.seeds.as_slice(), ablation.is_smoke), (&[1][..], true));
    assert_eq!(ablation.seen, ["en"]);
    assert!(ablation.variants.iter().all(|variant| variant.jobs.is_empty()));
    assert_eq!(
        sets(&ablation),
        [
            &["phase.0.steps=3", "phase.0.skip=true", "run.device=cuda"][..],
            &["phase.0.steps=3", "phase.0.datasets=[\"c:train\"]", "run.device=cuda"][..],
        ]
    );
}

#[test]
fn variants_can_be_chosen() {
    let choose = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let found = parse(FILE, Choice { variants: &names, ..Choice::default() });
        found.map(|it| it.variants.into_iter().map(|it| it.name).collect::<Vec<_>>())
    };
    // In the order of the file: what is compared with what does not depend on the command line.
    assert_eq!(choose(&["with", "without"]).unwrap(), ["without", "with"]);
    assert_eq!(choose(&["with"]).unwrap(), ["with"]);
    expect!["configs/ablations/x.toml: no variant `witout`; did you mean `without`?"]
        .assert_eq(&choose(&["witout"]).unwrap_err());
}

fn check(change: (&str, &str), smoke: bool, expected: Expect) {
    assert!(FILE.contains(change.0), "{}", change.0);
    let text = FILE.replacen(change.0, change.1, 1);
    let error = parse(&text, Choice { smoke, ..Choice::default() }).unwrap_err();
    expected.assert_eq(&error);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    check(
        ("seeds = [42, 43]", "seeds = []"),
        false,
        expect!["configs/ablations/x.toml: `seeds` is empty; name one at least"],
    );
    check(
        ("seeds = [42, 43]", "seeds = [42, 42]"),
        false,
        expect!["configs/ablations/x.toml: `seeds` has one twice: [42, 42]"],
    );
    check(
        ("name = \"with\"", "name = \"without\""),
        false,
        expect!["configs/ablations/x.toml: two variants are called `without`; rename one"],
    );
    check(
        ("name = \"with\"", "name = \"../with\""),
        false,
        expect![[
            r#"configs/ablations/x.toml: `name = "../with"` names a directory: small letters, digits and -"#
        ]],
    );
    check(
        ("\"prompt.form\" = \"list\"", "\"run.seed\" = 7"),
        false,
        expect![
            "configs/ablations/x.toml: variant `with` sets `run.seed`, which an ablation decides itself: write `seeds`"
        ],
    );
    check(
        ("[smoke]\nbase", "[smoke]\nbaze"),
        true,
        expect!["configs/ablations/x.toml:25:1: unknown key `baze`; did you mean `base`?"],
    );
    check(
        ("seen = [\"en\"]", "sean = [\"en\"]"),
        false,
        expect!["configs/ablations/x.toml:7:1: unknown key `sean`; did you mean `seen`?"],
    );
    let silent = FILE.replacen("about = \"nothing\"\n", "", 1);
    let error = parse(&silent, Choice::default()).unwrap_err();
    assert!(error.ends_with("missing field `about`"), "{error}");
    let one = FILE.split("[[variant]]").take(2).collect::<Vec<_>>().join("[[variant]]");
    expect!["configs/ablations/x.toml: it has 1 [[variant]], expected 2 at least to compare"]
        .assert_eq(&parse(&one, Choice::default()).unwrap_err());
    let large = FILE.split("[smoke]").next().unwrap();
    expect!["configs/ablations/x.toml: --smoke, but it has no [smoke]: say what is small there"]
        .assert_eq(&parse(large, Choice { smoke: true, ..Choice::default() }).unwrap_err());
}
