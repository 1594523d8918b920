//! Adapters of one packed projection as adapters of three, and back.
//!
//! Baichuan2 multiplies with queries', keys' and values' weights at once (`W_pack`), a llamafied copy
//! of it with each (`q_proj`, `k_proj`, `v_proj`). The rows of `W_pack` are those of the three, one
//! after the other, so adapters can be taken from one form to the other without loss.

use super::tensors::{self, Adapters, Factors, Host};
use crate::Error;
use crate::files::HostTensors;
use crate::lora::{LinearLayer, LoraConfig, Modules, Selector, Setting, Targets, names_path};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const PACKED: &str = "W_pack";
const SEPARATE: [&str; 3] = ["q_proj", "k_proj", "v_proj"];

/// Adapters of `W_pack`, under PEFT's names, as those of `q_proj`, `k_proj` and `v_proj`: each has
/// the same `A`, and its third of the rows of `B` and of DoRA's magnitudes. Others stay.
pub fn split(
    config: &LoraConfig,
    tensors: HostTensors,
) -> Result<(LoraConfig, HostTensors), Error> {
    let adapters = tensors::parse(Path::new("the adapters"), tensors)?;
    let (config, adapters) = split_adapters(config, adapters)?;
    Ok((config, tensors::named(&adapters)))
}

/// Adapters of `q_proj`, `k_proj` and `v_proj`, under PEFT's names, as those of `W_pack`: the factors
/// stand in blocks, and the ranks add up. A projection without adapter counts as one that changes
/// nothing. Others stay.
pub fn pack(config: &LoraConfig, tensors: HostTensors) -> Result<(LoraConfig, HostTensors), Error> {
    let adapters = tensors::parse(Path::new("the adapters"), tensors)?;
    let (config, adapters) = pack_adapters(config, adapters)?;
    Ok((config, tensors::named(&adapters)))
}

pub(super) fn split_adapters(
    config: &LoraConfig,
    adapters: Adapters,
) -> Result<(LoraConfig, Adapters), Error> {
    refuse_residuals(config)?;
    let settings = settings(config, &adapters)?;
    let (mut parts, mut new) = (Adapters::new(), BTreeMap::new());
    for (path, factors) in adapters {
        let setting = settings[&path];
        let Some(owner) = path.strip_suffix(PACKED) else {
            new.insert(path.clone(), setting);
            parts.insert(path, factors);
            continue;
        };
        let out = factors.out();
        if !out.is_multiple_of(3) {
            return Err(Error::Config(format!(
                "`{path}` has {out} rows, which do not divide into queries, keys and values"
            )));
        }
        for (i, name) in SEPARATE.into_iter().enumerate() {
            let rows = |host: &Host| rows(host, i * out / 3, out / 3);
            let part = Factors {
                a: factors.a.clone(),
                b: rows(&factors.b),
                magnitude: factors.magnitude.as_ref().map(rows),
            };
            new.insert(format!("{owner}{name}"), setting);
            parts.insert(format!("{owner}{name}"), part);
        }
    }
    let renamed = |name: &str| match name.strip_suffix(PACKED) {
        Some(owner) => SEPARATE.iter().map(|part| format!("{owner}{part}")).collect(),
        None => vec![name.to_owned()],
    };
    Ok((resolved(config, &renamed, &new), parts))
}

