//! Known lines in logs, and what they mean.

use serde::Serialize;

/// A known line that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// The log, from the run directory on.
    pub file: String,
    /// The line, or its end.
    pub line: String,
    /// What kind of trouble it is.
    pub kind: &'static str,
    /// What it means.
    pub means: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// What lines like these mean.
pub struct Known {
    /// Any of these in lower case makes it such a line.
    needles: &'static [&'static str],
    kind: &'static str,
    means: &'static str,
    advice: &'static str,
}

/// Most characters of a line that are quoted.
const QUOTED: usize = 160;

/// What is known, the more telling first: where several are found, the first is named.
static KNOWN: [Known; 17] = [
    Known {
        needles: &["cuda_error_out_of_memory", "cuda out of memory", "cudaerrormemoryallocation"],
        kind: "out-of-memory",
        means: "the GPU's memory ran out",
        advice: "`knowcoder plan` says what each phase needs; a smaller memory.budget_gib or \
                 batch.micro_tokens needs less, and so do more ranks with [sharding]",
    },
    Known {
        needles: &["oom-kill", "oom_kill", "killed process", "memory cgroup out of memory"],
        kind: "out-of-memory",
        means: "the system ended a process because its memory ran out",
        advice: "fewer ranks a node, or more memory for the job (`mem` of the scheduler), give each rank more",
    },
    Known {
        needles: &["cannot allocate memory", "memory allocation of", "out of memory"],
        kind: "out-of-memory",
        means: "memory ran out",
        advice: "fewer ranks a node, or a smaller memory.budget_gib, needs less",
    },
    Known {
        needles: &["nvrm: xid", "xid ("],
        kind: "gpu",
        means: "the GPU's driver reports a fault of the GPU",
        advice: "have the node looked at (Xid 79: it fell off the bus; 48, 63, 64, 94, 95: its memory is \
                 broken), and go on without it",
    },
    Known {
        needles: &[
            "uncorrectable ecc",
            "cuda_error_ecc_uncorrectable",
            "device-side assert",
            "cuda_error_launch_failed",
            "cuda_error_illegal_address",
        ],
        kind: "gpu",
        means: "a GPU computed wrongly or broke",
        advice: "`nvidia-smi -q` on the node names the errors of its memory; if it happens on every node, \
                 report it as a bug",
    },
    Known {
        needles: &[
            "ncclsystemerror",
            "ncclremoteerror",
            "ncclunhandledcudaerror",
            "ncclinternalerror",
            "nccl warn",
            "nccl error",
        ],
        kind: "network",
        means: "NCCL lost the way between GPUs",
        advice: "`knowcoder doctor --cluster FILE` looks at links and interfaces; `interface` of the cluster \
                 file chooses one",
    },
    Known {
        needles: &["no space left on device", "disk quota exceeded"],
        kind: "disk-full",
        means: "the disk, or the quota on it, is full",
        advice: "make room (checkpoint.keep says how many checkpoints stay), then `knowcoder resume RUN`",
    },
    Known {
        needles: &["due to time limit"],
        kind: "time-limit",
        means: "the scheduler's time limit ended the job",
        advice: "`knowcoder resume RUN` continues it; a longer time limit in the cluster file saves restarts",
    },
    Known {
        needles: &["due to preemption", "due to node failure"],
        kind: "preempted",
        means: "the scheduler took the nodes away",
        advice: "`knowcoder resume RUN` continues it",
    },
    Known {
        needles: &["host key verification failed", "permission denied (publickey"],
        kind: "backend",
        means: "ssh was refused",
        advice: "`ssh HOST true` must work without a question: accept the host's key, load your own",
    },
    Known {
        needles: &[
            "could not resolve hostname",
            "name or service not known",
            "temporary failure in name resolution",
        ],
        kind: "backend",
        means: "a host's name is not known",
        advice: "correct the name in the cluster file, or the name service of the node",
    },
    Known {
        needles: &["permission denied", "read-only file system"],
        kind: "backend",
        means: "a file may not be written or read",
        advice: "check owner and rights of the run directory and the data on every node",
    },
    Known {
        needles: &[
            "stale file handle",
            "input/output error",
            "transport endpoint is not connected",
        ],
        kind: "disk",
        means: "a disk or a shared file system failed",
        advice: "have the file system looked at, then `knowcoder resume RUN`",
    },
    Known {
        needles: &["bus error"],
        kind: "out-of-memory",
        means: "shared memory (/dev/shm) or a mapped file is too small",
        advice: "give the container more shared memory (`shm` of the cluster file)",
    },
    Known {
        needles: &["error while loading shared libraries", "glibc_", "illegal instruction"],
        kind: "backend",
        means: "the program does not fit the node",
        advice: "build it for the oldest node, or without `-C target-cpu=native`",
    },
    Known {
        needles: &[
            "connection refused",
            "no route to host",
            "connection timed out",
            "connection reset by peer",
        ],
        kind: "network",
        means: "another process or host could not be reached",
        advice: "if the other end had not failed before, a firewall or a wrong `interface` in the cluster \
                 file is in between: `knowcoder doctor --cluster FILE` tells",
    },
    Known {
        needles: &["panicked at"],
        kind: "bug",
        means: "the program has a bug",
        advice: "report it with the log; `knowcoder resume RUN` may go on",
    },
];

