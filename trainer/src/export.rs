//! A checkpoint becomes files that other programs load, and proves first that nothing changed.
//!
//! The source answers prompts; the files are written into a folder with a temporary name, loaded as
//! anyone would load them, and asked the same. Only then does the folder get its name.

mod tokenizer;

use crate::extract::with_adapters;
use crate::{Error, checkpoint, device};
use burn::tensor::{DType, Device};
use model::export::proof::{self, Observation, Proof, Questions};
use model::export::{self, Layout, NormHead, Options};
use model::lora::Linear;
use model::runtime::full_precision;
use model::{Decoder, DecoderConfig, LoraConfig, files, peft};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Weights under the family's own names; for checkpoints without adapters.
    Hf,
    /// As Llama: queries, keys and values apart, head normalised, adapters added.
    Llama,
    /// The adapters alone, as PEFT files.
    Peft,
    /// Weights under the family's own names, adapters added.
    Merged,
}

/// Type of written weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As they are trained.
    F32,
    /// The range of f32, fewer digits.
    Bf16,
    /// More digits, less range.
    F16,
}

impl Precision {
    fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// A checkpoint of ours, or a directory as on the hub.
    pub source: PathBuf,
    /// What is written.
    pub format: Format,
    /// The model that adapters are written for; without it the source's own weights.
    pub base: Option<PathBuf>,
    /// Where; must not exist, or be empty.
    pub out: PathBuf,
    /// Type of the weights.
    pub precision: Precision,
    /// Whether the rows of a NormHead are written normalised under the family's own names.
    pub fold_norm_head: bool,
    /// Most bytes of a file.
    pub shard_bytes: u64,
    /// Prompts of the proof.
    pub prompts: usize,
    /// What to compute the proof on.
    pub device: String,
}

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bytes of a model are read.
    Reading,
    /// The source answers.
    Asking,
    /// Bytes are written.
    Writing,
    /// The export answers.
    Proving,
}

/// Tokens that a prompt of the proof is answered with.
const NEW_TOKENS: usize = 8;
/// Prompts that the receipt shows with their answers, for other programs to repeat.
const SHOWN: usize = 16;
/// The receipt.
pub const RECEIPT: &str = "export.json";

/// What was loaded of a source.
struct Source {
    decoder: Decoder,
    lora: Option<LoraConfig>,
}

impl Export {
    /// Writes and proves; `progress` hears (stage, done, of how many).
    ///
    /// # Errors
    /// A format that the source does not have, a disk that refuses, and an export that computes
    /// something else: then nothing is left at `out`.
    pub fn run(&self, progress: &mut dyn FnMut(Stage, u64, u64)) -> Result<Proof, Error> {
        self.refuse_existing()?;
        let device = device::of(&self.device, 0)?;
        // What adapters are merged into, and the proof, are as exact as they can be there.
        full_precision();
        let source = self.open(&device, progress)?;
        self.check(&source)?;
        let questions = Questions::new(&source.decoder.config, self.prompts, NEW_TOKENS);
        let all = self.prompts as u64;
        let observed = questions.ask(&source.decoder, &mut |done| {
            progress(Stage::Asking, done as u64, all);
        })?;
        let partial = beside(&self.out);
        let result = self.write(source, &partial, progress).and_then(|()| {
            let export = self.load(&partial, &device)?;
            let answers = observed.answers.clone();
            let followed = questions.follow(&export, answers, &mut |done| {
                progress(Stage::Proving, done as u64, all);
            })?;
            let proof = proof::compare(&observed, &followed, self.rounded_to());
            self.judge(&proof)?;
            self.write_receipt(&partial, &proof, &questions, &observed)?;
            self.publish(&partial)?;
            Ok(proof)
        });
        if result.is_err() {
            let _ = std::fs::remove_dir_all(&partial);
        }
        result
    }

