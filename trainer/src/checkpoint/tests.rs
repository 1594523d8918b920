//! Checkpoints are complete or absent wherever their writing ends, and mean the same on every world.

#![allow(clippy::unwrap_used)]

use super::disk::Disk;
use super::snapshot::Frozen;
use super::writer::{Job, Place};
use super::*;
use crate::RunDir;
use crate::fence::Fence;
use crate::guard::GuardState;
use crate::optimizer::{Kept, OptimizerConfig};
use crate::recipe::CheckpointConfig;
use crate::sharding::{Partition, Stretch};
use burn::tensor::Tensor;
use data_pipeline::prompt::PromptConfig;
use model::init::Init;
use model::weight::list;
use model::{DecoderConfig, Gradients};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is kept where a test says nothing else.
fn keeping(keep: usize) -> CheckpointConfig {
    CheckpointConfig { keep, ..CheckpointConfig::default() }
}

/// A run directory with a vocabulary.
fn run_dir(folder: &Path) -> RunDir {
    let run_dir = RunDir::new(folder);
    run_dir.create().unwrap();
    std::fs::create_dir_all(run_dir.tokenizer()).unwrap();
    std::fs::write(run_dir.tokenizer().join("tokenizer.json"), "{}").unwrap();
    run_dir
}

/// A small model, after so many steps in which every gradient is one.
fn learner(adapted: bool, steps: usize) -> Learner {
    let shape = DecoderConfig {
        // Its embedding is long enough to be cut among ranks.
        vocab_size: 900,
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        ..DecoderConfig::baichuan2_tiny()
    };
    let device = crate::device::of("flex", 0).unwrap();
    let mut decoder = Decoder::init(&shape, Init::Normal, 1, &device);
    let lora = adapted.then(|| LoraConfig { rank: 2, ..LoraConfig::default() });
    if let Some(lora) = &lora {
        decoder.add_adapters(lora).unwrap();
    }
    let mut learner =
        Learner { decoder, optimizer: Optimizer::default(), lora, guard: GuardState::default() };
    for _ in 0..steps {
        step(&mut learner);
    }
    learner
}

fn step(learner: &mut Learner) {
    let device = learner.decoder.device();
    let trained = list(&learner.decoder, "").into_iter().filter(|info| info.trainable);
    let gradients: Gradients =
        trained.map(|info| (info.path.clone(), Tensor::ones([info.numel()], &device))).collect();
    let config = OptimizerConfig::default();
    learner.optimizer.step(&mut learner.decoder, gradients, &config, 1.0);
}

fn info(learner: &Learner, step: usize) -> CheckpointInfo {
    CheckpointInfo {
        position: Position { phase: 0, step },
        phase: "alignment".to_owned(),
        phase_done: false,
        optimizer_steps: step,
        lora: learner.lora.clone(),
        guard: GuardState::default(),
        prompt: PromptConfig::default(),
        template: "t".to_owned(),
        tokenizer: "v".to_owned(),
        sources: Vec::new(),
        shards: "s".to_owned(),
        origin: None,
        files: BTreeMap::new(),
        seal: String::new(),
    }
}

/// Saves on one rank and waits.
fn save(saver: &mut Saver, learner: &Learner, step: usize) -> PathBuf {
    let (_, snapshot) = saver.snapshot(learner, info(learner, step)).unwrap();
    saver.begin(snapshot);
    saver.finish().unwrap().unwrap().directory
}

/// Names of what lies in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The newest checkpoint; none may be torn.
fn newest_of(checkpoints: &Path) -> Option<CheckpointInfo> {
    let mut skipped = Vec::new();
    let found = newest(checkpoints, &mut |_, why| skipped.push(why.to_owned())).unwrap();
    assert!(skipped.is_empty(), "{skipped:?}");
    found.map(|(_, info)| info)
}

#[test]
fn a_checkpoint_gives_back_what_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    for adapted in [false, true] {
        let learner = learner(adapted, 3);
        let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(2));
        let directory = save(&mut saver, &learner, 3);
        let info = open(&directory).unwrap();
        assert_eq!(info.position.step, 3);
        let device = learner.decoder.device();
        let loaded = load(&directory, &info, &device).unwrap();
        let all = |decoder: &Decoder| files::host_tensors(decoder, |_| true);
        assert!(all(&learner.decoder) == all(&loaded.decoder));
        let whole = stretches(&learner);
        let optimizer = load_optimizer(&directory, &info, &whole, &device).unwrap();
        assert_eq!(bytes(&learner.optimizer), bytes(&optimizer));
    }
}