pub(super) fn pack_adapters(
    config: &LoraConfig,
    mut adapters: Adapters,
) -> Result<(LoraConfig, Adapters), Error> {
    refuse_residuals(config)?;
    let settings = settings(config, &adapters)?;
    let owners: BTreeSet<String> = adapters
        .keys()
        .filter_map(|path| {
            let name = path.rsplit('.').next()?;
            SEPARATE.contains(&name).then(|| path[..path.len() - name.len()].to_owned())
        })
        .collect();
    let mut new = BTreeMap::new();
    for owner in owners {
        let parts = SEPARATE.map(|name| {
            let path = format!("{owner}{name}");
            adapters.remove(&path).map(|factors| (factors, settings[&path].scale))
        });
        let (factors, scale) = packed(&owner, config.dora, parts)?;
        let path = format!("{owner}{PACKED}");
        if adapters.contains_key(&path) {
            return Err(Error::Config(format!(
                "there are adapters both of `{path}` and of its parts; they cannot be packed"
            )));
        }
        new.insert(path.clone(), Setting { rank: factors.rank(), scale });
        adapters.insert(path, factors);
    }
    for (path, setting) in settings {
        if adapters.contains_key(&path) {
            new.insert(path, setting);
        }
    }
    let renamed = |name: &str| {
        let part = SEPARATE.iter().find(|part| names_path(part, name));
        vec![match part {
            Some(part) => format!("{}{PACKED}", &name[..name.len() - part.len()]),
            None => name.to_owned(),
        }]
    };
    Ok((resolved(config, &renamed, &new), adapters))
}

/// One adapter from up to three, and its scale.
fn packed(
    owner: &str,
    dora: bool,
    parts: [Option<(Factors, f64)>; 3],
) -> Result<(Factors, f64), Error> {
    let there: Vec<&(Factors, f64)> = parts.iter().flatten().collect();
    let (height, input) = there.first().map_or((0, 0), |(part, _)| (part.out(), part.input()));
    let scale = there.iter().map(|(_, scale)| *scale).find(|scale| *scale != 0.0).unwrap_or(0.0);
    let rank: usize = there.iter().map(|(part, _)| part.rank()).sum();
    if dora && there.len() < 3 {
        return Err(Error::Config(format!(
            "`{owner}` has DoRA adapters on some of q_proj, k_proj and v_proj only; the others' magnitudes are needed to pack them"
        )));
    }
    if let Some((other, _)) = there.iter().find(|(part, _)| part.input() != input) {
        return Err(Error::Config(format!(
            "the adapters of `{owner}` have inputs of {input} and of {}, and cannot be packed",
            other.input()
        )));
    }
    let (mut a, mut b, mut magnitudes) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = 0;
    for part in &parts {
        let Some((Factors { a: own, b: rows, magnitude }, own_scale)) = part else {
            // Queries, keys and values are equally many where they are packed.
            b.extend(std::iter::repeat_n(0.0, height * rank));
            continue;
        };
        a.extend(&own.1);
        let own_rank = own.0[0];
        // One scale for all: what is left of a part's own goes into its factor.
        let factor = if *own_scale == scale { 1.0 } else { (own_scale / scale) as f32 };
        for row in rows.1.chunks(own_rank) {
            b.extend(std::iter::repeat_n(0.0, before));
            b.extend(row.iter().map(|value| value * factor));
            b.extend(std::iter::repeat_n(0.0, rank - before - own_rank));
        }
        magnitudes.extend(magnitude.iter().flat_map(|(_, values)| values));
        before += own_rank;
    }
    let out = b.len() / rank.max(1);
    let factors = Factors {
        a: (vec![rank, input], a),
        b: (vec![out, rank], b),
        magnitude: dora.then_some((vec![magnitudes.len()], magnitudes)),
    };
    Ok((factors, scale))
}

/// Rows `start..start + count`.
fn rows((dims, values): &Host, start: usize, count: usize) -> Host {
    let width: usize = dims[1..].iter().product();
    let mut dims = dims.clone();
    dims[0] = count;
    (dims, values[start * width..(start + count) * width].to_vec())
}

/// Adapters that go with changed weights would need those weights changed alike.
fn refuse_residuals(config: &LoraConfig) -> Result<(), Error> {
    config.check()?;
    if config.is_pissa() {
        return Err(Error::Config(
            "the adapters took a part of their weights (init_lora_weights = \"pissa\"), and must be saved as plain ones before projections are packed or split".into(),
        ));
    }
    Ok(())
}

