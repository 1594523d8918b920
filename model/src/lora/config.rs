//! The `[lora]` section of a recipe.

use super::targets::{LinearLayer, Matcher, Modules, Targets, linear_layers, names_path, suffix};
use crate::{DecoderConfig, Error};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What adapters are like and where they stand. PEFT's names are in brackets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of the two factors (`r`).
    pub rank: usize,
    /// The update is scaled by `alpha / rank` (`lora_alpha`).
    pub alpha: f64,
    /// Dropout on the adapter's input (`lora_dropout`).
    pub dropout: f64,
    /// Which layers get an adapter (`target_modules`).
    pub targets: Targets,
    /// Which of them get none after all (`exclude_modules`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Modules>,
    /// Only in these blocks, counted from 0 (`layers_to_transform`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<usize>>,
    /// Scale by `alpha / √rank` (`use_rslora`; arXiv:2312.03732).
    pub rslora: bool,
    /// Train the norm of each row beside its direction (`use_dora`; arXiv:2402.09353).
    pub dora: bool,
    /// How the factors begin (`init_lora_weights`).
    pub init: LoraInit,
    /// A directory with PEFT files whose adapters go on; all other settings are then theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Other ranks, by an expression for the end of a path (`rank_pattern`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rank_pattern: BTreeMap<String, usize>,
    /// Other values of `alpha`, likewise (`alpha_pattern`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alpha_pattern: BTreeMap<String, f64>,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 32,
            alpha: 64.0,
            dropout: 0.0,
            targets: Targets::AllLinear,
            exclude: None,
            layers: None,
            rslora: false,
            dora: false,
            init: LoraInit::Default,
            from: None,
            rank_pattern: BTreeMap::new(),
            alpha_pattern: BTreeMap::new(),
        }
    }
}

/// How the factors of an adapter begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LoraInit {
    /// `A` uniform, `B` zero.
    #[default]
    Default,
    /// `A` normal with deviation `1 / rank`, `B` zero.
    Gaussian,
    /// The strongest singular vectors of the weight, which keeps the rest (arXiv:2404.02948).
    Pissa,
    /// The same, after so many rounds of subspace iteration.
    PissaNiter(usize),
}

/// More rounds than that find nothing new.
const MOST_ROUNDS: usize = 100;

impl TryFrom<String> for LoraInit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let rounds = text.strip_prefix("pissa_niter_").and_then(|rounds| rounds.parse().ok());
        match (text.as_str(), rounds) {
            ("default", _) => Ok(Self::Default),
            ("gaussian", _) => Ok(Self::Gaussian),
            ("pissa", _) => Ok(Self::Pissa),
            (_, Some(rounds)) if rounds <= MOST_ROUNDS => Ok(Self::PissaNiter(rounds)),
            _ => Err(format!(
                "lora.init is `{text}`, expected `default`, `gaussian`, `pissa` or `pissa_niter_N` with N up to {MOST_ROUNDS}"
            )),
        }
    }
}

impl From<LoraInit> for String {
    fn from(init: LoraInit) -> Self {
        match init {
            LoraInit::Default => "default".into(),
            LoraInit::Gaussian => "gaussian".into(),
            LoraInit::Pissa => "pissa".into(),
            LoraInit::PissaNiter(rounds) => format!("pissa_niter_{rounds}"),
        }
    }
}

/// What one layer's adapter is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Rank of its factors.
    pub rank: usize,
    /// What the update is multiplied with.
    pub scale: f64,
}