/// All trained weights, each whole.
fn stretches(learner: &Learner) -> Vec<Stretch> {
    let trained = list(&learner.decoder, "").into_iter().filter(|info| info.trainable);
    trained.map(|info| Stretch::whole(&info)).collect()
}

/// The state of an optimizer, byte for byte.
fn bytes(optimizer: &Optimizer) -> BTreeMap<String, Vec<u8>> {
    let named = |Kept { path, kind, start, unit, data }: Kept| {
        (format!("{path}|{kind}|{start}|{unit}"), data.as_bytes().to_vec())
    };
    optimizer.kept().into_iter().map(named).collect()
}

/// Ends the writing of step 6 at every operation, one after the other, beside a checkpoint of step 3 and,
/// with `again`, an older one of step 6. `checked` sees what is there afterwards, and whether it is new.
fn check_crashes(keep: usize, again: bool, checked: impl Fn(&Path, bool)) {
    let mut finished = false;
    let mut operations = 0;
    let (mut before, mut after) = (0, 0);
    let (earlier, later) = (learner(true, 3), learner(true, 4));
    while !finished {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = run_dir(folder.path());
        let checkpoints = run_dir.checkpoints();
        let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(keep));
        let first = save(&mut saver, &earlier, 3);
        let old = open(&match again {
            // One of the same name, which is replaced.
            true => save(&mut saver, &earlier, 6),
            false => first.clone(),
        })
        .unwrap();
        let frozen = Frozen {
            path: first.join(WEIGHTS),
            hash: open(&first).unwrap().files[WEIGHTS].clone(),
        };
        let new = Snapshot::of(&later, info(&later, 6), (0, 1), Some(&frozen)).unwrap();
        let place = place(&run_dir, (0, 1), keep);
        let mut disk = Disk::ending_after(operations);
        let result = Job::new(&place, new, 9).run(&mut disk, &AtomicBool::new(false));
        finished = result.is_ok();
        tidy(&checkpoints).unwrap();
        let left = names(&checkpoints);
        assert!(
            left.iter().all(|name| !name.ends_with(".tmp") && !name.ends_with(".old")),
            "after {operations} operations: {left:?}"
        );
        let newest = newest_of(&checkpoints).unwrap();
        let is_new = newest != old;
        assert!(!is_new || newest.position.step == 6, "{newest:?}");
        assert!(!finished || is_new, "{operations} operations were all, and nothing is new");
        if is_new {
            after += 1
        } else {
            before += 1
        }
        checked(&checkpoints, is_new);
        operations += 1;
    }
    assert!(before > 10 && after > 0, "{before} crashes before, {after} after");
}

fn place(run_dir: &RunDir, (writer, writers): (usize, usize), keep: usize) -> Place {
    Place {
        checkpoints: run_dir.checkpoints(),
        tokenizer: run_dir.tokenizer(),
        evaluations: run_dir.evaluations(),
        writer,
        writers,
        config: keeping(keep),
        patience: Duration::ZERO,
        fence: run_dir.fence().clone(),
        generation: run_dir.fence().generation(),
    }
}

#[test]
fn a_crash_at_any_operation_leaves_the_checkpoint_before_or_the_new_one() {
    check_crashes(2, false, |checkpoints, is_new| {
        let expected: &[&str] = match is_new {
            true => &["alignment-000003", "alignment-000006"],
            false => &["alignment-000003"],
        };
        assert_eq!(names(checkpoints), expected);
    });
}

#[test]
fn an_older_checkpoint_is_removed_only_when_the_new_one_is_complete() {
    check_crashes(1, false, |checkpoints, is_new| {
        let there = names(checkpoints);
        let old = there.contains(&"alignment-000003".to_owned());
        assert!(old || is_new, "{there:?}");
    });
}

#[test]
fn a_checkpoint_that_gives_its_name_away_is_not_lost() {
    check_crashes(2, true, |checkpoints, _| {
        assert_eq!(names(checkpoints), ["alignment-000003", "alignment-000006"]);
    });
}

