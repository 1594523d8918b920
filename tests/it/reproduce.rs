//! A run that is done again: the same bits, or what differs first.

use crate::program::{fixture, knowcoder, must, run, stderr};
use serde_json::{Value, json};
use std::path::Path;

fn reproduce(original: &Path, again: &Path) -> (i32, Value) {
    let mut command = knowcoder(&["reproduce", "--json"]);
    let output = command.arg(original).arg("--run-dir").arg(again).output().unwrap();
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (output.status.code().unwrap(), document)
}

#[test]
fn a_run_is_done_again_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (original, again) = (folder.path().join("first"), folder.path().join("second"));
    must(run(&fixture("tiny.toml"), &original, "laptop", &[]));
    let (code, document) = reproduce(&original, &again);
    assert_eq!((code, &document["equal"]), (0, &json!(true)), "{document:#}");
    assert_eq!(document["deviations"], json!([]), "{document:#}");
    assert_eq!(document["comparison"]["steps"], 16);
    assert!(document["comparison"]["files_equal"].as_u64() > Some(3), "{document:#}");
    let toml = |run: &Path| std::fs::read_to_string(run.join("recipe.toml")).unwrap();
    assert_eq!(toml(&original), toml(&again));
    assert_eq!(document["earlier"], Value::Null, "{document:#}");
    compares(&original, &again);
    planned(&original);
    prunes(&original, &again);
    clears(&original, &again);
    deviates(&original, &again);
}

/// A run that was done again already is only compared, which is said; a copy is refused.
fn compares(original: &Path, again: &Path) {
    let metrics = again.join("metrics.jsonl");
    let changed = || std::fs::metadata(&metrics).unwrap().modified().unwrap();
    let before = changed();
    let (code, document) = reproduce(original, again);
    assert_eq!((code, &document["equal"]), (0, &json!(true)), "{document:#}");
    assert_eq!(document["earlier"]["is_done"], true, "{document:#}");
    assert_eq!(changed(), before);
    let output = knowcoder(&["reproduce"]).arg(original).arg("--run-dir").arg(again).output();
    let text = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
    assert!(text.contains("nothing was done again now: `"), "{text}");
    assert!(text.contains(" by this program, and is only compared; "), "{text}");

    let copy = original.with_file_name("copy");
    let mut copies = std::process::Command::new("cp");
    assert!(copies.arg("-r").arg(original).arg(&copy).status().unwrap().success());
    let output = knowcoder(&["reproduce"]).arg(original).arg("--run-dir").arg(&copy).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    assert!(stderr(&output).contains("` is a copy of `"), "{}", stderr(&output));
    std::fs::remove_dir_all(&copy).unwrap();
}

/// Checkpoints that one of the runs does not have any more are named, and are no difference; a score is one.
fn prunes(original: &Path, again: &Path) {
    let mut names: Vec<String> = std::fs::read_dir(original.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("instruction-"))
        .collect();
    names.sort();
    let gone = original.join("checkpoints").join(&names[0]);
    std::fs::rename(&gone, original.join("aside")).unwrap();
    let (code, document) = reproduce(original, again);
    assert_eq!((code, &document["equal"]), (0, &json!(true)), "{document:#}");
    let of_one = &document["comparison"]["checkpoints_of_one"];
    assert_eq!((&of_one[0]["name"], &of_one[0]["in_first"]), (&json!(names[0]), &json!(false)));
    assert_eq!(document["comparison"]["last_missing"], Value::Null);
    std::fs::rename(original.join("aside"), &gone).unwrap();

    let scores = original.join("scores.json");
    let kept = std::fs::read(&scores).unwrap();
    let mut fewer: Value = serde_json::from_slice(&kept).unwrap();
    let row = fewer["rows"].as_array_mut().unwrap().remove(0);
    std::fs::write(&scores, fewer.to_string()).unwrap();
    let (code, document) = reproduce(original, again);
    assert_eq!((code, &document["equal"]), (65, &json!(false)), "{document:#}");
    let missing = &document["comparison"]["scores"][0];
    assert_eq!(missing["values"], json!([null, row["f1"]]), "{missing:#}");
    std::fs::write(&scores, kept).unwrap();
}

