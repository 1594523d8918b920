//! Shares of several programs, and what an end leaves behind, add up to one run.

use super::*;

/// Every file of a prepared folder.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(&path).unwrap())
    };
    std::fs::read_dir(dir).unwrap().map(file).collect()
}

/// Those that a reader sees.
fn shown(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(dir);
    files.retain(|name, _| !name.starts_with("part-"));
    files
}

/// Six lessons of one block, and one of three.
fn many_blocks() -> PreparePlan {
    let datasets =
        ["quickstart-en:test-names", "random-copy:35000", "quickstart-parallel:test-names"];
    plan(Kind::Instruction, &datasets)
}

fn share(plan: &PreparePlan, index: usize, count: usize, out: &Path) -> Result<Prepared, Error> {
    prepare_share(plan, Share { index, count }, tokenizer(), out, &|_| {})
}

#[test]
fn shares_together_are_one_run_byte_for_byte() {
    let whole = tempfile::tempdir().unwrap();
    let plan = many_blocks();
    let manifest = run(&plan, whole.path());
    assert_eq!(manifest.files.len(), 8);
    for count in [1, 2, 3, 11] {
        let dir = tempfile::tempdir().unwrap();
        // From the last to the first: the order of shares says nothing.
        for index in (0..count).rev() {
            let expected = match index {
                0 => Prepared::Whole(Box::new(manifest.clone())),
                _ => {
                    assert!(ShardSet::open(dir.path()).is_err());
                    let (missing, origin) = ((1..=index).collect(), manifest.origin.clone());
                    Prepared::Part { missing, origin: Box::new(origin) }
                }
            };
            assert_eq!(share(&plan, index, count, dir.path()).unwrap(), expected);
        }
        assert!(shown(dir.path()) == files(whole.path()), "{count} shares");
        // What is done is not done again, by a share or by the whole.
        let before = files(dir.path());
        assert!(matches!(share(&plan, 0, count, dir.path()).unwrap(), Prepared::Whole(_)));
        assert_eq!(run(&plan, dir.path()), manifest);
        assert!(files(dir.path()) == before);
    }
}

#[test]
fn lists_of_shares_are_enough_to_join_them() {
    let whole = tempfile::tempdir().unwrap();
    let plan = many_blocks();
    let manifest = run(&plan, whole.path());
    let (mut lists, mut named) = (Vec::new(), 0);
    // Each has a folder of its own; the order in which they come says nothing.
    for index in [1, 2, 0] {
        let gathered = gather(&manifest.origin, lists.clone(), 3, Path::new("place")).unwrap();
        assert!(
            matches!(gathered, Prepared::Part { missing, .. } if missing.contains(&(index + 1)))
        );
        let dir = tempfile::tempdir().unwrap();
        let prepared = share(&plan, index, 3, dir.path()).unwrap();
        assert_eq!(*prepared.origin(), manifest.origin);
        let name = ShareList::name(Share { index, count: 3 });
        assert!(ShareList::is_name(&name), "{name}");
        let text = std::fs::read(dir.path().join(name)).unwrap();
        let mut other = manifest.origin.clone();
        other.config.seed += 1;
        assert_eq!(ShareList::read(&text, &other).unwrap(), None);
        assert_eq!(ShareList::read(&text[1..], &manifest.origin).unwrap(), None);
        let list = ShareList::read(&text, &manifest.origin).unwrap().unwrap();
        assert!(list.files().all(|file| dir.path().join(&file.name).is_file()));
        named += list.files().count();
        lists.push(list);
    }
    assert_eq!(named, manifest.files.len());
    let gathered = gather(&manifest.origin, lists.clone(), 3, Path::new("place")).unwrap();
    assert_eq!(gathered, Prepared::Whole(Box::new(manifest.clone())));
    assert!(manifest.to_json().unwrap() == files(whole.path())["manifest.json"]);
    // Shares of another division are none of these.
    let gathered = gather(&manifest.origin, lists, 4, Path::new("place")).unwrap();
    assert!(matches!(gathered, Prepared::Part { missing, .. } if missing == [1, 2, 3, 4]));
}