#[test]
fn a_crash_of_another_rank_leaves_the_checkpoint_before() {
    let mut finished = false;
    let mut operations = 0;
    let learner = learner(true, 3);
    while !finished {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = run_dir(folder.path());
        save(&mut Saver::new(&run_dir, (0, 1), false, &keeping(2)), &learner, 3);
        let write = |rank: usize, disk: &mut Disk| {
            let new = Snapshot::of(&learner, info(&learner, 6), (rank, 2), None).unwrap();
            Job::new(&place(&run_dir, (rank, 2), 2), new, 1).run(disk, &AtomicBool::new(false))
        };
        finished = write(1, &mut Disk::ending_after(operations)).is_ok();
        let first = write(0, &mut Disk::default());
        if let Some(error) = first.err().filter(|_| !finished) {
            let said = error.to_string();
            assert!(said.starts_with("rank 1 has not written its part of"), "{said}");
        }
        tidy(&run_dir.checkpoints()).unwrap();
        let newest = newest_of(&run_dir.checkpoints()).unwrap();
        assert!(
            newest.position.step == 3 || newest.files.contains_key("optimizer-1-of-2.safetensors")
        );
        assert!(!finished || newest.position.step == 6);
        operations += 1;
    }
    assert!(operations > 5);
}

/// What a reader trusts has reached the disk before the name that says so.
#[test]
fn everything_is_synced_before_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let learner = learner(true, 1);
    let new = Snapshot::of(&learner, info(&learner, 6), (0, 1), None).unwrap();
    let mut disk = Disk::default();
    Job::new(&place(&run_dir, (0, 1), 2), new, 4).run(&mut disk, &AtomicBool::new(false)).unwrap();
    let at = |what: &str| {
        let found = disk.trace.iter().position(|it| it == what);
        found.unwrap_or_else(|| panic!("no `{what}` in {:#?}", disk.trace))
    };
    let manifest = at("create checkpoint.json");
    for name in names(&run_dir.checkpoints().join("alignment-000006")) {
        let synced = at(&format!("sync {name}"));
        assert!(at(&format!("create {name}")) < synced, "{name}");
        assert!(synced < manifest || name == "checkpoint.json", "{name}");
    }
    let folder = at("sync alignment-000006.4.tmp");
    assert!(at("sync checkpoint.json") < folder);
    assert!(folder < at("rename to alignment-000006"));
    assert!(at("rename to alignment-000006") < at("sync checkpoints"));
}

/// A node that was cut off may come back with a checkpoint in hand.
#[test]
fn an_older_start_cannot_commit() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path()).fenced(3);
    let learner = learner(true, 3);
    let generation = |number: &str| std::fs::write(run_dir.generation(), number).unwrap();
    let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(1));
    generation("3");
    let first = save(&mut saver, &learner, 3);
    // The next start began while this one held a copy.
    let (_, snapshot) = saver.snapshot(&learner, info(&learner, 6)).unwrap();
    generation("4\n");
    saver.begin(snapshot);
    let error = saver.finish().unwrap_err();
    assert_eq!(error.exit_code(), 75);
    let said = error.to_string();
    let start = "this node lost its lease: start 4 of the run has begun, this is 3; `";
    assert!(said.starts_with(start), "{said}");
    assert_eq!(names(&run_dir.checkpoints()), ["alignment-000003"], "nothing new, nothing gone");
    open(&first).unwrap();
    // Not even what the rules do not keep is its to remove.
    let error = saver.resumed(&first, &open(&first).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with(start), "{error}");
    let mut newer = Saver::new(&run_dir.clone().fenced(4), (0, 1), false, &keeping(1));
    save(&mut newer, &learner, 6);
    assert_eq!(names(&run_dir.checkpoints()), ["alignment-000006"]);
}