impl LoraConfig {
    /// Refuses numbers that cannot be, whatever the model.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::Config(message));
        if self.rank_pattern.values().chain([&self.rank]).any(|rank| *rank == 0) {
            return wrong("lora.rank is 0, expected at least 1".into());
        }
        if let Some(alpha) = self.alphas().find(|alpha| !alpha.is_finite()) {
            return wrong(format!("lora.alpha is {alpha}, expected a number"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong(format!("lora.dropout is {}, expected 0 ≤ dropout < 1", self.dropout));
        }
        if self.is_pissa() && self.alphas().any(|alpha| alpha <= 0.0) {
            return wrong(format!(
                "lora.alpha is {}; with lora.init = \"pissa\" it must be positive, since the weight is divided by it",
                self.alpha
            ));
        }
        let regex = matches!(self.targets, Targets::Modules(Modules::Regex(_)));
        if regex && self.layers.is_some() {
            return wrong(
                "lora.layers goes with names, and lora.targets is a regular expression; let the expression name the blocks".into(),
            );
        }
        Ok(())
    }

    fn alphas(&self) -> impl Iterator<Item = f64> {
        self.alpha_pattern.values().chain([&self.alpha]).copied()
    }

    /// Whether the factors begin as a part of the weight.
    pub fn is_pissa(&self) -> bool {
        matches!(self.init, LoraInit::Pissa | LoraInit::PissaNiter(_))
    }

    /// Whether adapters of `self` can go on as those of `other`: all but dropout and how they began.
    pub fn same_shape(&self, other: &Self) -> bool {
        let shape = |config: &Self| Self {
            dropout: 0.0,
            init: LoraInit::Default,
            from: None,
            ..config.clone()
        };
        shape(self) == shape(other)
    }

    /// What the update of a layer with this `rank` and `alpha` is multiplied with.
    pub fn scale(&self, rank: usize, alpha: f64) -> f64 {
        if self.rslora { alpha / (rank as f64).sqrt() } else { alpha / rank as f64 }
    }

    /// The `alpha` that gives this `rank` that `scale`.
    pub(crate) fn alpha_for(&self, rank: usize, scale: f64) -> f64 {
        if self.rslora { scale * (rank as f64).sqrt() } else { scale * rank as f64 }
    }

    /// The layers that get an adapter, by path. What matches no layer is an error.
    pub fn settings(&self, layers: &[LinearLayer]) -> Result<BTreeMap<String, Setting>, Error> {
        let selector = Selector::new(self)?;
        selector.check(layers)?;
        let mut settings = BTreeMap::new();
        for layer in layers {
            if let Some(setting) = selector.setting(layer)? {
                settings.insert(layer.path.clone(), setting);
            }
        }
        if settings.is_empty() {
            return Err(Error::Config(
                "lora.targets without lora.exclude and outside of lora.layers leaves no layer to adapt".into(),
            ));
        }
        Ok(settings)
    }

    /// The same without names and patterns that fit none of `layers`, as PEFT reads lists.
    pub(crate) fn known_to(mut self, layers: &[LinearLayer]) -> Result<Self, Error> {
        let known = |name: &String| layers.iter().any(|layer| names_path(name, &layer.path));
        if let Targets::Modules(Modules::Names(names)) = &mut self.targets
            && names.iter().any(known)
        {
            names.retain(known);
        }
        self.exclude = match self.exclude {
            Some(Modules::Names(names)) => {
                let names: Vec<String> = names.into_iter().filter(known).collect();
                (!names.is_empty()).then_some(Modules::Names(names))
            }
            Some(Modules::Regex(text)) => {
                let modules = Modules::Regex(text);
                let fits = Matcher::new("lora.exclude", &modules)?.unmatched(layers).is_none();
                fits.then_some(modules)
            }
            None => None,
        };
        let fits = |key: &str, text: &str| -> Result<bool, Error> {
            let regex = suffix(key, text)?;
            Ok(layers.iter().any(|layer| regex.is_match(&layer.path)))
        };
        for text in self.rank_pattern.keys().cloned().collect::<Vec<_>>() {
            if !fits("lora.rank_pattern", &text)? {
                self.rank_pattern.remove(&text);
            }
        }
        for text in self.alpha_pattern.keys().cloned().collect::<Vec<_>>() {
            if !fits("lora.alpha_pattern", &text)? {
                self.alpha_pattern.remove(&text);
            }
        }
        Ok(self)
    }

    /// Number of values that adapters of such a model have.
    pub fn parameters(&self, model: &DecoderConfig) -> Result<usize, Error> {
        let layers = linear_layers(model);
        let settings = self.settings(&layers)?;
        let of = |layer: &LinearLayer| {
            let magnitudes = if self.dora { layer.out } else { 0 };
            settings
                .get(&layer.path)
                .map_or(0, |setting| setting.rank * (layer.out + layer.input) + magnitudes)
        };
        Ok(layers.iter().map(of).sum())
    }
}

/// The settings, with their expressions compiled.
pub(crate) struct Selector<'a> {
    config: &'a LoraConfig,
    /// `None` is every layer.
    targets: Option<Matcher<'a>>,
    exclude: Option<Matcher<'a>>,
    ranks: Patterns<'a, usize>,
    alphas: Patterns<'a, f64>,
}

impl<'a> Selector<'a> {
    pub(crate) fn new(config: &'a LoraConfig) -> Result<Self, Error> {
        let targets = match &config.targets {
            Targets::AllLinear => None,
            Targets::Modules(modules) => Some(Matcher::new("lora.targets", modules)?),
        };
        let exclude = match &config.exclude {
            Some(modules) => Some(Matcher::new("lora.exclude", modules)?),
            None => None,
        };
        let ranks = Patterns::new("lora.rank_pattern", &config.rank_pattern)?;
        let alphas = Patterns::new("lora.alpha_pattern", &config.alpha_pattern)?;
        Ok(Self { config, targets, exclude, ranks, alphas })
    }

