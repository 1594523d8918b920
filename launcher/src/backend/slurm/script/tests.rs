//! Scripts as they are written.
#![allow(clippy::unwrap_used)]

use super::*;
use expect_test::{Expect, expect};

fn job(section: &str) -> Job {
    let text = format!(
        "[cluster]\nbackend = \"slurm\"\nnodes = 4\nranks = 32\nspares = 1\nthreads_per_rank = 8\n\n\
         [slurm]\n{section}"
    );
    Job {
        name: "knowcoder-x-7b".to_owned(),
        run_dir: "/shared/ann's runs/50%".into(),
        data_root: "/shared/data".into(),
        program: "/shared/bin/knowcoder".into(),
        cluster: Cluster::parse(&text, Path::new("c.toml")).unwrap(),
        phases: ["alignment", "instruction"].map(str::to_owned).to_vec(),
    }
}

/// The part of a script that is its own.
fn head(script: &Rendered, body: &str) -> String {
    let head = script.text.strip_suffix(body).unwrap();
    format!("=== {}\n{head}", script.file)
}

fn check(section: &str, expected: Expect) {
    let scripts = scripts(&job(section)).unwrap();
    let heads = scripts.iter().map(|script| match script.file.as_str() {
        PREPARATION => head(script, PREPARE),
        _ => head(script, DRIVE),
    });
    expected.assert_eq(&heads.collect::<String>());
}