#[test]
fn shares_of_every_selection_add_up_to_one_run() {
    let sampled = Selection { mode: SelectionMode::Sampled, hard: 0.5, ..Selection::default() };
    let batches = Selection { mode: SelectionMode::Batches, size: 2, ..Selection::default() };
    let pruned = Selection { overlong: Overlong::Prune, ..Selection::default() };
    for selection in [sampled, batches, pruned] {
        let mut plan =
            plan(Kind::Instruction, &["quickstart-en:test-names", "quickstart-zh:test-names"]);
        plan.config.selection = selection;
        let mode = plan.config.selection.mode;
        if mode == SelectionMode::Batches {
            // All sentences at once about each batch, and each of these groups a block of its own.
            plan.config.group = 16_384;
        }
        let whole = tempfile::tempdir().unwrap();
        let manifest = run(&plan, whole.path());
        let several = manifest.files.iter().any(|file| file.name.ends_with("-00001.parquet"));
        assert_eq!(several, mode == SelectionMode::Batches, "{mode:?}");
        for effect in &manifest.effects {
            assert!(effect.labels > 0, "{effect:?}");
            assert_eq!((effect.labels_lost(), effect.supervised_lost), (0, 0), "{effect:?}");
        }
        let samples = manifest.effects.iter().map(|effect| effect.samples).sum::<usize>();
        assert_eq!(samples, manifest.total.samples);
        let dir = tempfile::tempdir().unwrap();
        for index in [1, 2, 0] {
            share(&plan, index, 3, dir.path()).unwrap();
        }
        assert!(shown(dir.path()) == files(whole.path()), "{mode:?}");
    }
}

#[test]
fn shares_that_work_at_one_time_do_not_disturb_each_other() {
    let whole = tempfile::tempdir().unwrap();
    let plan = many_blocks();
    run(&plan, whole.path());
    for _ in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let (plan, path) = (&plan, dir.path());
        let ended: Vec<Prepared> = std::thread::scope(|scope| {
            let shares: Vec<_> =
                (0..4).map(|index| scope.spawn(move || share(plan, index, 4, path))).collect();
            shares.into_iter().map(|share| share.join().unwrap().unwrap()).collect()
        });
        // At least the last one has seen all others.
        assert!(ended.iter().any(|prepared| matches!(prepared, Prepared::Whole(_))));
        assert!(shown(path) == files(whole.path()));
    }
}

#[test]
fn a_whole_run_takes_over_what_shares_have_made() {
    let (whole, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = many_blocks();
    let manifest = run(&plan, whole.path());
    share(&plan, 1, 3, dir.path()).unwrap();
    let written =
        |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().modified().unwrap();
    let before: BTreeMap<String, _> =
        files(dir.path()).into_keys().map(|name| (name.clone(), written(&name))).collect();
    let shards = before.keys().filter(|name| name.ends_with(".parquet"));
    assert!((2..=4).contains(&shards.clone().count()));
    assert_eq!(run(&plan, dir.path()), manifest);
    assert!(shards.clone().all(|name| written(name) == before[name]));
    assert!(files(dir.path()) == files(whole.path()), "no part is left behind");
}

#[test]
fn blocks_that_are_whole_survive_an_end_and_torn_ones_are_made_again() {
    let (whole, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = many_blocks();
    let manifest = run(&plan, whole.path());
    // The program ends in the second dataset, however that happens.
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        prepare(&plan, tokenizer(), dir.path(), &|progress| {
            let late = matches!(&progress, Progress::Groups { dataset, done, .. }
                if dataset == "random-copy" && *done > 20_000);
            assert!(!late, "the end");
        })
    }));
    assert!(ended.is_err());
    assert!(ShardSet::open(dir.path()).is_err());
    let journal = dir.path().join("part-1-of-1.jsonl");
    let blocks = std::fs::read_to_string(&journal).unwrap().lines().count() - 1;
    assert!(blocks >= 4, "{blocks}");
    // One of them is torn meanwhile.
    let torn = dir.path().join("shard-00-1-00000.parquet");
    std::fs::write(&torn, "torn").unwrap();
    let kept = dir.path().join("shard-00-0-00000.parquet");
    let written = std::fs::metadata(&kept).unwrap().modified().unwrap();
    assert_eq!(run(&plan, dir.path()), manifest);
    assert_eq!(std::fs::metadata(&kept).unwrap().modified().unwrap(), written);
    assert!(files(dir.path()) == files(whole.path()));
}

#[test]
fn a_share_whose_file_changed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let plan = many_blocks();
    share(&plan, 0, 2, dir.path()).unwrap();
    let torn = dir.path().join("shard-00-0-00000.parquet");
    std::fs::write(&torn, "torn").unwrap();
    let error = share(&plan, 1, 2, dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("; run `knowcoder data prepare --share 1/2` again"), "{error}");
    assert!(matches!(share(&plan, 0, 2, dir.path()).unwrap(), Prepared::Whole(_)));
    ShardSet::open(dir.path()).unwrap();
}

#[test]
fn shares_of_another_plan_are_not_taken() {
    let (dir, expected) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut plan = many_blocks();
    share(&plan, 0, 2, dir.path()).unwrap();
    plan.config.seed += 1;
    let prepared = share(&plan, 1, 2, dir.path()).unwrap();
    assert!(matches!(prepared, Prepared::Part { missing, .. } if missing == [1]));
    run(&plan, expected.path());
    share(&plan, 0, 2, dir.path()).unwrap();
    assert!(shown(dir.path()) == files(expected.path()));
}
