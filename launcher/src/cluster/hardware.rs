//! `[hardware]` of a cluster file: what one rank computes with, for plans and reports.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// Far beyond what one rank computes; more is a slip of the keyboard, or meant in other units.
const MOST: f64 = 1e6;

/// What a cluster file says of the hardware of one rank; what it leaves out, the name may say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hardware {
    /// One of [`KNOWN`], or any name if `peak_tflops` is given, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it can compute at most, in 10¹² floating-point operations a second of the kind that is
    /// trained in; reports compare with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_tflops: Option<f64>,
    /// GiB of its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_gib: Option<f64>,
    /// Gigabytes a second that it reads and writes of its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_gbytes: Option<f64>,
    /// Gigabits a second that it sends to the others of its node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_gbps: Option<f64>,
    /// Gigabits a second that it sends to other nodes: its share of the node's adapters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_gbps: Option<f64>,
    /// What an hour of it costs, in any currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_per_hour: Option<f64>,
}

/// An accelerator whose figures are public.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// As cluster files call it.
    pub name: &'static str,
    /// Dense bf16, without sparsity.
    pub peak_tflops: f64,
    /// What programs have of it.
    pub memory_gib: f64,
    /// Gigabytes a second.
    pub memory_gbytes: f64,
    /// Gigabits a second to its node, one direction.
    pub link_gbps: f64,
    /// Gigabits a second between nodes: one adapter for each accelerator.
    pub network_gbps: f64,
}

/// The accelerators that a cluster file may name.
///
/// Peaks, memory and links are of NVIDIA's data sheets for the SXM forms (B200: an eighth of the DGX B200's) and
/// the L40S. Where a sheet counts sparse products, or both directions of NVLink, half of it stands here; the
/// PCIe link is that of generation 4 with 16 lanes. Memory is what is left of the sheet's beside ECC, about.
/// Networks are those of the makers' own nodes: an adapter of 200 Gb/s (DGX A100) or 400 Gb/s (DGX H100, H200,
/// B200) for each accelerator, and 100 Gb/s for each L40S.
pub const KNOWN: [Known; 6] = [
    known("a100-40", 312.0, [39.4, 1555.0], [2400.0, 200.0]),
    known("a100-80", 312.0, [79.2, 2039.0], [2400.0, 200.0]),
    known("l40s", 362.05, [44.4, 864.0], [256.0, 100.0]),
    known("h100-80", 989.4, [79.1, 3350.0], [3600.0, 400.0]),
    known("h200", 989.4, [139.8, 4800.0], [3600.0, 400.0]),
    known("b200", 2250.0, [178.4, 8000.0], [7200.0, 400.0]),
];

const fn known(name: &'static str, peak_tflops: f64, memory: [f64; 2], gbps: [f64; 2]) -> Known {
    let [memory_gib, memory_gbytes] = memory;
    let [link_gbps, network_gbps] = gbps;
    Known { name, peak_tflops, memory_gib, memory_gbytes, link_gbps, network_gbps }
}

/// The section as it is written, with the places of its values.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HardwareSection {
    name: Option<Spanned<String>>,
    peak_tflops: Option<Spanned<f64>>,
    memory_gib: Option<Spanned<f64>>,
    memory_gbytes: Option<Spanned<f64>>,
    link_gbps: Option<Spanned<f64>>,
    network_gbps: Option<Spanned<f64>>,
    price_per_hour: Option<Spanned<f64>>,
}

impl HardwareSection {
    /// Refuses what cannot be meant; `place` makes an error of an offset and a sentence.
    pub(super) fn checked(self, place: impl Fn(usize, String) -> Error) -> Result<Hardware, Error> {
        let number = |name: &str, given: Option<Spanned<f64>>| match given {
            Some(given) if !(MOST.recip()..=MOST).contains(given.get_ref()) => {
                let value = given.get_ref();
                let message = format!(
                    "`{name}` is {value}; it must be above 0 and at most {MOST}, of one rank"
                );
                Err(place(given.span().start, message))
            }
            given => Ok(given.map(Spanned::into_inner)),
        };
        let at = self.name.as_ref().map_or(0, |name| name.span().start);
        let hardware = Hardware {
            name: self.name.map(Spanned::into_inner),
            peak_tflops: number("peak_tflops", self.peak_tflops)?,
            memory_gib: number("memory_gib", self.memory_gib)?,
            memory_gbytes: number("memory_gbytes", self.memory_gbytes)?,
            link_gbps: number("link_gbps", self.link_gbps)?,
            network_gbps: number("network_gbps", self.network_gbps)?,
            price_per_hour: number("price_per_hour", self.price_per_hour)?,
        };
        match &hardware.name {
            Some(name) if hardware.known().is_none() && hardware.peak_tflops.is_none() => {
                let names = KNOWN.map(|known| known.name).join(", ");
                let message = format!(
                    "nothing is known of the hardware `{name}`; known are: {names}; of others give peak_tflops, memory_gib, memory_gbytes, link_gbps and network_gbps"
                );
                Err(place(at, message))
            }
            _ => Ok(hardware),
        }
    }
}

