//! Tensors summed where they lie: the tensor library's CUDA server and NCCL, over a driver and an NCCL that work
//! on memory of the host. Each rank is a thread with a GPU of its own.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

mod fake_gpus;

use burn::tensor::{DType, Device, Tensor, TensorData};
use expect_test::expect;
use fake_gpus::{Fakes, Order, alone};
use model::cuda::Address;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use trainer::collective::nccl::Gpu;
use trainer::collective::{Collective, Deadlines, DeviceCollective, Nccl, Solo, TcpRing, share};

const WORLD: usize = 2;

/// Values of a buffer: more than the tensor library keeps together with its own small things.
const LEN: usize = 32 * 1024;

/// For what is not waited for in vain.
const QUICK: Deadlines = Deadlines {
    join: Duration::from_secs(60),
    operation: Duration::from_secs(120),
    stall: Duration::from_secs(60),
};

/// Whole numbers below 8, so that sums are exact in bf16, too.
fn values(seed: usize, len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 31 + seed * 5) % 8) as f32).collect()
}

/// The sums over both ranks of the buffer `index`, of which a rank has `values(WORLD * index + rank, len)`.
fn sums(index: usize, len: usize) -> Vec<f32> {
    let [first, second] = [0, 1].map(|rank| values(WORLD * index + rank, len));
    first.iter().zip(second).map(|(a, b)| a + b).collect()
}

fn tensor(values: &[f32], device: &Device, dtype: DType) -> Tensor<1> {
    let data = TensorData::new(values.to_vec(), [values.len()]).convert_dtype(dtype);
    let tensor = Tensor::from_data(data, (device, dtype));
    // The tensor library has it in hand until then.
    device.sync().unwrap();
    tensor
}