/// Shards that were removed are named, with what brings them back; the rest is compared all the same.
fn clears(original: &Path, again: &Path) {
    let [aside, prepared] = [again.join("aside"), again.join("prepared")];
    std::fs::rename(&prepared, &aside).unwrap();
    let (code, document) = reproduce(original, again);
    assert_eq!((code, &document["equal"]), (0, &json!(true)), "{document:#}");
    let deviations = document["deviations"].as_array().unwrap();
    assert_eq!(deviations.len(), 3, "{document:#}");
    for deviation in deviations {
        assert!(deviation["what"].as_str().unwrap().ends_with(", shards"), "{deviation}");
        assert_eq!(deviation["before"], "there");
        let now = deviation["now"].as_str().unwrap();
        assert!(now.starts_with("not there any more; `knowcoder data prepare "), "{now}");
    }
    std::fs::rename(&aside, &prepared).unwrap();
    assert_eq!(reproduce(original, again).1["deviations"], json!([]));
}

/// The plan of a run that is done says what it measured; of a calibrated machine also how far the model was from it.
fn planned(run_dir: &Path) {
    let calibration = run_dir.join("calibration.json");
    let measured = json!({
        "flops_per_second": 1e10, "memory_bytes_per_second": 1e10, "link_bytes_per_second": 1e9,
        "link_latency_seconds": 1e-4, "disk_bytes_per_second": 1e8, "device": "flex", "host": "here",
        "date": "2026-11-22",
    });
    std::fs::write(&calibration, measured.to_string()).unwrap();
    let mut command = knowcoder(&["plan", "--json"]);
    command.arg(run_dir).arg("--calibration").arg(&calibration).args(["--scale", "1,2,32"]);
    let plan: Value = serde_json::from_slice(&must(command).stdout).unwrap();
    assert_eq!(plan["ranks"], 2);
    assert_eq!(plan["estimate"]["phases"].as_array().unwrap().len(), 3);
    assert_eq!(plan["estimate"]["phases"][0]["samples"]["known"], true, "{plan:#}");
    let errors = plan["error"]["phases"].as_array().unwrap();
    assert_eq!(errors.len(), 3);
    for error in errors {
        let [planned, measured] =
            ["planned_seconds", "measured_seconds"].map(|key| error[key].as_f64());
        let expected = measured.unwrap() / planned.unwrap() - 1.0;
        // It is kept in hundredths of a percent.
        assert!((error["error"].as_f64().unwrap() - expected).abs() < 1e-4, "{error:#}");
    }
    // It is its own last good run.
    assert_eq!(plan["changes"]["keys"], json!([]), "{plan:#}");
    let problems = plan["scale"][2]["problems"].to_string();
    assert!(problems.contains("12 samples a step, 32 ranks need as many"), "{problems}");
    // What was measured for the run counts without being named.
    let plan = must(knowcoder(&["plan", "--json", run_dir.to_str().unwrap()]));
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(plan["estimate"]["rates"]["origin"], "measured on here on 2026-11-22", "{plan:#}");
}

/// A loss that is not the same is found, and named by its step.
fn deviates(original: &Path, again: &Path) {
    let metrics = original.join("metrics.jsonl");
    let text = std::fs::read_to_string(&metrics).unwrap();
    // The other lines stay as they are, to the last digit.
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut line: Value = serde_json::from_str(&lines[5]).unwrap();
    line["loss"] = json!(100.5);
    lines[5] = line.to_string();
    std::fs::write(&metrics, lines.join("\n") + "\n").unwrap();
    let (code, document) = reproduce(original, again);
    assert_eq!((code, &document["equal"]), (65, &json!(false)), "{document:#}");
    let first = &document["comparison"]["first"];
    assert_eq!((&first["what"], &first["step"]), (&json!("loss"), &line["step"]), "{document:#}");
    assert_eq!(first["values"][0], json!(100.5));
}

#[test]
fn what_is_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = knowcoder(&["reproduce"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("it has no recipe.lock"), "{}", stderr(&output));
}
