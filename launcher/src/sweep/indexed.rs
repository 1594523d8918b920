//! A sweep as an Indexed Job of Kubernetes: each pod is a worker that asks the log, like a task of an array.

use super::trial::Setting;
use crate::backend::kubernetes::workers::Workers;
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use data_pipeline::predictions::replace;
use std::path::{Path, PathBuf};

/// Writes the manifest, and the cluster file that holds within a pod; returns the manifest.
pub fn write(setting: &Setting, file: &Path) -> Result<PathBuf, Error> {
    check(setting, file)?;
    let folder = setting.folder.submit();
    std::fs::create_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
    let local = Cluster { backend: Backend::Local, ..setting.cluster.clone() };
    replace(&inside(setting), local.to_toml().as_bytes())?;
    let manifest = folder.join("workers.json");
    replace(&manifest, workers(setting, file)?.render().as_bytes())?;
    Ok(manifest)
}

/// Hands the manifest over; returns what the Job is called.
pub fn submit(setting: &Setting, file: &Path, manifest: &Path) -> Result<String, Error> {
    workers(setting, file)?.submit(manifest)
}

/// The cluster file of a trial in a pod: that pod.
fn inside(setting: &Setting) -> PathBuf {
    setting.folder.submit().join("worker.toml")
}

/// Refuses what a pod could not do, or not see.
fn check(setting: &Setting, file: &Path) -> Result<(), Error> {
    let Cluster { nodes, ranks, kubernetes, .. } = &setting.cluster;
    let wrong = |message: String| Error::new(exit::DECLARATION, message);
    if *nodes > 1 {
        let message = format!("each trial has {nodes} nodes, but a worker is one pod");
        return Err(wrong(message).hint("nodes = 1, with as many ranks as the pod has GPUs"));
    }
    if kubernetes.gpus_per_node != 0 && *ranks > kubernetes.gpus_per_node {
        let message = format!(
            "{ranks} ranks of a trial cannot have a GPU each: kubernetes.gpus_per_node is {}",
            kubernetes.gpus_per_node
        );
        return Err(wrong(message).hint("raise gpus_per_node, or lower ranks"));
    }
    let mount = "mount their claim: kubernetes.volumes = [{ claim = \"NAME\", path = \"/PATH\" }]";
    let places = kubernetes.check_places(&setting.folder.0, &setting.data_root).and_then(|()| {
        kubernetes.check_file("sweep's file", file)?;
        kubernetes.check_file("recipe", &setting.sweep.recipe)
    });
    places.map_err(|message| wrong(message).hint(mount))
}

fn workers<'a>(setting: &'a Setting, file: &Path) -> Result<Workers<'a>, Error> {
    let device = setting.sweep.recipe_with(&[])?.run.device;
    of(setting, file, device == "cuda")
}

/// The workers of a sweep; with the words that a task of SLURM's array has.
fn of<'a>(setting: &'a Setting, file: &Path, computes: bool) -> Result<Workers<'a>, Error> {
    let inside = inside(setting);
    let mut words = vec!["sweep", "start"];
    words.push(plain(file)?);
    words.extend(["--worker", "--out", plain(&setting.folder.0)?]);
    words.extend(["--cluster", plain(&inside)?, "--data-root", plain(&setting.data_root)?]);
    if let Some(cache_dir) = &setting.cache_dir {
        words.extend(["--cache-dir", plain(cache_dir)?]);
    }
    Ok(Workers {
        cluster: &setting.cluster,
        folder: &setting.folder.0,
        count: setting.sweep.parallel,
        arguments: words.into_iter().map(str::to_owned).collect(),
        computes,
    })
}

/// A path as a manifest takes it.
fn plain(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| {
        let message = format!("the path `{}` is not UTF-8; manifests are", path.display());
        Error::new(exit::DECLARATION, message)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::definition::Sweep;
    use super::super::definition::tests::specimen;
    use super::super::trial;
    use super::*;
    use expect_test::{expect, expect_file};

    fn setting() -> Setting {
        let text = r#"
            [cluster]
            backend = "kubernetes"
            ranks = 2
            [kubernetes]
            namespace = "ml"
            image = "registry.example.org/knowcoder:0.1.0-cuda"
            queue = "a100"
            gpus_per_node = 2
            volumes = [{ claim = "runs", path = "/shared" }]
            secrets = [{ name = "WANDB_API_KEY", secret = "wandb", key = "key" }]
        "#;
        Setting {
            sweep: Sweep { parallel: 8, recipe: "/shared/tiny.toml".into(), ..specimen() },
            cluster: Cluster::parse(text, Path::new("c.toml")).unwrap(),
            data_root: "/shared/data".into(),
            cache_dir: Some("/shared/cache".into()),
            ..trial::tests::setting("/shared/sweeps/it's")
        }
    }

    /// The manifest that `scripts/cluster/kubernetes_manifests.py` holds against the schemas of Kubernetes.
    #[test]
    fn a_pod_is_a_worker() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/kubernetes");
        let setting = setting();
        let workers = of(&setting, Path::new("/shared/s.toml"), true).unwrap();
        expect_file![golden.join("workers.json")].assert_eq(&workers.render());
        assert!(workers.id().starts_with("jobs.batch/it-s-"), "{}", workers.id());
    }

    #[test]
    fn what_pods_cannot_see_or_do_is_refused() {
        let refused = |change: fn(&mut Setting), file: &str| {
            let mut setting = setting();
            change(&mut setting);
            let error = check(&setting, Path::new(file)).unwrap_err();
            assert_eq!(error.code, exit::DECLARATION);
            assert!(error.hint.is_some());
            error.message
        };
        check(&setting(), Path::new("/shared/s.toml")).unwrap();
        expect!["each trial has 2 nodes, but a worker is one pod"]
            .assert_eq(&refused(|it| it.cluster.nodes = 2, "/shared/s.toml"));
        expect!["4 ranks of a trial cannot have a GPU each: kubernetes.gpus_per_node is 2"]
            .assert_eq(&refused(|it| it.cluster.ranks = 4, "/shared/s.toml"));
        expect!["the sweep's file `/home/s.toml` lies on none of kubernetes.volumes (`/shared`); pods could not see it"]
            .assert_eq(&refused(|_| (), "/home/s.toml"));
        expect!["the recipe `/home/tiny.toml` lies on none of kubernetes.volumes (`/shared`); pods could not see it"]
            .assert_eq(&refused(|it| it.sweep.recipe = "/home/tiny.toml".into(), "/shared/s.toml"));
    }
}