impl Hardware {
    /// The accelerator that is named, if its figures are public.
    pub fn known(&self) -> Option<Known> {
        KNOWN.into_iter().find(|known| self.name.as_deref() == Some(known.name))
    }

    /// What it can compute at most, in 10¹² operations a second.
    pub fn peak_tflops(&self) -> Option<f64> {
        self.peak_tflops.or(self.known().map(|known| known.peak_tflops))
    }

    /// Bytes of its memory.
    pub fn memory_bytes(&self) -> Option<u64> {
        let gib = self.memory_gib.or(self.known().map(|known| known.memory_gib))?;
        Some((gib * f64::from(1u32 << 30)) as u64)
    }

    /// Bytes a second that it reads and writes of its memory.
    pub fn memory_rate(&self) -> Option<f64> {
        Some(1e9 * self.memory_gbytes.or(self.known().map(|known| known.memory_gbytes))?)
    }

    /// Bytes a second that it sends within its node.
    pub fn link_rate(&self) -> Option<f64> {
        Some(bytes(self.link_gbps.or(self.known().map(|known| known.link_gbps))?))
    }

    /// Bytes a second that it sends to other nodes.
    pub fn network_rate(&self) -> Option<f64> {
        Some(bytes(self.network_gbps.or(self.known().map(|known| known.network_gbps))?))
    }
}

/// Bytes a second of so many gigabits.
fn bytes(gbps: f64) -> f64 {
    gbps * 1e9 / 8.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Cluster;
    use super::*;
    use expect_test::expect;
    use std::path::Path;

    fn parse(section: &str) -> Result<Cluster, Error> {
        let text = format!("[cluster]\nbackend = \"local\"\nranks = 1\n[hardware]\n{section}\n");
        Cluster::parse(&text, Path::new("c.toml"))
    }

    #[test]
    fn a_name_says_what_the_file_leaves_out() {
        let hardware = parse("name = \"h100-80\"\nnetwork_gbps = 100").unwrap().hardware;
        assert_eq!(hardware.peak_tflops(), Some(989.4));
        assert_eq!(hardware.link_rate(), Some(450e9));
        assert_eq!(hardware.network_rate(), Some(12.5e9));
        assert_eq!(hardware.memory_rate(), Some(3.35e12));
        assert!((79 << 30..80 << 30).contains(&hardware.memory_bytes().unwrap()));
        assert_eq!(hardware.price_per_hour, None);
        let own = parse("name = \"ours\"\npeak_tflops = 50").unwrap().hardware;
        assert_eq!((own.peak_tflops(), own.memory_bytes()), (Some(50.0), None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        expect!["c.toml:5:8: nothing is known of the hardware `h100`; known are: a100-40, a100-80, l40s, h100-80, h200, b200; of others give peak_tflops, memory_gib, memory_gbytes, link_gbps and network_gbps"]
            .assert_eq(&parse("name = \"h100\"").unwrap_err().message);
        expect!["c.toml:5:18: `price_per_hour` is -2; it must be above 0 and at most 1000000, of one rank"]
            .assert_eq(&parse("price_per_hour = -2.0").unwrap_err().message);
        expect!["c.toml:5:1: unknown key `peak_tflop`; did you mean `peak_tflops`?"]
            .assert_eq(&parse("peak_tflop = 80").unwrap_err().message);
    }

    #[test]
    fn a_written_section_is_read_back() {
        let cluster = parse("name = \"h200\"\nprice_per_hour = 2.5\nlink_gbps = 900").unwrap();
        assert_eq!(Cluster::parse(&cluster.to_toml(), Path::new("c.toml")).unwrap(), cluster);
    }
}
