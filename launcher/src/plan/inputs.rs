//! What must be there before a run starts, and how what is missing is to be had.

use super::bytes_text;
use super::forecast::paragraph;
use data_pipeline::width::{TERMINAL, clipped, columns};
use serde::Serialize;
use std::fmt::Write;

/// Columns before the text of a section.
const MORE: &str = "               ";

/// Corpora, weights and devices that a run needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Inputs {
    /// Whether nothing is missing here.
    pub ready: bool,
    /// Where corpora are looked for.
    pub data_root: String,
    /// Corpora that are read, to be learned or to be asked about.
    pub corpora: usize,
    /// Those that are not complete, the easiest to have first.
    pub missing: Vec<Missing>,
    /// The folder of weights, where the recipe names one that is not there.
    pub weights: Option<Weights>,
    /// What this machine lacks to compute, where the run is meant for it.
    pub device: Option<String>,
}

/// A corpus that is not complete.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// Its name.
    pub corpus: String,
    /// Files, or patterns of names, that nothing is found for.
    pub files: usize,
    /// Its licence, in words.
    pub licence: String,
    /// How it is to be had.
    pub way: Way,
    /// Bytes to be fetched, where they can be.
    pub bytes: u64,
}

/// How a corpus is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// `data fetch` brings it.
    Fetch,
    /// `data fetch` brings it to those who keep the terms of its licence.
    Accept,
    /// Nobody may pass it on, or its file is made of others: its declaration says more.
    Ask,
}

/// Weights that are not there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weights {
    /// The folder.
    pub path: String,
    /// What they take in 16 bits, where the network is known.
    pub bytes: Option<u64>,
}

impl Inputs {
    /// What there is to say of `missing` corpora, weights and a device.
    pub fn new(data_root: String, corpora: usize, mut missing: Vec<Missing>) -> Self {
        missing.sort_by(|a, b| (a.way, &a.corpus).cmp(&(b.way, &b.corpus)));
        Self { data_root, corpora, missing, ..Self::default() }
    }

    /// Says whether all is there.
    pub fn judged(self) -> Self {
        let ready = self.missing.is_empty() && self.weights.is_none() && self.device.is_none();
        Self { ready, ..self }
    }

    fn by(&self, way: Way) -> Vec<&Missing> {
        self.missing.iter().filter(|it| it.way == way).collect()
    }
}

/// What is missing; one line where nothing is.
pub(super) fn write(text: &mut String, inputs: &Inputs) -> std::fmt::Result {
    let Inputs { data_root, corpora, missing, .. } = inputs;
    let what = match missing.len() {
        0 => "all there".to_owned(),
        count => format!("{count} not complete"),
    };
    // Paths stay whole, however long.
    writeln!(text, "needs          {corpora} corpora, {what}: `{data_root}`")?;
    for (way, heading) in [
        (Way::Fetch, "  to fetch     "),
        (Way::Accept, "  to accept    "),
        (Way::Ask, "  to ask for   "),
    ] {
        let of_way = inputs.by(way);
        if of_way.is_empty() {
            continue;
        }
        let bytes = bytes_text(of_way.iter().map(|it| it.bytes).sum());
        let told = match way {
            Way::Fetch => format!("{}, {bytes} (`data fetch NAME`)", of_way.len()),
            Way::Accept => {
                format!("{}, {bytes} (`data fetch NAME --accept-licence`)", of_way.len())
            }
            Way::Ask => format!("{} (their declarations say where)", of_way.len()),
        };
        writeln!(text, "{heading}{told}")?;
        for missing in of_way {
            let Missing { corpus, licence, .. } = missing;
            let left = TERMINAL.saturating_sub(MORE.len() + columns(corpus) + 2);
            writeln!(text, "{MORE}{corpus}: {}", clipped(licence, left))?;
        }
    }
    if let Some(Weights { path, bytes }) = &inputs.weights {
        let bytes = bytes.map_or(String::new(), |it| format!(", about {} in bf16", bytes_text(it)));
        writeln!(text, "  weights      not there{bytes}")?;
        writeln!(text, "{MORE}`{path}`")?;
    }
    if let Some(device) = &inputs.device {
        paragraph(text, "  device       ", MORE, device)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;

    #[test]
    fn what_is_missing_is_told_by_how_it_is_to_be_had() {
        let missing = |corpus: &str, way, bytes| Missing {
            corpus: corpus.to_owned(),
            files: 2,
            licence: match way {
                Way::Ask => {
                    "LDC user agreement; not to be passed on, and so on with a long sentence"
                        .to_owned()
                }
                _ => "CC BY 4.0".to_owned(),
            },
            way,
            bytes,
        };
        let some = vec![
            missing("ace04", Way::Ask, 0),
            missing("wnut17", Way::Fetch, 1 << 20),
            missing("anatem", Way::Fetch, 1 << 20),
        ];
        let weights = Some(Weights { path: "/models/base".to_owned(), bytes: Some(15 << 30) });
        let lacking = Inputs { weights, ..Inputs::new("data".to_owned(), 7, some) }.judged();
        assert!(!lacking.ready);
        let whole = Inputs::new("data".to_owned(), 7, Vec::new()).judged();
        assert!(whole.ready);
        let mut text = String::new();
        write(&mut text, &lacking).unwrap();
        write(&mut text, &whole).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        expect![[r#"
            needs          7 corpora, 3 not complete: `data`
              to fetch     2, 2.0 MiB (`data fetch NAME`)
                           anatem: CC BY 4.0
                           wnut17: CC BY 4.0
              to ask for   1 (their declarations say where)
                           ace04: LDC user agreement; not to be passed on, and so on with a…
              weights      not there, about 15.0 GiB in bf16
                           `/models/base`
            needs          7 corpora, all there: `data`
        "#]]
        .assert_eq(&text);
    }
}
