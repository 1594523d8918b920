#![allow(clippy::unwrap_used)]
use super::*;

const PARENT: &str = r#"
        [model]
        path = "weights"
        [prompt]
        paraphrases = "bank.jsonl"
        [optimizer]
        learning_rate = 1e-3
        beta2 = 0.98
        [[phase]]
        kind = "instruction"
        datasets = ["a"]
        steps = 5
        optimizer = { learning_rate = 5e-4 }
    "#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn a_child_changes_its_parent_and_paths_stay_with_the_file_that_names_them() {
    let folder = folder(&[
        ("base/parent.toml", PARENT),
        ("child.toml", "extends = \"base/parent.toml\"\n[optimizer]\nlearning_rate = 2e-3\n"),
    ]);
    let recipe = resolve(
        &folder.path().join("child.toml"),
        &["run.seed=9".into(), "phase.0.steps=7".into()],
    )
    .unwrap();
    let phase = &recipe.phase[0];
    assert_eq!((phase.optimizer.learning_rate, phase.optimizer.beta2), (5e-4, 0.98));
    assert_eq!((recipe.run.seed, phase.length), (9, Length::Steps(7)));
    assert!(recipe.model.path.unwrap().ends_with("base/weights"));
    assert!(recipe.datasets.ends_with("base/datasets"));
    assert!(phase.prompt.paraphrases.as_ref().unwrap().ends_with("base/bank.jsonl"));
    let origin = |key: &str| recipe.origins[key].as_str();
    assert_eq!(
        (origin("optimizer.learning_rate"), origin("optimizer.beta2")),
        ("child.toml", "parent.toml")
    );
    assert_eq!((origin("run.seed"), origin("checkpoint.every")), ("--set", "default"));
    // Of phases it is noted what they say themselves.
    assert_eq!((origin("phase.0.kind"), origin("phase.0.steps")), ("parent.toml", "--set"));
}

#[test]
fn a_lock_is_the_recipe() {
    let folder = folder(&[("parent.toml", PARENT)]);
    let recipe = resolve(&folder.path().join("parent.toml"), &[]).unwrap();
    let lock = folder.path().join("recipe.lock");
    std::fs::write(&lock, recipe.to_lock()).unwrap();
    assert_eq!(Recipe::load_lock(&lock).unwrap(), recipe);
}

#[test]
fn errors_name_the_place_and_the_way_out() {
    let check = |files: &[(&str, &str)], sets: &[&str], expected: &[&str]| {
        let folder = folder(files);
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let error = Recipe::load(&folder.path().join("r.toml"), &sets).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    };
    check(&[("r.toml", "[run]\nsed = 1\n")], &[], &["r.toml:2:1", "did you mean `seed`"]);
    check(&[("r.toml", "extends = \"r.toml\"\n")], &[], &["8 files deep"]);
    check(&[("r.toml", "[run\n")], &[], &["r.toml:1:"]);
    check(&[("r.toml", PARENT)], &["optimizer"], &["--set optimizer: expected KEY=VALUE"]);
    check(
        &[("r.toml", PARENT)],
        &["optimizer.learning_rat=1"],
        &["--set optimizer.learning_rat=1: ", "did you mean `learning_rate`"],
    );
    check(
        &[("r.toml", PARENT)],
        &["run.seed=3", "optimizer.learning_rate=fast"],
        &["--set optimizer.learning_rate=fast: invalid type: string"],
    );
    check(&[("r.toml", PARENT)], &["phase.3.steps=1"], &["has 1 entries, 3"]);
    check(&[("r.toml", "[model]\npreset = \"x\"\n")], &[], &["no [[phase]]"]);
    check(
        &[(
            "r.toml",
            &format!("{PARENT}\n[evaluation]\nbenchmarks = [{{ dataset = \"a\", nme = \"b\" }}]\n"),
        )],
        &[],
        &["unknown field `nme`"],
    );
}

const ADAPTERS: &str = r#"
        [model]
        preset = "baichuan2-mini"
        [tokenizer]
        train = { vocabulary = 300 }
        [[phase]]
        kind = "schema-understanding"
        datasets = ["a"]
        [[phase]]
        kind = "instruction"
        datasets = ["a"]
    "#;

const PEFT: &str = r#"{"peft_type": "LORA", "r": 6, "lora_alpha": 12, "use_dora": true,
        "target_modules": ["W_pack"], "rank_pattern": {"layers.0.self_attn.W_pack": 2}}"#;

