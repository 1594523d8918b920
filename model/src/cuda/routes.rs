//! Which way a product goes: measured once for each shape, and kept.
//!
//! The tensor library has kernels of its own, NVIDIA has cuBLASLt, and which of them is faster depends on
//! the shape, the GPU and the versions of everything. So it is measured, with the operands of the first
//! product of a shape, and what was found is kept in a file: a run that goes on later takes the same ways
//! and forms the same sums. What computes something else than the first way is never taken.

mod file;
mod measured;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(crate) use measured::same;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The environment variable that says which way all products go: `burn`, `tiles`, `cublaslt` or `auto`.
pub const VARIABLE: &str = "KNOWCODER_GEMM";

/// The environment variable that names the file of [`Routes`].
pub const FILE_VARIABLE: &str = "KNOWCODER_GEMM_ROUTES";

/// Times that a shape is measured although nothing can be said of it.
const PATIENCE: u32 = 3;

/// Which ways may be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// The tensor library's own, always.
    Burn,
    /// Its tile kernels, where they can.
    Tiles,
    /// cuBLASLt, where it can.
    CublasLt,
    /// The fastest.
    #[default]
    Auto,
}

impl Preference {
    /// What [`VARIABLE`] says.
    pub fn from_environment() -> Result<Self, String> {
        Self::parse(std::env::var(VARIABLE).ok().as_deref())
    }

    fn parse(value: Option<&str>) -> Result<Self, String> {
        match value {
            None | Some("" | "auto") => Ok(Self::Auto),
            Some("burn") => Ok(Self::Burn),
            Some("tiles") => Ok(Self::Tiles),
            Some("cublaslt") => Ok(Self::CublasLt),
            Some(other) => Err(format!(
                "{VARIABLE} is `{other}`, expected `burn`, `tiles`, `cublaslt` or `auto`"
            )),
        }
    }
}

/// A way to compute a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "route", rename_all = "lowercase")]
pub enum Route {
    /// The tensor library's multiplication, tuned by itself.
    Burn,
    /// Its tile kernels on Hopper's warpgroup instructions, which its tuning does not try.
    Tiles,
    /// cuBLASLt with this algorithm.
    CublasLt {
        /// As [`Algorithm`](super::blas::Algorithm) writes it.
        algorithm: String,
    },
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Burn => "burn",
            Self::Tiles => "tiles",
            Self::CublasLt { .. } => "cublaslt",
        })
    }
}

/// Products that go the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// Rows of the result.
    pub m: usize,
    /// Its columns.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// Products of a batch.
    pub batch: usize,
    /// `ab`, `a'b` or `ab'`.
    pub layout: String,
    /// Type of the result.
    pub output: String,
    /// Whether it is added to something.
    pub adds: bool,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { m, n, k, batch, layout, output, adds } = self;
        if *batch != 1 {
            write!(f, "{batch} × ")?;
        }
        write!(f, "{m} × {n} × {k} {layout} {output}{}", if *adds { " +" } else { "" })
    }
}

/// The dimension that counts tokens, for all of which one measurement holds: 1, 1.5, 2, 3, 4, 6 …
pub fn bucket(tokens: usize) -> usize {
    let power = tokens.max(16).next_power_of_two();
    let between = power / 4 * 3;
    if tokens <= between { between } else { power }
}

/// What the choice holds for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `NVIDIA H200`.
    pub gpu: String,
    /// CUDA version of the driver: `13.0`.
    pub driver: String,
    /// Version of cuBLASLt: `130100`; 0 where there is none.
    pub cublaslt: usize,
    /// Version of this program.
    pub knowcoder: String,
}

/// What was found of one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The way.
    #[serde(flatten)]
    pub route: Route,
    /// Time of one product; `None` if it was not taken.
    pub microseconds: Option<f64>,
    /// Why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// The way of a shape, and what it was chosen from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The products.
    pub shape: Shape,
    /// The fastest way.
    #[serde(flatten)]
    pub route: Route,
    /// All that were tried.
    pub timings: Vec<Timing>,
}

/// One product that can be computed in several ways.
pub trait Bench {
    /// The ways there are. The first one that works is what the others are held against.
    fn routes(&mut self) -> Vec<Route>;

    /// Some numbers of the product, without what it is added to: the same ones each time.
    fn sample(&mut self, route: &Route) -> Result<Vec<f32>, String>;

    /// Puts made-up numbers in the place of those of an operand that has its own; `false` where none has.
    fn make_up(&mut self) -> bool;

    /// How long one product takes.
    fn microseconds(&mut self, route: &Route) -> Result<f64, String>;
}