fn read(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn address(tensor: &mut Tensor<1>) -> u64 {
    Address::of(tensor).unwrap().pointer()
}

/// What each rank comes to on its GPU.
fn on_ranks<T: Send>(
    deadlines: Deadlines,
    body: impl Fn(&mut Nccl, &Device) -> T + Sync,
) -> Vec<T> {
    thread::scope(|scope| {
        let body = &body;
        let ranks: Vec<_> = TcpRing::threads(WORLD, deadlines)
            .unwrap()
            .into_iter()
            .map(|ring| {
                scope.spawn(move || {
                    let rank = ring.rank();
                    let mut nccl = Nccl::new(Box::new(ring), Gpu::open(rank), deadlines).unwrap();
                    body(&mut nccl, &Device::cuda(rank))
                })
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

#[test]
fn only_what_others_see_is_copied() {
    alone("only_what_others_see_is_copied", Order::Host, |fakes| {
        let device = Device::cuda(0);
        let known = values(0, 384);
        for dtype in [DType::F32, DType::BF16] {
            let size = dtype.size();
            fakes.copy_kernels(384, size, size);
            let launched = fakes.count("fake_launches");
            let launches = || fakes.count("fake_launches") - launched;

            let mut whole = tensor(&known, &device, dtype);
            let found = Address::of(&mut whole).unwrap();
            assert_eq!((found.len(), found.dtype()), (384, dtype));
            let place = found.pointer();
            drop(found);
            assert_eq!((address(&mut whole), launches()), (place, 0), "nobody else has it");

            let mut copy = whole.clone();
            let elsewhere = address(&mut copy);
            assert!(elsewhere != place && launches() == 1, "somebody else has it");
            assert_eq!((address(&mut copy), address(&mut whole)), (elsewhere, place));
            assert_eq!(launches(), 1);
            assert!(read(copy) == known && read(whole.clone()) == known);

            // A part that begins where memory can begin is a view of the whole.
            let (from, len) = (512 / size, 128);
            let middle = &known[from..from + len];
            fakes.copy_kernels(len, size, size);
            let mut part = whole.clone().narrow(0, from, len);
            let found = Address::of(&mut part).unwrap();
            let all = place..place + (384 * size) as u64;
            assert!(!all.contains(&found.pointer()) && found.len() == len, "{dtype:?}, {found:?}");
            assert_eq!(launches(), 2);
            drop(found);
            assert!(read(part) == middle && read(whole.clone()) == known);
            let mut part = whole.narrow(0, from, len);
            assert_eq!((address(&mut part), launches()), (place + 512, 2));
            assert!(read(part) == middle);

            // One value for many places, which NCCL would read behind its end.
            fakes.copy_kernels(100, size, 0);
            let one = tensor(&[3.0], &device, dtype);
            let mut spread: Tensor<1> = one.expand([100]);
            let found = Address::of(&mut spread).unwrap();
            assert_eq!((found.len(), launches()), (100, 3));
            drop(found);
            assert_eq!(read(spread), [3.0; 100]);
        }
    });
}

#[test]
fn a_column_of_rows_lies_side_by_side() {
    alone("a_column_of_rows_lies_side_by_side", Order::Host, |fakes| {
        let device = Device::cuda(0);
        let known = values(0, 3 * 129);
        let data = TensorData::new(known.clone(), [3, 129]);
        let rows = Tensor::<2>::from_data(data, (&device, DType::F32));
        // 516 bytes a row, of which each begins at a multiple of 512.
        fakes.copy_kernels(3, 4, 1024);
        let mut column: Tensor<1> = rows.narrow(1, 0, 1).reshape([3]);
        let found = Address::of(&mut column).unwrap();
        assert_eq!((found.len(), fakes.count("fake_launches")), (3, 1));
        drop(found);
        assert_eq!(read(column), [known[0], known[129], known[258]]);
    });
}

#[test]
fn what_is_not_there_is_refused_and_left_alone() {
    alone("what_is_not_there_is_refused_and_left_alone", Order::Host, |fakes| {
        let refused = |tensor: &mut Tensor<1>| Address::of(tensor).unwrap_err().to_string();
        let mut host = tensor(&values(0, 8), &Device::flex(), DType::F32);
        let text = refused(&mut host);
        let said = "a tensor cannot be reached in a GPU's memory: it is not on a GPU: ";
        assert!(text.starts_with(said), "{text}");
        assert!(read(host) == values(0, 8));

        let device = Device::cuda(0);
        let mut taped = tensor(&values(0, 8), &device.clone().autodiff(), DType::F32);
        let text = refused(&mut taped);
        assert_eq!(text, "a tensor cannot be reached in a GPU's memory: it has a tape");
        assert!(read(taped) == values(0, 8));

        let mut nccl = Nccl::new(Box::new(Solo), Gpu::open(0), QUICK).unwrap();
        let mut half = tensor(&values(0, 8), &device, DType::F16);
        let error = nccl.on_device().unwrap().all_reduce(&mut half).unwrap_err();
        expect![
            "rank 0 failed in all-reduce 1: a tensor cannot be reached in a GPU's memory: it is of F16; f32 and bf16 are summed"
        ]
        .assert_eq(&error.to_string());
        drop(nccl);
        assert_eq!(fakes.log(0), "init of 1, not blocking\nabort");
    });
}

fn whole_buffers(fakes: &Fakes) {
    const LEN: usize = 1000;
    on_ranks(QUICK, |nccl, device| {
        let rank = nccl.rank();
        let own = share(LEN, rank, WORLD);
        let on_gpu = nccl.on_device().unwrap();
        for dtype in [DType::F32, DType::BF16] {
            let mut buffer = tensor(&values(rank, LEN), device, dtype);
            let place = address(&mut buffer);
            on_gpu.all_reduce(&mut buffer).unwrap();
            on_gpu.finish().unwrap();
            assert_eq!(address(&mut buffer), place);
            assert!(read(buffer) == sums(0, LEN), "all-reduce of {dtype:?}");

            let mut buffer = tensor(&values(rank, LEN), device, dtype);
            on_gpu.reduce_scatter(&mut buffer).unwrap();
            on_gpu.finish().unwrap();
            assert!(read(buffer)[own.clone()] == sums(0, LEN)[own.clone()], "{dtype:?}");

            let mut part = vec![99.0; LEN];
            part[own.clone()].copy_from_slice(&sums(0, LEN)[own.clone()]);
            let mut buffer = tensor(&part, device, dtype);
            on_gpu.all_gather(&mut buffer).unwrap();
            on_gpu.finish().unwrap();
            assert!(read(buffer) == sums(0, LEN), "all-gather of {dtype:?}");
        }
        // Nothing is asked of NCCL for a buffer of nothing.
        on_gpu.all_reduce(&mut Tensor::empty([0], device)).unwrap();
        on_gpu.finish().unwrap();
    });
    for rank in 0..WORLD {
        expect![[r#"
            init of 2, not blocking
            all-reduce 1000 f32
            reduce-scatter 500 f32
            all-gather 500 f32
            all-reduce 1000 bf16
            reduce-scatter 500 bf16
            all-gather 500 bf16
            finalize
            destroy"#]]
        .assert_eq(&fakes.log(rank));
    }
    assert_eq!(fakes.count("fake_launches"), 0, "nothing was copied");
}

#[test]
fn buffers_are_summed_in_place() {
    for order in [Order::Host, Order::Device] {
        alone("buffers_are_summed_in_place", order, whole_buffers);
    }
}

/// Whether somebody who asks for a buffer now gets the one at `place`. Whoever gets it writes there.
fn is_given_away(place: u64, device: &Device) -> bool {
    let nan = [f32::NAN; LEN];
    let mut others: Vec<_> = (0..20).map(|_| tensor(&nan, device, DType::F32)).collect();
    others.iter_mut().map(address).any(|it| it == place)
}

fn early_drop(_: &Fakes) {
    let dropped = Barrier::new(WORLD);
    on_ranks(QUICK, |nccl, device| {
        let rank = nccl.rank();
        // Keeps the memory around it.
        let neighbour = tensor(&values(9, LEN), device, DType::F32);
        let mut buffer = tensor(&values(rank, LEN), device, DType::F32);
        let place = address(&mut buffer);
        if rank == 1 {
            dropped.wait();
        }
        let on_gpu = nccl.on_device().unwrap();
        on_gpu.all_reduce(&mut buffer).unwrap();
        on_gpu.flush().unwrap();
        if rank == 0 {
            drop(buffer);
            assert!(!is_given_away(place, device), "it is still being summed");
            dropped.wait();
            on_gpu.finish().unwrap();
            assert!(is_given_away(place, device), "nobody needs it any more");
        } else {
            on_gpu.finish().unwrap();
            assert!(read(buffer) == sums(0, LEN));
        }
        assert!(read(neighbour) == values(9, LEN));
    });
}

#[test]
fn memory_is_kept_until_the_end() {
    for order in [Order::Host, Order::Device] {
        alone("memory_is_kept_until_the_end", order, early_drop);
    }
}

#[test]
fn memory_that_may_still_be_written_is_never_given_away() {
    alone("memory_that_may_still_be_written_is_never_given_away", Order::Device, |fakes| {
        // Rank 1 never comes to it, and NCCL does not let go of rank 0.
        fakes.set("hang_rank", 1);
        fakes.set("hang_at", 1);
        fakes.set("hang_abort", 0);
        let deadlines = Deadlines { operation: Duration::from_secs(2), ..QUICK };
        let given = on_ranks(deadlines, |nccl, device| {
            let neighbour = tensor(&values(9, LEN), device, DType::F32);
            let mut buffer = tensor(&values(nccl.rank(), LEN), device, DType::F32);
            let place = address(&mut buffer);
            let on_gpu = nccl.on_device().unwrap();
            on_gpu.all_reduce(&mut buffer).unwrap();
            let text = on_gpu.finish().unwrap_err().to_string();
            assert!(text.starts_with("all 2 ranks wait in all-reduce 1 for 2"), "{text}");
            drop(buffer);
            let given = is_given_away(place, device);
            assert!(read(neighbour) == values(9, LEN));
            given
        });
        assert_eq!(given, [false, true], "rank 1 has come to an end, rank 0 has not");
        assert_eq!(fakes.log(0).lines().last(), Some("abort without an end"));
        assert_eq!(fakes.log(1).lines().last(), Some("abort"));
    });
}

#[test]
fn what_was_not_begun_is_not_begun_after_an_abort() {
    alone("what_was_not_begun_is_not_begun_after_an_abort", Order::Host, |fakes| {
        let device = Device::cuda(0);
        let mut nccl = Nccl::new(Box::new(Solo), Gpu::open(0), QUICK).unwrap();
        let neighbour = tensor(&values(9, LEN), &device, DType::F32);
        let mut buffer = tensor(&values(0, LEN), &device, DType::F32);
        let place = address(&mut buffer);
        nccl.on_device().unwrap().all_reduce(&mut buffer).unwrap();
        Collective::abort(&mut nccl);
        let error = nccl.on_device().unwrap().finish().unwrap_err();
        assert!(error.to_string().contains("rank 0 gave up"), "{error}");
        assert_eq!(fakes.log(0), "init of 1, not blocking\nabort");
        assert!(read(buffer) == values(0, LEN));
        assert!(is_given_away(place, &device));
        assert!(read(neighbour) == values(9, LEN));
    });
}

/// What a rank sums in blocks: buffers that a kernel fills, since somebody else has the same values.
struct Blocks {
    _known: Vec<Tensor<1>>,
    buffers: Vec<Tensor<1>>,
}

impl Blocks {
    /// Of a rank; two blocks of two buffers.
    fn new(rank: usize, device: &Device) -> Self {
        let seeds = (0..4).map(|index| WORLD * index + rank);
        let known: Vec<_> =
            seeds.map(|seed| tensor(&values(seed, LEN), device, DType::F32)).collect();
        Self { buffers: known.clone(), _known: known }
    }

    /// Asks for a block's sums, as a group.
    fn send(&mut self, block: usize, on_gpu: &mut dyn DeviceCollective) {
        for buffer in &mut self.buffers[2 * block..2 * block + 2] {
            on_gpu.all_reduce(buffer).unwrap();
        }
        on_gpu.flush().unwrap();
    }

    fn check(self) {
        for (index, buffer) in self.buffers.into_iter().enumerate() {
            assert!(read(buffer) == sums(index, LEN), "buffer {index}");
        }
    }
}

/// A block as NCCL sees it.
fn group() -> [String; 4] {
    let sum = format!("all-reduce {LEN} f32, grouped");
    ["group".to_owned(), sum.clone(), sum, "group end".to_owned()]
}

#[test]
fn blocks_are_groups_and_nobody_waits_between_them() {
    let name = "blocks_are_groups_and_nobody_waits_between_them";
    alone(name, Order::Device, |fakes| {
        fakes.copy_kernels(LEN, 4, 4);
        fakes.hold_kernels();
        let together = Barrier::new(WORLD);
        on_ranks(QUICK, |nccl, device| {
            let rank = nccl.rank();
            let mut blocks = Blocks::new(rank, device);
            let on_gpu = nccl.on_device().unwrap();
            together.wait();
            let waits = fakes.count("fake_waits");
            together.wait();
            blocks.send(0, on_gpu);
            blocks.send(1, on_gpu);
            together.wait();
            // Both blocks are on their way although no kernel has begun, and nobody was asked whether one has.
            assert_eq!(fakes.asked(rank), [group(), group()].concat());
            assert_eq!((fakes.count("fake_waits"), fakes.count("fake_is_open")), (waits, 0));
            assert_eq!(fakes.count("fake_launches"), 8, "four buffers on each rank");
            together.wait();
            if rank == 0 {
                fakes.open_gate();
            }
            on_gpu.finish().unwrap();
            blocks.check();
        });
        assert_eq!(fakes.asked(0).len(), 8, "nothing more was asked for");
    });
}

/// Opens the gate some time after so many kernels stand before it; returns what NCCL was asked for by then.
fn open_behind(fakes: &Fakes, kernels: i64) -> Vec<String> {
    while fakes.count("fake_launches") < kernels {
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(300));
    let asked = (0..WORLD).flat_map(|rank| fakes.asked(rank)).collect();
    let launches = fakes.count("fake_launches");
    fakes.open_gate();
    assert_eq!(launches, kernels);
    asked
}

#[test]
fn or_the_host_waits_for_each_block() {
    alone("or_the_host_waits_for_each_block", Order::Host, |fakes| {
        fakes.copy_kernels(LEN, 4, 4);
        fakes.hold_kernels();
        thread::scope(|scope| {
            // The first block's, on both ranks.
            let opening = scope.spawn(|| open_behind(fakes, 4));
            on_ranks(QUICK, |nccl, device| {
                let rank = nccl.rank();
                let mut blocks = Blocks::new(rank, device);
                let on_gpu = nccl.on_device().unwrap();
                let waits = fakes.count("fake_waits");
                blocks.send(0, on_gpu);
                assert_eq!(fakes.count("fake_is_open"), 1);
                assert!(fakes.count("fake_waits") > waits);
                blocks.send(1, on_gpu);
                on_gpu.finish().unwrap();
                assert_eq!(fakes.asked(rank), [group(), group()].concat());
                blocks.check();
            });
            assert_eq!(opening.join().unwrap(), [""; 0]);
        });
    });
}

fn other_thread(fakes: &Fakes) {
    fakes.copy_kernels(LEN, 4, 4);
    fakes.hold_kernels();
    thread::scope(|scope| {
        scope.spawn(|| open_behind(fakes, 2));
        on_ranks(QUICK, |nccl, device| {
            let rank = nccl.rank();
            // Made by a kernel in the queue of a thread that is gone, and which has not begun.
            let filling = thread::spawn({
                let device = device.clone();
                move || {
                    let known = tensor(&values(rank, LEN), &device, DType::F32);
                    let mut buffer = known.clone();
                    address(&mut buffer);
                    (known, buffer)
                }
            });
            let (known, mut buffer) = filling.join().unwrap();
            let on_gpu = nccl.on_device().unwrap();
            on_gpu.all_reduce(&mut buffer).unwrap();
            on_gpu.finish().unwrap();
            assert!(read(buffer) == sums(0, LEN) && read(known) == values(rank, LEN));
        });
    });
}

#[test]
fn what_another_thread_has_asked_for_comes_first() {
    for order in [Order::Host, Order::Device] {
        alone("what_another_thread_has_asked_for_comes_first", order, other_thread);
    }
}
