//! Libraries that stand in for the driver and for NCCL: `tests/fixtures/fake_{cuda,nccl}.c`, which form real
//! sums in the memory of the host and write down every call.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::collective::{Solo, TcpRing};
use model::cuda::{Library, Stream};
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// For what is not waited for in vain.
pub const QUICK: Deadlines = Deadlines {
    join: Duration::from_secs(30),
    operation: Duration::from_secs(30),
    stall: Duration::from_secs(30),
};

/// Both stand-ins, of this test alone: their state is that of a loaded file.
pub struct Fakes {
    pub dir: TempDir,
    nccl: Library,
    cuda: Library,
}

impl Fakes {
    pub fn new(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let nccl = Library::open("NCCL", &[built(dir.path(), "fake_nccl", flags)]).unwrap();
        let driver = [built(dir.path(), "fake_cuda", &[])];
        let cuda = Library::open("the driver", &driver).unwrap();
        // Its threads may be a little behind the last one who uses it.
        std::mem::forget(Library::open("the driver", &driver).unwrap());
        Self { dir, nccl, cuda }
    }

    pub fn set(&self, key: &str, value: i32) {
        type Set = unsafe extern "C" fn(*const c_char, c_int);
        let key = CString::new(key).unwrap();
        unsafe { (self.nccl.symbol::<Set>("fake_set").unwrap())(key.as_ptr(), value) };
    }

    /// What one rank asked of NCCL, in order.
    pub fn log(&self, rank: usize) -> String {
        type Log = unsafe extern "C" fn(*mut c_char, usize);
        let mut room = vec![0u8; 1 << 16];
        unsafe {
            (self.nccl.symbol::<Log>("fake_log").unwrap())(room.as_mut_ptr().cast(), room.len())
        };
        let length = room.iter().position(|byte| *byte == 0).unwrap();
        let text = String::from_utf8(room[..length].to_vec()).unwrap();
        let start = format!("rank {rank}: ");
        text.lines().filter_map(|line| line.strip_prefix(&start)).collect::<Vec<_>>().join("\n")
    }

    /// Allocations on all GPUs that were not given back.
    pub fn allocated(&self) -> i32 {
        type Allocated = unsafe extern "C" fn() -> c_int;
        unsafe { (self.cuda.symbol::<Allocated>("fake_allocated").unwrap())() }
    }

    /// Lets a stream stand still, until all of them go on.
    pub fn hold(&self, stream: &Stream) {
        type Hold = unsafe extern "C" fn(*mut c_void);
        unsafe { (self.cuda.symbol::<Hold>("fake_hold").unwrap())(stream.raw()) };
    }

    pub fn open_gate(&self) {
        unsafe { (self.cuda.symbol::<unsafe extern "C" fn()>("fake_open").unwrap())() };
    }

    pub fn gpu(&self, ordinal: usize) -> Result<Gpu, CudaError> {
        let context =
            Driver::load_from(&[self.dir.path().join("fake_cuda.so")])?.context(ordinal)?;
        let library = NcclLibrary::load_from(&[self.dir.path().join("fake_nccl.so")])?;
        Ok(Gpu::new(context, library))
    }
}

fn built(dir: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let library = dir.join(name).with_extension("so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-pthread"])
        .args(flags)
        .arg("-o")
        .arg(&library)
        .arg(fixtures.join(name).with_extension("c"))
        .status();
    assert!(built.unwrap().success(), "cc could not build {name}.c");
    library
}

fn controls(world: usize, deadlines: Deadlines) -> Vec<Box<dyn Control>> {
    match world {
        1 => vec![Box::new(Solo)],
        _ => TcpRing::threads(world, deadlines)
            .unwrap()
            .into_iter()
            .map(|ring| Box::new(ring) as Box<dyn Control>)
            .collect(),
    }
}

/// What each rank of a world comes to, from its control and its place.
pub fn each<T: Send>(
    world: usize,
    deadlines: Deadlines,
    body: impl Fn(Box<dyn Control>) -> T + Sync,
) -> Vec<T> {
    thread::scope(|scope| {
        let body = &body;
        let ranks: Vec<_> = controls(world, deadlines)
            .into_iter()
            .map(|control| scope.spawn(move || body(control)))
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// The same with the ranks connected.
pub fn on_ranks<T: Send>(
    fakes: &Fakes,
    world: usize,
    deadlines: Deadlines,
    body: impl Fn(&mut Nccl) -> T + Sync,
) -> Vec<T> {
    each(world, deadlines, |control| {
        let gpu = fakes.gpu(control.rank());
        body(&mut Nccl::new(control, gpu, deadlines).unwrap())
    })
}

/// Whole numbers below 8, so that sums are exact in any order, in bf16 too.
pub fn values(rank: usize, len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 31 + rank * 5) % 8) as f32).collect()
}

/// Their sums over a world.
pub fn sum(world: usize, len: usize) -> Vec<f32> {
    let mut sum = vec![0.0; len];
    for rank in 0..world {
        sum.iter_mut().zip(values(rank, len)).for_each(|(sum, value)| *sum += value);
    }
    sum
}

/// Lengths that go around the ring, and that go through the GPU, divided by the world and not.
pub const LENGTHS: [usize; 5] = [0, 1, 1000, 20_000, 20_003];
