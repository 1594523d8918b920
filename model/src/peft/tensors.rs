//! Names of adapters in PEFT's files, and the factors that they belong to.

use crate::Error;
use crate::files::HostTensors;
use std::collections::BTreeMap;
use std::path::Path;

/// What PEFT puts before a layer's path.
const PREFIX: &str = "base_model.model.";

/// Dimensions and values.
pub(super) type Host = (Vec<usize>, Vec<f32>);

/// Factors by the path of their layer.
pub(super) type Adapters = BTreeMap<String, Factors>;

/// One layer's adapter on the host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Factors {
    /// `[rank, in]`.
    pub a: Host,
    /// `[out, rank]`.
    pub b: Host,
    /// `[out]`.
    pub magnitude: Option<Host>,
}

impl Factors {
    pub(super) fn rank(&self) -> usize {
        self.a.0.first().copied().unwrap_or_default()
    }

    pub(super) fn out(&self) -> usize {
        self.b.0.first().copied().unwrap_or_default()
    }

    pub(super) fn input(&self) -> usize {
        self.a.0.get(1).copied().unwrap_or_default()
    }
}

/// Under the names of PEFT's files.
pub(super) fn named(adapters: &Adapters) -> HostTensors {
    let mut tensors = HostTensors::new();
    for (path, Factors { a, b, magnitude }) in adapters {
        tensors.insert(format!("{PREFIX}{path}.lora_A.weight"), a.clone());
        tensors.insert(format!("{PREFIX}{path}.lora_B.weight"), b.clone());
        if let Some(magnitude) = magnitude {
            tensors.insert(format!("{PREFIX}{path}.lora_magnitude_vector"), magnitude.clone());
        }
    }
    tensors
}

/// From the names of PEFT's files; some writers keep the adapter's name, `default`, in them.
pub(super) fn parse(path: &Path, tensors: HostTensors) -> Result<Adapters, Error> {
    let foreign = |name: &str| {
        Error::invalid(
            path,
            format!("holds `{name}`, which is no part of an adapter of a linear layer"),
        )
    };
    #[derive(Default)]
    struct Parts {
        a: Option<Host>,
        b: Option<Host>,
        magnitude: Option<Host>,
    }
    let mut parts: BTreeMap<String, Parts> = BTreeMap::new();
    for (name, tensor) in tensors {
        let (layer, part) = name
            .strip_prefix(PREFIX)
            .and_then(|path| path.split_once(".lora_"))
            .ok_or_else(|| foreign(&name))?;
        let mut words = part.split('.');
        let kind = words.next().unwrap_or_default();
        if words.any(|word| !["default", "weight"].contains(&word)) {
            return Err(foreign(&name));
        }
        let parts = parts.entry(layer.to_owned()).or_default();
        let (place, width) = match kind {
            "A" => (&mut parts.a, 2),
            "B" => (&mut parts.b, 2),
            "magnitude_vector" => (&mut parts.magnitude, 1),
            _ => return Err(foreign(&name)),
        };
        if tensor.0.len() != width {
            return Err(Error::invalid(
                path,
                format!("tensor `{name}` is {:?}, expected {width} dimensions", tensor.0),
            ));
        }
        if place.replace(tensor).is_some() {
            return Err(Error::invalid(path, format!("holds `{layer}.lora_{kind}` twice")));
        }
    }
    let whole = |(layer, parts): (String, Parts)| match parts {
        Parts { a: Some(a), b: Some(b), magnitude } if a.0.first() == b.0.get(1) => {
            match magnitude.as_ref().map(|(dims, _)| dims[0]) {
                Some(rows) if rows != b.0[0] => Err(Error::invalid(
                    path,
                    format!("`{layer}` has {rows} magnitudes for {} rows", b.0[0]),
                )),
                _ => Ok((layer, Factors { a, b, magnitude })),
            }
        }
        Parts { a: Some(a), b: Some(b), .. } => Err(Error::invalid(
            path,
            format!("the factors of `{layer}` are {:?} and {:?}, of different ranks", a.0, b.0),
        )),
        _ => Err(Error::invalid(path, format!("`{layer}` has not both lora_A and lora_B"))),
    };
    parts.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tensors(rows: &[(&str, &[usize])]) -> HostTensors {
        rows.iter()
            .map(|(name, dims)| {
                let values = vec![0.5; dims.iter().product()];
                ((*name).to_owned(), (dims.to_vec(), values))
            })
            .collect()
    }

    #[test]
    fn names_come_back() {
        let rows: [&[(&str, &[usize])]; 3] = [
            &[
                ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", &[2, 4]),
                ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", &[6, 2]),
                ("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", &[6]),
            ],
            &[
                ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight", &[2, 4]),
                ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight", &[6, 2]),
                (
                    "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.default.weight",
                    &[6],
                ),
            ],
            &[
                ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", &[2, 4]),
                ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", &[6, 2]),
                (
                    "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.weight",
                    &[6],
                ),
            ],
        ];
        for row in rows {
            let adapters = parse(Path::new("x"), tensors(row)).unwrap();
            assert_eq!(adapters.keys().collect::<Vec<_>>(), ["model.layers.0.self_attn.q_proj"]);
            assert_eq!(named(&adapters), tensors(rows[0]));
        }
    }

    #[test]
    fn what_is_no_adapter_is_refused() {
        type Named = (&'static str, &'static [usize]);
        let rows: [(&[Named], &str); 7] = [
            (&[("lm_head.weight", &[2, 2])], "holds `lm_head.weight`"),
            (&[("base_model.model.model.norm.weight", &[2])], "no part of an adapter"),
            (&[("base_model.model.x.lora_embedding_A", &[2, 2])], "no part of an adapter"),
            (&[("base_model.model.x.lora_B.bias", &[2])], "no part of an adapter"),
            (&[("base_model.model.x.lora_A.weight", &[2, 2])], "`x` has not both"),
            (
                &[
                    ("base_model.model.x.lora_A.weight", &[2, 4]),
                    ("base_model.model.x.lora_B.weight", &[4, 3]),
                ],
                "of different ranks",
            ),
            (
                &[
                    ("base_model.model.x.lora_A.weight", &[2, 4]),
                    ("base_model.model.x.lora_B.weight", &[4, 2]),
                    ("base_model.model.x.lora_magnitude_vector", &[3]),
                ],
                "3 magnitudes for 4 rows",
            ),
        ];
        for (row, expected) in rows {
            let error = parse(Path::new("x"), tensors(row)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
