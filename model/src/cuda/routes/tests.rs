//! Ways are chosen by their times, never against their results.
#![allow(clippy::unwrap_used)]

use super::*;
use expect_test::{Expect, expect};
use std::path::Path;

/// Ways with results and times of our own.
struct Made {
    ways: Vec<(Route, Result<Vec<f32>, String>, f64)>,
    /// Operands that give 0 by any way, until so many of them are made up.
    zeros: usize,
    /// Operands that can be made up, and those that are.
    operands: usize,
    made_up: usize,
    samples: usize,
}

impl Made {
    fn of(ways: &[(Route, &[f32], f64)]) -> Self {
        let ways =
            ways.iter().map(|(route, values, time)| (route.clone(), Ok(values.to_vec()), *time));
        Self { ways: ways.collect(), zeros: 0, operands: 2, made_up: 0, samples: 0 }
    }

    fn way(&self, route: &Route) -> &(Route, Result<Vec<f32>, String>, f64) {
        self.ways.iter().find(|way| way.0 == *route).unwrap()
    }
}

impl Bench for Made {
    fn routes(&mut self) -> Vec<Route> {
        self.ways.iter().map(|way| way.0.clone()).collect()
    }

    fn sample(&mut self, route: &Route) -> Result<Vec<f32>, String> {
        self.samples += 1;
        let computed = self.way(route).1.clone()?;
        Ok(if self.made_up < self.zeros { vec![0.0; computed.len()] } else { computed })
    }

    fn make_up(&mut self) -> bool {
        let is_left = self.made_up < self.operands;
        self.made_up += usize::from(is_left);
        is_left
    }

    fn microseconds(&mut self, route: &Route) -> Result<f64, String> {
        Ok(self.way(route).2)
    }
}

fn cublaslt(number: u8) -> Route {
    Route::CublasLt { algorithm: format!("{number:0128x}") }
}

fn shape(m: usize) -> Shape {
    let (layout, output) = ("ab'".to_owned(), "bf16".to_owned());
    Shape { m, n: 4096, k: 11008, batch: 1, layout, output, adds: false }
}

fn machine() -> Machine {
    let (gpu, driver) = ("NVIDIA H200".to_owned(), "13.0".to_owned());
    Machine { gpu, driver, cublaslt: 130100, knowcoder: "0.1.0".to_owned() }
}

fn check(ways: &[(Route, &[f32], f64)], expected: Expect) {
    let mut routes = Routes::open(None, machine());
    let route = routes.choose(&shape(8192), &mut Made::of(ways));
    expected.assert_eq(&format!("{}\n{routes}", route.unwrap()));
}

const RIGHT: &[f32] = &[1.0, -2.0, 3.0];

