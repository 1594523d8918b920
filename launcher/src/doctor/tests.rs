//! Machines of all kinds, made up.
#![allow(clippy::unwrap_used)]

use super::*;
use expect_test::{Expect, expect};
use std::time::{Duration, UNIX_EPOCH};
use trainer::collective::Carrier;
use trainer::device::cublaslt::CublasLt;
use trainer::device::inventory::{DriverFacts, Gpu};
use trainer::device::nccl::Nccl;
use trainer::device::nvml::Health;

const GIB: u64 = 1 << 30;

fn asked(device: &str, ranks: usize) -> Asked {
    Asked {
        device: device.to_owned(),
        ranks,
        threads_per_rank: 1,
        carrier: Carrier::Auto,
        run_dir: "runs".into(),
        // On a disk of the machine that the test runs on.
        kernels: "/proc/self/kernels".into(),
        visible: None,
    }
}

fn host() -> Host {
    let time = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    Host {
        cores: 16,
        memory: Some((100 * GIB, 128 * GIB)),
        disks: [Some(50 * GIB), Some(20 * GIB)],
        shared: Some(64 * GIB),
        files: Some(1_048_576),
        locale: Some("en_GB.UTF-8".to_owned()),
        now: time(1_800_000_000),
        built: Some(time(1_700_000_000)),
    }
}

fn gpus(count: usize) -> Vec<Gpu> {
    let gpu = |ordinal| Gpu {
        ordinal,
        name: "NVIDIA H200".to_owned(),
        memory: 140 * GIB,
        capability: (9, 0),
        reaches: (0..count).filter(|other| *other != ordinal).collect(),
        health: Health {
            free: Some(139 * GIB),
            temperature: Some(41),
            power: Some((120, 700)),
            clock: Some((345, 1980)),
            links: Some(18),
        },
    };
    (0..count).map(gpu).collect()
}

fn full(count: usize) -> Inventory {
    Inventory {
        driver: Ok(DriverFacts { cuda: (13, 0), version: Some("580.65.06".to_owned()) }),
        gpus: gpus(count),
        libdevice: Ok("/usr/local/cuda/nvvm/libdevice/libdevice.10.bc".into()),
        nccl: Ok(Nccl { library: "libnccl.so.2".into(), version: "2.27.3".to_owned() }),
        cublaslt: Ok(CublasLt {
            library: "libcublasLt.so.13".into(),
            version: "13.1.2".to_owned(),
        }),
        nvml: Ok(()),
    }
}

fn empty() -> Inventory {
    let of = |text: &str| text.to_owned();
    Inventory {
        driver: Err(of(
            "device `cuda`: the NVIDIA driver is not here (looked for libcuda.so.1, libcuda.so): \
                        libcuda.so: cannot open shared object file: No such file or directory; install \
                        NVIDIA's driver, or compute where `nvidia-smi` lists a GPU",
        )),
        gpus: Vec::new(),
        libdevice: Err(of(
            "device `cuda`: libdevice.10.bc is not here (looked for /usr); install a toolkit",
        )),
        nccl: Err(of("NCCL is not here (looked for libnccl.so.2, libnccl.so): no such file")),
        cublaslt: Err(of("cuBLASLt is not here (looked for libcublasLt.so.13): no such file")),
        nvml: Err(of("NVML is not here")),
    }
}

/// The rows without this build's own, as the table shows them.
fn check(asked: &Asked, inventory: &Inventory, host: &Host, expected: Expect) {
    let rows = rows(asked, inventory, host);
    let text = table(&rows[1..], &asked.device);
    for line in text.lines() {
        assert!(columns(line) <= TERMINAL, "{line}");
    }
    expected.assert_eq(&text);
}

