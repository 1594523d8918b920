//! Places in the words of others, and what is wrong with them.
#![allow(clippy::unwrap_used)]
use super::*;
use expect_test::{Expect, expect};

fn environment(words: &str) -> Environment {
    let pairs = words.split_whitespace().map(|word| word.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A place in a line, or the sentence and hint.
fn check(words: &str, expected: Expect) {
    let found = match place(&environment(words)) {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(Place { by, rank, world, local_rank, rendezvous, restarts })) => {
            format!(
                "{}: rank {rank} of {world}, here {local_rank}, at `{rendezvous}`, restarts {restarts}",
                by.name()
            )
        }
        Err(error) => {
            assert_eq!(error.code, exit::DECLARATION);
            let hint = error.hint.map(|hint| format!(" | {hint}"));
            error.message + &hint.unwrap_or_default()
        }
    };
    expected.assert_eq(&found);
}

#[test]
fn torchrun_gives_everything() {
    check(
        "RANK=5 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=4 MASTER_ADDR=node-a MASTER_PORT=29500 TORCHELASTIC_RESTART_COUNT=2",
        expect!["torchrun: rank 5 of 8, here 1, at `node-a:29500`, restarts 2"],
    );
    check("RANK=0 WORLD_SIZE=1", expect!["torchrun: rank 0 of 1, here 0, at ``, restarts 0"]);
    check(
        "RANK=1 WORLD_SIZE=2 MASTER_ADDR=fd00::7 MASTER_PORT=29500",
        expect!["torchrun: rank 1 of 2, here 0, at `[fd00::7]:29500`, restarts 0"],
    );
    // Under `srun`, its own numbers count.
    check(
        "RANK=5 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=1 SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_ID=0",
        expect!["torchrun: rank 5 of 8, here 1, at `a:1`, restarts 0"],
    );
}

#[test]
fn what_torchrun_would_not_say_is_refused() {
    check("RANK=5", expect!["RANK is set, but WORLD_SIZE is not"]);
    check("WORLD_SIZE=5", expect!["WORLD_SIZE is set, but RANK is not"]);
    check("RANK=five WORLD_SIZE=8", expect!["RANK is `five`, expected a number"]);
    check("RANK=-1 WORLD_SIZE=8", expect!["RANK is `-1`, expected a number"]);
    check(
        "RANK=8 WORLD_SIZE=8 MASTER_ADDR=a MASTER_PORT=1",
        expect!["torchrun gives rank 8 in a world of 8; ranks are counted from 0"],
    );
    check(
        "RANK=0 WORLD_SIZE=0 MASTER_ADDR=a MASTER_PORT=1",
        expect!["torchrun gives a world of 0 ranks"],
    );
    check(
        "RANK=1 WORLD_SIZE=8 LOCAL_RANK=4 LOCAL_WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=1",
        expect!["torchrun gives local rank 4, but there are 4 ranks on this machine"],
    );
    check(
        "RANK=1 WORLD_SIZE=8 MASTER_PORT=1",
        expect![
            "torchrun gives several ranks, but MASTER_ADDR is not set | set MASTER_ADDR and MASTER_PORT to where rank 0 can be reached"
        ],
    );
    check(
        "RANK=1 WORLD_SIZE=8 MASTER_ADDR=a",
        expect![
            "torchrun gives several ranks, but MASTER_PORT is not set | set MASTER_ADDR and MASTER_PORT to where rank 0 can be reached"
        ],
    );
    check(
        "RANK=1 WORLD_SIZE=8 MASTER_ADDR=a MASTER_PORT=70000",
        expect!["MASTER_PORT is `70000`, expected a port between 1 and 65535"],
    );
}

#[test]
fn words_left_over_in_a_shell_are_noticed() {
    check(
        "RANK=0 WORLD_SIZE=1 SLURM_PROCID=2 SLURM_NTASKS=4 SLURM_STEP_ID=0",
        expect![
            "RANK and WORLD_SIZE say rank 0 of 1, SLURM says rank 2 of 4 | unset RANK and WORLD_SIZE, or set them in each process as it is started"
        ],
    );
    check(
        "RANK=0 WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2",
        expect![
            "RANK and WORLD_SIZE say rank 0 of 1, Open MPI says rank 1 of 2 | unset RANK and WORLD_SIZE, or set them in each process as it is started"
        ],
    );
    check(
        "RANK=2 WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=1 SLURM_PROCID=2 SLURM_NTASKS=4 SLURM_STEP_ID=0",
        expect!["torchrun: rank 2 of 4, here 0, at `a:1`, restarts 0"],
    );
}

#[test]
fn a_pod_has_what_torchrun_would_be_told() {
    check(
        "PET_NNODES=4 PET_NODE_RANK=3 PET_MASTER_ADDR=run-0.run PET_MASTER_PORT=29400",
        expect!["the pod (PET_*): rank 3 of 4, here 0, at `run-0.run:29400`, restarts 0"],
    );
    check(
        "PET_NNODES=2:2 PET_NODE_RANK=1 PET_NPROC_PER_NODE=8 LOCAL_RANK=3 PET_MASTER_ADDR=m PET_MASTER_PORT=29400",
        expect!["the pod (PET_*): rank 11 of 16, here 3, at `m:29400`, restarts 0"],
    );
    check(
        "PET_NNODES=1 PET_NPROC_PER_NODE=1",
        expect!["the pod (PET_*): rank 0 of 1, here 0, at ``, restarts 0"],
    );
    check(
        "PET_NNODES=1:4 PET_NODE_RANK=0",
        expect!["PET_NNODES is `1:4`: the size of a world is fixed while it runs; say 1 or 4"],
    );
    check("PET_NNODES=2", expect!["PET_NNODES is 2, but PET_NODE_RANK is not set"]);
    check(
        "PET_NNODES=2 PET_NODE_RANK=0 PET_NPROC_PER_NODE=auto",
        expect!["PET_NPROC_PER_NODE is `auto`, expected a number"],
    );
    check(
        "PET_NNODES=2 PET_NODE_RANK=0 PET_NPROC_PER_NODE=8 PET_MASTER_ADDR=m PET_MASTER_PORT=1",
        expect![
            "PET_NPROC_PER_NODE is 8, but LOCAL_RANK is not set: nobody has started the processes of this node | start `torchrun --no-python knowcoder worker …`, which reads the same variables"
        ],
    );
    check(
        "PET_NNODES=2 PET_NODE_RANK=2 PET_MASTER_ADDR=m PET_MASTER_PORT=1",
        expect!["the pod (PET_*) gives rank 2 in a world of 2; ranks are counted from 0"],
    );
    check(
        "PET_NNODES=2 PET_NODE_RANK=1 PET_MASTER_PORT=1",
        expect![
            "the pod (PET_*) gives several ranks, but PET_MASTER_ADDR is not set | set PET_MASTER_ADDR and PET_MASTER_PORT to where rank 0 can be reached"
        ],
    );
}

#[test]
fn a_task_of_slurm_knows_its_place() {
    check(
        "SLURM_PROCID=5 SLURM_NTASKS=8 SLURM_LOCALID=1 SLURM_STEP_ID=0 SLURM_JOB_ID=4711 SLURM_LAUNCH_NODE_IPADDR=10.0.0.7 SLURM_JOB_NODELIST=n[1-2]",
        expect!["SLURM: rank 5 of 8, here 1, at `10.0.0.7:19711`, restarts 0"],
    );
    check(
        "SLURM_PROCID=5 SLURM_NTASKS=8 SLURM_LOCALID=1 SLURM_STEP_ID=1 SLURM_JOB_ID=4711 SLURM_JOB_NODELIST=gpu[07-08,11] SLURM_RESTART_COUNT=1",
        expect!["SLURM: rank 5 of 8, here 1, at `gpu07:19812`, restarts 1"],
    );
    check(
        "SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_ID=0 SLURM_JOB_ID=1 MASTER_ADDR=ib-7 MASTER_PORT=4000 SLURM_LAUNCH_NODE_IPADDR=10.0.0.7",
        expect!["SLURM: rank 1 of 2, here 0, at `ib-7:4000`, restarts 0"],
    );
    check(
        "SLURM_PROCID=0 SLURM_NTASKS=1",
        expect!["SLURM: rank 0 of 1, here 0, at ``, restarts 0"],
    );
    check(
        "SLURM_PROCID=0 SLURM_NTASKS=4",
        expect![
            "this is the script of a SLURM job with 4 tasks, not one of its tasks | start the tasks with `srun knowcoder worker …`"
        ],
    );
    check(
        "SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_STEP_ID=0",
        expect![
            "SLURM does not say where rank 0 runs: neither SLURM_LAUNCH_NODE_IPADDR nor a list of nodes is set | export MASTER_ADDR, the name or address of the first node"
        ],
    );
    check(
        "SLURM_PROCID=0 SLURM_STEP_ID=0",
        expect!["SLURM_PROCID is set, but SLURM_NTASKS is not"],
    );
    // Part of the job's tasks; a script without tasks; a shell of `salloc`.
    check(
        "SLURM_PROCID=1 SLURM_NTASKS=8 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_ID=0 MASTER_ADDR=a MASTER_PORT=1",
        expect!["SLURM: rank 1 of 2, here 0, at `a:1`, restarts 0"],
    );
    check("SLURM_PROCID=0", expect!["nothing"]);
    check("SLURM_NTASKS=4 SLURM_JOB_ID=7", expect!["nothing"]);
}

#[test]
fn a_process_of_open_mpi_knows_its_place() {
    check(
        "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 MASTER_PORT=4000",
        expect!["Open MPI: rank 1 of 2, here 1, at `127.0.0.1:4000`, restarts 0"],
    );
    check(
        "OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 MASTER_ADDR=node-a OMPI_MCA_ess_base_jobid=30001",
        expect!["Open MPI: rank 3 of 4, here 1, at `node-a:15001`, restarts 0"],
    );
    check(
        "OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_SIZE=2",
        expect![
            "Open MPI does not say where rank 0 runs, and MASTER_ADDR is not set | mpirun -x MASTER_ADDR=HOST -x MASTER_PORT=PORT …, HOST being the first host"
        ],
    );
    check(
        "OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 MASTER_ADDR=node-a",
        expect![
            "MASTER_PORT is not set, and nothing says a number of this job | set MASTER_PORT to a free port of the machine of rank 0"
        ],
    );
}

#[test]
fn ranks_of_a_machine_are_counted() {
    let of_slurm = "SLURM_PROCID=1 SLURM_NTASKS=16 SLURM_STEP_ID=0 MASTER_ADDR=a MASTER_PORT=1";
    for (words, most) in [
        ("RANK=1 WORLD_SIZE=16 LOCAL_WORLD_SIZE=8 MASTER_ADDR=a MASTER_PORT=1".to_owned(), 8),
        ("RANK=1 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=1".to_owned(), 2),
        ("PET_NNODES=4 PET_NODE_RANK=1 PET_MASTER_ADDR=a PET_MASTER_PORT=1".to_owned(), 1),
        (format!("{of_slurm} SLURM_TASKS_PER_NODE=2,8(x2)"), 8),
        (format!("{of_slurm} SLURM_TASKS_PER_NODE=8(x4) SLURM_STEP_TASKS_PER_NODE=4(x4)"), 4),
        (format!("{of_slurm} SLURM_TASKS_PER_NODE=many"), 16),
        (of_slurm.to_owned(), 16),
    ] {
        let environment = environment(&words);
        let place = place(&environment).unwrap().unwrap();
        assert_eq!(local_world(&environment, &place).unwrap(), most, "{words}");
    }
}

#[test]
fn who_sees_one_device_takes_it() {
    for (visible, found) in
        [(None, 3), (Some(""), 3), (Some("0,1,2,3"), 3), (Some("3"), 0), (Some("GPU-4c1f"), 0)]
    {
        assert_eq!(ordinal(3, visible), found, "{visible:?}");
    }
}

#[test]
fn nothing_is_nothing() {
    check("", expect!["nothing"]);
    check("MASTER_ADDR=a MASTER_PORT=1 LOCAL_RANK=0", expect!["nothing"]);
    assert_eq!(place(&Environment::from([("RANK".into(), " ".into())])).unwrap(), None);
}

#[test]
fn the_first_of_a_list_of_hosts() {
    for (list, first) in [
        ("n1", Some("n1")),
        ("n1,n2", Some("n1")),
        ("n[1-2]", Some("n1")),
        ("gpu[007,009-011],login", Some("gpu007")),
        ("a[01-03,7],b2", Some("a01")),
        ("rack[1-2]node[3-4]", Some("rack1node3")),
        ("rack[1-2]-ib,x", Some("rack1-ib")),
        ("n[", None),
        ("n[]", None),
        ("", None),
    ] {
        assert_eq!(first_host(list).as_deref(), first, "{list}");
    }
}