    /// Everything that is named must be there.
    fn check(&self, layers: &[LinearLayer]) -> Result<(), Error> {
        let modules = [("lora.targets", &self.targets), ("lora.exclude", &self.exclude)];
        for (key, matcher) in modules {
            if let Some(text) = matcher.as_ref().and_then(|matcher| matcher.unmatched(layers)) {
                let regex = matches!(matcher, Some(Matcher::Regex(..)));
                return Err(unmatched(key, text, regex, layers));
            }
        }
        self.ranks.check(layers)?;
        self.alphas.check(layers)?;
        let count = layers.iter().map(|layer| layer.block + 1).max().unwrap_or(0);
        match self.config.layers.iter().flatten().find(|block| **block >= count) {
            Some(block) => Err(Error::Config(format!(
                "lora.layers names block {block}, the model has {count}, counted from 0"
            ))),
            None => Ok(()),
        }
    }

    /// What the adapter of `layer` is like, if it gets one.
    pub(crate) fn setting(&self, layer: &LinearLayer) -> Result<Option<Setting>, Error> {
        let path = &layer.path;
        let blocks = self.config.layers.as_ref();
        let within = blocks.is_none_or(|blocks| blocks.contains(&layer.block));
        let wanted = self.targets.as_ref().is_none_or(|matcher| matcher.matches(path));
        let excluded = self.exclude.as_ref().is_some_and(|matcher| matcher.matches(path));
        if !within || !wanted || excluded {
            return Ok(None);
        }
        let rank = self.ranks.of(path)?.unwrap_or(self.config.rank);
        let alpha = self.alphas.of(path)?.unwrap_or(self.config.alpha);
        Ok(Some(Setting { rank, scale: self.config.scale(rank, alpha) }))
    }
}

/// `rank_pattern` or `alpha_pattern`, ready to be asked.
struct Patterns<'a, T> {
    key: &'a str,
    entries: Vec<(&'a str, Regex, T)>,
}

