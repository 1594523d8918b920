//! Directories as people download them, and as downloads go wrong.
//!
//! `tests/golden/torch` was written by torch itself: `scripts/reference/torch_files.py`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::files::{HostTensors, write_tensors};
use expect_test::{Expect, expect};
use safetensors::{Dtype, SafeTensors};
use std::fs;
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/torch").join(name)
}

/// What a result says, without the folder that it lies in.
fn said(result: Result<Tensors, Error>, folder: &Path) -> String {
    let text = match result {
        Ok(tensors) => tensors
            .names()
            .map(|name| format!("{name} {:?}", tensors.info(name).unwrap().dims))
            .collect::<Vec<_>>()
            .join(", "),
        Err(error) => error.to_string(),
    };
    text.replace(folder.to_str().unwrap(), "DIR")
}

/// Opens a folder with these files; a name that ends in `.safetensors` stands for a real file of
/// one tensor, named as the text is.
fn check(files: &[(&str, &str)], expected: Expect) {
    let folder = folder(files);
    expected.assert_eq(&said(Tensors::open(folder.path()), folder.path()));
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        match path.extension().and_then(|it| it.to_str()) {
            Some("safetensors") => {
                let tensors = HostTensors::from([((*text).to_owned(), (vec![1], vec![1.0]))]);
                write_tensors(&path, &tensors, false).unwrap();
            }
            Some("bin") if text.is_empty() => {
                fs::copy(golden("plain/pytorch_model.bin"), &path).map(drop).unwrap();
            }
            _ => fs::write(&path, text).unwrap(),
        }
    }
    folder
}

#[test]
fn torch_files_are_what_torch_reads() {
    for case in ["plain", "views", "formats", "sharded", "adapter"] {
        let tensors = match case {
            "adapter" => Tensors::open_file(&golden("adapter/adapter_model.bin")).unwrap(),
            _ => Tensors::open(&golden(case)).unwrap(),
        };
        let bytes = fs::read(golden(case).join("expected.safetensors")).unwrap();
        let expected = SafeTensors::deserialize(&bytes).unwrap();
        let mut names = expected.names();
        names.sort_unstable();
        assert_eq!(tensors.names().collect::<Vec<_>>(), names, "{case}");
        for name in names {
            let (view, data) = (expected.tensor(name).unwrap(), tensors.data(name).unwrap());
            let dtype = match view.dtype() {
                Dtype::BF16 => DType::BF16,
                Dtype::F16 => DType::F16,
                _ => DType::F32,
            };
            let info = tensors.info(name).unwrap();
            assert_eq!((data.dtype(), info.dtype), (dtype, dtype), "{case}: {name}");
            assert_eq!(data.shape().as_slice(), view.shape(), "{case}: {name}");
            assert_eq!(info.dims, view.shape(), "{case}: {name}");
            assert_eq!(&data.bytes()[..], view.data(), "{case}: {name}");
        }
    }
}

#[test]
fn what_torch_wrote_before_archives_is_refused() {
    let found = said(Tensors::open(&golden("legacy")), &golden("legacy"));
    expect!["DIR/pytorch_model.bin: was written in the format of torch before 1.6; write it again with `torch.save(torch.load(FILE, weights_only=True), FILE)`"].assert_eq(&found);
}

#[test]
fn what_is_no_float_is_named_when_it_is_asked_for() {
    let tensors = Tensors::open(&golden("formats")).unwrap();
    let asked = |name: &str| {
        let error = tensors.data(name).unwrap_err().to_string();
        error.replace(golden("formats").to_str().unwrap(), "DIR")
    };
    assert_eq!(
        asked("position_ids"),
        "DIR: `position_ids` is `int64`; f32, f16, bf16 and f64 are read"
    );
    assert_eq!(
        asked("float8"),
        "DIR: `float8` is `float8_e4m3fn`; f32, f16, bf16 and f64 are read"
    );
    assert_eq!(asked("head"), "DIR: no file here holds the tensor `head`");
}

#[test]
fn bytes_are_counted_as_the_files_have_them() {
    let tensors = Tensors::open(&golden("formats")).unwrap();
    assert_eq!(tensors.info("f64").unwrap().bytes, 32);
    assert_eq!(tensors.bytes_total(), 9 * 2 + 8 * 2 + 4 * 2 + 32);
}