#[test]
fn one_allocation_for_the_whole_run() {
    check(
        "partition = \"a100\"\ntime = \"24:00:00\"\ngres = \"gpu:8\"\nconstraint = \"a100&ib\"\n\
         exclusive = true\nextra = [\"--mail-type=END\", \"--wckey=a b\"]\nsetup = [\"module load cuda\"]",
        expect![[r#"
            === job.sbatch
            #!/bin/bash
            #SBATCH --job-name=knowcoder-x-7b
            #SBATCH --nodes=5
            #SBATCH --ntasks-per-node=1
            #SBATCH --cpus-per-task=64
            #SBATCH --partition=a100
            #SBATCH --time=24:00:00
            #SBATCH --constraint="a100&ib"
            #SBATCH --gres=gpu:8
            #SBATCH --exclusive
            #SBATCH --signal=B:USR1@180
            #SBATCH --requeue
            #SBATCH --no-kill
            #SBATCH --kill-on-invalid-dep=yes
            #SBATCH --open-mode=append
            #SBATCH --output="/shared/ann's runs/50%%/logs/slurm-%j.log"
            #SBATCH --mail-type=END
            #SBATCH --wckey="a b"

            # Written by `knowcoder submit`, which writes it again; changes here are lost.
            run_dir='/shared/ann'\''s runs/50%'
            data_root='/shared/data'
            program='/shared/bin/knowcoder'
            only=()
            scripts=("$run_dir/submit/job.sbatch")
            max_failures=3
            window=3600
            may_requeue=1
            exclude=''

            # From the cluster file.
            module load cuda
        "#]],
    );
}

#[test]
fn data_in_shares_and_phases_in_a_chain() {
    check(
        "time = \"1-00:00:00\"\ngres = \"gpu:8\"\nmem = \"0\"\nprepare_shares = 16\nchain = true\n\
         requeue = false\nsignal_seconds = 300\narray_limit = 4\nexclude = \"n[1-2]\"",
        expect![[r#"
            === prepare.sbatch
            #!/bin/bash
            #SBATCH --job-name=knowcoder-x-7b.prepare
            #SBATCH --array=1-16%4
            #SBATCH --nodes=1
            #SBATCH --ntasks=1
            #SBATCH --cpus-per-task=64
            #SBATCH --time=1-00:00:00
            #SBATCH --exclude="n[1-2]"
            #SBATCH --no-requeue
            #SBATCH --open-mode=append
            #SBATCH --output="/shared/ann's runs/50%%/logs/prepare-%A-%a.log"

            # Written by `knowcoder submit`, which writes it again; changes here are lost.
            run_dir='/shared/ann'\''s runs/50%'
            data_root='/shared/data'
            program='/shared/bin/knowcoder'
            shares=16
            === phase-1.sbatch
            #!/bin/bash
            #SBATCH --job-name=knowcoder-x-7b.alignment
            #SBATCH --nodes=5
            #SBATCH --ntasks-per-node=1
            #SBATCH --cpus-per-task=64
            #SBATCH --time=1-00:00:00
            #SBATCH --gres=gpu:8
            #SBATCH --mem=0
            #SBATCH --exclude="n[1-2]"
            #SBATCH --signal=B:USR1@300
            #SBATCH --no-requeue
            #SBATCH --no-kill
            #SBATCH --kill-on-invalid-dep=yes
            #SBATCH --open-mode=append
            #SBATCH --output="/shared/ann's runs/50%%/logs/slurm-%j.log"

            # Written by `knowcoder submit`, which writes it again; changes here are lost.
            run_dir='/shared/ann'\''s runs/50%'
            data_root='/shared/data'
            program='/shared/bin/knowcoder'
            only=(--through-phase 1)
            scripts=("$run_dir/submit/phase-1.sbatch" "$run_dir/submit/phase-2.sbatch")
            max_failures=3
            window=3600
            may_requeue=0
            exclude='n[1-2]'
            === phase-2.sbatch
            #!/bin/bash
            #SBATCH --job-name=knowcoder-x-7b.instruction
            #SBATCH --nodes=5
            #SBATCH --ntasks-per-node=1
            #SBATCH --cpus-per-task=64
            #SBATCH --time=1-00:00:00
            #SBATCH --gres=gpu:8
            #SBATCH --mem=0
            #SBATCH --exclude="n[1-2]"
            #SBATCH --signal=B:USR1@300
            #SBATCH --no-requeue
            #SBATCH --no-kill
            #SBATCH --kill-on-invalid-dep=yes
            #SBATCH --open-mode=append
            #SBATCH --output="/shared/ann's runs/50%%/logs/slurm-%j.log"

            # Written by `knowcoder submit`, which writes it again; changes here are lost.
            run_dir='/shared/ann'\''s runs/50%'
            data_root='/shared/data'
            program='/shared/bin/knowcoder'
            only=()
            scripts=("$run_dir/submit/phase-2.sbatch")
            max_failures=3
            window=3600
            may_requeue=0
            exclude='n[1-2]'
        "#]],
    );
}

#[test]
fn an_array_of_workers_has_what_a_run_has() {
    let cluster = |section: &str| {
        let text = format!(
            "[cluster]\nbackend = \"slurm\"\nranks = 2\nthreads_per_rank = 4\n\n[slurm]\n{section}"
        );
        Cluster::parse(&text, Path::new("c.toml")).unwrap()
    };
    let head = |cluster: &Cluster| {
        let text = work(&Work {
            name: "rates".to_owned(),
            cluster,
            tasks: 8,
            gres: Some("gpu:2".to_owned()),
            logs: Path::new("/shared/50%/logs"),
            script: Path::new("/shared/50%/submit/array.sbatch"),
            command: ["/bin/kc", "sweep", "start", "it's.toml"].map(str::to_owned).to_vec(),
        });
        text.unwrap().strip_suffix(WORK).unwrap().to_owned()
    };
    expect![[r#"
        #!/bin/bash
        #SBATCH --job-name=rates
        #SBATCH --array=0-7%3
        #SBATCH --nodes=1
        #SBATCH --ntasks=1
        #SBATCH --cpus-per-task=8
        #SBATCH --partition=a100
        #SBATCH --account=nlp
        #SBATCH --qos=low
        #SBATCH --time=02:00:00
        #SBATCH --constraint=ib
        #SBATCH --mem=64G
        #SBATCH --exclude=n7
        #SBATCH --gres=gpu:2
        #SBATCH --signal=B:USR1@240
        #SBATCH --requeue
        #SBATCH --open-mode=append
        #SBATCH --output=/shared/50%%/logs/worker-%a.log
        #SBATCH --mail-type=END

        # Written by `knowcoder sweep start --array`, which writes it again; changes here are lost.
        command=('/bin/kc' 'sweep' 'start' 'it'\''s.toml')
        script='/shared/50%/submit/array.sbatch'
        task=$SLURM_ARRAY_TASK_ID
        may_requeue=1

        # From the cluster file.
        module load cuda
    "#]]
    .assert_eq(&head(&cluster(
        "partition = \"a100\"\naccount = \"nlp\"\nqos = \"low\"\ntime = \"02:00:00\"\n\
         constraint = \"ib\"\nmem = \"64G\"\nexclude = \"n7\"\nsignal_seconds = 240\n\
         array_limit = 3\nsetup = [\"module load cuda\"]\nextra = [\"--mail-type=END\"]",
    )));
    // What the file says of GPUs holds.
    let text = head(&cluster("gres = \"gpu:a100:1\"\nexclusive = true\nrequeue = false"));
    assert_eq!(text.matches("--gres").count(), 1, "{text}");
    for line in ["--gres=gpu:a100:1", "--exclusive", "--no-requeue", "--array=0-7\n"] {
        assert!(text.contains(&format!("#SBATCH {line}")), "{line}: {text}");
    }
}

#[test]
fn names_that_would_break_out_of_the_script_are_refused() {
    for (name, run_dir) in [("a\n#SBATCH --uid=0", "/run"), ("a", "/run\nexit"), ("a", "/r\\un")] {
        let job = Job { name: name.to_owned(), run_dir: run_dir.into(), ..job("") };
        assert_eq!(scripts(&job).unwrap_err().code, exit::DECLARATION, "{name} {run_dir}");
    }
}