#[test]
fn a_machine_with_everything() {
    check(
        &asked("cuda", 2),
        &full(2),
        &host(),
        expect![[r#"
            state    what             found
            ────────────────────────────────────────────────────────────────────────────────
            ok       driver           580.65.06, serves CUDA 13.0
            ok       GPU 0            NVIDIA H200, 139.0 GiB of 140.0 GiB free, sm_90, 41°C,
                                      120 of 700 W, 345 of 1980 MHz
            ok       GPU 1            NVIDIA H200, 139.0 GiB of 140.0 GiB free, sm_90, 41°C,
                                      120 of 700 W, 345 of 1980 MHz
            ok       NVLink           2 GPUs reach each other, 18 NVLinks each
            ok       libdevice        /usr/local/cuda/nvvm/libdevice/libdevice.10.bc
            ok       NCCL             2.27.3 (libnccl.so.2)
            ok       cuBLASLt         13.1.2 (libcublasLt.so.13)
            ok       cores            16 for 2 rank(s)
            ok       memory           100.0 GiB of 128.0 GiB free
            ok       disk of runs     50.0 GiB free for `runs`
            ok       disk of kernels  20.0 GiB free for `/proc/self/kernels`
            ok       shared memory    64.0 GiB
            ok       open files       1048576
            ok       locale           en_GB.UTF-8
            ok       clock            2027-01-15T08:00:00.000Z

            what `cuda` needs is here; warnings: 0
        "#]],
    );
}

#[test]
fn nccl_is_missing_only_where_it_carries_the_sums() {
    let state = |carrier, ranks| {
        let rows = rows(&Asked { carrier, ..asked("cuda", ranks) }, &empty(), &host());
        rows.into_iter().find(|row| row.what == "NCCL").map(|row| row.state)
    };
    assert_eq!(state(Carrier::Auto, 2), Some(State::Missing));
    assert_eq!(state(Carrier::Nccl, 2), Some(State::Missing));
    assert_eq!(state(Carrier::Tcp, 2), Some(State::Unused));
    assert_eq!(state(Carrier::Auto, 1), Some(State::Unused));
}

#[test]
fn a_machine_without_anything() {
    check(
        &asked("cuda", 2),
        &empty(),
        &host(),
        expect![[r#"
            state    what             found
            ────────────────────────────────────────────────────────────────────────────────
            MISSING  driver           the NVIDIA driver is not here (looked for
                                      libcuda.so.1, libcuda.so): libcuda.so: cannot open
                                      shared object file: No such file or directory
                                      → install NVIDIA's driver, or compute where
                                      `nvidia-smi` lists a GPU
            MISSING  libdevice        libdevice.10.bc is not here (looked for /usr)
                                      → install a toolkit
            MISSING  NCCL             NCCL is not here (looked for libnccl.so.2,
                                      libnccl.so): no such file
                                      → pip install nvidia-nccl-cu13 and name its
                                      libnccl.so.2 with KNOWCODER_NCCL; one GPU needs none
            warning  cuBLASLt         cuBLASLt is not here (looked for libcublasLt.so.13):
                                      no such file
                                      → matrix products will be slow: pip install
                                      nvidia-cublas and name its libcublasLt.so with
                                      KNOWCODER_CUBLASLT
            ok       cores            16 for 2 rank(s)
            ok       memory           100.0 GiB of 128.0 GiB free
            ok       disk of runs     50.0 GiB free for `runs`
            ok       disk of kernels  20.0 GiB free for `/proc/self/kernels`
            ok       shared memory    64.0 GiB
            ok       open files       1048576
            ok       locale           en_GB.UTF-8
            ok       clock            2027-01-15T08:00:00.000Z

            missing for `cuda`: 3; warnings: 1
        "#]],
    );
    check(
        &asked("flex", 2),
        &empty(),
        &host(),
        expect![[r#"
            state    what           found
            ────────────────────────────────────────────────────────────────────────────────
            -        driver         the NVIDIA driver is not here (looked for libcuda.so.1,
                                    libcuda.so): libcuda.so: cannot open shared object file:
                                    No such file or directory
            -        libdevice      libdevice.10.bc is not here (looked for /usr)
            -        NCCL           NCCL is not here (looked for libnccl.so.2, libnccl.so):
                                    no such file
            -        cuBLASLt       cuBLASLt is not here (looked for libcublasLt.so.13): no
                                    such file
            ok       cores          16 for 2 rank(s)
            ok       memory         100.0 GiB of 128.0 GiB free
            ok       disk of runs   50.0 GiB free for `runs`
            ok       shared memory  64.0 GiB
            ok       open files     1048576
            ok       locale         en_GB.UTF-8
            ok       clock          2027-01-15T08:00:00.000Z

            what `flex` needs is here; warnings: 0
        "#]],
    );
}

#[test]
fn what_may_hurt_is_said() {
    let mut inventory = full(3);
    inventory.gpus[0].reaches.clear();
    inventory.gpus[1].health.free = Some(20 * GIB);
    inventory.gpus[2].capability = (7, 5);
    inventory.nvml = Err("NVML is not here".to_owned());
    let host = Host {
        cores: 2,
        memory: Some((GIB / 2, GIB)),
        disks: [Some(GIB), None],
        shared: Some(64 << 20),
        files: Some(256),
        locale: Some("C".to_owned()),
        now: UNIX_EPOCH,
        ..host()
    };
    check(
        &asked("cuda", 4),
        &inventory,
        &host,
        expect![[r#"
            state    what             found
            ────────────────────────────────────────────────────────────────────────────────
            ok       driver           580.65.06, serves CUDA 13.0
            ok       GPU 0            NVIDIA H200, 139.0 GiB of 140.0 GiB free, sm_90, 41°C,
                                      120 of 700 W, 345 of 1980 MHz
            warning  GPU 1            NVIDIA H200, 20.0 GiB of 140.0 GiB free, sm_90, 41°C,
                                      120 of 700 W, 345 of 1980 MHz
                                      → another program holds memory of it: see `nvidia-smi`
            warning  GPU 2            NVIDIA H200, 139.0 GiB of 140.0 GiB free, sm_75, 41°C,
                                      120 of 700 W, 345 of 1980 MHz
                                      → it does not multiply bf16: give [model] dtype =
                                      "f32", which is slow
            MISSING  GPUs             3 for 4 ranks
                                      → start as many ranks as there are GPUs
            warning  NVLink           GPUs 0 and 1 do not reach each other, 18 NVLinks each
                                      → sums between them go through the machine's memory:
                                      see `nvidia-smi topo -m`
            warning  NVML             NVML is not here
                                      → temperature, power and NVLinks are not known; it
                                      comes with the driver
            ok       libdevice        /usr/local/cuda/nvvm/libdevice/libdevice.10.bc
            ok       NCCL             2.27.3 (libnccl.so.2)
            ok       cuBLASLt         13.1.2 (libcublasLt.so.13)
            warning  cores            2 for 4 rank(s)
                                      → 4 threads share them: fewer ranks, or a smaller
                                      threads_per_rank
            warning  memory           512.0 MiB of 1.0 GiB free
                                      → preparing data takes about 1 GiB: end other programs
            warning  disk of runs     1.0 GiB free for `runs`
                                      → little: `knowcoder plan` says what a run takes
            warning  disk of kernels  nobody knows what is free for `/proc/self/kernels`
                                      → a full disk ends a run; the same command goes on
            warning  shared memory    64.0 MiB
                                      → NCCL may end for lack of it: start the container
                                      with --shm-size 4g
            warning  open files       256
                                      → raise it: ulimit -n 1024
            warning  locale           C
                                      → tables are written in UTF-8: export LANG=C.UTF-8, or
                                      Chinese may not show
            warning  clock            1970-01-01T00:00:00.000Z
                                      → this program was made later,
                                      2023-11-14T22:13:20.000Z: set the clock

            missing for `cuda`: 1; warnings: 12
        "#]],
    );
    inventory.gpus = gpus(2);
    inventory.gpus[1].health.links = Some(17);
    let rows = rows(&asked("cuda", 2), &inventory, &host);
    let row = rows.iter().find(|row| row.what == "NVLink").unwrap();
    assert_eq!((row.state, row.found.as_str()), (State::Warning, "links up: 18, 17"));
}

#[test]
fn an_old_driver_is_missing_only_where_it_is_needed() {
    let mut inventory = full(1);
    inventory.driver = Ok(DriverFacts { cuda: (12, 4), version: None });
    let state = |device: &str| {
        let rows = rows(&asked(device, 1), &inventory, &host());
        rows.into_iter().find(|row| row.what == "driver").unwrap().state
    };
    assert_eq!([state("cuda"), state("flex")], [State::Missing, State::Unused]);
}
