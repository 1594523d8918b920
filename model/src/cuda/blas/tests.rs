//! A library of our own stands in for cuBLASLt: it computes by columns, and writes down what it was asked.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::cuda::{Driver, Stream};
use expect_test::{Expect, expect};
use half::bf16;
use std::ffi::{CStr, c_char};
use std::path::Path;
use std::process::Command;

/// Both libraries, compiled for one test alone: they remember.
struct Fake {
    blas: Blas,
    stream: Stream,
    library: Library,
    driver: Library,
    _folder: tempfile::TempDir,
}

/// Where the compiler finds what they include.
const FAKES: &str = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/src/cuda/blas/fakes");

fn compiled(folder: &Path, name: &str, source: &str) -> PathBuf {
    let (from, to) = (folder.join(name).with_extension("c"), folder.join(name));
    std::fs::write(&from, source).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", FAKES, "-o"])
        .args([&to, &from])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    to
}

impl Fake {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let driver = compiled(folder.path(), "libcuda.so.1", include_str!("fakes/cuda.c"));
        let library =
            compiled(folder.path(), "libcublasLt.so.13", include_str!("fakes/cublaslt.c"));
        let names = |path: &PathBuf| vec![path.clone()];
        let context = Driver::load_from(&names(&driver)).unwrap().context(0).unwrap();
        Self {
            blas: Blas::load_from(&context, &names(&library)).unwrap(),
            stream: context.stream().unwrap(),
            library: Library::open("the fake", &names(&library)).unwrap(),
            driver: Library::open("the fake", &names(&driver)).unwrap(),
            _folder: folder,
        }
    }

    fn notes(&self) -> String {
        type Notes = unsafe extern "C" fn() -> *const c_char;
        unsafe {
            let notes: Notes = self.library.pointer("fake_notes").unwrap();
            CStr::from_ptr(notes()).to_str().unwrap().to_owned()
        }
    }

    /// Computes a product with the first algorithm.
    fn run(&self, problem: &Problem, a: &[f32], b: &[f32], c: &[f32], call: Call) -> Vec<f32> {
        let plan = self.blas.plan(problem).unwrap();
        let [a, b] = [a, b].map(|values| Memory::of(values, problem.input));
        let c = Memory::of(c, problem.output);
        let d = Memory::of(&vec![f32::NAN; c.len()], problem.output);
        let in_place = call.c == call.d;
        let call = Call {
            a: a.address(),
            b: b.address(),
            c: c.address(),
            d: if in_place { c.address() } else { d.address() },
            ..call
        };
        let algorithm = plan.algorithms()[0];
        unsafe { self.blas.run(&plan, &algorithm, call, self.stream.raw()).unwrap() };
        if in_place { c.values() } else { d.values() }
    }
}

/// Numbers where the fake takes them from.
enum Memory {
    F32(Vec<f32>),
    Bf16(Vec<bf16>),
}

impl Memory {
    fn of(values: &[f32], number: Number) -> Self {
        match number {
            Number::F32 => Self::F32(values.to_vec()),
            Number::Bf16 => Self::Bf16(values.iter().map(|&value| bf16::from_f32(value)).collect()),
        }
    }

    fn len(&self) -> usize {
        self.values().len()
    }

    fn address(&self) -> u64 {
        match self {
            Self::F32(values) => values.as_ptr() as u64,
            Self::Bf16(values) => values.as_ptr() as u64,
        }
    }

    fn values(&self) -> Vec<f32> {
        match self {
            Self::F32(values) => values.clone(),
            Self::Bf16(values) => values.iter().map(|value| value.to_f32()).collect(),
        }
    }
}

const IN_PLACE: Call = Call { a: 0, b: 0, c: 0, d: 0, scale: 1.0, keep: 0.0 };
const ELSEWHERE: Call = Call { d: 1, ..IN_PLACE };

/// Small integers: bf16 holds them and all their sums exactly.
fn numbers(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7 + seed * 5) % 9) as f32 - 4.0).collect()
}

/// An operand that is `[rows, columns]` in the formula, with `gap` numbers behind each row in memory.
fn operand([rows, columns]: [usize; 2], transposed: bool, gap: usize) -> Operand {
    let [height, width] = if transposed { [columns, rows] } else { [rows, columns] };
    Operand { stride: width + gap, transposed, apart: height * (width + gap) }
}

fn place(operand: Operand, index: usize, row: usize, column: usize) -> usize {
    let [row, column] = if operand.transposed { [column, row] } else { [row, column] };
    index * operand.apart + row * operand.stride + column
}

