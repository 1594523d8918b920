//! What is written, record by record, whatever happens to a run.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::metrics::{Parts, SourceLoss};

fn line(phase: &str, step: usize) -> StepMetrics {
    StepMetrics {
        phase: phase.to_owned(),
        step,
        steps: 9,
        loss: 2.0 / step as f64,
        learning_rate: 1e-3,
        gradient_norm: 0.5,
        samples: 4,
        tokens: 100,
        supervised_tokens: 30,
        seconds: 0.25,
        tokens_per_second: 400.0,
        computed_tokens: 80,
        padded_tokens: 90,
        sources: vec![SourceLoss {
            dataset: "wnut17".to_owned(),
            language: "en".to_owned(),
            task: "ner".to_owned(),
            samples: 4,
            tokens: 30,
            loss: 1.5,
        }],
        parts: Parts { compute: 0.125, ..Parts::default() },
        flops: 0.0,
        memory_bytes: 0,
        applied: true,
    }
}

/// The steps in the order of all files; `-N` where step N and later ones are declared void.
fn steps(folder: &Path) -> Vec<i64> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut steps = Vec::new();
    for file in files {
        let records = event::records(&fs::read(file).unwrap());
        assert!(records[0].ends_with("1a0d627261696e2e4576656e743a32"), "{}", records[0]);
        for record in &records[1..] {
            // Behind the time: `10`, the step below 128, and what it is.
            let step = i64::from_str_radix(&record[20..22], 16).unwrap();
            steps.push(if &record[22..24] == "3a" { -step } else { step });
        }
    }
    steps
}

#[test]
fn a_step_is_every_number_of_its_line() {
    let scalars = scalar::of_step(&line("p", 1));
    let tags: Vec<&str> = scalars.iter().map(|(tag, _)| tag.as_str()).collect();
    let unique: std::collections::BTreeSet<&&str> = tags.iter().collect();
    assert_eq!(unique.len(), tags.len());
    let of = |tag: &str| scalars.iter().find(|(it, _)| it == tag).map(|(_, value)| *value);
    for (tag, value) in [
        ("loss", Some(2.0)),
        ("loss/wnut17/en/ner", Some(1.5)),
        ("tokens/padded", Some(90.0)),
        ("seconds/compute", Some(0.125)),
        ("memory_bytes", None),
        ("flops", None),
        ("left_out", None),
    ] {
        assert_eq!(of(tag), value, "{tag}");
    }
    let skipped = StepMetrics { applied: false, memory_bytes: 7, ..line("p", 1) };
    let scalars = scalar::of_step(&skipped);
    assert!(scalars.contains(&("left_out".to_owned(), 1.0)));
    assert!(scalars.contains(&("memory_bytes".to_owned(), 7.0)));
}

#[test]
fn steps_that_are_done_again_are_declared_void() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = RunDir::new(dir.path());
    let write = |begin: usize, steps: &[usize]| {
        let mut board = TensorBoard::new(&run_dir, true);
        board.begin("p", begin);
        steps.iter().for_each(|step| board.step(&line("p", *step)));
    };
    let folder = run_dir.tensorboard().join("p");
    write(0, &[1, 2, 3, 4, 5]);
    assert_eq!(steps(&folder), [-1, 1, 2, 3, 4, 5]);
    // Killed after step 5, resumed from the checkpoint of step 3.
    write(3, &[4, 5]);
    assert_eq!(steps(&folder), [-1, 1, 2, 3, 4, 5, -4, 4, 5]);
    // Within one start: back to step 4.
    write(5, &[6, 7, 5, 6]);
    assert_eq!(steps(&folder)[9..], [-6, 6, 7, -5, 5, 6]);
}

#[test]
fn evaluations_follow_their_steps_once() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = RunDir::new(dir.path());
    let row = |phase: &str, step: usize, language: &str| {
        format!(
            "{{\"phase\":\"{phase}\",\"step\":{step},\"dataset\":\"d\",\"language\":\"{language}\",\
             \"task\":\"ner\",\"protocol\":\"set\",\"f1\":50.0,\"gold\":3,\"predicted\":1,\"correct\":1}}\n"
        )
    };
    let evaluated = |rows: &[String]| fs::write(run_dir.evaluations(), rows.concat()).unwrap();
    let mut rows = vec![row("p", 2, "en"), row("q", 1, "en")];
    evaluated(&rows);
    let mut board = TensorBoard::new(&run_dir, true);
    // Those of step 2 were written before the start.
    board.begin("p", 2);
    board.step(&line("p", 3));
    rows.extend([row("p", 4, "en"), row("p", 4, "zh"), "{\"phase\":\"p\",".to_owned()]);
    evaluated(&rows);
    board.step(&line("p", 4));
    board.step(&line("p", 5));
    drop(board);
    assert_eq!(steps(&run_dir.tensorboard().join("p")), [-3, 3, 4, 4, 5]);
    let rows: Vec<Evaluated> =
        rows[2..4].iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let scalars = scalar::of_evaluation(&rows);
    let expected = [
        ("f1/set/d/en/ner", 50.0),
        ("f1/set/d/zh/ner", 50.0),
        ("f1_by_language/set/en", 50.0),
        ("f1_by_language/set/zh", 50.0),
    ];
    assert_eq!(scalars, expected.map(|(tag, value)| (tag.to_owned(), value)));
}

#[test]
fn a_run_goes_on_where_nothing_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = RunDir::new(dir.path());
    fs::write(run_dir.tensorboard(), "in the way").unwrap();
    let mut board = TensorBoard::new(&run_dir, true);
    board.begin("p", 0);
    board.step(&line("p", 1));
    board.begin("q", 0);
    board.flush();
    assert!(!board.is_enabled && board.open.is_none());
    assert_eq!(fs::read_to_string(run_dir.tensorboard()).unwrap(), "in the way");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_given_up_once() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = RunDir::new(dir.path());
    let mut board = TensorBoard::new(&run_dir, true);
    board.begin("p", 0);
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    board.open.as_mut().unwrap().file = BufWriter::new(full);
    board.step(&line("p", 1));
    board.flush();
    assert!(!board.is_enabled && board.open.is_none());
}

#[test]
fn the_others_write_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = RunDir::new(dir.path());
    let mut board = TensorBoard::new(&run_dir, false);
    board.begin("p", 0);
    board.step(&line("p", 1));
    drop(board);
    assert!(!run_dir.tensorboard().exists());
}

#[test]
fn folders_keep_out_of_each_others_way() {
    for (phase, expected) in [
        ("instruction", "instruction"),
        ("a/b", "a-b"),
        ("..", "phase-.."),
        ("scores", "phase-scores"),
    ] {
        assert_eq!(folder(phase), expected);
    }
}
