//! How fast ranks compute, remember and talk: the constants of the analytic model.

use super::calibration::Calibration;
use crate::cluster::Cluster;
use serde::{Deserialize, Serialize};

/// What large products reach of the peak: cuBLAS measured 788 of 989.4 TFLOP/s in bf16 on an H200, and published
/// figures of an H100 are near 700.
const LARGE_PRODUCTS: [(&str, f64); 2] = [("h200", 0.796), ("b200", 0.796)];

/// The same for accelerators that nobody measured.
const USUAL_PRODUCTS: f64 = 0.708;

/// What the shapes of this network keep of that; an assumption until a GPU has measured it.
const OWN_PRODUCTS: f64 = 0.9;

/// What a copy reaches of the memory's stated rate: 4.3 of 4.8 TB/s on an H200.
const COPY: f64 = 0.896;

/// What fused kernels that work element by element reach of a copy.
const ELEMENTWISE: f64 = 0.88;

/// What sums reach of a link: 360 of 450 GB/s over NVLink 4.
const LINK: f64 = 0.8;

/// What they reach of a network adapter: 45 of 50 GB/s.
const NETWORK: f64 = 0.9;

/// Bytes a second of a shared file system, where nothing is measured.
const DISK: f64 = 2e9;

/// What the ring over TCP reaches of raw TCP between two processes, and the rate of that where `doctor` measured
/// nothing, in bytes a second: benchmarks/ring.md (scripts/bench/ring.py).
const RING: f64 = 0.17;
const RAW_TCP: f64 = 2.05e9;

/// Seconds of a step around the ring over TCP within a node and between nodes, where nothing is measured: an
/// assumption, some times the latency of a local connection.
const TCP_LATENCY: [f64; 2] = [50e-6, 50e-6];

/// What attention reaches forwards and backwards, in operations a second, by the length of its rows: cuDNN 9.19 on
/// an H200, causal, bf16, heads of 128; below 2048 an extrapolation.
const ATTENTION: [(f64, f64, f64); 5] = [
    (256.0, 180e12, 130e12),
    (700.0, 270e12, 200e12),
    (2048.0, 484e12, 370e12),
    (4096.0, 591e12, 474e12),
    (8192.0, 644e12, 541e12),
];

/// The device whose attention was measured, in products a second.
const ATTENTION_BESIDE: f64 = 788e12;

/// Who carries sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carries {
    /// NCCL, from GPU to GPU.
    #[default]
    Nccl,
    /// The ring over TCP, through the memory of the hosts.
    Tcp,
}

/// What one rank does in a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// What the hardware is called.
    pub name: String,
    /// Who says so.
    pub origin: String,
    /// Operations, as the maker states them; `None`: of a machine that was measured and nobody named.
    pub peak: Option<f64>,
    /// Operations of large products.
    pub products: f64,
    /// Bytes that a copy reads and writes.
    pub copy: f64,
    /// Who carries sums.
    pub carries: Carries,
    /// Where the rate of sums is from.
    pub sums: String,
    /// Bytes that sums over the node's ranks pass on.
    pub link: f64,
    /// Bytes that sums over nodes pass on: over TCP of all ranks of a node, with NCCL of each.
    pub network: f64,
    /// Seconds of a step around the ring over TCP, within a node and between nodes.
    pub latency: [f64; 2],
    /// How many times longer NCCL's steps take than over NVLink.
    pub slowness: f64,
    /// Bytes that a checkpoint's files take in, over all ranks.
    pub disk: f64,
}

impl Rates {
    /// Of a rank of `cluster` that computes on `device`: measured ones before those that its hardware's name or
    /// figures promise. `None` where nobody says how fast it computes.
    pub fn of(cluster: &Cluster, device: &str, measured: Option<&Calibration>) -> Option<Self> {
        let hardware = &cluster.hardware;
        let peak = hardware.peak_tflops().map(|tflops| 1e12 * tflops);
        let name = hardware.name.clone().or(measured.map(|it| it.device.clone()));
        let share = LARGE_PRODUCTS.iter().find(|it| Some(it.0) == hardware.name.as_deref());
        let promised = peak.map(|peak| peak * share.map_or(USUAL_PRODUCTS, |it| it.1));
        let products = measured.map(|it| it.flops_per_second).or(promised)?;
        // What is not said is taken to be as in the accelerators that are known: bytes for operations.
        let stated = hardware.memory_rate().map_or(products / 180.0, |rate| rate * COPY);
        let Way { carries, sums, link, network, latency } =
            Way::of(cluster, device, (products, measured));
        Some(Self {
            origin: match measured {
                Some(measured) => format!("measured on {} on {}", measured.host, measured.date),
                None => "the cluster file's [hardware]".to_owned(),
            },
            name: name.unwrap_or_else(|| "unnamed hardware".to_owned()),
            peak,
            products,
            copy: measured.and_then(|it| it.memory_bytes_per_second).unwrap_or(stated),
            carries,
            sums,
            link,
            network,
            latency,
            slowness: if link < BUS { BUS_STEP } else { 1.0 },
            disk: measured.and_then(|it| it.disk_bytes_per_second).unwrap_or(DISK),
        })
    }

