//! Every verb is understood, and nothing else is.
#![allow(clippy::unwrap_used)]

use super::*;
use clap::CommandFactory;
use clap::error::ErrorKind;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("knowcoder").chain(line.split_whitespace()))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_is_understood() {
    for line in [
        "run configs/quickstart.toml",
        "run r.toml --cluster c.toml --run-dir runs/x --data-root d --set a.b=c --set d=e",
        "run r.toml --dry-run --json",
        "run r.toml --tui",
        "--json plan r.toml --cluster c.toml",
        "submit r.toml --cluster c.toml --run-dir runs/x --set a.b=c --render --json",
        "status runs/x --watch --json",
        "logs runs/x -f --rank 1 --rank 2 --lines 0",
        "cancel runs/x --now",
        "resume runs/x --cluster c.toml --data-root d",
        "why runs/x --json",
        "drill runs/x hang-rank --rank 1 --seconds 5",
        "replay runs/x/incidents/instruction-000041 --samples 3 --json",
        "ablate configs/ablations/alignment.toml --smoke --json",
        "ablate a.toml --run-dir d --variants one,two --set a.b=c --jobs 2 --cluster c.toml --dry-run",
        "data validate",
        "data stats cluener configs/datasets/wnut17.toml --json",
        "data fetch wnut17 uner-zh --accept-licence --data-root d",
        "data concepts wnut17 --json",
        "data prepare r.toml --run-dir runs/x",
        "data stats --all --tokenizer t.model --html s.html --ascii --histograms",
        "data prepare r.toml --data-root s3://b/corpora --out s3://b/x --cache-dir c",
        "data inspect s3://b/x/prepared/0-instruction --cache-dir c",
        "run r.toml --shards s3://b/x --data-root gs://b/corpora",
        "data prepare r.toml --share 8/8",
        "data prepare r.toml --share 1/8 --out s3://b/x",
        "data inspect runs/x/prepared/0-instruction --row 7",
        "data inspect runs/x --phase instruction --id a/1 --group --html r.html",
        "data inspect r.toml --find Ann --rows 10 --set a.b=c --json",
        "data inspect wnut17:test --random --seed 3 --tokenizer t.model",
        "data parallel configs/parallel/cluener-en.toml --dry-run --json --data-root d",
        "data paraphrase s.py --bank b.jsonl --check",
        "evaluate --checkpoint c --benchmark a b:test --benchmark c",
        "evaluate --checkpoint c --benchmark a --shots 3 --paraphrase 1 --paraphrases b.jsonl",
        "evaluate --checkpoint c --benchmark a --orders 5 --reworded 2 --paraphrases b.jsonl",
        "evaluate --checkpoint c --benchmark a --chained --limit 9 --cluster c.toml",
        "evaluate --checkpoint c --benchmark a --chained=false --device cuda",
        "score a.jsonl b.jsonl --protocol set --protocol strict-span",
        "score a.jsonl --panel --by type,language,source --seen en,zh --json",
        "score a.jsonl --against b.jsonl c.jsonl --heads --strict",
        "extract --checkpoint c --schema s.py --task re one two",
        "extract --checkpoint c --schema s.py --shots f.jsonl -",
        "extract --checkpoint c --schema s.py --task eae --file a.txt --file b.txt --window 256 --overlap 2",
        "extract --checkpoint c --schema s.py --jsonl a.jsonl --jsonl - --field body --language-field lang",
        "serve --checkpoint c",
        "serve --checkpoint c --schema a.py --schema b.py --host 0.0.0.0 --port 80 --token-env TOKEN",
        "serve --checkpoint c --host 0.0.0.0 --no-token --queue 9 --rows 4 --timeout 9 --drain 3",
        "ledger diff runs/x runs/y --tolerance 0 --so-far",
        "ledger prove runs/x --json",
        "report runs/x",
        "report --table list",
        "report --table multiconer22 runs/x runs/y --markdown --protocol strict-span",
        "baseline --method gazetteer --train a:dev b --benchmark c:test --benchmark d --out o",
        "baseline --method capitals --train a --benchmark b --limit 300 --task ner --out o --json",
        "track runs/x --format mlflow --out mlruns",
        "track runs/x --format wandb --out . --json",
        "doctor",
        "doctor --cluster c.toml --device cuda --run-dir runs/x --json",
        "worker --run-dir runs/x --rank 1 --world 2 --rendezvous 127.0.0.1:4000",
        "worker --run-dir runs/x --rank 9 --world 16 --rendezvous n1:4000 --local-rank 1 --local-world 8",
        "worker --run-dir runs/x --through-phase 1",
        "sweep start s.toml --worker --slots 2 --cluster c.toml --out sweeps/x --json",
        "sweep best s.toml --out sweeps/x",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn what_is_not_understood_ends_with_2() {
    for (line, kind) in [
        ("run", ErrorKind::MissingRequiredArgument),
        ("run r.toml --sets a=b", ErrorKind::UnknownArgument),
        ("run r.toml --set learning_rate", ErrorKind::ValueValidation),
        ("run r.toml --set =1", ErrorKind::ValueValidation),
        ("runn r.toml", ErrorKind::InvalidSubcommand),
        ("sweep begin x.toml", ErrorKind::InvalidSubcommand),
        ("sweep start", ErrorKind::MissingRequiredArgument),
        ("sweep start x.toml --slots 0", ErrorKind::ValueValidation),
        ("sweep start x.toml --array --worker", ErrorKind::ArgumentConflict),
        ("data prepare r.toml --share 0/8", ErrorKind::ValueValidation),
        ("data prepare r.toml --share 9/8", ErrorKind::ValueValidation),
        ("data prepare r.toml --share 2", ErrorKind::ValueValidation),
        ("data fetch", ErrorKind::MissingRequiredArgument),
        ("data inspect x --row minus-one", ErrorKind::ValueValidation),
        ("data inspect x --row 1 --random", ErrorKind::ArgumentConflict),
        ("data inspect x --rows 0", ErrorKind::ValueValidation),
        ("data stats wnut17 --all", ErrorKind::ArgumentConflict),
        ("ledger diff runs/x", ErrorKind::MissingRequiredArgument),
        ("ledger diff runs/x runs/y --tolerance=-1", ErrorKind::ValueValidation),
        ("evaluate --checkpoint c", ErrorKind::MissingRequiredArgument),
        ("doctor --device gpu", ErrorKind::InvalidValue),
        ("score", ErrorKind::MissingRequiredArgument),
        ("report", ErrorKind::MissingRequiredArgument),
        ("report runs/x --markdown", ErrorKind::MissingRequiredArgument),
        ("baseline --method gazeteer --train a --benchmark b --out o", ErrorKind::ValueValidation),
        ("baseline --method capitals --benchmark b --out o", ErrorKind::MissingRequiredArgument),
        ("score a.jsonl --protocol sett", ErrorKind::ValueValidation),
        ("extract --checkpoint c --schema s.py --task all x", ErrorKind::ValueValidation),
        ("extract --checkpoint c --schema s.py --window 0 x", ErrorKind::ValueValidation),
        ("serve", ErrorKind::MissingRequiredArgument),
        ("serve --checkpoint c --port 70000", ErrorKind::ValueValidation),
        ("serve --checkpoint c --queue 0", ErrorKind::ValueValidation),
        ("serve --checkpoint c --token-env A --no-token", ErrorKind::ArgumentConflict),
        ("score a.jsonl --protocol set --panel", ErrorKind::ArgumentConflict),
        ("score a.jsonl --by class", ErrorKind::InvalidValue),
        ("score a.jsonl --against", ErrorKind::InvalidValue),
        ("worker --run-dir x --rank 1", ErrorKind::MissingRequiredArgument),
        ("worker --run-dir x --world 2", ErrorKind::MissingRequiredArgument),
        ("worker --run-dir x --local-rank 2", ErrorKind::MissingRequiredArgument),
        ("worker --run-dir x --through-phase 0", ErrorKind::ValueValidation),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.kind(), kind, "{line}");
        assert_eq!(error.exit_code(), i32::from(exit::USAGE), "{line}");
    }
}

#[test]
fn help_tells_the_exit_codes_and_hides_the_worker() {
    let help = Cli::command().render_help().to_string();
    assert!(help.contains("76  stopped with a checkpoint"));
    assert!(!help.contains("worker"));
    for verb in Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let help = verb.clone().render_help().to_string();
        assert!(help.contains("Exit codes:"), "{}", verb.get_name());
    }
}

#[test]
fn extract_refuses_typos() {
    let line = "extract --checkpoint c --schema s.py x";
    for (more, expected) in [
        ("--language zz", "no language code"),
        ("--language ../../x", "no language code"),
        ("--max-new-tokens 0", "a whole number of at least 1"),
    ] {
        let error = parse(&format!("{line} {more}")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    parse(&format!("{line} --language yue --max-new-tokens 1")).unwrap();
}