#[test]
fn the_fastest_way_is_taken() {
    check(
        &[
            (Route::Burn, RIGHT, 900.0),
            (Route::Tiles, RIGHT, 700.0),
            (cublaslt(1), &[1.001, -2.001, 3.001], 500.0),
            (cublaslt(2), RIGHT, 480.0),
        ],
        expect![[r#"
            cublaslt
            NVIDIA H200, CUDA 13.0, cuBLASLt 130100
            m × n × k                                    burn µs    tiles µs cublaslt µs  way
            8192 × 4096 × 11008 ab' bf16                   900.0       700.0       480.0  cublaslt
        "#]],
    );
    let mut routes = Routes::open(None, machine());
    let ways = [(Route::Burn, RIGHT, 5.0), (cublaslt(1), RIGHT, 4.0), (cublaslt(2), RIGHT, 3.0)];
    assert_eq!(routes.choose(&shape(16), &mut Made::of(&ways)), Some(cublaslt(2)));
    // What is chosen once is not measured again.
    let mut again = Made::of(&[(Route::Burn, RIGHT, 1.0), (cublaslt(1), RIGHT, 9.0)]);
    assert_eq!(routes.choose(&shape(16), &mut again), Some(cublaslt(2)));
    assert_eq!(again.samples, 0);
}

#[test]
fn what_computes_something_else_is_never_taken() {
    for wrong in
        [&[3.0, -2.0, 1.0][..], &[1.0, -2.0, 3.1], &[f32::NAN, -2.0, 3.0], &[1.0, -2.0], &[0.0; 3]]
    {
        let ways =
            [(Route::Burn, RIGHT, 900.0), (Route::Tiles, wrong, 1.0), (cublaslt(1), wrong, 2.0)];
        let mut routes = Routes::open(None, machine());
        assert_eq!(routes.choose(&shape(1), &mut Made::of(&ways)), Some(Route::Burn), "{wrong:?}");
    }
    check(
        &[(Route::Burn, RIGHT, 900.0), (Route::Tiles, &[9.0; 3], 1.0), (cublaslt(1), RIGHT, 901.0)],
        expect![[r#"
            burn
            NVIDIA H200, CUDA 13.0, cuBLASLt 130100
            m × n × k                                    burn µs    tiles µs cublaslt µs  way
            8192 × 4096 × 11008 ab' bf16                   900.0     refused       901.0  burn
        "#]],
    );
    let mut failing = Made::of(&[(Route::Burn, RIGHT, 9.0), (Route::Tiles, RIGHT, 1.0)]);
    failing.ways[1].1 = Err("the kernel does not read such an operand".to_owned());
    assert_eq!(Routes::open(None, machine()).choose(&shape(1), &mut failing), Some(Route::Burn));
}

#[test]
fn the_first_way_that_works_is_the_judge() {
    let wrong: &[f32] = &[3.0, -2.0, 1.0];
    // The tensor library's kernel is wrong, and fast: two of cuBLASLt agree.
    check(
        &[(cublaslt(1), RIGHT, 500.0), (cublaslt(2), RIGHT, 480.0), (Route::Burn, wrong, 1.0)],
        expect![[r#"
            cublaslt
            NVIDIA H200, CUDA 13.0, cuBLASLt 130100
            m × n × k                                    burn µs    tiles µs cublaslt µs  way
            8192 × 4096 × 11008 ab' bf16                 refused           -       480.0  cublaslt
        "#]],
    );
    let made = |failing: &[usize]| {
        let mut made = Made::of(&[
            (cublaslt(1), RIGHT, 500.0),
            (cublaslt(2), RIGHT, 600.0),
            (Route::Burn, RIGHT, 400.0),
        ]);
        for &index in failing {
            made.ways[index].1 = Err("no memory while tuning".to_owned());
        }
        made
    };
    let chosen = |failing: &[usize]| {
        let mut routes = Routes::open(None, machine());
        let route = routes.choose(&shape(1), &mut made(failing));
        (route, routes.choices().next().cloned())
    };
    assert_eq!(chosen(&[]).0, Some(Route::Burn));
    // Where the tensor library fails, the others go on.
    let (route, choice) = chosen(&[2]);
    assert_eq!(route, Some(cublaslt(1)));
    let refused = choice.unwrap().timings[2].refused.clone();
    assert_eq!(refused.as_deref(), Some("no memory while tuning"));
    // The judge fails: the next one is it.
    assert_eq!(chosen(&[0]).0, Some(Route::Burn));
    assert_eq!(chosen(&[0, 2]).0, Some(cublaslt(2)));
    // All of them do: nothing is kept, and after a while nothing is tried.
    let mut routes = Routes::open(None, machine());
    let mut failing = made(&[0, 1, 2]);
    let found: Vec<_> = (0..5).map(|_| routes.choose(&shape(1), &mut failing)).collect();
    assert_eq!(found, [None, None, None, Some(cublaslt(1)), Some(cublaslt(1))]);
    assert_eq!(routes.choices().count(), 0);
}

#[test]
fn zeros_say_nothing_and_others_are_made_up() {
    let ways = [(cublaslt(1), RIGHT, 9.0), (cublaslt(2), RIGHT, 5.0), (Route::Burn, RIGHT, 7.0)];
    // One operand is zero, or both are: an adapter that has not learned is measured at once.
    for zeros in [0, 1, 2] {
        let mut routes = Routes::open(None, machine());
        let mut made = Made { zeros, ..Made::of(&ways) };
        assert_eq!(routes.choose(&shape(1), &mut made), Some(cublaslt(2)), "{zeros}");
        assert_eq!(made.made_up, zeros);
        // Each way once, and the first one once more for each operand.
        assert_eq!(made.samples, zeros + ways.len());
    }
    // A way that gives 0 of made-up operands is wrong, even if it is the first one.
    let ways = [(cublaslt(1), &[0.0; 3][..], 1.0), (cublaslt(2), RIGHT, 5.0)];
    let mut routes = Routes::open(None, machine());
    assert_eq!(routes.choose(&shape(1), &mut Made::of(&ways)), Some(cublaslt(2)));
    let first = &routes.choices().next().unwrap().timings[0];
    assert_eq!(first.microseconds, None, "{first:?}");
    // What is 0 whatever is made up is not asked for ever.
    let mut zeros = Made::of(&[(cublaslt(1), &[0.0; 3], 9.0), (Route::Burn, &[0.0; 3], 1.0)]);
    let mut routes = Routes::open(None, machine());
    let found: Vec<_> = (0..5).map(|_| routes.choose(&shape(2), &mut zeros)).collect();
    assert_eq!(found, [None, None, None, Some(cublaslt(1)), Some(cublaslt(1))]);
    assert_eq!(routes.choices().count(), 0);
}

fn choose(file: &Path, machine: Machine, m: usize, ways: &[(Route, &[f32], f64)]) -> (Route, bool) {
    let mut routes = Routes::open(Some(file.to_owned()), machine);
    let mut bench = Made::of(ways);
    let route = routes.choose(&shape(m), &mut bench).unwrap();
    (route, bench.samples > 0)
}

#[test]
fn choices_outlive_the_process_on_the_same_machine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a/b/gemm-routes.json");
    let fast = [(Route::Burn, RIGHT, 9.0), (cublaslt(7), RIGHT, 1.0)];
    let slow = [(Route::Burn, RIGHT, 1.0), (cublaslt(7), RIGHT, 9.0)];
    assert_eq!(choose(&file, machine(), 1, &fast), (cublaslt(7), true));
    assert_eq!(choose(&file, machine(), 1, &slow), (cublaslt(7), false));
    assert_eq!(choose(&file, machine(), 2, &slow), (Route::Burn, true));
    // Another driver, another library, another GPU: everything is measured there.
    let others = [
        Machine { driver: "13.1".to_owned(), ..machine() },
        Machine { cublaslt: 120800, ..machine() },
        Machine { gpu: "NVIDIA H100".to_owned(), ..machine() },
        Machine { knowcoder: "0.2.0".to_owned(), ..machine() },
    ];
    for other in others {
        assert_eq!(choose(&file, other.clone(), 1, &slow), (Route::Burn, true));
        assert_eq!(choose(&file, other, 1, &fast), (Route::Burn, false));
    }
    assert_eq!(choose(&file, machine(), 1, &slow), (cublaslt(7), false));
    let names: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().collect();
    // The file, and its lock.
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn two_processes_keep_what_both_have_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gemm-routes.json");
    let ways = |time| [(Route::Burn, RIGHT, 5.0), (cublaslt(1), RIGHT, time)];
    let mut one = Routes::open(Some(file.clone()), machine());
    let mut other = Routes::open(Some(file.clone()), machine());
    one.choose(&shape(1), &mut Made::of(&ways(1.0)));
    // It has measured something else, and takes what was there first: as it will when it goes on.
    let mut slow = Made::of(&ways(9.0));
    assert_eq!(other.choose(&shape(1), &mut slow), Some(cublaslt(1)));
    assert_eq!(slow.samples, 2);
    other.choose(&shape(2), &mut Made::of(&ways(1.0)));
    let found = |routes: &Routes| -> Vec<_> {
        routes.choices().map(|choice| (choice.shape.m, choice.route.clone())).collect()
    };
    let both = [(1, cublaslt(1)), (2, cublaslt(1))];
    assert_eq!(found(&Routes::open(Some(file), machine())), both);
    assert_eq!(found(&other), both);
    // What another one has measured since then is known with the next one of its own.
    assert_eq!(found(&one), [(1, cublaslt(1))]);
    one.choose(&shape(3), &mut Made::of(&ways(9.0)));
    assert_eq!(found(&one), [(1, cublaslt(1)), (2, cublaslt(1)), (3, Route::Burn)]);
}

#[test]
fn those_who_write_at_once_lose_nothing() {
    const WRITERS: usize = 8;
    const SHAPES: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gemm-routes.json");
    let start = std::sync::Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (file, start) = (&file, &start);
            scope.spawn(move || {
                let mut routes = Routes::open(Some(file.clone()), machine());
                start.wait();
                for index in 0..SHAPES {
                    // One shape is everybody's, the others are its own.
                    let m = if index == 0 { 1 } else { 100 * (writer + 1) + index };
                    let number = u8::try_from(writer).unwrap();
                    let ways = [(Route::Burn, RIGHT, 9.0), (cublaslt(number), RIGHT, 1.0)];
                    routes.choose(&shape(m), &mut Made::of(&ways)).unwrap();
                }
                assert_eq!(routes.trouble, None);
            });
        }
    });
    let kept = Routes::open(Some(file), machine());
    assert_eq!(kept.choices().count(), 1 + WRITERS * (SHAPES - 1));
}

#[test]
fn a_broken_file_is_measured_again_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gemm-routes.json");
    for broken in
        [&b"{\"format\":1,\"machi"[..], b"", b"{\"format\":2,\"machines\":[]}", b"\xff\xfe"]
    {
        std::fs::write(&file, broken).unwrap();
        let routes = Routes::open(Some(file.clone()), machine());
        assert!(routes.to_string().contains("they are measured again"), "{routes}");
        let ways = [(Route::Burn, RIGHT, 9.0), (cublaslt(7), RIGHT, 1.0)];
        assert_eq!(choose(&file, machine(), 1, &ways), (cublaslt(7), true));
        assert_eq!(choose(&file, machine(), 1, &ways), (cublaslt(7), false));
    }
    // A place where nothing can be written is no reason to stop.
    let nowhere = file.join("below-a-file.json");
    let ways = [(Route::Burn, RIGHT, 9.0), (Route::Tiles, RIGHT, 1.0)];
    let mut routes = Routes::open(Some(nowhere), machine());
    assert_eq!(routes.choose(&shape(1), &mut Made::of(&ways)), Some(Route::Tiles));
    assert!(routes.to_string().contains("failed to keep"), "{routes}");
}

#[test]
fn lengths_share_a_measurement_with_their_neighbours() {
    let found: Vec<_> = [1, 12, 13, 16, 17, 24, 25, 4096, 4097, 6144, 6145].map(bucket).to_vec();
    assert_eq!(found, [12, 12, 16, 16, 24, 24, 32, 4096, 6144, 6144, 8192]);
}

#[test]
fn the_environment_names_a_way() {
    assert_eq!(Preference::parse(None), Ok(Preference::Auto));
    assert_eq!(Preference::parse(Some("auto")), Ok(Preference::Auto));
    assert_eq!(Preference::parse(Some("burn")), Ok(Preference::Burn));
    assert_eq!(Preference::parse(Some("tiles")), Ok(Preference::Tiles));
    assert_eq!(Preference::parse(Some("cublaslt")), Ok(Preference::CublasLt));
    let error = Preference::parse(Some("cublas")).unwrap_err();
    expect!["KNOWCODER_GEMM is `cublas`, expected `burn`, `tiles`, `cublaslt` or `auto`"]
        .assert_eq(&error);
}