    /// Operations a second of products of this network's shapes.
    pub fn own_products(&self) -> f64 {
        self.products * OWN_PRODUCTS
    }

    /// Bytes a second of kernels that work element by element.
    pub fn elementwise(&self) -> f64 {
        self.copy * ELEMENTWISE
    }

    /// Operations a second of attention forwards and backwards, for rows of this length.
    pub fn attention(&self, length: f64) -> [f64; 2] {
        let scale = self.products / ATTENTION_BESIDE;
        let (first, last) = (ATTENTION[0], ATTENTION[ATTENTION.len() - 1]);
        let length = length.clamp(first.0, last.0);
        let pairs = ATTENTION.windows(2);
        let pair = pairs.into_iter().find(|pair| length <= pair[1].0);
        let [a, b] = pair.map_or([last, last], |pair| [pair[0], pair[1]]);
        let along = if b.0 > a.0 { (length / a.0).ln() / (b.0 / a.0).ln() } else { 1.0 };
        [a.1 + along * (b.1 - a.1), a.2 + along * (b.2 - a.2)].map(|rate| scale * rate)
    }
}

/// Links slower than this are no NVLink: steps take as long as over PCIe, NCCL's tables say.
const BUS: f64 = 1e11;
const BUS_STEP: f64 = 5.7 / 3.4;

/// How sums travel.
struct Way {
    carries: Carries,
    sums: String,
    link: f64,
    network: f64,
    latency: [f64; 2],
}

