//! Hosts that are this machine, with the same scripts and shells as others.

#![allow(clippy::unwrap_used)]
use super::*;
use expect_test::expect;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

fn client() -> Client {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Client::pretending(&root.join("../tests/fixtures/ssh"))
}

/// A program that does this.
fn program(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("program");
    // Written by another process: an open file of ours could be inherited by one that a test beside this one
    // starts, and what is open for writing cannot be executed.
    let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod 755 \"$0\"";
    let status = Command::new("sh").args(["-c", write]).arg(&path).arg(body).status().unwrap();
    assert!(status.success());
    path
}

/// Settings that copy to this folder.
fn to(folder: &Path) -> Ssh {
    Ssh { work_dir: folder.display().to_string(), ..Ssh::default() }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_program_is_copied_once() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("it's there");
    let program = Program::of(&program(folder.path(), "exit 0")).unwrap();
    let place = program.place(&client(), &to(&there), "host").unwrap();
    assert_eq!(Path::new(&place), there.join(format!("knowcoder-{}", program.hash)));
    assert_eq!(std::fs::read(&place).unwrap(), std::fs::read(&program.path).unwrap());
    // A second copy would leave its traces: a file that came and went, or another one.
    let before = (std::fs::metadata(&place).unwrap(), std::fs::metadata(&there).unwrap());
    assert_eq!(program.place(&client(), &to(&there), "host").unwrap(), place);
    let after = (std::fs::metadata(&place).unwrap(), std::fs::metadata(&there).unwrap());
    assert_eq!((after.0.ino(), after.1.mtime_nsec()), (before.0.ino(), before.1.mtime_nsec()));
    // What is not whole is not taken for it.
    std::fs::write(&place, "half").unwrap();
    program.place(&client(), &to(&there), "host").unwrap();
    assert_eq!(std::fs::read(&place).unwrap(), std::fs::read(&program.path).unwrap());
    assert_eq!(names(&there).len(), 1, "{:?}", names(&there));
}

#[test]
fn several_may_copy_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("bin");
    let program = Program::of(&program(folder.path(), "exit 0")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| program.place(&client(), &to(&there), "host").unwrap());
        }
    });
    assert_eq!(names(&there), [format!("knowcoder-{}", program.hash)]);
}

#[test]
fn what_does_not_start_leaves_nothing_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("bin");
    let lacking = "echo \"x: error while loading shared libraries: libcuda.so.1: cannot open shared object \
                   file: No such file or directory\" >&2; exit 127";
    let program = Program::of(&program(folder.path(), lacking)).unwrap();
    let error = program.place(&client(), &to(&there), "node-b").unwrap_err();
    expect![[r#"
        error: the program cannot start on host `node-b`, which lacks: libcuda.so.1
        hint: install them there, or build the program on the oldest of the hosts"#]]
    .assert_eq(&error.to_string());
    assert_eq!(error.code, exit::BACKEND);
    assert_eq!(names(&there), [""; 0]);
}

#[test]
fn a_folder_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::of(&program(folder.path(), "exit 0")).unwrap();
    let settings = Ssh { work_dir: "/dev/null/bin".to_owned(), ..Ssh::default() };
    let error = program.place(&client(), &settings, "node-b").unwrap_err();
    assert!(
        error
            .message
            .starts_with("the folder `/dev/null/bin` of host `node-b` cannot be written ("),
        "{error}"
    );
    assert_eq!(error.code, exit::BACKEND);
}

#[test]
fn a_disk_that_is_full_is_named() {
    let said = Said {
        code: Some(1),
        stdout: "knowcoder:fault=write\n".to_owned(),
        stderr: "cat: write error: No space left on device\n".to_owned(),
    };
    let found = Findings { host: "node-b", said };
    let program =
        Program { path: "/x".into(), bytes: 3 << 20, hash: String::new(), machine: String::new() };
    expect![[r#"
        error: host `node-b` has no room for the program, 3 MiB, in `~/bin` (cat: write error: No space left on device)
        hint: make room there, or set ssh.work_dir to a folder that has some"#]]
    .assert_eq(&program.not_copied(&found, "~/bin").to_string());
}

#[test]
fn a_host_of_another_kind_is_refused_before_anything_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("bin");
    let mut program = Program::of(&program(folder.path(), "exit 0")).unwrap();
    program.machine = "Linux vax".to_owned();
    let error = program.place(&client(), &to(&there), "node-b").unwrap_err();
    let expected = format!(
        "host `node-b` is a machine of another kind: this program runs on Linux vax, but the host is {}",
        machine()
    );
    assert_eq!(error.message, expected);
    assert!(!there.exists());
}

#[test]
fn a_host_that_cannot_be_reached_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::of(&program(folder.path(), "exit 0")).unwrap();
    let error = program.place(&client(), &to(folder.path()), "unreachable").unwrap_err();
    expect!["there is no way through the network to host `unreachable` (ssh: connect to host unreachable port 22: No route to host)"]
        .assert_eq(&error.message);
    assert_eq!(error.code, exit::TRANSIENT);
}

#[test]
fn a_program_that_is_there_already_must_be_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let own = Program::of(&program(folder.path(), "exit 0")).unwrap();
    let at = |path: &Path| Ssh {
        push: false,
        program: Some(path.display().to_string()),
        ..Ssh::default()
    };
    let place = own.path.display().to_string();
    assert_eq!(own.place(&client(), &at(&own.path), "a").unwrap(), place);
    // Without a path it is where ours is.
    let beside = Ssh { push: false, ..Ssh::default() };
    assert_eq!(own.place(&client(), &beside, "a").unwrap(), place);
    let elsewhere = folder.path().join("other");
    std::fs::create_dir(&elsewhere).unwrap();
    let other = program(&elsewhere, "exit 1");
    let error = own.place(&client(), &at(&other), "node-b").unwrap_err();
    assert!(
        error.message.contains(" of host `node-b` is another build than this one: "),
        "{error}"
    );
    let error = own.place(&client(), &at(&folder.path().join("none")), "node-b").unwrap_err();
    assert!(error.message.starts_with("host `node-b` has no program at `"), "{error}");
}

#[test]
fn a_home_is_that_of_the_host() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["sh", "bash"] {
        let output = Command::new(shell)
            .args(["-c", &line(LOOK_SCRIPT, &["~/a b", "name", "3"])])
            .env("HOME", home.path())
            .output()
            .unwrap();
        let said = Said {
            code: output.status.code(),
            stdout: format!("Welcome!\n{}", String::from_utf8_lossy(&output.stdout)),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        let found = Findings::of("a", said).unwrap();
        let expected = home.path().join("a b/name").display().to_string();
        assert_eq!(found.place("~/a b").unwrap(), expected);
        assert_eq!(found.value("machine"), Some(machine().as_str()));
        assert_eq!((found.value("there"), found.said.stderr.as_str()), (None, ""));
    }
}

#[test]
fn scripts_travel_on_one_line() {
    for script in [LOOK_SCRIPT, COPY_SCRIPT, FIND_SCRIPT] {
        assert!(!line(script, &["a"]).contains(['\n', '!']), "{script}");
    }
}

#[test]
fn loaders_name_what_they_lack() {
    let stderr =
        "./x: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by ./x)\n";
    assert_eq!(
        libraries("libcublas.so.12 libnccl.so.2 ", stderr),
        ["GLIBC_2.38", "libcublas.so.12", "libnccl.so.2"]
    );
}
