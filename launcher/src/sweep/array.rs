//! A sweep as an array of SLURM: each task is a worker that asks the log, so that trials that are chosen one
//! after the other need no task of their own.

use super::trial::Setting;
use crate::backend::slurm::{Queue, Work, work};
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use data_pipeline::predictions::replace;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Writes the script, and the cluster file that holds within a task; returns the script.
pub fn write(setting: &Setting, file: &Path) -> Result<PathBuf, Error> {
    let cluster = &setting.cluster;
    if cluster.backend != Backend::Slurm {
        let message = format!(
            "the cluster file's back end is `{}`: an array is SLURM's",
            cluster.backend.name()
        );
        return Err(Error::new(exit::DECLARATION, message)
            .hint("start as many `sweep start FILE --worker` as you like, wherever its directory is shared"));
    }
    if cluster.nodes > 1 {
        let message =
            format!("each trial has {} nodes, but a task of an array has one", cluster.nodes);
        return Err(Error::new(exit::DECLARATION, message)
            .hint("a trial over several nodes runs on hosts behind ssh"));
    }
    let folder = setting.folder.submit();
    std::fs::create_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
    let inside = folder.join("worker.toml");
    let local = Cluster { backend: Backend::Local, ..cluster.clone() };
    replace(&inside, local.to_toml().as_bytes())?;
    let script = folder.join("array.sbatch");
    let program = std::env::current_exe().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to find the program itself: {error}"))
    })?;
    let device = setting.sweep.recipe_with(&[])?.run.device;
    let text = render(setting, command(setting, file, &program, &inside)?, &script, &device)?;
    replace(&script, text.as_bytes())?;
    Ok(script)
}

/// Hands the script over, as runs are; returns the number of the job.
pub fn submit(setting: &Setting, script: &Path) -> Result<String, Error> {
    Queue::new(&setting.cluster).give(script)
}

fn render(
    setting: &Setting,
    command: Vec<String>,
    script: &Path,
    device: &str,
) -> Result<String, Error> {
    let Setting { sweep, cluster, folder, .. } = setting;
    let logs = folder.logs();
    work(&Work {
        name: sweep.name.clone(),
        cluster,
        tasks: sweep.parallel,
        gres: (device == "cuda").then(|| format!("gpu:{}", cluster.ranks)),
        logs: &logs,
        script,
        command,
    })
}

/// What a task runs.
fn command(
    setting: &Setting,
    file: &Path,
    program: &Path,
    inside: &Path,
) -> Result<Vec<String>, Error> {
    let mut words: Vec<OsString> =
        vec![program.into(), "sweep".into(), "start".into(), file.into(), "--worker".into()];
    words.extend(["--out".into(), setting.folder.0.clone().into()]);
    words.extend(["--cluster".into(), inside.into()]);
    words.extend(["--data-root".into(), setting.data_root.clone().into()]);
    if let Some(cache_dir) = &setting.cache_dir {
        words.extend(["--cache-dir".into(), cache_dir.into()]);
    }
    let text = |word: OsString| {
        word.into_string().map_err(|word| {
            let message = format!("{word:?} is not UTF-8, and a script for SLURM must be");
            Error::new(exit::DECLARATION, message).hint("rename it")
        })
    };
    words.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::trial::tests::setting;
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_task_is_a_worker() {
        let mut cluster =
            Cluster { backend: Backend::Slurm, ranks: 2, ..Cluster::of_this_machine() };
        cluster.slurm.partition = Some("a100".to_owned());
        let mut setting = Setting {
            cluster,
            data_root: "/shared/data".into(),
            cache_dir: Some("/shared/cache".into()),
            ..setting("/shared/sweeps/it's")
        };
        setting.sweep.parallel = 8;
        let (program, inside) = (Path::new("/opt/knowcoder"), Path::new("/shared/worker.toml"));
        let command = command(&setting, Path::new("/home/s.toml"), program, inside).unwrap();
        let script = Path::new("/shared/sweeps/it's/submit/array.sbatch");
        let text = render(&setting, command, script, "cuda").unwrap();
        let (head, _) = text.split_once("\n# is_ended").unwrap();
        expect![[r#"
            #!/bin/bash
            #SBATCH --job-name=specimen
            #SBATCH --array=0-7
            #SBATCH --nodes=1
            #SBATCH --ntasks=1
            #SBATCH --cpus-per-task=2
            #SBATCH --partition=a100
            #SBATCH --gres=gpu:2
            #SBATCH --signal=B:USR1@180
            #SBATCH --requeue
            #SBATCH --open-mode=append
            #SBATCH --output="/shared/sweeps/it's/logs/worker-%a.log"

            # Written by `knowcoder sweep start --array`, which writes it again; changes here are lost.
            command=('/opt/knowcoder' 'sweep' 'start' '/home/s.toml' '--worker' '--out' '/shared/sweeps/it'\''s' '--cluster' '/shared/worker.toml' '--data-root' '/shared/data' '--cache-dir' '/shared/cache')
            script='/shared/sweeps/it'\''s/submit/array.sbatch'
            task=$SLURM_ARRAY_TASK_ID
            may_requeue=1
        "#]]
        .assert_eq(head);
    }
}