fn problem([m, n, k]: [usize; 3], transposed: [bool; 2], batch: usize, gap: usize) -> Problem {
    Problem {
        m,
        n,
        k,
        batch,
        a: operand([m, k], transposed[0], gap),
        b: operand([k, n], transposed[1], gap),
        c: operand([m, n], false, 0),
        input: Number::Bf16,
        output: Number::Bf16,
    }
}

/// The product as the formula has it, against what the library makes of our description.
fn check(fake: &Fake, problem: Problem, call: Call) {
    let Problem { m, n, k, batch, a, b, c, .. } = problem.clone();
    let room = |operand: Operand| batch * operand.apart;
    let [x, y, z] = [(1, a), (2, b), (3, c)].map(|(seed, operand)| numbers(seed, room(operand)));
    let found = fake.run(&problem, &x, &y, &z, call);
    for (i, row, column) in
        (0..batch * m * n).map(|index| (index / (m * n), index / n % m, index % n))
    {
        let terms = (0..k).map(|l| x[place(a, i, row, l)] * y[place(b, i, l, column)]);
        let at = place(c, i, row, column);
        let expected = call.scale * terms.sum::<f32>() + call.keep * z[at];
        assert_eq!(found[at], expected, "{problem:?}, {call:?}, ({i}, {row}, {column})");
    }
}

#[test]
fn rows_and_columns_change_places_in_every_layout() {
    let fake = Fake::new();
    for transposed in [[false, false], [true, false], [false, true], [true, true]] {
        for dims in [[3, 4, 5], [5, 3, 4], [1, 7, 2], [7, 1, 3], [4, 4, 1]] {
            for (batch, gap) in [(1, 0), (1, 3), (3, 0), (2, 5)] {
                let problem = problem(dims, transposed, batch, gap);
                check(&fake, problem.clone(), IN_PLACE);
                check(&fake, problem.clone(), ELSEWHERE);
                check(&fake, Problem { output: Number::F32, ..problem }, ELSEWHERE);
            }
        }
    }
}

#[test]
fn a_product_is_added_to_what_is_there() {
    let fake = Fake::new();
    for output in [Number::F32, Number::Bf16] {
        let problem = Problem { output, ..problem([3, 4, 5], [true, false], 1, 0) };
        for call in [IN_PLACE, ELSEWHERE] {
            check(&fake, problem.clone(), Call { keep: 1.0, ..call });
            check(&fake, problem.clone(), Call { keep: 1.0, scale: 0.5, ..call });
        }
    }
}

fn asked(problem: Problem, expected: Expect) {
    let fake = Fake::new();
    fake.blas.plan(&problem).unwrap();
    expected.assert_eq(&fake.notes());
}