/// Wherever in its writing a checkpoint is when the next start begins: it does not take part any more.
#[test]
fn a_start_that_ends_in_between_names_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path()).fenced(1);
    let learner = learner(true, 3);
    let mut saver = Saver::new(&run_dir, (0, 2), true, &keeping(2));
    let (_, snapshot) = saver.snapshot(&learner, info(&learner, 3)).unwrap();
    saver.begin(snapshot);
    // The first rank waits for the second one's part, which comes when the next start has begun.
    let temporary = run_dir.checkpoints().join("alignment-000003.1-1.tmp");
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !temporary.exists() {
        assert!(std::time::Instant::now() < patience, "{:?}", names(&run_dir.checkpoints()));
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::write(run_dir.generation(), "2").unwrap();
    let second = Snapshot::of(&learner, info(&learner, 3), (1, 2), None).unwrap();
    let unfenced = Place { fence: Fence::default(), ..place(&run_dir, (1, 2), 2) };
    let job = Job::new(&unfenced, second, 1);
    job.run(&mut Disk::default(), &AtomicBool::new(false)).unwrap();
    let error = saver.finish().unwrap_err();
    assert!(error.to_string().contains("start 2 of the run has begun, this is 1"), "{error}");
    assert!(names(&run_dir.checkpoints()).is_empty());
    // A part of another rank is refused as well.
    let late = Snapshot::of(&learner, info(&learner, 6), (1, 2), None).unwrap();
    let job = Job::new(&place(&run_dir, (1, 2), 2), late, 2);
    let error = job.run(&mut Disk::default(), &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("this node lost its lease"), "{error}");
}

#[test]
fn a_drill_fills_the_disk_for_one_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let learner = learner(true, 3);
    let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(2));
    saver.fill_disk();
    let (_, snapshot) = saver.snapshot(&learner, info(&learner, 3)).unwrap();
    saver.begin(snapshot);
    let error = saver.finish().unwrap_err();
    assert_eq!(error.exit_code(), 75);
    let said = error.to_string();
    assert!(said.starts_with("no room for `"), "{said}");
    assert!(said.contains("`: No space left on device (a drill); "), "{said}");
    // There is room enough: nothing is compared with what is free.
    assert!(said.contains(" are free now; make room, ") && !said.contains("needed"), "{said}");
    assert!(names(&run_dir.checkpoints()).is_empty(), "what is half-written makes room");
    save(&mut saver, &learner, 3);
    assert_eq!(names(&run_dir.checkpoints()), ["alignment-000003"]);
    // A rank that writes nothing has nothing to fail at, now or later.
    let mut other = Saver::new(&run_dir, (1, 2), false, &keeping(2));
    other.fill_disk();
    other.begin(None);
    assert!(other.finish().unwrap().is_none());
}

/// Another rank owes its part, and training goes on; the next checkpoint waits.
#[test]
fn training_goes_on_while_a_checkpoint_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let (mut learner, other) = (learner(true, 1), learner(true, 1));
    let before = learner.decoder.clone();
    let mut savers = [0, 1].map(|rank| Saver::new(&run_dir, (rank, 2), true, &keeping(2)));
    let [first, second] = &mut savers;
    let (_, snapshot) = first.snapshot(&learner, info(&learner, 1)).unwrap();
    first.begin(snapshot);
    for _ in 0..5 {
        step(&mut learner);
        assert!(first.poll().unwrap().is_none());
        assert!(first.is_writing());
    }
    assert!(newest_of(&run_dir.checkpoints()).is_none());
    let (_, snapshot) = second.snapshot(&other, info(&other, 1)).unwrap();
    second.begin(snapshot);
    // What was copied is written, not what the weights have become.
    let saved = first.finish().unwrap().unwrap();
    assert!(second.finish().unwrap().is_none());
    let device = learner.decoder.device();
    let loaded = load(&saved.directory, &saved.info, &device).unwrap();
    let all = |decoder: &Decoder| files::host_tensors(decoder, |_| true);
    assert!(all(&loaded.decoder) == all(&before));
    assert!(all(&loaded.decoder) != all(&learner.decoder));
}

/// A rank that fails waits a moment for the others, not for as long as it would otherwise.
#[test]
fn a_rank_that_fails_does_not_wait_for_what_will_never_come() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let learner = learner(true, 1);
    let mut saver = Saver::new(&run_dir, (0, 2), true, &keeping(2));
    let (_, snapshot) = saver.snapshot(&learner, info(&learner, 1)).unwrap();
    saver.begin(snapshot);
    drop(saver);
    assert!(names(&run_dir.checkpoints()).is_empty(), "what is incomplete is taken away");
}

