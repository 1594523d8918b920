//! Whole phases: each kind in each form, once and the same, and what is refused.

use super::*;

#[test]
fn preparing_is_deterministic_and_happens_once() {
    let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut plan = plan(Kind::Instruction, &["quickstart-en:test-names", "random-copy:300"]);
    let manifest = run(&plan, first.path());
    assert_eq!(run(&plan, second.path()), manifest);

    let shard = first.path().join(&manifest.files[0].name);
    let written = || std::fs::metadata(&shard).unwrap().modified().unwrap();
    let before = written();
    assert_eq!(run(&plan, first.path()), manifest);
    assert_eq!(written(), before, "an equal plan does nothing");

    // What is torn or stale is made again, and that is said.
    let said = std::cell::RefCell::new(Vec::new());
    let again = |plan: &PreparePlan| {
        let hear = |progress| match progress {
            Progress::Again { reason } => {
                // What differs from machine to machine: the folder and the hashes of the torn file.
                let reason = reason.replace(&first.path().display().to_string(), "DIR");
                let end = reason.find(": expected sha256").unwrap_or(reason.len());
                said.borrow_mut().push(reason[..end].to_owned());
            }
            Progress::Groups { .. } | Progress::Reading { .. } => {}
        };
        prepare(plan, tokenizer(), first.path(), &hear).unwrap()
    };
    std::fs::write(&shard, "torn").unwrap();
    assert!(ShardSet::open(first.path()).is_err());
    assert_eq!(again(&plan), manifest);
    assert_eq!(ShardSet::open(first.path()).unwrap().len(), manifest.total.samples);
    std::fs::write(first.path().join("manifest.json"), "{").unwrap();
    assert_eq!(again(&plan), manifest);

    plan.config.seed += 1;
    let other = again(&plan);
    expect_test::expect![[r#"
        [
            "a file of theirs is not what they say: DIR/shard-00-0-00000.parquet: the shard changed after its manifest",
            "their manifest cannot be read: DIR/manifest.json: not a manifest: EOF while parsing an object at line 1 column 1; run `knowcoder data prepare` again",
            "they were made from something else: seed: 42 → 43",
        ]
    "#]]
    .assert_debug_eq(&said.borrow());
    assert_ne!(other.fingerprint, manifest.fingerprint);
    assert_ne!(other.files, manifest.files);
}

#[test]
fn every_task_of_a_corpus_and_random_copies_are_prepared() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(Kind::Instruction, &["quickstart-en:test-names", "random-copy:50"]);
    let manifest = run(&plan, dir.path());
    let tasks: BTreeSet<&str> = manifest.parts.iter().map(|part| part.task.as_str()).collect();
    assert_eq!(tasks, BTreeSet::from(["ner", "re", "ed", "eae", "copy"]));
    assert!(manifest.total.saved() > 0.2, "{}", manifest.total.saved());
    let set = ShardSet::open(dir.path()).unwrap();
    let copy = set.groups().iter().find(|groups| groups.dataset == "random-copy").unwrap();
    for row in copy.runs.iter().map(|run| run.start) {
        let sample = set.sample(row).unwrap();
        let open = tokenizer().encode("(\"");
        let from = sample.supervised_from as usize;
        let ids = &sample.suffix_ids[..from - open.len()];
        assert!((6..=20).contains(&ids.len()));
        assert_eq!(&sample.suffix_ids[from..from + ids.len()], ids);
        assert_eq!(sample.supervised(), ids.len() + tokenizer().encode("\")\n]").len() + 1);
    }
}

#[test]
fn schema_understanding_learns_whole_texts() {
    let dir = tempfile::tempdir().unwrap();
    // Two datasets with one schema: each class is defined once.
    let plan = plan(
        Kind::SchemaUnderstanding,
        &["quickstart-en:test-names", "quickstart-zh:test-names", "quickstart-parallel:test-names"],
    );
    let manifest = run(&plan, dir.path());
    let set = ShardSet::open(dir.path()).unwrap();
    let mut definitions = 0;
    for row in 0..set.len() {
        let sample = set.sample(row).unwrap();
        assert!(sample.prefix_ids.is_empty());
        assert_eq!(sample.supervised(), sample.suffix_ids.len() - 1);
        definitions += usize::from(sample.task == "definition");
    }
    let schema = Schema::load(&plan.declarations.join("../schemas/quickstart.py")).unwrap();
    assert_eq!(definitions, schema.classes.len());
    assert_eq!(manifest.total.groups, manifest.total.samples);
}

#[test]
fn every_kind_of_phase_is_prepared_in_every_form() {
    let lessons = [
        (Kind::SchemaUnderstanding, "quickstart-parallel:test-names"),
        (Kind::Alignment, "quickstart-parallel:test-names"),
        (Kind::Instruction, "quickstart-zh:test-names"),
    ];
    for (kind, dataset) in lessons {
        let mut samples = BTreeSet::new();
        for (form, names) in renderings() {
            let dir = tempfile::tempdir().unwrap();
            let mut plan = plan(kind, &[dataset]);
            plan.config.prompt = PromptConfig { form, names, ..plan.config.prompt };
            let manifest = run(&plan, dir.path());
            assert_eq!(manifest.refused, []);
            let set = ShardSet::open(dir.path()).unwrap();
            let mut text = String::new();
            for row in 0..set.len() {
                let sample = set.sample(row).unwrap();
                text += &tokenizer().decode(&[sample.prefix_ids, sample.suffix_ids].concat());
            }
            // No definition of a class has an answer; these have all.
            let marks =
                [("results = ", Form::Code), ("\nend", Form::List), ("{\"type\":", Form::Json)];
            for (mark, of) in marks {
                assert_eq!(text.contains(mark), of == form, "{kind:?} {form} {mark}");
            }
            assert_eq!(text.contains("人物"), names == NameLanguage::Native, "{kind:?} {form}");
            samples.insert(text);
        }
        assert_eq!(samples.len(), renderings().len());
    }
}

#[test]
fn alignment_asks_in_both_directions() {
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(Kind::Alignment, &["quickstart-parallel:test-names"]);
    let both = run(&plan, dir.path());
    let languages: BTreeSet<&str> = both.parts.iter().map(|part| part.language.as_str()).collect();
    assert_eq!(languages, BTreeSet::from(["en", "zh"]));
    plan.both_directions = false;
    let one = run(&plan, dir.path());
    assert_eq!(2 * one.total.samples, both.total.samples);
}

#[test]
fn of_pairs_more_can_be_written_and_no_label_is_lost() {
    let made = |target: AlignmentTarget| {
        let dir = tempfile::tempdir().unwrap();
        let mut plan = plan(Kind::Alignment, &["quickstart-parallel:test-names"]);
        plan.config.prompt.alignment = target;
        let manifest = run(&plan, dir.path());
        let set = ShardSet::open(dir.path()).unwrap();
        let supervised: usize =
            (0..set.len()).map(|row| set.sample(row).unwrap().supervised()).sum();
        let labels: usize = manifest.effects.iter().map(|effect| effect.labels).sum();
        let written: usize = manifest.effects.iter().map(|effect| effect.labels_written).sum();
        assert_eq!(labels, written, "{target:?}");
        (manifest.total.samples, supervised, labels)
    };
    let instances = made(AlignmentTarget::Instances);
    let translation = made(AlignmentTarget::Translation);
    let record = made(AlignmentTarget::Record);
    assert_eq!((instances.0, instances.0), (translation.0, record.0));
    assert!(instances.1 < translation.1 && translation.1 < record.1);
    // In both directions both sides' objects are answers once, of whole records twice.
    assert_eq!((instances.2, 2 * instances.2), (translation.2, record.2));
}

#[test]
fn a_sentence_is_left_out_however_its_corpus_is_named() {
    let check = |dataset: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mut plan = plan(Kind::Instruction, &[dataset]);
        let declaration = plan.declarations.join("quickstart-ner-en.toml");
        let corpus = Corpus::load(&declaration, &plan.data_root).unwrap();
        let id = corpus.read("test-names").unwrap().sentences[0].id.clone();
        let whole = run(&plan, dir.path()).total.samples;
        plan.removed = [(dataset.to_owned(), BTreeSet::from([id]))].into();
        assert_eq!(run(&plan, dir.path()).total.samples, whole - 1, "{dataset}");
    };
    check("quickstart-ner-en:test-names");
    check("../datasets/quickstart-ner-en:test-names");
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    let check = |plan: PreparePlan, expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        let error = prepare(&plan, tokenizer(), dir.path(), &|_| {}).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), 64);
        assert!(Manifest::load(dir.path()).is_err());
    };
    check(
        plan(Kind::Alignment, &["quickstart-en"]),
        "quickstart-en.toml: it is not parallel: a phase `alignment` learns from pairs",
    );
    check(plan(Kind::Instruction, &["quickstart-xx"]), "quickstart-xx.toml");
    let mut short = plan(Kind::Instruction, &["quickstart-en:test-names"]);
    short.config.max_length = 4;
    check(short, "the datasets give no sample");
    let mut copy = plan(Kind::RandomCopy, &["random-copy:5"]);
    copy.config.max_length = 20;
    check(copy, "[batch]: max_length = 20 is too short for random copying");
    let mut none = plan(Kind::RandomCopy, &["random-copy:5"]);
    none.config.group = 0;
    check(none, "[prepare]: group = 0: a group has at least 1 sample");
    let mut mixed = plan(Kind::Instruction, &["quickstart-en:test-names"]);
    mixed.config.prompt.dialect = Dialect::Official;
    mixed.config.prompt.form = Form::Json;
    check(mixed, "[prepare]: prompt.dialect = \"official\" is a dialect of code");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_nothing_that_a_reader_trusts() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(Kind::RandomCopy, &["random-copy:2000"]);
    // The first file is cleared away; what comes after the shards is not.
    std::os::unix::fs::symlink("/dev/full", dir.path().join("manifest.json.tmp")).unwrap();
    let error = prepare(&plan, tokenizer(), dir.path(), &|progress| {
        // As a disk that fills up while the preparation runs.
        let full = dir.path().join("manifest.json.tmp");
        if matches!(progress, Progress::Groups { done, total, .. } if done == total)
            && !full.exists()
        {
            std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        }
    })
    .unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert_eq!(error.exit_code(), 75);
    assert!(ShardSet::open(dir.path()).is_err());
    std::fs::remove_file(dir.path().join("manifest.json.tmp")).unwrap();
    assert_eq!(run(&plan, dir.path()).total.samples, 2000);
}