#[test]
fn adapters_are_checked_with_the_recipe() {
    let check = |sets: &[&str], expected: &str| {
        let folder = folder(&[("r.toml", ADAPTERS), ("made/elsewhere/adapter_config.json", PEFT)]);
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let error = Recipe::load(&folder.path().join("r.toml"), &sets).unwrap_err().to_string();
        assert!(error.contains(expected), "`{expected}` is not in: {error}");
    };
    check(
        &["lora.targets=[\"q_proj\"]"],
        "phase `schema-understanding`: lora.targets has `q_proj`, which no layer is called; the layers are: W_pack",
    );
    check(&["lora.targets=.*q_proj"], "matches no whole path");
    check(&["lora.layers=[4]"], "names block 4, the model has 4");
    check(&["lora.init=pisa"], "expected `default`, `gaussian`, `pissa`");
    check(&["lora.rnak=4"], "did you mean `rank`");
    check(
        &["phase.1.adapter=continue", "phase.1.lora={ rank = 8 }"],
        "differs from that of phase `schema-understanding` in more than dropout",
    );
    check(
        &["optimizer.learning_rate_ratio=16", "phase.1.train=full"],
        "phase `instruction`: optimizer.learning_rate_ratio is 16, but train = \"full\"",
    );
    check(&["lora.from=made/elsewhere", "lora.rank=8"], "remove rank");
    check(&["lora.from=made/nowhere"], "adapter_config.json");
    check(&["lora.from=made/elsewhere"], "would add the same adapters again");
}

#[test]
fn adapters_made_elsewhere_bring_their_settings() {
    let folder = folder(&[("r.toml", ADAPTERS), ("made/elsewhere/adapter_config.json", PEFT)]);
    let path = folder.path().join("r.toml");
    let sets = |sets: &[&str]| sets.iter().map(ToString::to_string).collect::<Vec<_>>();
    for chosen in [
        sets(&["lora.from=made/elsewhere", "phase.1.adapter=continue"]),
        sets(&["lora.rank=3", "phase.0.lora={ from = \"made/elsewhere\" }"]),
    ] {
        let recipe = Recipe::load(&path, &chosen).unwrap();
        let lora = &recipe.phase[0].lora;
        assert_eq!((lora.rank, lora.alpha, lora.dora), (6, 12.0, true));
        assert_eq!(lora.rank_pattern.len(), 1);
        assert!(lora.from.as_ref().unwrap().is_absolute());
        let lock = folder.path().join("recipe.lock");
        std::fs::write(&lock, recipe.to_lock()).unwrap();
        assert_eq!(Recipe::load_lock(&lock).unwrap(), recipe);
    }
}

#[test]
fn a_lock_keeps_every_setting_of_adapters() {
    let folder = folder(&[("r.toml", ADAPTERS)]);
    for set in [
        "lora.targets=all-linear",
        "lora.targets=[\"W_pack\", \"mlp.up_proj\"]",
        "lora.targets=.*_proj",
        "lora.exclude=[\"down_proj\"]",
        "lora={ layers = [0, 2], dora = true, rslora = true, init = \"pissa_niter_4\" }",
        "lora={ rank_pattern = { W_pack = 4 }, alpha_pattern = { W_pack = 2.5 } }",
        "optimizer.learning_rate_ratio=16",
        "optimizer={ name = \"lion\", bits = 8, freeze = [\"lora_A\"] }",
        "optimizer={ schedule = \"inverse_sqrt\", groups = [{ match = \"mlp\", learning_rate = 1e-4 }] }",
        "optimizer={ schedule = \"wsd\", decay_type = \"1-sqrt\", muon_scale = \"match_rms_adamw\" }",
        "model.dtype=bf16",
    ] {
        let recipe = Recipe::load(&folder.path().join("r.toml"), &[set.to_owned()]).unwrap();
        let lock = folder.path().join("recipe.lock");
        std::fs::write(&lock, recipe.to_lock()).unwrap();
        assert_eq!(Recipe::load_lock(&lock).unwrap(), recipe, "{set}");
    }
}

#[test]
fn a_gpu_of_nvidias_computes_in_bf16_unless_the_recipe_says_otherwise() {
    use crate::recipe::Precision;
    let folder = folder(&[("r.toml", ADAPTERS)]);
    let load = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        Recipe::load(&folder.path().join("r.toml"), &sets).unwrap()
    };
    let check = |sets: &[&str], expected: Precision, origin: &str| {
        let recipe = load(sets);
        let found = recipe.origins.get("model.dtype").map(String::as_str);
        assert_eq!((recipe.model.dtype, found), (expected, Some(origin)), "{sets:?}");
        // What was decided once stays.
        let lock = folder.path().join("recipe.lock");
        std::fs::write(&lock, recipe.to_lock()).unwrap();
        assert_eq!(Recipe::load_lock(&lock).unwrap().model.dtype, expected);
    };
    check(&[], Precision::F32, "default");
    check(&["run.device=cuda"], Precision::Bf16, "default");
    check(&["run.device=wgpu"], Precision::F32, "default");
    check(&["run.device=cuda", "model.dtype=f32"], Precision::F32, "--set");
    check(&["model.dtype=bf16"], Precision::Bf16, "--set");
}