/// What the config says of each adapter.
fn settings(config: &LoraConfig, adapters: &Adapters) -> Result<BTreeMap<String, Setting>, Error> {
    let selector = Selector::new(config)?;
    let mut settings = BTreeMap::new();
    for (path, factors) in adapters {
        // `model.layers.3.…`: the first number is the block's.
        let block = path.split('.').find_map(|part| part.parse().ok()).unwrap_or_default();
        let layer =
            LinearLayer { path: path.clone(), block, out: factors.out(), input: factors.input() };
        match selector.setting(&layer)? {
            Some(setting) if setting.rank == factors.rank() => {
                settings.insert(path.clone(), setting);
            }
            Some(setting) => {
                return Err(Error::Config(format!(
                    "the adapter of `{path}` has rank {}, its config says {}",
                    factors.rank(),
                    setting.rank
                )));
            }
            None => {
                return Err(Error::Config(format!(
                    "there is an adapter of `{path}`, which its config does not name"
                )));
            }
        }
    }
    Ok(settings)
}

/// `config` with its names renamed, and the ranks and scales that `settings` lists.
fn resolved(
    config: &LoraConfig,
    renamed: &dyn Fn(&str) -> Vec<String>,
    settings: &BTreeMap<String, Setting>,
) -> LoraConfig {
    let rename = |names: &[String]| {
        let mut seen = BTreeSet::new();
        let all = names.iter().flat_map(|name| renamed(name));
        Modules::Names(all.filter(|name| seen.insert(name.clone())).collect())
    };
    let is_regex = |modules: &Modules| matches!(modules, Modules::Regex(_));
    let mut new = config.clone();
    let target_regex = matches!(&config.targets, Targets::Modules(modules) if is_regex(modules));
    if target_regex || config.exclude.as_ref().is_some_and(is_regex) {
        // An expression cannot be renamed: every layer by itself.
        new.targets = Targets::Modules(Modules::Names(settings.keys().cloned().collect()));
        (new.exclude, new.layers) = (None, None);
    } else {
        if let Targets::Modules(Modules::Names(names)) = &config.targets {
            new.targets = Targets::Modules(rename(names));
        }
        if let Some(Modules::Names(names)) = &config.exclude {
            new.exclude = Some(rename(names));
        }
    }
    let ranks: BTreeMap<&str, usize> =
        settings.iter().map(|(path, setting)| (path.as_str(), setting.rank)).collect();
    let alphas: BTreeMap<&str, f64> = settings
        .iter()
        .map(|(path, setting)| (path.as_str(), config.alpha_for(setting.rank, setting.scale)))
        .collect();
    (new.rank, new.rank_pattern) = pattern(config.rank, &ranks);
    (new.alpha, new.alpha_pattern) = pattern(config.alpha, &alphas);
    new
}