/// The ways of one machine.
#[derive(Debug)]
pub struct Routes {
    machine: Machine,
    file: Option<PathBuf>,
    kept: BTreeMap<Shape, Choice>,
    /// Shapes of which nothing could be said yet.
    open: BTreeMap<Shape, u32>,
    /// What went wrong with the file.
    trouble: Option<String>,
}

impl Routes {
    /// What is kept in `file` of this machine. A file that cannot be read is as good as none.
    pub fn open(file: Option<PathBuf>, machine: Machine) -> Self {
        let (kept, trouble) = match file.as_deref().map(|file| file::read(file, &machine)) {
            None => (Vec::new(), None),
            Some(Ok(kept)) => (kept, None),
            Some(Err(trouble)) => (Vec::new(), Some(trouble)),
        };
        let kept = kept.into_iter().map(|choice| (choice.shape.clone(), choice)).collect();
        Self { machine, file, kept, open: BTreeMap::new(), trouble }
    }

    /// Where choices are kept if nobody says where; `None` on a machine without a home.
    pub fn default_file() -> Option<PathBuf> {
        let set =
            |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        set(FILE_VARIABLE).or_else(|| {
            let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
            Some(caches.join("knowcoder").join("gemm-routes.json"))
        })
    }

    /// The way of a shape: the kept one, or the fastest of those that compute the same. `None` where nothing
    /// could be said of them; that is not asked for ever, and the first one is taken from then on.
    pub fn choose(&mut self, shape: &Shape, bench: &mut dyn Bench) -> Option<Route> {
        if let Some(choice) = self.kept.get(shape) {
            return Some(choice.route.clone());
        }
        let routes = bench.routes();
        let attempts = self.open.get(shape).copied().unwrap_or(0);
        if routes.len() < 2 || attempts >= PATIENCE {
            return routes.into_iter().next();
        }
        let Some(choice) = measured::measured(shape, &routes, bench) else {
            self.open.insert(shape.clone(), attempts + 1);
            return None;
        };
        warn_of_refused(&choice);
        self.kept.insert(shape.clone(), choice);
        self.keep();
        self.kept.get(shape).map(|choice| choice.route.clone())
    }

    /// All choices, in the order of their shapes.
    pub fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.kept.values()
    }

    /// Keeps what was found, and takes what the file says where others were first: ranks that differ in their
    /// ways form other sums when they go on from the file.
    fn keep(&mut self) {
        let Some(file) = &self.file else { return };
        self.trouble = match file::add(file, &self.machine, self.kept.values()) {
            Ok(kept) => {
                self.kept = kept.into_iter().map(|choice| (choice.shape.clone(), choice)).collect();
                None
            }
            Err(trouble) => Some(trouble),
        };
    }
}

/// Says where the tensor library's own kernel is not what it should be: other products go through it unasked.
fn warn_of_refused(choice: &Choice) {
    let burn = choice.timings.iter().find(|timing| timing.route == Route::Burn);
    if let Some(why) = burn.and_then(|timing| timing.refused.as_deref()) {
        tracing::warn!(
            "products {} do not go the tensor library's way ({why}), but by {}",
            choice.shape,
            choice.route
        );
    }
}

impl fmt::Display for Routes {
    /// The table: a line for each shape, with the best time of each way.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { gpu, driver, cublaslt, .. } = &self.machine;
        writeln!(f, "{gpu}, CUDA {driver}, cuBLASLt {cublaslt}")?;
        let (shape, burn, tiles, cublaslt) = ("m × n × k", "burn µs", "tiles µs", "cublaslt µs");
        writeln!(f, "{shape:<40} {burn:>11} {tiles:>11} {cublaslt:>11}  way")?;
        for choice in self.choices() {
            write!(f, "{:<40}", choice.shape.to_string())?;
            for name in ["burn", "tiles", "cublaslt"] {
                write!(f, " {:>11}", best(&choice.timings, name))?;
            }
            writeln!(f, "  {}", choice.route)?;
        }
        if let Some(trouble) = &self.trouble {
            writeln!(f, "{trouble}")?;
        }
        Ok(())
    }
}

fn best(timings: &[Timing], name: &str) -> String {
    let of_name = timings.iter().filter(|timing| timing.route.to_string() == name);
    let times = of_name.clone().filter_map(|timing| timing.microseconds);
    match times.min_by(f64::total_cmp) {
        Some(time) => format!("{time:.1}"),
        None if of_name.count() > 0 => "refused".to_owned(),
        None => "-".to_owned(),
    }
}
