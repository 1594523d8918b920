//! What `knowcoder export` can be asked.

use clap::Args;
use std::path::PathBuf;
use trainer::export::{Format, Precision};

/// `knowcoder export`.
#[derive(Clone, Debug, Args)]
pub struct Export {
    /// A checkpoint directory of a run, or a model directory as on the hub.
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,

    /// What to write.
    #[arg(long, value_name = "FORMAT")]
    pub format: ExportFormat,

    /// The model that adapters (`--format peft`) are written for: without it the checkpoint's own
    /// weights. For a base with separate projections, adapters of `W_pack` are cut to fit.
    #[arg(long, value_name = "DIR")]
    pub base: Option<PathBuf>,

    /// Where; must not exist yet.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Type of the weights; adapters are always f32.
    #[arg(long, value_name = "TYPE", default_value = "bf16")]
    pub dtype: ExportType,

    /// Write the rows of a NormHead normalised, for programs that know none; without it they are
    /// kept as they were trained. Llama's format always normalises.
    #[arg(long)]
    pub fold_norm_head: bool,

    /// Most gigabytes of a file.
    #[arg(long, value_name = "GB", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub max_shard_gb: u64,

    /// Prompts that source and export answer before the export gets its name.
    #[arg(long, value_name = "N", default_value = "256", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub prompts: u32,

    /// What computes the proof.
    #[arg(long, value_name = "DEVICE", default_value = "flex")]
    pub device: String,
}

/// What `knowcoder export` writes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum ExportFormat {
    /// The family's own names and parts; for checkpoints without adapters.
    Hf,
    /// LlamaForCausalLM: adapters added, queries, keys and values apart, head normalised.
    Llama,
    /// The adapters alone, for PEFT.
    Peft,
    /// The family's own names and parts, adapters added.
    Merged,
}

impl From<ExportFormat> for Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Hf => Self::Hf,
            ExportFormat::Llama => Self::Llama,
            ExportFormat::Peft => Self::Peft,
            ExportFormat::Merged => Self::Merged,
        }
    }
}

/// Type of exported weights.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum ExportType {
    /// 32 bits.
    F32,
    /// 16 bits, the range of f32.
    Bf16,
    /// 16 bits, three more of them for the digits.
    F16,
}

impl From<ExportType> for Precision {
    fn from(precision: ExportType) -> Self {
        match precision {
            ExportType::F32 => Self::F32,
            ExportType::Bf16 => Self::Bf16,
            ExportType::F16 => Self::F16,
        }
    }
}
