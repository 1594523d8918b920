//! What is written is seen and read by others, and what cannot be is said.
#![allow(clippy::unwrap_used)]
use super::super::probe;
use super::*;
use serde_json::json;

const NONCE: &str = "00112233445566778899aabbccddeeff";

fn ask(check: &str, folder: &Path, mut with: Value) -> Value {
    with["folder"] = json!(folder);
    with["nonce"] = json!(NONCE);
    probe(check, &with)
}

#[test]
fn tokens_are_seen_where_the_folder_is_the_same() {
    let (shared, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (node, folder) in [(0, &shared), (1, &shared), (2, &own)] {
        assert_eq!(ask("token", folder.path(), json!({"node": node})), Value::Null);
    }
    let see = |node: usize, of: &[usize], folder: &Path| {
        ask("token", folder, json!({"node": node, "of": of, "seconds": 0}))
    };
    assert_eq!(see(0, &[1, 2], shared.path()), json!([1]));
    assert_eq!(see(2, &[0, 1], own.path()), json!([]));
    for folder in [&shared, &own] {
        assert_eq!(ask("clear", folder.path(), json!({})), Value::Null);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_checkpoint_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let written = ask("checkpoint", folder.path(), json!({"node": 0, "bytes": 2 << 20}));
    assert_eq!(written["bytes"], 2 << 20);
    let read = || ask("checkpoint", folder.path(), json!({"node": 1, "of": 0}));
    assert_eq!((&read()["sha256"], &read()["of"]), (&written["sha256"], &json!(0)));
    let weights = folder.path().join(format!(".preflight-{NONCE}.tmp/checkpoint-0/weights"));
    let mut bytes = fs::read(&weights).unwrap();
    bytes[1 << 20] ^= 1;
    fs::write(&weights, bytes).unwrap();
    assert_ne!(read()["sha256"], written["sha256"]);
    fs::remove_file(&weights).unwrap();
    let said = read()["error"].as_str().unwrap().to_owned();
    assert!(said.contains("weights` cannot be read: No such file"), "{said}");
}

#[test]
fn a_folder_that_is_not_there_or_not_ours_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let said = ask("token", &absent, json!({"node": 0}));
    assert!(said["error"].as_str().unwrap().contains("absent` cannot be written: No such"));
    assert!(said["way"].as_str().unwrap().contains("share"));
    let with = json!({"folder": folder.path(), "nonce": "../../../etc", "node": 0});
    let said = probe("clear", &with)["error"].as_str().unwrap().to_owned();
    assert!(said.contains("hexadecimal"), "{said}");
    let said = ask("room", folder.path(), json!({"node": 0, "bytes": 4096}));
    assert_eq!(said["bytes"], 4096, "{said}");
}

#[test]
fn each_reason_has_its_way_out() {
    for (code, part) in [
        (libc::EDQUOT, "quota"),
        (libc::ENOSPC, "full"),
        (libc::EROFS, "reading only"),
        (libc::EFBIG, "ulimit -f"),
        (libc::EACCES, "--run-dir"),
        (libc::ENOENT, "share"),
        (libc::EIO, "dmesg"),
    ] {
        let trouble = unwritten(Path::new("/runs"), &io::Error::from_raw_os_error(code));
        assert!(trouble.way.unwrap().contains(part), "{code}");
        assert!(trouble.error.starts_with("`/runs` cannot be written: "));
    }
}

#[test]
fn noise_differs_from_node_to_node() {
    assert_eq!(noise(13, 0).len(), 13);
    assert_ne!(noise(16, 0), noise(16, 1));
}
