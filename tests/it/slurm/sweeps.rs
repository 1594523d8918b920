//! Sweeps whose workers are the tasks of an array.

use super::{Slurm, expect, steps, until};
use crate::program::{fixture, knowcoder, metrics, must};
use serde_json::Value;

#[test]
fn a_sweep_in_an_array_tells_every_trial_once_also_when_a_task_begins_again() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (file, cluster, out) = (at("rates.toml"), at("one.toml"), at("out"));
    let recipe = fixture("tiny.toml").canonicalize().unwrap();
    let text = format!(
        "[sweep]\nname = \"rates\"\nrecipe = {recipe:?}\nmetric = \"loss\"\nmethod = \"grid\"\nparallel = 2\n\n\
         [space]\n\"lora.rank\" = {{ values = [2, 4] }}\n\
         \"optimizer.learning_rate\" = {{ values = [1e-3, 2e-3] }}\n\n[set]\n\"phase.0.steps\" = 200\n"
    );
    std::fs::write(&file, text).unwrap();
    // What `[slurm]` says reaches the tasks: a constraint that no node has is refused, lines are run.
    let write = |more: &str| {
        let text = format!(
            "[cluster]\nbackend = \"slurm\"\nranks = 1\n\n[slurm]\npartition = \"test\"\n\
             time = \"00:20:00\"\nmem = \"100M\"\narray_limit = 2\n{more}"
        );
        std::fs::write(&cluster, text).unwrap();
    };
    let start = || {
        let mut command = knowcoder(&["sweep", "start"]);
        command.arg(&file).arg("--out").arg(&out).arg("--cluster").arg(&cluster);
        command.args(["--array", "--json"]);
        slurm.here(command)
    };
    write("constraint = \"ib\"\n");
    let refused = start().output().unwrap();
    expect(&refused, 64, &["slurm.constraint is `ib`, and no node has that"]);
    write("setup = [\"echo task $SLURM_ARRAY_TASK_ID is ready >&2\"]\n");
    let told: Value = serde_json::from_slice(&must(start()).stdout).unwrap();
    let id = told["job"].as_str().unwrap().to_owned();
    let told = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(out.join("sweep.jsonl")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["event"] == name).collect()
    };
    let said = || {
        let entries = std::fs::read_dir(out.join("logs")).into_iter().flatten().flatten();
        entries.map(|it| std::fs::read_to_string(it.path()).unwrap_or_default()).collect::<String>()
    };
    let trial = |number: usize| out.join(format!("trials/{number}-5"));
    until("two trials at work", || {
        assert!(told("failed").is_empty(), "{}", said());
        (0..2).all(|number| !metrics(&trial(number)).is_empty())
    });
    slurm.ask("scancel", &["--signal=USR1", "--batch", &format!("{id}_1")]);
    until("four trials done", || {
        assert!(told("failed").is_empty(), "{}", said());
        told("finished").len() == 4
    });
    let is_over = |task: &str| task.contains(" JobState=COMPLETED ");
    until("end of both tasks", || slurm.job(&id).lines().filter(|it| is_over(it)).count() == 2);
    for name in ["asked", "finished"] {
        let mut trials: Vec<u64> =
            told(name).iter().map(|event| event["trial"].as_u64().unwrap()).collect();
        trials.sort_unstable();
        assert_eq!(trials, [0, 1, 2, 3], "{name}");
    }
    assert_eq!(told("interrupted").len(), 1, "{}", said());
    for number in 0..4 {
        assert_eq!(steps(&trial(number)).len(), 200 + 5 + 7, "trial {number}");
    }
    let log = std::fs::read_to_string(out.join("logs/worker-1.log")).unwrap();
    assert_eq!(log.matches("task 1 is ready").count(), 2, "{log}");
    assert!(slurm.job(&id).contains(" Restarts=1 "), "{}", slurm.job(&id));
}