impl<'a, T: Copy + PartialEq> Patterns<'a, T> {
    fn new(key: &'a str, patterns: &'a BTreeMap<String, T>) -> Result<Self, Error> {
        let compiled =
            |(text, value): (&'a String, &T)| Ok((text.as_str(), suffix(key, text)?, *value));
        let entries = patterns.iter().map(compiled).collect::<Result<_, Error>>()?;
        Ok(Self { key, entries })
    }

    fn check(&self, layers: &[LinearLayer]) -> Result<(), Error> {
        let fits = |regex: &Regex| layers.iter().any(|layer| regex.is_match(&layer.path));
        match self.entries.iter().find(|(_, regex, _)| !fits(regex)) {
            Some((text, ..)) => Err(unmatched(self.key, text, false, layers)),
            None => Ok(()),
        }
    }

    /// PEFT takes the first entry that fits; entries are not in an order here, so they must agree.
    fn of(&self, path: &str) -> Result<Option<T>, Error> {
        let mut fitting = self.entries.iter().filter(|(_, regex, _)| regex.is_match(path));
        let Some((first, _, value)) = fitting.next() else { return Ok(None) };
        match fitting.find(|(_, _, other)| other != value) {
            Some((second, ..)) => Err(Error::Config(format!(
                "{} says two things of `{path}`: by `{first}` and by `{second}`; let one of them match",
                self.key
            ))),
            None => Ok(Some(*value)),
        }
    }
}

/// The sentence about what matches no layer, with the names that there are.
fn unmatched(key: &str, text: &str, regex: bool, layers: &[LinearLayer]) -> Error {
    let mut seen = BTreeSet::new();
    let names: Vec<&str> =
        layers.iter().map(LinearLayer::name).filter(|name| seen.insert(*name)).collect();
    let example = layers.first().map(|layer| layer.path.as_str()).unwrap_or_default();
    let way_out = match (regex, names.contains(&text)) {
        (true, true) => format!(
            "; one string is a regular expression over whole paths, a name is written [\"{text}\"]"
        ),
        _ => String::new(),
    };
    let what =
        if regex { "which matches no whole path of a layer" } else { "which no layer is called" };
    Error::Config(format!(
        "{key} has `{text}`, {what}; the layers are: {} (such as {example}){way_out}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn layers() -> Vec<LinearLayer> {
        linear_layers(&DecoderConfig::baichuan2_mini())
    }

    fn from_toml_like(json: &str) -> LoraConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn settings_choose_layers() {
        let all = layers();
        let rows = [
            (r#"{}"#, all.len()),
            (r#"{"targets": ["W_pack"]}"#, 4),
            (r#"{"targets": ["W_pack", "mlp.up_proj"]}"#, 8),
            (r#"{"targets": ".*\\.(W_pack|o_proj)"}"#, 8),
            (r#"{"targets": "model\\.layers\\.[01]\\..*_proj"}"#, 8),
            (r#"{"exclude": ["down_proj"]}"#, 16),
            (r#"{"exclude": ".*\\.0\\..*"}"#, 15),
            (r#"{"layers": [1, 3], "targets": ["o_proj"]}"#, 2),
            (r#"{"layers": [2]}"#, 5),
        ];
        for (json, count) in rows {
            let settings = from_toml_like(json).settings(&all).unwrap();
            assert_eq!(settings.len(), count, "{json}");
        }
    }

    #[test]
    fn what_matches_nothing_is_an_error_with_the_real_names() {
        let rows = [
            (
                r#"{"targets": ["q_proj"]}"#,
                "lora.targets has `q_proj`, which no layer is called; the layers are: W_pack, o_proj, gate_proj, up_proj, down_proj (such as model.layers.0.self_attn.W_pack)",
            ),
            (r#"{"targets": "W_pack"}"#, "a name is written [\"W_pack\"]"),
            (
                r#"{"targets": ".*lm_head"}"#,
                "lora.targets has `.*lm_head`, which matches no whole path",
            ),
            (r#"{"targets": "(?=x)y"}"#, "lookaround"),
            (r#"{"exclude": ["lm_head"]}"#, "lora.exclude has `lm_head`"),
            (r#"{"exclude": ".*"}"#, "leaves no layer"),
            (r#"{"layers": [4]}"#, "names block 4, the model has 4, counted from 0"),
            (r#"{"rank_pattern": {"k_proj": 4}}"#, "lora.rank_pattern has `k_proj`"),
            (
                r#"{"rank_pattern": {"up_proj": 4, ".*_proj": 8}}"#,
                "says two things of `model.layers.0.mlp.up_proj`",
            ),
        ];
        for (json, expected) in rows {
            let error = from_toml_like(json).settings(&layers()).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let rows = [
            (r#"{"rank": 0}"#, "lora.rank is 0"),
            (r#"{"rank_pattern": {"W_pack": 0}}"#, "lora.rank is 0"),
            (r#"{"dropout": 1.0}"#, "lora.dropout is 1"),
            (r#"{"init": "pissa", "alpha": 0.0}"#, "must be positive"),
            (r#"{"targets": ".*", "layers": [0]}"#, "let the expression name the blocks"),
        ];
        for (json, expected) in rows {
            let error = from_toml_like(json).check().unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
        for wrong in ["pisa", "pissa_niter_", "pissa_niter_101", "olora"] {
            let json = format!(r#"{{"init": "{wrong}"}}"#);
            let error = serde_json::from_str::<LoraConfig>(&json).unwrap_err().to_string();
            assert!(error.contains("expected `default`, `gaussian`"), "{error}");
        }
    }

    #[test]
    fn scale_and_patterns() {
        let path = "model.layers.0.self_attn.W_pack";
        let of = |json: &str| from_toml_like(json).settings(&layers()).unwrap()[path];
        assert_eq!(of(r#"{"rank": 4, "alpha": 8.0}"#), Setting { rank: 4, scale: 2.0 });
        assert_eq!(
            of(r#"{"rank": 4, "alpha": 8.0, "rslora": true}"#),
            Setting { rank: 4, scale: 4.0 }
        );
        let both = r#"{"rank_pattern": {"W_pack": 16}, "alpha_pattern": {"layers.0.self_attn.W_pack": 4.0}}"#;
        assert_eq!(of(both), Setting { rank: 16, scale: 0.25 });
    }

    #[test]
    fn parameters_are_counted() {
        let config = DecoderConfig::baichuan2_mini();
        let (h, f) = (config.hidden_size, config.intermediate_size);
        let widths = (3 * h + h) + 2 * h + 3 * (h + f);
        let count = |json: &str| from_toml_like(json).parameters(&config).unwrap();
        assert_eq!(count(r#"{"rank": 8}"#), 4 * 8 * widths);
        assert_eq!(
            count(r#"{"rank": 8, "targets": ["W_pack"], "dora": true}"#),
            4 * (8 * 4 * h + 3 * h)
        );
    }
}