/// A common value and PEFT's pattern for what differs: by name where all of a name agree.
fn pattern<T: Copy + PartialEq>(usual: T, values: &BTreeMap<&str, T>) -> (T, BTreeMap<String, T>) {
    let Some(first) = values.values().next() else { return (usual, BTreeMap::new()) };
    if values.values().all(|value| value == first) {
        return (*first, BTreeMap::new());
    }
    let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let mut by_name: BTreeMap<String, Vec<(&str, T)>> = BTreeMap::new();
    for (path, value) in values {
        by_name.entry(name(path)).or_default().push((path, *value));
    }
    let mut pattern = BTreeMap::new();
    for (name, entries) in by_name {
        match entries.first() {
            Some((_, value)) if entries.iter().all(|(_, other)| other == value) => {
                if *value != usual {
                    pattern.insert(name, *value);
                }
            }
            _ => {
                let differing = entries.into_iter().filter(|(_, value)| *value != usual);
                pattern.extend(differing.map(|(path, value)| (regex::escape(path), value)));
            }
        }
    }
    (usual, pattern)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::init::Normal;

    fn host(normal: &mut Normal, dims: &[usize]) -> Host {
        (dims.to_vec(), (0..dims.iter().product()).map(|_| normal.sample()).collect())
    }

    /// Adapters of these names in two blocks: hidden width 6, rank as given.
    fn adapters(names: &[(&str, usize, usize)], dora: bool) -> HostTensors {
        let mut normal = Normal::new(5);
        let mut adapters = Adapters::new();
        for block in 0..2 {
            for (name, out, rank) in names {
                let path = format!("model.layers.{block}.self_attn.{name}");
                let (a, b) = (host(&mut normal, &[*rank, 6]), host(&mut normal, &[*out, *rank]));
                let magnitude = dora.then(|| host(&mut normal, &[*out]));
                adapters.insert(path, Factors { a, b, magnitude });
            }
        }
        tensors::named(&adapters)
    }

    /// `scale · B A` of each layer, and magnitudes, by path.
    fn deltas(
        config: &LoraConfig,
        tensors: &HostTensors,
    ) -> BTreeMap<String, (Vec<f32>, Vec<f32>)> {
        let adapters = tensors::parse(Path::new("x"), tensors.clone()).unwrap();
        let settings = settings(config, &adapters).unwrap();
        let delta = |(path, factors): (String, Factors)| {
            let scale = settings[&path].scale as f32;
            let (rank, input) = (factors.rank(), factors.input());
            let product = factors
                .b
                .1
                .chunks(rank)
                .flat_map(|row| {
                    let a = &factors.a.1;
                    (0..input).map(move |i| {
                        scale * (0..rank).map(|r| row[r] * a[r * input + i]).sum::<f32>()
                    })
                })
                .collect();
            let magnitude = factors.magnitude.clone().unwrap_or_default().1;
            (path, (product, magnitude))
        };
        adapters.into_iter().map(delta).collect()
    }

    /// The deltas of q, k and v, one after the other, where they are separate.
    fn joined(
        mut deltas: BTreeMap<String, (Vec<f32>, Vec<f32>)>,
        height: usize,
    ) -> BTreeMap<String, (Vec<f32>, Vec<f32>)> {
        for block in 0..2 {
            let owner = format!("model.layers.{block}.self_attn");
            let mut whole = (Vec::new(), Vec::new());
            let mut any = false;
            for name in SEPARATE {
                match deltas.remove(&format!("{owner}.{name}")) {
                    Some((delta, magnitude)) => {
                        any = true;
                        whole.0.extend(delta);
                        whole.1.extend(magnitude);
                    }
                    None => whole.0.extend(vec![0.0; height * 6]),
                }
            }
            if any {
                deltas.insert(format!("{owner}.{PACKED}"), whole);
            }
        }
        deltas
    }

    fn equal(
        a: &BTreeMap<String, (Vec<f32>, Vec<f32>)>,
        b: &BTreeMap<String, (Vec<f32>, Vec<f32>)>,
    ) {
        assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
        for (path, (delta, magnitude)) in a {
            let (other, other_magnitude) = &b[path];
            assert_eq!(magnitude, other_magnitude, "{path}");
            assert_eq!(delta.len(), other.len(), "{path}");
            for (x, y) in delta.iter().zip(other) {
                // Ranks are summed in another order, with zeros between.
                assert!((x - y).abs() <= 1e-4 * x.abs().max(1.0), "{path}: {x} and {y}");
            }
        }
    }

    fn config(json: &str) -> LoraConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn split_and_packed_adapters_change_the_same() {
        let q_and_v: &[(&str, usize, usize)] = &[("q_proj", 6, 2), ("v_proj", 6, 2)];
        let all: &[(&str, usize, usize)] =
            &[("q_proj", 6, 2), ("k_proj", 6, 2), ("v_proj", 6, 2), ("o_proj", 6, 2)];
        let uneven: &[(&str, usize, usize)] =
            &[("q_proj", 6, 2), ("k_proj", 6, 3), ("v_proj", 6, 1), ("o_proj", 6, 2)];
        let fused: &[(&str, usize, usize)] = &[("W_pack", 18, 2), ("o_proj", 6, 2)];
        let rows = [
            (fused, r#"{"rank": 2, "alpha": 3.0, "targets": ["W_pack", "o_proj"]}"#),
            (fused, r#"{"rank": 2, "alpha": 3.0, "dora": true, "rslora": true}"#),
            (fused, r#"{"rank": 2, "targets": ".*\\.(W_pack|o_proj)"}"#),
            (all, r#"{"rank": 2, "alpha": 3.0}"#),
            (all, r#"{"rank": 2, "alpha": 3.0, "rslora": true, "dora": true}"#),
            (all, r#"{"rank": 2, "targets": ".*[qkvo]_proj"}"#),
            (q_and_v, r#"{"rank": 2, "targets": ["q_proj", "self_attn.v_proj"]}"#),
            (
                uneven,
                r#"{"rank": 2, "rank_pattern": {"k_proj": 3, "v_proj": 1}, "alpha_pattern": {"k_proj": 5.0}}"#,
            ),
        ];
        for (names, json) in rows {
            let config = config(json);
            let tensors = adapters(names, config.dora);
            let before = joined(deltas(&config, &tensors), 6);
            let (other, turned) = if names == fused {
                split(&config, tensors.clone()).unwrap()
            } else {
                pack(&config, tensors.clone()).unwrap()
            };
            equal(&before, &joined(deltas(&other, &turned), 6));
            // And back again.
            let (last, again) = if names == fused {
                pack(&other, turned).unwrap()
            } else {
                split(&other, turned).unwrap()
            };
            equal(&before, &joined(deltas(&last, &again), 6));
        }
    }

    #[test]
    fn the_config_goes_with_its_adapters() {
        let all: &[(&str, usize, usize)] =
            &[("q_proj", 6, 2), ("k_proj", 6, 2), ("v_proj", 6, 2), ("o_proj", 6, 2)];
        let before = config(
            r#"{"rank": 2, "alpha": 4.0, "targets": ["q_proj", "k_proj", "v_proj", "o_proj"]}"#,
        );
        let (packed, tensors) = pack(&before, adapters(all, false)).unwrap();
        let expected = config(
            r#"{"rank": 2, "alpha": 4.0, "targets": ["W_pack", "o_proj"], "rank_pattern": {"W_pack": 6}, "alpha_pattern": {"W_pack": 12.0}}"#,
        );
        assert_eq!(packed, expected);
        let (parts, _) = split(&packed, tensors).unwrap();
        let expected = config(
            r#"{"rank": 2, "alpha": 4.0, "targets": ["q_proj", "k_proj", "v_proj", "o_proj"],
                "rank_pattern": {"q_proj": 6, "k_proj": 6, "v_proj": 6},
                "alpha_pattern": {"q_proj": 12.0, "k_proj": 12.0, "v_proj": 12.0}}"#,
        );
        assert_eq!(parts, expected);
        let only: &[(&str, usize, usize)] = &[("W_pack", 18, 2)];
        let before = config(r#"{"rank": 2, "targets": ["W_pack"]}"#);
        let (parts, _) = split(&before, adapters(only, false)).unwrap();
        assert_eq!(parts, config(r#"{"rank": 2, "targets": ["q_proj", "k_proj", "v_proj"]}"#));
    }

    #[test]
    fn what_cannot_be_packed_is_refused() {
        let two: &[(&str, usize, usize)] = &[("q_proj", 6, 2), ("v_proj", 6, 2)];
        let rows = [
            (r#"{"rank": 2, "dora": true}"#, "on some of q_proj, k_proj and v_proj only"),
            (r#"{"rank": 2, "init": "pissa"}"#, "saved as plain ones"),
            (r#"{"rank": 3}"#, "has rank 2, its config says 3"),
            (r#"{"rank": 2, "targets": ["q_proj"]}"#, "v_proj`, which its config does not name"),
        ];
        for (json, expected) in rows {
            let config = config(json);
            let tensors = adapters(two, config.dora);
            let error = pack(&config, tensors).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let odd: &[(&str, usize, usize)] = &[("W_pack", 16, 2)];
        let error = split(&config(r#"{"rank": 2}"#), adapters(odd, false)).unwrap_err().to_string();
        assert!(error.contains("has 16 rows"), "{error}");
    }
}
