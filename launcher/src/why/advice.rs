//! What was done about a failure, and what to do, by its kind.

/// What was done, as a sentence; `is_kept` says whether there is a checkpoint.
pub fn course(course: &str, is_kept: bool) -> &'static str {
    match course {
        "restart" if is_kept => "all ranks were started again from the newest checkpoint",
        "restart" => "all ranks were started again",
        "spare" => "a spare node took its place, and all ranks were started again",
        "replace" => "the node was replaced, and all ranks were started again",
        "requeue" => "the job was given back to its scheduler, to begin again elsewhere or later",
        _ if is_kept => "the run was ended, and its newest checkpoint kept",
        _ => "the run was ended; it has no checkpoint yet",
    }
}

/// The drills that a kind of failure may come of.
pub fn drills(kind: &str) -> &'static [&'static str] {
    match kind {
        "rank-killed" => &["kill-rank", "out-of-memory"],
        "out-of-memory" => &["out-of-memory"],
        "hang" => &["hang-rank", "slow-rank"],
        "node-lost" => &["kill-node", "cut-link"],
        "diverged" => &["nan"],
        "disk-full" => &["fill-disk"],
        "transient" => &["hang-rank", "cut-link", "fill-disk"],
        _ => &[],
    }
}

/// How to go on; `is_kept` says whether there is a checkpoint.
pub fn again(is_kept: bool) -> &'static str {
    match is_kept {
        true => "`knowcoder resume RUN` continues it from its newest checkpoint",
        false => "`knowcoder resume RUN` starts it again: it has no checkpoint yet",
    }
}

/// What to do about a kind of failure that says nothing itself.
pub fn of_kind(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "rank-killed" => {
            "if nobody killed it, the system probably ran out of memory (`dmesg` on its node says so): a \
             cluster with fewer ranks a node, or a smaller memory.budget_gib, needs less; then \
             `knowcoder resume RUN`"
        }
        "hang" => {
            "look at the rank that never came, above: its disk, its GPU (`nvidia-smi`), its link; then \
             `knowcoder resume RUN`"
        }
        "node-lost" => {
            "`knowcoder resume RUN` goes on when the node is back, or with --cluster on other nodes; spares \
             in the cluster file do that by themselves"
        }
        "node-drained" => {
            "`knowcoder resume RUN` goes on when the node is back, or with --cluster on other nodes; spares \
             in the cluster file, or [faults] on_node_loss = \"spare\", do that by themselves"
        }
        "out-of-memory" => {
            "`knowcoder plan` says what each phase needs: a smaller memory.budget_gib or batch.micro_tokens, \
             or more ranks with [sharding], needs less"
        }
        "disk-full" => {
            "make room where the run directory lies (checkpoint.keep says how many checkpoints stay), then \
             `knowcoder resume RUN`"
        }
        "diverged" => {
            "`knowcoder replay` computes the step again and names the samples (RUN/incidents); a lower \
             optimizer.learning_rate, or [guard] policy = \"skip\" or \"rewind\", may help (docs/incidents.md)"
        }
        "time-limit" => {
            "`knowcoder resume RUN` continues it; with `requeue = true` in [slurm] it comes back by itself, and \
             a longer slurm.time lets it get further each time"
        }
        "preempted" => {
            "`knowcoder resume RUN` continues it; with `requeue = true` in [slurm] it comes back by itself"
        }
        "declaration" => "correct what is named above, then submit it again",
        "data" => "correct or fetch the data that are named above, then `knowcoder resume RUN`",
        "backend" => "`knowcoder doctor` on the node says what it lacks",
        "bug" => {
            "this is a bug of knowcoder: report it with RUN/logs; `knowcoder resume RUN` may go on"
        }
        _ => return None,
    })
}
