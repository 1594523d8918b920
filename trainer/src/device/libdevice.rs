//! Where CUDA's mathematical functions lie: `libdevice.10.bc`, which kernels with `exp`, `log`, `sin` and the
//! like are linked with on the machine that they run on.
//!
//! CubeCL looks for the file when such a kernel is first launched, and fails then. Here the same places are
//! looked at before anything begins; they must be those of `cubecl-llvm`'s `nvptx/libdevice.rs`.

use std::path::{Path, PathBuf};

/// The file below a toolkit.
const FILE: &str = "nvvm/libdevice/libdevice.10.bc";

/// The file below the packages of a Python environment with `triton`, which has no folder around it that
/// `CUDA_PATH` could name.
const TRITON: &str = "triton/backends/nvidia/lib/libdevice.10.bc";

/// The folder of a toolkit in a Python environment: what `CUDA_PATH` may name.
const WHEELS: [&str; 2] = ["nvidia/cuda_nvcc", "nvidia/cu13"];

/// Where to look.
#[derive(Clone, Debug)]
pub struct Places {
    /// `CUDA_PATH`: where it is set, nowhere else is looked.
    pub cuda_path: Option<PathBuf>,
    /// Toolkits, in order.
    pub roots: Vec<PathBuf>,
    /// Python environments that may have the file, too: named in errors, since only `CUDA_PATH` makes them
    /// count.
    pub environments: Vec<PathBuf>,
}

impl Places {
    /// Those of this machine.
    pub fn of_this_machine() -> Self {
        let roots = ["/usr/local/cuda", "/opt/cuda", "/usr/lib/cuda", "/usr"];
        let of = |name| std::env::var_os(name).map(PathBuf::from);
        Self {
            // A path that is no Unicode is not seen by CubeCL.
            cuda_path: std::env::var("CUDA_PATH").ok().map(PathBuf::from),
            roots: roots.map(PathBuf::from).to_vec(),
            environments: ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(of).collect(),
        }
    }

    /// The file, or a sentence that says where it was looked for and how to get it.
    pub fn find(&self) -> Result<PathBuf, String> {
        let candidates = self.candidates();
        // CubeCL takes the first toolkit that has the folder, whether or not the file is in it.
        let chosen = match &self.cuda_path {
            Some(_) => candidates.first(),
            None => candidates.iter().find(|file| file.parent().is_some_and(Path::is_dir)),
        };
        match chosen {
            Some(file) if file.is_file() => Ok(file.clone()),
            _ => Err(format!(
                "device `cuda`: libdevice.10.bc, the mathematical functions of its kernels, is not here \
                 (looked for {}{}); {}",
                joined(&candidates),
                if self.cuda_path.is_some() { ", as CUDA_PATH says" } else { "" },
                self.way_out()
            )),
        }
    }

    fn candidates(&self) -> Vec<PathBuf> {
        let roots = match &self.cuda_path {
            Some(path) => std::slice::from_ref(path),
            None => self.roots.as_slice(),
        };
        roots.iter().map(|root| root.join(FILE)).collect()
    }

    /// What to do: the shortest way from what is there.
    fn way_out(&self) -> String {
        for packages in self.environments.iter().flat_map(|it| packages(it)) {
            for wheel in WHEELS {
                if packages.join(wheel).join(FILE).is_file() {
                    return format!("export CUDA_PATH={}", packages.join(wheel).display());
                }
            }
            let triton = packages.join(TRITON);
            if triton.is_file() {
                return format!(
                    "triton has it: mkdir -p ~/cuda/nvvm/libdevice; ln -s {} ~/cuda/nvvm/libdevice/; export \
                     CUDA_PATH=~/cuda",
                    triton.display()
                );
            }
        }
        "install a CUDA toolkit, or `pip install nvidia-cuda-nvcc-cu12` and set CUDA_PATH to its folder \
         nvidia/cuda_nvcc"
            .to_owned()
    }
}

/// The folders of packages in a Python environment.
fn packages(environment: &Path) -> Vec<PathBuf> {
    let versions = std::fs::read_dir(environment.join("lib")).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|it| it.path().join("site-packages")).filter(|it| it.is_dir()).collect();
    found.sort();
    found
}

fn joined(paths: &[PathBuf]) -> String {
    let texts: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    /// What is found of these files, with the toolkits `a` and `b` and the environment `venv`.
    fn check(files: &[&str], cuda_path: Option<&str>, expected: Expect) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "BC").unwrap();
        }
        let places = Places {
            cuda_path: cuda_path.map(|it| root.path().join(it)),
            roots: vec![root.path().join("a"), root.path().join("b")],
            environments: vec![root.path().join("venv")],
        };
        let said = places.find().map_or_else(|message| message, |it| it.display().to_string());
        expected.assert_eq(&said.replace(&root.path().display().to_string(), "ROOT"));
    }

    #[test]
    fn the_places_are_those_of_cubecl() {
        let (a, b) = ("a/nvvm/libdevice/libdevice.10.bc", "b/nvvm/libdevice/libdevice.10.bc");
        check(&[a, b], None, expect![[r#"ROOT/a/nvvm/libdevice/libdevice.10.bc"#]]);
        check(&[b], None, expect![[r#"ROOT/b/nvvm/libdevice/libdevice.10.bc"#]]);
        check(&[a, b], Some("b"), expect![[r#"ROOT/b/nvvm/libdevice/libdevice.10.bc"#]]);
        // A toolkit with the folder and without the file hides the next one, there as here.
        check(
            &["a/nvvm/libdevice/other.bc", b],
            None,
            expect![[
                r#"device `cuda`: libdevice.10.bc, the mathematical functions of its kernels, is not here (looked for ROOT/a/nvvm/libdevice/libdevice.10.bc, ROOT/b/nvvm/libdevice/libdevice.10.bc); install a CUDA toolkit, or `pip install nvidia-cuda-nvcc-cu12` and set CUDA_PATH to its folder nvidia/cuda_nvcc"#
            ]],
        );
    }

    #[test]
    fn the_way_out_begins_at_what_is_there() {
        let a = "a/nvvm/libdevice/libdevice.10.bc";
        let packages = "venv/lib/python3.12/site-packages";
        check(
            &[a, &format!("{packages}/triton/backends/nvidia/lib/libdevice.10.bc")],
            Some("nowhere"),
            expect![[
                r#"device `cuda`: libdevice.10.bc, the mathematical functions of its kernels, is not here (looked for ROOT/nowhere/nvvm/libdevice/libdevice.10.bc, as CUDA_PATH says); triton has it: mkdir -p ~/cuda/nvvm/libdevice; ln -s ROOT/venv/lib/python3.12/site-packages/triton/backends/nvidia/lib/libdevice.10.bc ~/cuda/nvvm/libdevice/; export CUDA_PATH=~/cuda"#
            ]],
        );
        check(
            &[&format!("{packages}/nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc")],
            None,
            expect![[
                r#"device `cuda`: libdevice.10.bc, the mathematical functions of its kernels, is not here (looked for ROOT/a/nvvm/libdevice/libdevice.10.bc, ROOT/b/nvvm/libdevice/libdevice.10.bc); export CUDA_PATH=ROOT/venv/lib/python3.12/site-packages/nvidia/cuda_nvcc"#
            ]],
        );
    }
}
