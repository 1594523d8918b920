//! What was asked for.

use crate::Failure;
use burn::tensor::{DType, Device};
use model::layout::AttentionBody;
use std::collections::BTreeMap;
use std::str::FromStr;

/// The command line.
pub struct Arguments {
    pub part: String,
    pub device: Device,
    pub device_name: String,
    /// `7b` or `tiny`.
    pub preset: String,
    options: BTreeMap<String, String>,
}

/// The device called `name`, if this build and this machine have what it needs; its kernels are kept.
pub fn device(name: &str) -> Result<Device, Failure> {
    AttentionBody::from_environment()?;
    Ok(trainer::device::of(name, 0)?)
}

const OPTIONS: [&str; 13] = [
    "device",
    "preset",
    "rounds",
    "method",
    "batch",
    "group",
    "micro-tokens",
    "recompute",
    "steps",
    "layers",
    "check",
    "rule",
    "bits",
];

impl Arguments {
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut words = words.peekable();
        let part = words.next().ok_or("a part is missing; see the top of its main.rs")?;
        let mut options = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").filter(|name| OPTIONS.contains(name));
            let name =
                name.ok_or_else(|| format!("`{word}` is not one of --{}", OPTIONS.join(", --")))?;
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            options.insert(name.to_owned(), value);
        }
        let text = |name: &str, default: &str| {
            options.get(name).map_or(default, String::as_str).to_owned()
        };
        let (device_name, preset) = (text("device", "flex"), text("preset", "tiny"));
        if !["tiny", "7b"].contains(&preset.as_str()) {
            return Err(format!("--preset is `{preset}`, expected tiny or 7b").into());
        }
        let device = device(&device_name)?;
        Ok(Self { part, device, device_name, preset, options })
    }

    /// A number, or what `tiny` and `7b` have without one.
    pub fn number<N: FromStr>(&self, name: &str, tiny: N, large: N) -> Result<N, Failure> {
        let Some(text) = self.options.get(name) else {
            return Ok(if self.is_tiny() { tiny } else { large });
        };
        text.parse().map_err(|_| format!("--{name} is `{text}`, expected a number").into())
    }

    /// Whether everything is small.
    pub fn is_tiny(&self) -> bool {
        self.preset == "tiny"
    }

    /// Words, if they were given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// Whether adapters are trained, or everything.
    pub fn is_lora(&self) -> Result<bool, Failure> {
        match self.text("method").unwrap_or("lora") {
            "lora" => Ok(true),
            "full" => Ok(false),
            other => Err(format!("--method is `{other}`, expected lora or full").into()),
        }
    }

    /// The type of weights and activations: bf16 where the device computes in it and is no CPU.
    pub fn dtype(&self) -> DType {
        let is_gpu = self.device_name != "flex";
        let bf16 = is_gpu && self.device.supports_dtype(DType::BF16);
        if bf16 { DType::BF16 } else { DType::F32 }
    }
}