#[test]
fn a_run_killed_before_it_tidied_up_does_so_when_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let learner = learner(true, 1);
    let saver = |keep, rank| Saver::new(&run_dir, (rank, 2), true, &keeping(keep));
    // As a run leaves it whose last act is the rename of the third.
    let mut hoarding = Saver::new(&run_dir, (0, 1), false, &keeping(3));
    let last = (1..=3).map(|step| save(&mut hoarding, &learner, step)).last().unwrap();
    let all = ["alignment-000001", "alignment-000002", "alignment-000003"];
    let info = open(&last).unwrap();
    saver(1, 1).resumed(&last, &info).unwrap();
    assert_eq!(names(&run_dir.checkpoints()), all, "another rank leaves it to the first");
    saver(1, 0).resumed(&last, &info).unwrap();
    assert_eq!(names(&run_dir.checkpoints()), all[2..]);
}

#[test]
fn the_best_checkpoint_stays_as_long_as_it_is_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let learner = learner(true, 1);
    let config = CheckpointConfig { keep: 1, keep_best: 1, ..CheckpointConfig::default() };
    let mut saver = Saver::new(&run_dir, (0, 1), false, &config);
    let mut rows = String::new();
    for (step, f1, expected) in [
        (1, 20.0, vec![1]),
        (2, 40.0, vec![1, 2]),
        (3, 30.0, vec![2, 3]),
        (4, 50.0, vec![2, 4]),
        (5, 10.0, vec![4, 5]),
    ] {
        save(&mut saver, &learner, step);
        let expected: Vec<String> =
            expected.iter().map(|step| format!("alignment-{step:06}")).collect();
        assert_eq!(names(&run_dir.checkpoints()), expected, "when step {step} is complete");
        // A step is evaluated when it is done, and counts from the next checkpoint on.
        rows += &format!(
            "{{\"phase\":\"alignment\",\"step\":{step},\"protocol\":\"set\",\"f1\":{f1}}}\n"
        );
        std::fs::write(run_dir.evaluations(), &rows).unwrap();
    }
}

fn inode(directory: &Path) -> u64 {
    std::fs::metadata(directory.join(WEIGHTS)).unwrap().ino()
}

#[test]
fn weights_under_adapters_are_written_once_a_phase() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let checkpoints = run_dir.checkpoints();
    let mut lora = learner(true, 1);
    let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(2));
    let first = save(&mut saver, &lora, 3);
    let one = space::taken(&checkpoints);
    let weights = std::fs::metadata(first.join(WEIGHTS)).unwrap().len();
    step(&mut lora);
    let second = save(&mut saver, &lora, 6);
    assert_eq!(inode(&first), inode(&second));
    let more = space::taken(&checkpoints) - one;
    assert!(more + weights <= one + 1024, "{more} bytes more, of {one}");
    // The one that the file was written for may go: each has it under a name of its own.
    let third = save(&mut saver, &lora, 9);
    assert_eq!(names(&checkpoints), ["alignment-000006", "alignment-000009"]);
    assert_eq!(inode(&second), inode(&third));
    open(&third).unwrap();
    // So has a run that goes on.
    let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(2));
    saver.resumed(&third, &open(&third).unwrap()).unwrap();
    assert_eq!(inode(&save(&mut saver, &lora, 12)), inode(&third));
    // Adapters that were merged while a checkpoint was still being written: other weights.
    let (_, snapshot) = saver.snapshot(&lora, info(&lora, 15)).unwrap();
    saver.begin(snapshot);
    saver.weights_changed();
    lora.decoder.merge_adapters();
    lora.decoder.add_adapters(lora.lora.as_ref().unwrap()).unwrap();
    let merged = save(&mut saver, &lora, 18);
    assert_ne!(inode(&merged), inode(&checkpoints.join("alignment-000015")));
}

#[test]
fn weights_that_are_trained_are_always_written() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(2));
    let full = learner(false, 1);
    let first = save(&mut saver, &full, 3);
    assert_ne!(inode(&first), inode(&save(&mut saver, &full, 6)));
}

