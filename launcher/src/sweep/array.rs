//! A sweep as an array of SLURM: each task is a worker that asks the log, so that trials that are chosen one
//! after the other need no task of their own.

use super::trial::Setting;
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use data_pipeline::predictions::replace;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seconds before the time limit at which a worker is asked to save.
const MARGIN: usize = 180;

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
    replace(&script, render(setting, file, &program, &inside, &device).as_bytes())?;
    Ok(script)
}

/// Hands the script over; returns what `sbatch` says.
pub fn submit(script: &Path) -> Result<String, Error> {
    let output =
        Command::new("sbatch").arg("--parsable").arg(script).output().map_err(|error| {
            Error::new(exit::BACKEND, format!("failed to run `sbatch`: {error}"))
                .hint(format!("where there is one: sbatch {}", script.display()))
        })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => {
            Err(Error::new(exit::BACKEND, format!("`sbatch` refuses: {}", text(&output.stderr)))
                .hint(format!(
                    "mend the cluster file's [slurm], or the script `{}`",
                    script.display()
                )))
        }
    }
}

fn render(setting: &Setting, file: &Path, program: &Path, inside: &Path, device: &str) -> String {
    let Cluster { ranks, threads_per_rank, slurm, .. } = &setting.cluster;
    let (sweep, folder) = (&setting.sweep, &setting.folder.0);
    let mut text = "#!/bin/bash\n".to_owned();
    let mut option = |option: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#SBATCH --{option}");
    };
    option(format!("job-name={}", sweep.name));
    option(format!("array=0-{}", sweep.parallel - 1));
    option("nodes=1".to_owned());
    option("ntasks=1".to_owned());
    option(format!("cpus-per-task={}", ranks * threads_per_rank));
    if device == "cuda" {
        option(format!("gres=gpu:{ranks}"));
    }
    if let Some(partition) = &slurm.partition {
        option(format!("partition={partition}"));
    }
    option(format!("signal=B:TERM@{MARGIN}"));
    option("requeue".to_owned());
    option("open-mode=append".to_owned());
    option(format!("output={}", folder.join("logs/worker-%a.log").display()));
    let mut words = vec![
        quoted(program),
        "sweep start".to_owned(),
        quoted(file),
        "--worker --out".to_owned(),
        quoted(folder),
        "--cluster".to_owned(),
        quoted(inside),
        "--data-root".to_owned(),
        quoted(&setting.data_root),
    ];
    if let Some(cache_dir) = &setting.cache_dir {
        words.extend(["--cache-dir".to_owned(), quoted(cache_dir)]);
    }
    let worker = words.join(" ");
    text + &format!(
        "\n# The shell hears of the time limit and passes it on; a worker that saved is queued again.\n\
         {worker} &\nworker=$!\ntrap 'kill -TERM $worker' TERM\n\
         while kill -0 $worker 2>/dev/null; do wait $worker; done\nwait $worker; code=$?\n\
         if [ $code -eq {} ]; then\n  scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"\nfi\n\
         exit $code\n",
        exit::STOPPED
    )
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::super::definition::tests::specimen;
    use super::super::trial::Folder;
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_task_is_a_worker() {
        let mut cluster =
            Cluster { backend: Backend::Slurm, ranks: 2, ..Cluster::of_this_machine() };
        cluster.slurm.partition = Some("a100".to_owned());
        let setting = Setting {
            sweep: super::super::definition::Sweep { parallel: 8, ..specimen() },
            folder: Folder("/shared/sweeps/it's".into()),
            cluster_file: None,
            cluster,
            data_root: "/shared/data".into(),
            cache_dir: None,
        };
        let (program, inside) = (Path::new("/opt/knowcoder"), Path::new("/shared/worker.toml"));
        expect![[r#"
            #!/bin/bash
            #SBATCH --job-name=specimen
            #SBATCH --array=0-7
            #SBATCH --nodes=1
            #SBATCH --ntasks=1
            #SBATCH --cpus-per-task=2
            #SBATCH --gres=gpu:2
            #SBATCH --partition=a100
            #SBATCH --signal=B:TERM@180
            #SBATCH --requeue
            #SBATCH --open-mode=append
            #SBATCH --output=/shared/sweeps/it's/logs/worker-%a.log

            # The shell hears of the time limit and passes it on; a worker that saved is queued again.
            '/opt/knowcoder' sweep start '/home/s.toml' --worker --out '/shared/sweeps/it'\''s' --cluster '/shared/worker.toml' --data-root '/shared/data' &
            worker=$!
            trap 'kill -TERM $worker' TERM
            while kill -0 $worker 2>/dev/null; do wait $worker; done
            wait $worker; code=$?
            if [ $code -eq 76 ]; then
              scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
            fi
            exit $code
        "#]]
        .assert_eq(&render(&setting, Path::new("/home/s.toml"), program, inside, "cuda"));
    }
}