#[test]
fn safetensors_come_first_and_whole_files_before_shards() {
    let index = r#"{"weight_map": {"s": "part.safetensors"}}"#;
    let shard = ("part.safetensors", "s");
    let shards = [("model.safetensors.index.json", index), shard];
    let bin = ("pytorch_model.bin", "");
    check(&[("model.safetensors", "w"), bin, shards[0], shard], expect!["w [1]"]);
    check(&[bin, shards[0], shard], expect!["s [1]"]);
    check(&[bin], expect!["0.bias [3], 0.weight [3, 5], 1.bias [3], 1.weight [3]"]);
    check(
        &[
            ("pytorch_model.bin.index.json", r#"{"weight_map": {"1.bias": "a.bin"}}"#),
            ("a.bin", ""),
        ],
        expect!["0.bias [3], 0.weight [3, 5], 1.bias [3], 1.weight [3]"],
    );
    check(
        &[("config.json", "{}")],
        expect![
            "DIR: holds neither model.safetensors nor pytorch_model.bin, nor an index of shards of either"
        ],
    );
    let nowhere = Path::new("no such folder");
    expect!["DIR: is no directory"].assert_eq(&said(Tensors::open(nowhere), nowhere));
}

#[test]
fn an_index_leads_nowhere_else() {
    for name in ["../a.safetensors", "/a.safetensors", "x/a.safetensors", "..", ".", ""] {
        let index = serde_json::json!({"weight_map": {"w": name}}).to_string();
        let folder = folder(&[("model.safetensors.index.json", &index)]);
        let found = said(Tensors::open(folder.path()), folder.path());
        let expected =
            format!("DIR/model.safetensors.index.json: names `{name}`, which is no file beside it");
        assert_eq!(found, expected);
    }
    check(
        &[("model.safetensors.index.json", "[]")],
        expect![[
            r#"DIR/model.safetensors.index.json: not an index of shards: invalid length 0, expected struct Index with 1 element at line 1 column 2"#
        ]],
    );
}

#[test]
fn every_file_that_cannot_be_read_is_listed() {
    let index = r#"{"weight_map": {"a": "1.bin", "b": "2.bin", "c": "3.bin", "d": "4.bin"}}"#;
    check(
        &[
            ("pytorch_model.bin.index.json", index),
            ("1.bin", ""),
            ("2.bin", "PK\x03\x04 and nothing more"),
            ("3.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"),
        ],
        expect![[r#"
            DIR: 3 of 4 files cannot be read
                DIR/2.bin: is truncated: the archive's directory, at its end, is not there
                DIR/3.bin: is a pointer of git-lfs in place of the file; get it with `git lfs pull`
                failed to read `DIR/4.bin`: No such file or directory (os error 2)"#]],
    );
    check(
        &[
            (
                "model.safetensors.index.json",
                r#"{"weight_map": {"a": "1.safetensors", "b": "1.safetensors"}}"#,
            ),
            ("1.safetensors", "a"),
        ],
        expect![[r#"
            DIR: the index names tensors that are not in their files (1)
                `b` of `1.safetensors`"#]],
    );
}

#[test]
fn a_tensor_of_two_shards_is_read_from_the_one_that_the_index_names() {
    let folder = folder(&[(
        "model.safetensors.index.json",
        r#"{"weight_map": {"w": "1.safetensors", "v": "2.safetensors"}}"#,
    )]);
    for (file, names, value) in
        [("1.safetensors", &["w"][..], 1.0), ("2.safetensors", &["v", "w"], 2.0)]
    {
        let tensors: HostTensors =
            names.iter().map(|name| ((*name).to_owned(), (vec![1], vec![value]))).collect();
        write_tensors(&folder.path().join(file), &tensors, false).unwrap();
    }
    let tensors = Tensors::open(folder.path()).unwrap();
    assert_eq!(tensors.data("w").unwrap(), TensorData::new(vec![1.0_f32], [1]));
    assert_eq!(tensors.data("v").unwrap(), TensorData::new(vec![2.0_f32], [1]));
}

#[test]
fn a_file_that_breaks_off_is_refused_wherever() {
    let folder = folder(&[("model.safetensors", "w"), ("plain.bin", "")]);
    for name in ["model.safetensors", "plain.bin"] {
        let path = folder.path().join(name);
        let file = fs::File::options().write(true).open(&path).unwrap();
        let whole = file.metadata().unwrap().len();
        for length in (0..whole).rev() {
            file.set_len(length).unwrap();
            assert!(Tensors::open_file(&path).is_err(), "{length} bytes of {whole}");
        }
    }
}

#[test]
fn tensors_are_held_against_a_model() {
    let tensors = Tensors::open(&golden("sharded")).unwrap();
    let mut expected: Vec<(String, Vec<usize>)> =
        (0..3).map(|i| (format!("model.layers.{i}.mlp.up_proj.weight"), vec![4, 2])).collect();
    expected.push(("model.embed_tokens.weight".into(), vec![7, 2]));
    expected.push(("model.norm.weight".into(), vec![2]));
    tensors.check(&expected, &["lm_head.weight"]).unwrap();
    expected[3].1 = vec![8, 2];
    expected[4].0 = "norm.weight".into();
    let error = tensors.check(&expected, &[]).unwrap_err().to_string();
    expect![[r#"
        DIR: holds other tensors than the model
          missing (1):
            `norm.weight` [2]
          not of this model (1):
            `model.norm.weight` [2]
          of another shape (1):
            `model.embed_tokens.weight` is [7, 2], expected [8, 2]"#]]
    .assert_eq(&error.replace(golden("sharded").to_str().unwrap(), "DIR"));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("a.bin")).status();
    assert!(made.unwrap().success());
    let found = said(Tensors::open_file(&folder.path().join("a.bin")), folder.path());
    assert_eq!(found, "DIR/a.bin: is no file");
}