#[test]
fn the_three_layouts_of_training_are_described() {
    // A layer: X [8192, 4096] times the transpose of W [11008, 4096].
    asked(
        problem([8192, 11008, 4096], [false, true], 1, 0),
        expect![[r#"
            heuristic: 8 algorithms within 32 MiB
              A bf16 4096 x 11008', stride 4096
              B bf16 4096 x 8192, stride 4096
              C bf16 11008 x 8192, stride 11008
        "#]],
    );
    // Its gradient for X: dY [8192, 11008] times W.
    asked(
        problem([8192, 4096, 11008], [false, false], 1, 0),
        expect![[r#"
            heuristic: 8 algorithms within 32 MiB
              A bf16 4096 x 11008, stride 4096
              B bf16 11008 x 8192, stride 11008
              C bf16 4096 x 8192, stride 4096
        "#]],
    );
    // Its gradient for W, in f32: the transpose of dY times X.
    asked(
        Problem { output: Number::F32, ..problem([11008, 4096, 8192], [true, false], 1, 0) },
        expect![[r#"
            heuristic: 8 algorithms within 32 MiB
              A bf16 4096 x 8192, stride 4096
              B bf16 11008 x 8192', stride 11008
              C f32 4096 x 11008, stride 4096
        "#]],
    );
    asked(
        problem([2, 3, 4], [false, true], 5, 8),
        expect![[r#"
            heuristic: 8 algorithms within 32 MiB
              A bf16 4 x 3', stride 12, 5 of them 36 apart
              B bf16 4 x 2, stride 12, 5 of them 24 apart
              C bf16 3 x 2, stride 3, 5 of them 6 apart
        "#]],
    );
}

#[test]
fn the_heuristic_is_asked_once_for_a_shape() {
    let fake = Fake::new();
    let one = problem([3, 4, 5], [false, true], 1, 0);
    for problem in [&one, &one, &problem([4, 4, 5], [false, true], 1, 0), &one] {
        check(&fake, problem.clone(), IN_PLACE);
    }
    let notes = fake.notes();
    assert_eq!(notes.matches("heuristic").count(), 2, "{notes}");
    assert_eq!(notes.matches("matmul").count(), 4, "{notes}");
}

#[test]
fn a_call_has_its_factors_and_its_workspace() {
    let fake = Fake::new();
    let problem = problem([3, 4, 5], [false, false], 1, 0);
    check(&fake, problem.clone(), ELSEWHERE);
    check(&fake, problem, Call { keep: 1.0, scale: 2.0, ..IN_PLACE });
    let notes = fake.notes();
    let calls: Vec<&str> = notes.lines().filter(|line| line.starts_with("matmul")).collect();
    expect![[r#"
        [
            "matmul: algorithm 1, alpha 1, beta 0, elsewhere, 32 MiB",
            "matmul: algorithm 1, alpha 2, beta 1, in place, 32 MiB",
        ]
    "#]]
    .assert_debug_eq(&calls);
}

#[test]
fn algorithms_that_cannot_run_are_left_out() {
    let fake = Fake::new();
    let plan = fake.blas.plan(&problem([3, 4, 5], [false, true], 1, 0)).unwrap();
    let written: Vec<String> = plan.algorithms().iter().map(Algorithm::to_string).collect();
    // The second one wants 64 MiB, the third one is not supported.
    let digits = |number: u8| format!("{number:016x}{}{:016x}", "0".repeat(96), 0xabcdef);
    assert_eq!(written, [digits(1), digits(4)]);
    for (text, algorithm) in written.iter().zip(plan.algorithms()) {
        assert_eq!(Algorithm::parse(text), Some(*algorithm));
    }
    for wrong in ["", "00", &"g".repeat(128), &"0".repeat(127), &"é".repeat(64)] {
        assert_eq!(Algorithm::parse(wrong), None, "{wrong}");
    }
    // A library without any algorithm is asked for nothing else.
    let unknown = fake.blas.plan(&problem([3, 13, 5], [false, true], 1, 0)).unwrap();
    assert_eq!(unknown.algorithms(), []);
}

#[test]
fn a_measured_algorithm_must_fit_the_shape() {
    let fake = Fake::new();
    let large = fake.blas.plan(&problem([3, 4, 5], [false, true], 1, 0)).unwrap();
    let small = fake.blas.plan(&problem([3, 2, 5], [false, true], 1, 0)).unwrap();
    let [first, last] = [large.algorithms()[0], large.algorithms()[1]];
    assert!(fake.blas.accepts(&large, &first) && fake.blas.accepts(&large, &last));
    assert!(!fake.blas.accepts(&small, &first) && fake.blas.accepts(&small, &last));
    let foreign = Algorithm::parse(&"0".repeat(128)).unwrap();
    assert!(!fake.blas.accepts(&large, &foreign));
}

#[test]
fn everything_is_given_back() {
    let fake = Fake::new();
    type Count = unsafe extern "C" fn() -> std::ffi::c_long;
    for dims in [[3, 4, 5], [4, 5, 6]] {
        check(&fake, problem(dims, [false, true], 2, 0), IN_PLACE);
    }
    let Fake { blas, stream, library, driver, _folder } = fake;
    let counts = || unsafe {
        let alive: Count = library.pointer("fake_alive").unwrap();
        let allocations: Count = driver.pointer("fake_allocations").unwrap();
        [alive(), allocations()]
    };
    // A handle, and four descriptors for each of the two; one workspace for the one stream.
    assert_eq!(counts(), [9, 1]);
    drop(blas);
    assert_eq!(counts(), [0, 0]);
    drop(stream);
}

#[test]
fn what_goes_wrong_is_said_in_the_librarys_words() {
    let fake = Fake::new();
    let mut wrong = problem([3, 4, 5], [false, false], 1, 0);
    wrong.a.stride = 2;
    let error = fake.blas.plan(&wrong).unwrap_err();
    expect!["cublasLtMatrixLayoutCreate failed with 7: an argument is not valid"]
        .assert_eq(&error.to_string());
    let Fake { blas, stream, .. } = &fake;
    let none = blas.context.clone();
    let missing =
        Blas::load_from(&none, &[PathBuf::from("/nowhere/libcublasLt.so.13")]).unwrap_err();
    assert!(matches!(missing, CudaError::Missing { what: "cuBLASLt", .. }), "{missing}");
    let plan = blas.plan(&problem([3, 4, 5], [false, false], 1, 0)).unwrap();
    let foreign = Algorithm::parse(&"0".repeat(128)).unwrap();
    let error = unsafe { blas.run(&plan, &foreign, IN_PLACE, stream.raw()).unwrap_err() };
    expect!["cublasLtMatmul failed with 7: an argument is not valid"].assert_eq(&error.to_string());
}
