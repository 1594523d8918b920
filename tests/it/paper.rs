//! The recipes of the papers on the clusters that are shipped: planned without a GPU, without a model, without data.

use crate::program::{cluster, knowcoder, must, root, stderr};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// `knowcoder plan --json` of a recipe of ours on a cluster of ours, for a run that is not there.
fn plan(recipe: &str, on: &str, more: &[&str]) -> Command {
    let mut command = knowcoder(&["plan", "--json"]);
    command.arg(root().join("configs").join(format!("{recipe}.toml")));
    command.arg("--cluster").arg(cluster(on));
    // Pods see these paths; nothing is there, and nothing is made.
    command.args(["--run-dir", "/runs/paper", "--data-root", "/corpora"]).args(more);
    command
}

fn planned(recipe: &str, on: &str, more: &[&str]) -> Value {
    serde_json::from_slice(&must(plan(recipe, on, more)).stdout).unwrap()
}

fn warnings(plan: &Value) -> Vec<&str> {
    plan["warnings"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
}

#[test]
fn every_recipe_is_planned_on_every_cluster() {
    // Parameters of the network, and what each phase trains of them.
    let recipes: [(&str, u64, &[u64]); 3] = [
        ("knowcoder-x-7b", 7_505_973_248, &[71_565_312, 71_565_312]),
        ("knowcoder-x-13b", 13_896_668_160, &[111_575_040, 111_575_040]),
        ("knowcoder-7b", 6_738_415_616, &[6_738_415_616, 79_953_920, 79_953_920]),
    ];
    let clusters = [
        ("h200", "local", 1, 1),
        ("h100x8", "local", 8, 1),
        ("slurm-4x8", "slurm", 32, 5),
        ("kubernetes-4x8", "kubernetes", 32, 4),
    ];
    for (recipe, parameters, trained) in recipes {
        for (on, backend, ranks, nodes) in clusters {
            let plan = planned(recipe, on, &[]);
            let what = format!("{recipe} on {on}: {:?}", warnings(&plan));
            assert_eq!(plan["work"]["parameters"], parameters, "{what}");
            let phases = plan["work"]["phases"].as_array().unwrap();
            let found: Vec<u64> =
                phases.iter().map(|phase| phase["trainable"].as_u64().unwrap()).collect();
            assert_eq!(found, trained, "{what}");
            assert_eq!(plan["backend"], backend, "{what}");
            assert_eq!(plan["ranks"], ranks, "{what}");
            assert_eq!(plan["nodes"].as_array().unwrap().len(), nodes, "{what}");
            // Hours and a rate that hardware can reach.
            assert!(plan["estimate"]["hours"].as_f64().unwrap() > 0.01, "{what}");
            for phase in plan["estimate"]["phases"].as_array().unwrap() {
                let mfu = phase["step"]["mfu"].as_f64().unwrap();
                assert!((0.02..0.75).contains(&mfu), "{what}: {phase:#}");
                assert_eq!(phase["samples"]["known"], false, "{what}");
            }
            let scripts = plan["rendered"].as_array().unwrap();
            assert_eq!(scripts.is_empty(), backend == "local", "{what}");
            assert!(scripts.iter().all(|it| it["lines"].as_u64() > Some(5)), "{what}");
            assert!(scripts.iter().all(|it| it["text"].is_null()), "{what}");
        }
    }
    assert!(!Path::new("/runs/paper").exists());
}

#[test]
fn adapters_of_the_7b_fit_everywhere() {
    for on in ["h200", "h100x8", "slurm-4x8"] {
        let plan = planned("knowcoder-x-7b", on, &[]);
        for phase in plan["work"]["phases"].as_array().unwrap() {
            let memory = &phase["memory"];
            let [held, there] = [&memory["predicted"]["total"], &memory["budget"]["bytes"]];
            assert!(held.as_u64() <= there.as_u64(), "{on}: {memory:#}");
        }
        let misfits = warnings(&plan).into_iter().filter(|it| it.contains("holds at least"));
        assert_eq!(misfits.count(), 0, "{on}: {:?}", warnings(&plan));
    }
}

#[test]
fn a_table_of_worlds_names_those_that_do_not_fit() {
    let plan = planned("knowcoder-x-7b", "h100x8", &["--scale", "1,8,64,1024"]);
    let scale = plan["scale"].as_array().unwrap();
    let worlds: Vec<u64> = scale.iter().map(|it| it["world"].as_u64().unwrap()).collect();
    assert_eq!(worlds, [1, 8, 64, 1024]);
    let hours: Vec<f64> =
        scale[..3].iter().map(|it| it["estimate"]["hours"].as_f64().unwrap()).collect();
    // What `run` refuses has no figures.
    assert!(scale[3]["estimate"].is_null() && scale[3]["bytes_per_rank"].is_null());
    assert!(hours[0] > 4.0 * hours[1] && hours[1] > hours[2], "{hours:?}");
    let problems = scale[3]["problems"].to_string();
    let expected = "phase `alignment` has 256 samples a step, 1024 ranks need as many; 1, 2, 4, 8, 16, 32, 64, 128 or 256 ranks share it evenly";
    assert!(problems.contains(expected), "{problems}");
    assert_eq!(scale[1]["problems"], serde_json::json!([]));
    let text = must({
        let mut command = knowcoder(&["plan", "--scale", "1,8,1024", "--run-dir", "/runs/paper"]);
        command.arg(root().join("configs/knowcoder-x-7b.toml"));
        command.arg("--cluster").arg(cluster("slurm-4x8"));
        command
    });
    let text = String::from_utf8(text.stdout).unwrap();
    for part in [
        "ranks        32 on 4 node(s) of slurm",
        "node-4: a spare",
        "estimate       for h100-80",
        "  ! 1024 ranks: ",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn worlds_that_cannot_be_say_which_can() {
    let output =
        plan("knowcoder-x-7b", "slurm-4x8", &["--set", "run.exact_shards=16"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = stderr(&output);
    assert!(
        said.contains("cannot be dealt out to 32 ranks; worlds of 1, 2, 4, 8, 16 can"),
        "{said}"
    );
}

#[test]
fn of_unknown_hardware_there_are_no_times() {
    let home = tempfile::tempdir().unwrap();
    let plan = |more: &[&str]| {
        let mut command = knowcoder(&["plan", "--scale", "8,32,1024"]);
        command.arg("--cluster").arg(cluster("ssh")).args(more);
        command.arg(root().join("configs/knowcoder-x-7b.toml"));
        command.args(["--run-dir", "/runs/paper"]);
        must_succeed(command.env("HOME", home.path()).env_remove("XDG_CACHE_HOME"))
    };
    let document: Value = serde_json::from_str(&plan(&["--json"])).unwrap();
    let scale = document["scale"].as_array().unwrap();
    assert!(scale.iter().all(|it| it["estimate"].is_null()), "{scale:#?}");
    assert!(scale[0]["wire_bytes_per_step"].as_u64() > Some(1_000_000), "{:#}", scale[0]);
    assert!(scale[0]["bytes_per_rank"].as_u64() > Some(1 << 30), "{:#}", scale[0]);
    assert!(warnings(&document).iter().any(|it| it.contains("no estimate of time: ")));
    let text = plan(&[]);
    assert!(text.contains("\nscale          without times\n"), "{text}");
    assert!(text.lines().any(|it| it.ends_with(" wire")), "{text}");
}

#[test]
fn a_cpu_is_not_planned_as_a_gpu_without_a_word() {
    let mut command = knowcoder(&["plan", "--json", "--run-dir", "/runs/quick", "--cluster"]);
    command.arg(cluster("h100x8")).arg(root().join("configs/quickstart.toml"));
    let document: Value = serde_json::from_str(&must_succeed(&mut command)).unwrap();
    let warnings = warnings(&document);
    assert!(warnings.iter().any(|it| it.contains("`flex`, the CPU")), "{warnings:?}");
    assert!(!warnings.iter().any(|it| it.contains(" cores")), "{warnings:?}");
}

#[test]
fn more_ranks_than_samples_end_a_plan_as_they_end_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.toml");
    std::fs::write(&file, "[cluster]\nbackend = \"local\"\nranks = 13\n").unwrap();
    let said = |words: &[&str]| {
        let mut command = knowcoder(words);
        command.arg(root().join("tests/fixtures/tiny.toml")).arg("--cluster").arg(&file);
        let output = command.arg("--run-dir").arg(folder.path().join("run")).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{words:?}: {}", stderr(&output));
        stderr(&output)
    };
    let plan = said(&["plan"]);
    assert!(
        plan.contains("12 samples a step for 13 ranks, so that some would compute nothing"),
        "{plan}"
    );
    assert_eq!(said(&["run", "--dry-run"]), plan);
    assert_eq!(said(&["run"]), plan);
    assert_eq!(said(&["submit"]), plan);
}

/// What a command that succeeds writes to its stdout.
fn must_succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_script_plans_without_data() {
    let mut command = Command::new("bash");
    command.arg(root().join("scripts/reproduce.sh")).arg("--dry-run");
    command.args(["configs/knowcoder-x-7b.toml", "configs/clusters/slurm-4x8.toml"]);
    command.env("KNOWCODER", env!("CARGO_BIN_EXE_knowcoder"));
    let output = must(command);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("estimate       for h100-80"), "{text}");
    assert!(text.contains("would submit"), "{text}");
}

/// Every value of the papers' recipes says where it is from, behind it or in the comment right above it.
#[test]
fn every_value_is_marked() {
    let marks = ["[paper]", "[code]", "[open]", "[sister]", "[ours]"];
    for recipe in ["knowcoder-x-7b", "knowcoder-x-13b", "knowcoder-7b"] {
        let path = root().join("configs").join(format!("{recipe}.toml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut above, mut depth) = (String::new(), 0);
        let mut values = 0;
        for (number, line) in text.lines().enumerate() {
            let (code, comment) = line.split_once('#').unwrap_or((line, ""));
            let begins = depth == 0 && code.contains(" = ");
            depth += code.matches('[').count() as i64 - code.matches(']').count() as i64;
            if code.trim().is_empty() {
                // A blank line ends a comment; lines of one belong together.
                above = if comment.is_empty() { String::new() } else { above + comment };
                continue;
            }
            if begins {
                values += 1;
                let marked = marks.iter().any(|it| comment.contains(it) || above.contains(it));
                assert!(marked, "{}:{}: no mark: {line}", path.display(), number + 1);
            }
            above.clear();
        }
        assert!(values > 3, "{recipe}: {values}");
    }
}

/// Dataset and split of everything that a table of a paper shows.
fn cells(table: &str) -> Vec<String> {
    let path = root().join("configs/benchmarks").join(format!("{table}.toml"));
    let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let cells = table["cell"].as_array().unwrap();
    let names = cells.iter().filter_map(|cell| cell.get("dataset")?.as_str());
    let with_split = |name: &str| match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:test"),
    };
    names.map(with_split).collect()
}

#[test]
fn what_the_tables_show_is_asked() {
    let recipe: toml::Table = std::fs::read_to_string(root().join("configs/knowcoder-x-7b.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let benchmarks = recipe["evaluation"]["benchmarks"].as_array().unwrap();
    let asked: Vec<&str> = benchmarks.iter().filter_map(|it| it["dataset"].as_str()).collect();
    // What scripts/reproduce.sh prints.
    for table in ["multiconer22", "masakhaner2", "ner-en", "ner-zh", "re", "ed", "eae"] {
        for cell in cells(table) {
            assert!(asked.contains(&cell.as_str()), "{table}: {cell} is not asked");
        }
    }
}

#[test]
fn every_corpus_of_the_papers_is_declared() {
    for recipe in ["knowcoder-x-7b", "knowcoder-7b"] {
        let plan = planned(recipe, "slurm-4x8", &[]);
        let needs = &plan["inputs"];
        // Nothing is there, and each corpus says how it is to be had.
        assert_eq!(needs["ready"], false, "{needs:#}");
        let missing = needs["missing"].as_array().unwrap();
        assert!(missing.len() > 25, "{needs:#}");
        for corpus in missing {
            assert!(["fetch", "accept", "ask"].contains(&corpus["way"].as_str().unwrap()));
            assert!(!corpus["licence"].as_str().unwrap().is_empty(), "{corpus:#}");
            let name = corpus["corpus"].as_str().unwrap();
            let declared = root().join("configs/datasets").join(format!("{name}.toml"));
            assert!(declared.is_file(), "{name}");
        }
        // Unless somebody has fetched them.
        if !root().join("models").exists() {
            assert!(needs["weights"]["bytes"].as_u64() > Some(13_000_000_000), "{needs:#}");
        }
    }
}

#[test]
fn plans_fit_a_terminal() {
    for recipe in ["knowcoder-x-7b", "knowcoder-x-13b", "knowcoder-7b"] {
        for on in ["h200", "h100x8", "slurm-4x8", "kubernetes-4x8"] {
            let mut command = knowcoder(&["plan", "--scale", "1,3,8,64,1024"]);
            command.arg(root().join("configs").join(format!("{recipe}.toml")));
            command.arg("--cluster").arg(cluster(on));
            command.args(["--run-dir", "/runs/paper", "--data-root", "/corpora"]);
            let text = String::from_utf8(must(command).stdout).unwrap();
            let is_path = |line: &str| line.trim().starts_with("`/");
            for line in text.lines().filter(|line| !is_path(line)) {
                assert!(line.chars().count() <= 80, "{recipe} on {on}: {line}");
            }
        }
    }
}