#[test]
fn weights_that_an_optimizer_names_are_checked_with_the_recipe() {
    let check = |sets: &[&str], expected: &str| {
        let folder = folder(&[("r.toml", ADAPTERS)]);
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let error = Recipe::load(&folder.path().join("r.toml"), &sets).unwrap_err().to_string();
        assert!(error.contains(expected), "`{expected}` is not in: {error}");
    };
    check(
        &["optimizer.freeze=[\"embed_tokns\"]"],
        "phase `schema-understanding`: optimizer.freeze: `embed_tokns` finds no weight; the nearest are `model.embed_tokens.weight`",
    );
    check(&["optimizer.freeze=[\"lora_\"]"], "leaves no weight to train");
    check(
        &["optimizer.groups=[{ match = \"^lm_head\", weight_decay = 0.0 }]"],
        "finds 1 weights, such as `lm_head.weight`, but none that this phase trains",
    );
    check(&["optimizer.groups=[{ match = \"(\", weight_decay = 0.0 }]"], "unclosed group");
    check(
        &["phase.1.train=full", "phase.1.optimizer={ master = \"split\" }"],
        "phase `instruction`: optimizer.master = \"split\" is about weights in bf16, but model.dtype is \"f32\"",
    );
    check(
        &["model.dtype=bf16", "optimizer.master=none"],
        "but this phase trains adapters, which are f32",
    );
    check(&["optimizer.bits=4"], "optimizer.bits is 4, expected 32 or 8");
    check(&["optimizer.schedule=inverse"], "unknown variant `inverse`");
}

#[test]
fn what_an_optimizer_names_is_found() {
    let folder = folder(&[("r.toml", ADAPTERS)]);
    let sets = [
        "model.dtype=bf16",
        "optimizer.name=lion",
        "optimizer.freeze=[\"layers\\\\.0\\\\.\"]",
        "phase.1.train=full",
        "phase.1.optimizer={ name = \"adamw\", master = \"none\" }",
    ]
    .map(String::from);
    let recipe = Recipe::load(&folder.path().join("r.toml"), &sets).unwrap();
    let of = |index: usize| &recipe.phase[index].optimizer;
    // Each rule has its own default.
    assert_eq!((of(0).beta2, of(1).beta2), (0.99, 0.999));
    assert_eq!(of(0).freeze, ["layers\\.0\\."]);
    assert_ne!(of(0).seed, of(1).seed);
}

#[test]
fn a_phase_that_is_skipped_is_not_there() {
    let phases = "
        [model]
        path = \"weights\"
        [[phase]]
        kind = \"alignment\"
        datasets = [\"pairs\"]
        steps = 3
        [[phase]]
        kind = \"instruction\"
        datasets = [\"a\"]
        steps = 5
    ";
    let folder = folder(&[("r.toml", phases)]);
    let resolved = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        resolve(&folder.path().join("r.toml"), &sets).unwrap()
    };
    let told = |recipe: &Recipe| -> Vec<(String, Length)> {
        recipe.phase.iter().map(|phase| (phase.name.clone(), phase.length)).collect()
    };
    let (first, second) =
        (("alignment".to_owned(), Length::Steps(3)), ("instruction".to_owned(), Length::Steps(5)));
    let whole = resolved(&[]);
    assert_eq!(told(&whole), [first.clone(), second.clone()]);
    assert_eq!(told(&resolved(&["phase.0.skip=false"])), [first, second]);
    // Numbers of `--set` are those of the file, whatever is left out.
    let short = resolved(&["phase.0.skip=true", "phase.1.steps=7"]);
    assert_eq!(told(&short), [("instruction".to_owned(), Length::Steps(7))]);
    assert_eq!(short.origins["phase.0.steps"], "--set");
    assert_eq!(short.origins["phase.0.datasets"], "r.toml");
    assert!(!short.origins.keys().any(|key| key.starts_with("phase.1") || key.ends_with("skip")));
    assert!(!short.to_lock().contains("skip"), "a lock names what is done, not what is not");
    assert_eq!(told(&resolved(&["phase.0.skip=true", "phase.1.skip=true"])), []);
}

#[test]
fn a_resolved_recipe_is_a_recipe_and_nothing_is_left_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny.toml");
    let recipe = Recipe::load(&tiny, &[]).unwrap();
    let lock = folder.path().join("recipe.lock");
    std::fs::write(&lock, recipe.to_lock()).unwrap();
    assert_eq!(Recipe::load(&lock, &[]).unwrap(), recipe);
    let error = Recipe::load(&lock, &["run.seed=9".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("leave --set run.seed=9 out"), "{error}");
}