impl Way {
    /// Of ranks that compute so many operations a second.
    fn of(
        cluster: &Cluster,
        device: &str,
        (products, measured): (f64, Option<&Calibration>),
    ) -> Self {
        let hardware = &cluster.hardware;
        let link = hardware.link_rate().map_or(products / 2200.0, |rate| rate * LINK);
        let adapter = hardware.network_rate().map(|rate| rate * NETWORK);
        // A plan for another number of ranks is one for several.
        let by_nccl = cluster.collective.is_nccl(device, cluster.ranks.max(2));
        // As training would carry them.
        let summed = measured.and_then(|it| it.sums.filter(|sums| sums.by_nccl == by_nccl));
        let of_node = summed.filter(|it| it.nodes == 1).map(|it| it.bytes_per_second);
        let of_network = summed.and_then(|it| it.network());
        // What nodes passed on, the ranks of each did, too.
        let least = summed.map_or(0.0, |it| it.bytes_per_second);
        if by_nccl {
            let link = of_node.unwrap_or(link).max(least);
            return Self {
                carries: Carries::Nccl,
                sums: match summed {
                    Some(_) => "NCCL, by sums that doctor measured".to_owned(),
                    None => "NCCL, by what it expects of links and adapters".to_owned(),
                },
                link,
                network: of_network.or(adapter).unwrap_or(link / 8.0),
                latency: TCP_LATENCY,
            };
        }
        let raw = measured.and_then(|it| it.link_bytes_per_second);
        let latency = measured.and_then(|it| it.link_latency_seconds);
        let link = of_node.unwrap_or(RING * raw.unwrap_or(RAW_TCP)).max(least);
        let network = adapter.map_or(link, |adapter| adapter.min(link));
        Self {
            carries: Carries::Tcp,
            sums: match (summed, raw) {
                (Some(_), _) => "TCP, by sums that doctor measured".to_owned(),
                (None, Some(_)) => "TCP, by what doctor measured".to_owned(),
                (None, None) => "TCP, by benchmarks/ring.md".to_owned(),
            },
            link,
            network: of_network.unwrap_or(network),
            latency: latency.map_or(TCP_LATENCY, |within| [within, within.max(TCP_LATENCY[1])]),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::calibration::Sums;
    use super::*;
    use crate::cluster::Hardware;
    use trainer::collective::Carrier;

    /// A cluster of `ranks` in nodes of eight.
    pub(in super::super) fn cluster(name: &str, ranks: usize) -> Cluster {
        let hardware = Hardware { name: Some(name.to_owned()), ..Hardware::default() };
        let nodes = ranks.div_ceil(8);
        Cluster { ranks, nodes, hardware, ..Cluster::of_this_machine() }
    }

    #[test]
    fn a_name_promises_what_was_measured_of_its_like() {
        let rates = Rates::of(&cluster("h200", 8), "cuda", None).unwrap();
        let near =
            |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.003, "{found}");
        near(rates.products, 788e12);
        near(rates.copy, 4.3e12);
        near(rates.link, 360e9);
        near(rates.network, 45e9);
        let rates = Rates::of(&cluster("h100-80", 8), "cuda", None).unwrap();
        near(rates.products, 700e12);
        assert_eq!(Rates::of(&Cluster::of_this_machine(), "cuda", None), None);
    }

    #[test]
    fn measured_rates_come_first() {
        let measured = Calibration {
            flops_per_second: 5e10,
            memory_bytes_per_second: Some(1e10),
            link_bytes_per_second: None,
            link_latency_seconds: Some(1e-4),
            disk_bytes_per_second: Some(3e8),
            sums: None,
            device: "flex".to_owned(),
            host: "laptop".to_owned(),
            date: "2026-11-22".to_owned(),
        };
        let rates = Rates::of(&Cluster::of_this_machine(), "flex", Some(&measured)).unwrap();
        assert_eq!((rates.products, rates.copy, rates.disk), (5e10, 1e10, 3e8));
        assert_eq!((rates.latency[0], rates.peak), (1e-4, None));
        assert_eq!(rates.origin, "measured on laptop on 2026-11-22");
        let named = Rates::of(&cluster("h200", 1), "flex", Some(&measured)).unwrap();
        assert_eq!((named.products, named.peak), (5e10, Some(989.4e12)));
        assert_eq!((rates.carries, rates.link), (Carries::Tcp, RING * RAW_TCP));
        // Sums between GPUs do not go over TCP.
        let device = "cuda NVIDIA H200".to_owned();
        let gpu = Calibration { device, link_bytes_per_second: Some(2e9), ..measured };
        let mut by_nccl = cluster("h200", 8);
        let rates = Rates::of(&by_nccl, "cuda", Some(&gpu)).unwrap();
        assert_eq!((rates.link, rates.carries, rates.slowness), (360e9, Carries::Nccl, 1.0));
        let sums = Sums { bytes_per_second: 3e11, ranks: 8, nodes: 1, by_nccl: true };
        let summed = Calibration { sums: Some(sums), ..gpu.clone() };
        let rates = Rates::of(&by_nccl, "cuda", Some(&summed)).unwrap();
        assert_eq!((rates.link, rates.network), (3e11, 45e9));
        assert_eq!(rates.sums, "NCCL, by sums that doctor measured");
        let over = Sums { bytes_per_second: 3e11, ranks: 16, nodes: 2, by_nccl: true };
        let summed = Calibration { sums: Some(over), ..gpu.clone() };
        let rates = Rates::of(&by_nccl, "cuda", Some(&summed)).unwrap();
        assert_eq!((rates.link, Some(rates.network)), (360e9, over.network()));
        by_nccl.collective = Carrier::Tcp;
        // One connection carried it, whatever raw TCP on one machine is.
        let tcp = Sums { bytes_per_second: 1e9, by_nccl: false, ..over };
        let summed = Calibration { sums: Some(tcp), ..gpu.clone() };
        let rates = Rates::of(&by_nccl, "cuda", Some(&summed)).unwrap();
        assert_eq!((rates.link, rates.network), (1e9, 1e9));
        let rates = Rates::of(&by_nccl, "cuda", Some(&gpu)).unwrap();
        assert_eq!((rates.link, rates.network), (RING * 2e9, RING * 2e9));
        assert_eq!((rates.carries, rates.latency), (Carries::Tcp, [1e-4, 1e-4]));
        assert_eq!(rates.sums, "TCP, by what doctor measured");
        assert_eq!(Rates::of(&by_nccl, "cuda", None).unwrap().link, RING * RAW_TCP);
    }

    #[test]
    fn attention_is_faster_in_long_rows() {
        let rates = Rates {
            products: ATTENTION_BESIDE,
            ..Rates::of(&cluster("h200", 1), "cuda", None).unwrap()
        };
        assert_eq!(rates.attention(2048.0), [484e12, 370e12]);
        assert_eq!(rates.attention(10.0), [180e12, 130e12]);
        assert_eq!(rates.attention(1e6), [644e12, 541e12]);
        let mut before = rates.attention(1.0);
        for length in (1..900).map(|it| f64::from(10 * it)) {
            let now = rates.attention(length);
            assert!(now[0] >= before[0] && now[1] >= before[1], "{length}");
            before = now;
        }
    }
}