/// The state of one rank, dealt out to three, then to five, and back to one.
#[test]
fn state_is_the_same_on_every_world() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let learner = learner(false, 4);
    let device = learner.decoder.device();
    let mut directory = save(&mut Saver::new(&run_dir, (0, 1), false, &keeping(9)), &learner, 4);
    let weights = list(&learner.decoder, "");
    for (step, world) in [(5, 3), (6, 5)] {
        let before = open(&directory).unwrap();
        let partition = Partition::new(&weights, world, 1 << 20, &|_| false);
        let shares: Vec<Vec<Stretch>> =
            (0..world).map(|rank| partition.of(rank).cloned().collect()).collect();
        let lost = shares.iter().position(|share| share.iter().any(|it| !it.is_whole())).unwrap();
        let mut savers = Vec::new();
        for (rank, share) in shares.into_iter().enumerate() {
            let optimizer = load_optimizer(&directory, &before, &share, &device).unwrap();
            let guard = GuardState::default();
            let part = Learner { decoder: learner.decoder.clone(), optimizer, lora: None, guard };
            let mut saver = Saver::new(&run_dir, (rank, world), true, &keeping(9));
            let (_, snapshot) = saver.snapshot(&part, info(&part, step)).unwrap();
            saver.begin(snapshot);
            savers.push(saver);
        }
        let saved = savers.iter_mut().map(|saver| saver.finish().unwrap()).next().flatten();
        directory = saved.unwrap().directory;
        let states = names(&directory).iter().filter(|it| it.starts_with("optimizer-")).count();
        assert_eq!(states, world);
        // A rank that held a part of a matrix is missing.
        let mut info = open(&directory).unwrap();
        info.files.remove(&format!("optimizer-{lost}-of-{world}.safetensors"));
        let error = load_optimizer(&directory, &info, &stretches(&learner), &device).unwrap_err();
        assert!(error.to_string().contains("was not written whole"), "{error}");
    }
    let info = open(&directory).unwrap();
    let whole = load_optimizer(&directory, &info, &stretches(&learner), &device).unwrap();
    assert_eq!(bytes(&whole), bytes(&learner.optimizer));
}

#[test]
fn a_changed_byte_in_any_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let learner = learner(true, 1);
    let directory = save(&mut Saver::new(&run_dir, (0, 1), false, &keeping(2)), &learner, 3);
    let files = names(&directory);
    assert_eq!(files.len(), 7, "{files:?}");
    for name in files {
        let path = directory.join(&name);
        let bytes = std::fs::read(&path).unwrap();
        for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&path, changed).unwrap();
            let said = open(&directory).unwrap_err().to_string();
            assert!(said.contains(&name), "byte {at} of {name}: {said}");
        }
        std::fs::remove_file(&path).unwrap();
        let said = open(&directory).unwrap_err().to_string();
        assert!(said.contains(&name), "{said}");
        std::fs::write(&path, bytes).unwrap();
    }
    open(&directory).unwrap();
}

#[test]
fn what_is_no_checkpoint_is_skipped_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let checkpoints = run_dir.checkpoints();
    let learner = learner(true, 1);
    let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(9));
    for step in [3, 6] {
        save(&mut saver, &learner, step);
    }
    std::fs::create_dir(checkpoints.join("notes")).unwrap();
    std::fs::write(checkpoints.join("alignment-000006/adapter_model.safetensors"), "torn").unwrap();
    std::fs::rename(checkpoints.join("alignment-000003"), checkpoints.join("mine")).unwrap();
    save(&mut saver, &learner, 2);
    let mut skipped = BTreeMap::new();
    let (_, info) = newest(&checkpoints, &mut |path, why| {
        skipped.insert(path.file_name().unwrap().to_string_lossy().into_owned(), why.to_owned());
    })
    .unwrap()
    .unwrap();
    assert_eq!(info.position.step, 2);
    for (name, reason) in [
        ("notes", "not a complete checkpoint"),
        ("alignment-000006", "`adapter_model.safetensors` changed after"),
        ("mine", "is a checkpoint called `alignment-000003`"),
    ] {
        assert!(skipped[name].contains(reason), "{}", skipped[name]);
    }
    assert_eq!(skipped.len(), 3);
}

#[test]
fn a_write_that_fails_is_heard_of_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = run_dir(folder.path());
    let learner = learner(true, 1);
    let mut saver = Saver::new(&run_dir, (0, 1), false, &keeping(2));
    save(&mut saver, &learner, 3);
    std::fs::remove_dir_all(run_dir.tokenizer()).unwrap();
    let (_, snapshot) = saver.snapshot(&learner, info(&learner, 6)).unwrap();
    saver.begin(snapshot);
    let error = saver.finish().unwrap_err();
    assert!(error.to_string().contains("tokenizer"), "{error}");
    assert_eq!(names(&run_dir.checkpoints()), ["alignment-000003"]);
}
