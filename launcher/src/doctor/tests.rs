//! Machines of all kinds, made up.
#![allow(clippy::unwrap_used)]

use super::*;
use expect_test::{Expect, expect};
use std::time::{Duration, UNIX_EPOCH};
use trainer::device::inventory::{DriverFacts, Gpu};
use trainer::device::nccl::Nccl;
use trainer::device::nvml::Health;

const GIB: u64 = 1 << 30;

fn asked(device: &str, ranks: usize) -> Asked {
    Asked {
        device: device.to_owned(),
        ranks,
        threads_per_rank: 1,
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
    check(&asked("cuda", 2), &full(2), &host(), expect![[r#""#]]);
}

#[test]
fn a_machine_without_anything() {
    check(&asked("cuda", 2), &empty(), &host(), expect![[r#""#]]);
    check(&asked("flex", 2), &empty(), &host(), expect![[r#""#]]);
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
    check(&asked("cuda", 4), &inventory, &host, expect![[r#""#]]);
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