/// A shell's word for SIGKILL, which stands alone.
static KILLED: Known = Known {
    needles: &[],
    kind: "killed",
    means: "a process was killed, by somebody or because memory ran out",
    advice: "`dmesg` on its node says whether memory ran out: then fewer ranks a node need less",
};

/// What `line` of `file` means, with how telling that is: the smaller the more.
pub fn of(file: &str, line: &str) -> Option<(usize, Sign)> {
    let small = line.to_lowercase();
    let is_known = |known: &Known| known.needles.iter().any(|needle| small.contains(needle));
    let (place, known) = match small.trim() {
        "killed" => (2, &KILLED),
        _ => KNOWN.iter().enumerate().find(|(_, known)| is_known(known))?,
    };
    let Known { kind, means, advice, .. } = *known;
    Some((place, Sign { file: file.to_owned(), line: quoted(line), kind, means, advice }))
}

/// A line short enough for a sentence.
fn quoted(line: &str) -> String {
    let line = line.trim();
    match line.chars().count() {
        count if count <= QUOTED => line.to_owned(),
        count => ['…'].into_iter().chain(line.chars().skip(count - QUOTED)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, kind: Option<&str>) {
        assert_eq!(of("f", line).map(|(_, sign)| sign.kind), kind, "{line}");
    }

    #[test]
    fn known_lines_are_known() {
        check(
            "error: DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
            Some("out-of-memory"),
        );
        check("slurmstepd: error: Detected 1 oom_kill event in StepId=17.0", Some("out-of-memory"));
        check("Killed", Some("killed"));
        check("he was killed in the line", None);
        check("NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.", Some("gpu"));
        check("NCCL WARN Call to ibv_modify_qp failed", Some("network"));
        check(
            "error: failed to write `x`: No space left on device (os error 28)",
            Some("disk-full"),
        );
        check(
            "slurmstepd: error: *** JOB 17 ON a CANCELLED AT 2026 DUE TO TIME LIMIT ***",
            Some("time-limit"),
        );
        check("user@host: Permission denied (publickey,password).", Some("backend"));
        check("error: failed to write `x`: Permission denied (os error 13)", Some("backend"));
        check("ssh: connect to host b port 22: Connection refused", Some("network"));
        check("thread 'main' panicked at src/x.rs:7:1:", Some("bug"));
        check("continuing in phase `alignment` after step 3", None);
    }

    #[test]
    fn the_table_is_in_lower_case_and_lines_are_cut() {
        for needle in KNOWN.iter().flat_map(|known| known.needles) {
            assert_eq!(*needle, needle.to_lowercase());
        }
        let line = format!("{}bus error", "x".repeat(500));
        let (_, sign) = of("f", &line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(sign.line.chars().count(), QUOTED + 1);
        assert!(sign.line.ends_with("bus error"));
    }
}
