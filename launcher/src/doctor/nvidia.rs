//! The rows about NVIDIA's hardware and libraries.

use super::{Asked, Row, State};
use std::collections::BTreeSet;
use trainer::device::cublaslt::WAY;
use trainer::device::cuda::{OLDEST, version_text};
use trainer::device::inventory::{DriverFacts, Gpu, Inventory};
use trainer::memory::bytes_text;

/// Tensor cores that multiply bf16 came with it.
const BF16: (u32, u32) = (8, 0);

/// Degrees Celsius from which GPUs of servers slow down soon.
const HOT: u32 = 85;

/// Everything that the driver and its companions say.
pub fn rows(asked: &Asked, inventory: &Inventory) -> Vec<Row> {
    let is_cuda = asked.device == "cuda";
    // What is not there is missing only where it is needed.
    let needed = |is_needed: bool| if is_needed { State::Missing } else { State::Unused };
    let mut rows = vec![driver(&inventory.driver, needed(is_cuda))];
    rows.extend(inventory.gpus.iter().map(gpu));
    if inventory.driver.is_ok() {
        rows.extend(too_few(asked, inventory.gpus.len()));
        rows.extend(wiring(&inventory.gpus));
        if let Err(error) = &inventory.nvml {
            rows.push(Row::ok("NVML", error.as_str()).but(
                State::Warning,
                "temperature, power and NVLinks are not known; it comes with the driver",
            ));
        }
    }
    rows.push(match &inventory.libdevice {
        Ok(path) => Row::ok("libdevice", path.display().to_string()),
        Err(sentence) => absent("libdevice", sentence, needed(is_cuda)),
    });
    rows.push(match &inventory.nccl {
        Ok(nccl) => Row::ok("NCCL", format!("{} ({})", nccl.version, nccl.library.display())),
        Err(error) => Row::ok("NCCL", error.as_str()).but(
            needed(asked.carrier.is_nccl(&asked.device, asked.ranks)),
            "pip install nvidia-nccl-cu13 and name its libnccl.so.2 with KNOWCODER_NCCL; one GPU needs none",
        ),
    });
    rows.push(match &inventory.cublaslt {
        Ok(library) => Row::ok("cuBLASLt", library.to_string()),
        Err(error) => Row::ok("cuBLASLt", error.as_str()).but(
            if is_cuda { State::Warning } else { State::Unused },
            format!("matrix products will be slow: {WAY}"),
        ),
    });
    for row in &mut rows {
        if row.state == State::Unused {
            row.way = None;
        }
    }
    rows
}

fn driver(driver: &Result<DriverFacts, String>, needed: State) -> Row {
    let facts = match driver {
        Ok(facts) => facts,
        Err(sentence) => return absent("driver", sentence, needed),
    };
    let version = facts.version.as_ref().map_or_else(String::new, |it| format!("{it}, "));
    let row = Row::ok("driver", format!("{version}serves CUDA {}", version_text(facts.cuda)));
    match facts.cuda < OLDEST {
        true => row.but(
            needed,
            format!("install a driver that serves CUDA {} or newer", version_text(OLDEST)),
        ),
        false => row,
    }
}

/// A sentence `device `cuda`: what; way out` as a row.
fn absent(what: &str, sentence: &str, state: State) -> Row {
    let sentence = sentence.strip_prefix("device `cuda`: ").unwrap_or(sentence);
    match sentence.split_once("; ") {
        Some((found, way)) => Row::ok(what, found).but(state, way),
        None => Row { state, ..Row::ok(what, sentence) },
    }
}

fn gpu(gpu: &Gpu) -> Row {
    let health = &gpu.health;
    let mut parts = vec![gpu.name.clone()];
    parts.push(match health.free {
        Some(free) => format!("{} of {} free", bytes_text(free), bytes_text(gpu.memory)),
        None => bytes_text(gpu.memory),
    });
    let (major, minor) = gpu.capability;
    parts.push(format!("sm_{major}{minor}"));
    parts.extend(health.temperature.map(|it| format!("{it}°C")));
    parts.extend(health.power.map(|(now, most)| format!("{now} of {most} W")));
    parts.extend(health.clock.map(|(now, most)| format!("{now} of {most} MHz")));
    let row = Row::ok(format!("GPU {}", gpu.ordinal), parts.join(", "));
    if gpu.capability < BF16 {
        return row.but(
            State::Warning,
            "it does not multiply bf16: give [model] dtype = \"f32\", which is slow",
        );
    }
    if health.free.is_some_and(|free| free < gpu.memory / 10 * 9) {
        return row.but(State::Warning, "another program holds memory of it: see `nvidia-smi`");
    }
    if health.temperature.is_some_and(|it| it >= HOT) {
        return row.but(State::Warning, "it is hot and will slow down: see to its cooling");
    }
    row
}

fn too_few(asked: &Asked, gpus: usize) -> Option<Row> {
    if asked.device != "cuda" || gpus >= asked.ranks {
        return None;
    }
    let visible = asked.visible.as_ref().map(|it| format!(", CUDA_VISIBLE_DEVICES is `{it}`"));
    let row =
        Row::ok("GPUs", format!("{gpus} for {} ranks{}", asked.ranks, visible.unwrap_or_default()));
    Some(row.but(State::Missing, "start as many ranks as there are GPUs"))
}

/// How several GPUs reach each other.
fn wiring(gpus: &[Gpu]) -> Option<Row> {
    if gpus.len() < 2 {
        return None;
    }
    let apart: Vec<String> = gpus
        .iter()
        .flat_map(|from| {
            let to = gpus.iter().filter(|to| to.ordinal != from.ordinal);
            let to = to.filter(|to| !from.reaches.contains(&to.ordinal));
            to.map(|to| format!("{} and {}", from.ordinal, to.ordinal))
        })
        .collect();
    let links: BTreeSet<Option<u32>> = gpus.iter().map(|gpu| gpu.health.links).collect();
    let links = match links.iter().collect::<Vec<_>>()[..] {
        [None] => "no NVLink".to_owned(),
        [Some(count)] => format!("{count} NVLinks each"),
        _ => {
            let each = gpus.iter().map(|gpu| gpu.health.links.unwrap_or(0).to_string());
            let row =
                Row::ok("NVLink", format!("links up: {}", each.collect::<Vec<_>>().join(", ")));
            let way = "not all GPUs have as many: sums are as slow as the slowest; see `nvidia-smi nvlink -s`";
            return Some(row.but(State::Warning, way));
        }
    };
    Some(match apart.first() {
        None => Row::ok("NVLink", format!("{} GPUs reach each other, {links}", gpus.len())),
        Some(pair) => Row::ok("NVLink", format!("GPUs {pair} do not reach each other, {links}"))
            .but(
                State::Warning,
                "sums between them go through the machine's memory: see `nvidia-smi topo -m`",
            ),
    })
}