    fn refuse_existing(&self) -> Result<(), Error> {
        let occupied = match std::fs::read_dir(&self.out) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => self.out.exists(),
        };
        match occupied {
            true => Err(wrong(&self.out, "exists and is not empty; name another --out")),
            false => Ok(()),
        }
    }

    fn open(
        &self,
        device: &Device,
        progress: &mut dyn FnMut(Stage, u64, u64),
    ) -> Result<Source, Error> {
        let mut told = |read, total| progress(Stage::Reading, read, total);
        if checkpoint::is_one(&self.source) {
            let (decoder, info) = with_adapters(&self.source, device, &mut told)?;
            return Ok(Source { decoder, lora: info.lora });
        }
        let decoder = files::load_telling(&self.source, device, DType::F32, &mut told)?;
        Ok(Source { decoder, lora: None })
    }

    fn check(&self, source: &Source) -> Result<(), Error> {
        match (self.format, &source.lora) {
            (Format::Hf, Some(_)) => Err(wrong(
                &self.source,
                "has adapters, which --format hf has no place for; --format merged adds them, \
                 --format peft writes them apart",
            )),
            (Format::Peft, None) => Err(wrong(
                &self.source,
                "has no adapters to write; --format hf or llama writes its weights",
            )),
            (Format::Peft, Some(_)) if self.base.is_none() && gave_a_part(&source.decoder) => {
                Err(wrong(
                    &self.source,
                    "its weights gave a part of themselves to the adapters (PiSSA); --base DIR names \
                     the model that they were, which the adapters are written for",
                ))
            }
            _ => Ok(()),
        }
    }

    fn options(&self) -> Options {
        let layout = if self.format == Format::Llama { Layout::Llama } else { Layout::Own };
        let norm_head = if self.fold_norm_head { NormHead::Folded } else { NormHead::Kept };
        let (dtype, shard_bytes) = (self.precision.dtype(), self.shard_bytes);
        Options { layout, norm_head, dtype, shard_bytes }
    }

    /// What the weights were rounded to; adapters are written as they are.
    fn rounded_to(&self) -> DType {
        if self.format == Format::Peft { DType::F32 } else { self.precision.dtype() }
    }

    fn write(
        &self,
        source: Source,
        partial: &Path,
        progress: &mut dyn FnMut(Stage, u64, u64),
    ) -> Result<(), Error> {
        if partial.exists() {
            std::fs::remove_dir_all(partial).map_err(Error::write(partial))?;
        }
        std::fs::create_dir_all(partial).map_err(Error::write(partial))?;
        match (self.format, &source.lora) {
            (Format::Peft, Some(lora)) => {
                let shape = DecoderConfig::load(self.base())?;
                let name = self.base().display().to_string();
                peft::save_for(&source.decoder, lora, (Some(&name), &shape), partial)?;
            }
            _ => {
                let mut written = |done, total| progress(Stage::Writing, done, total);
                export::write(&source.decoder, self.options(), partial, &mut written)?;
                tokenizer::copy(&self.source, partial, &source.decoder.config)?;
            }
        }
        // The source is dropped here: two models are never in memory together.
        Ok(())
    }

    /// The export as anyone would load it.
    fn load(&self, partial: &Path, device: &Device) -> Result<Decoder, Error> {
        if self.format != Format::Peft {
            return Ok(files::load(partial, device, DType::F32)?);
        }
        let mut decoder = files::load(self.base(), device, DType::F32)?;
        peft::load(&mut decoder, partial)?;
        Ok(decoder)
    }

    /// The model that adapters are put beside.
    fn base(&self) -> &Path {
        self.base.as_deref().unwrap_or(&self.source)
    }

    fn judge(&self, proof: &Proof) -> Result<(), Error> {
        if proof.holds() {
            return Ok(());
        }
        Err(wrong(
            &self.out,
            &format!(
                "was not written: the export is not its source, {}; {}",
                proof.sentence(),
                self.way_out()
            ),
        ))
    }

    fn way_out(&self) -> String {
        match (self.format, &self.base) {
            (Format::Peft, Some(base)) => format!(
                "`{}` is not the model that the adapters were trained beside, if phases before were \
                 merged into it; without --base they are written for the checkpoint's own weights",
                base.display()
            ),
            _ => "--dtype f32 tells rounding from a fault".into(),
        }
    }

    fn write_receipt(
        &self,
        partial: &Path,
        proof: &Proof,
        questions: &Questions,
        observed: &Observation,
    ) -> Result<(), Error> {
        let shown = questions.prompts().iter().zip(&observed.answers).take(SHOWN);
        let shown: Vec<_> = shown
            .map(|(prompt, answer)| json!({ "prompt_ids": prompt, "greedy_ids": answer }))
            .collect();
        let receipt = json!({
            "program": concat!("knowcoder ", env!("CARGO_PKG_VERSION")),
            "dtype": format!("{:?}", self.rounded_to()).to_lowercase(),
            "proof": proof, "examples": shown,
        });
        let text = format!("{receipt:#}\n");
        Ok(files::write_atomically(&partial.join(RECEIPT), text.as_bytes())?)
    }

    /// Gives the folder its name.
    fn publish(&self, partial: &Path) -> Result<(), Error> {
        if self.out.exists() {
            // Empty, as was seen at the beginning; if it is not any more, this fails.
            std::fs::remove_dir(&self.out).map_err(Error::write(&self.out))?;
        }
        checkpoint::sync_directory(partial)?;
        std::fs::rename(partial, &self.out).map_err(Error::write(&self.out))?;
        match self.out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => checkpoint::sync_directory(parent),
            None => Ok(()),
        }
    }
}

/// Whether adapters began as parts of the weights, which then are not those that they were.
fn gave_a_part(decoder: &Decoder) -> bool {
    let adapters = |linear: &Linear| linear.adapter.as_ref().is_some_and(|it| it.start.is_some());
    decoder.blocks.iter().any(|block| block.linears().iter().any(|(_, linear)| adapters(linear)))
}

fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    out.with_file_name(name)
}

fn wrong(path: &Path, message: &str) -> Error {
    Error::Checkpoint { path: path.to_owned(), message: message.to_owned() }
}
