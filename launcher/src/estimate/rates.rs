//! How fast ranks compute, remember and talk: the constants of the analytic model.

use super::calibration::Calibration;
use crate::cluster::Cluster;
use serde::{Deserialize, Serialize};
use trainer::collective::Carrier;

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

/// Seconds until a bucket's sum begins, within a node and for each doubling of nodes.
const LATENCY: [f64; 2] = [12e-6, 25e-6];

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
    /// Bytes that sums over the node's ranks pass on.
    pub link: f64,
    /// Bytes that sums over nodes pass on.
    pub network: f64,
    /// Seconds until a sum begins, within a node and for each doubling of nodes.
    pub latency: [f64; 2],
    /// Bytes that a checkpoint's files take in, over all ranks.
    pub disk: f64,
}

impl Rates {
    /// Of a rank of `cluster`: measured ones before those that its hardware's name or figures promise. `None` where
    /// nobody says how fast it computes.
    pub fn of(cluster: &Cluster, measured: Option<&Calibration>) -> Option<Self> {
        let hardware = &cluster.hardware;
        let peak = hardware.peak_tflops().map(|tflops| 1e12 * tflops);
        let name = hardware.name.clone().or(measured.map(|it| it.device.clone()));
        let share = LARGE_PRODUCTS.iter().find(|it| Some(it.0) == hardware.name.as_deref());
        let promised = peak.map(|peak| peak * share.map_or(USUAL_PRODUCTS, |it| it.1));
        let products = measured.map(|it| it.flops_per_second).or(promised)?;
        // What is not said is taken to be as in the accelerators that are known: bytes for operations.
        let stated = hardware.memory_rate().map_or(products / 180.0, |rate| rate * COPY);
        let link = hardware.link_rate().map_or(products / 2200.0, |rate| rate * LINK);
        let network = hardware.network_rate().map_or(link / 8.0, |rate| rate * NETWORK);
        let [within, between] = LATENCY;
        // As training would carry them.
        let by_nccl = |it: &Calibration| cluster.collective != Carrier::Tcp && it.is_of("cuda");
        let measured_sums =
            measured.and_then(|it| it.sums.filter(|sums| sums.by_nccl == by_nccl(it)));
        let of_node = measured_sums.filter(|it| it.nodes == 1).map(|it| it.bytes_per_second);
        let of_network = measured_sums.and_then(|it| it.network());
        // Measured is TCP, which carries no sums between GPUs unless the file says so.
        let by_tcp = |it: &&Calibration| !it.is_of("cuda") || cluster.collective == Carrier::Tcp;
        let sums = measured.filter(by_tcp);
        Some(Self {
            origin: match measured {
                Some(measured) => format!("measured on {} on {}", measured.host, measured.date),
                None => "the cluster file's [hardware]".to_owned(),
            },
            name: name.unwrap_or_else(|| "unnamed hardware".to_owned()),
            peak,
            products,
            copy: measured.and_then(|it| it.memory_bytes_per_second).unwrap_or(stated),
            link: of_node.or(sums.and_then(|it| it.link_bytes_per_second)).unwrap_or(link),
            network: of_network.unwrap_or(network),
            latency: [sums.and_then(|it| it.link_latency_seconds).unwrap_or(within), between],
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

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::calibration::Sums;
    use super::*;
    use crate::cluster::Hardware;

    /// A cluster of `ranks` in nodes of eight.
    pub(in super::super) fn cluster(name: &str, ranks: usize) -> Cluster {
        let hardware = Hardware { name: Some(name.to_owned()), ..Hardware::default() };
        let nodes = ranks.div_ceil(8);
        Cluster { ranks, nodes, hardware, ..Cluster::of_this_machine() }
    }

    #[test]
    fn a_name_promises_what_was_measured_of_its_like() {
        let rates = Rates::of(&cluster("h200", 8), None).unwrap();
        let near =
            |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.003, "{found}");
        near(rates.products, 788e12);
        near(rates.copy, 4.3e12);
        near(rates.link, 360e9);
        near(rates.network, 45e9);
        let rates = Rates::of(&cluster("h100-80", 8), None).unwrap();
        near(rates.products, 700e12);
        assert_eq!(Rates::of(&Cluster::of_this_machine(), None), None);
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
        let rates = Rates::of(&Cluster::of_this_machine(), Some(&measured)).unwrap();
        assert_eq!((rates.products, rates.copy, rates.disk), (5e10, 1e10, 3e8));
        assert_eq!((rates.latency[0], rates.peak), (1e-4, None));
        assert_eq!(rates.origin, "measured on laptop on 2026-11-22");
        let named = Rates::of(&cluster("h200", 1), Some(&measured)).unwrap();
        assert_eq!((named.products, named.peak), (5e10, Some(989.4e12)));
        // Sums between GPUs do not go over TCP.
        let device = "cuda NVIDIA H200".to_owned();
        let gpu = Calibration { device, link_bytes_per_second: Some(2e9), ..measured };
        let mut by_nccl = cluster("h200", 8);
        let rates = Rates::of(&by_nccl, Some(&gpu)).unwrap();
        assert_eq!((rates.link, rates.latency), (360e9, LATENCY));
        let sums = Sums { bytes_per_second: 3e11, ranks: 8, nodes: 1, by_nccl: true };
        let summed = Calibration { sums: Some(sums), ..gpu.clone() };
        let rates = Rates::of(&by_nccl, Some(&summed)).unwrap();
        assert_eq!((rates.link, rates.network), (3e11, 45e9));
        let over = Sums { bytes_per_second: 3e11, ranks: 16, nodes: 2, by_nccl: true };
        let summed = Calibration { sums: Some(over), ..gpu.clone() };
        let rates = Rates::of(&by_nccl, Some(&summed)).unwrap();
        assert_eq!((rates.link, Some(rates.network)), (360e9, over.network()));
        by_nccl.collective = Carrier::Tcp;
        assert_eq!(Rates::of(&by_nccl, Some(&gpu)).unwrap().link, 2e9);
    }

    #[test]
    fn attention_is_faster_in_long_rows() {
        let rates =
            Rates { products: ATTENTION_BESIDE, ..Rates::of(&cluster("h200", 1), None).unwrap() };
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
