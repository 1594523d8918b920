//! `knowcoder data stats`: corpora, languages and tasks in numbers.

use super::survey::survey;
use super::{tables, vocabulary};
use crate::cli;
use crate::error::Error;
use crate::page::corpora;
use crate::verbs::Answer;
use data_pipeline::predictions::replace;
use data_pipeline::tokenizer::Tokenizer;

/// Counts corpora, for the terminal or as a page; one that is not there matters only if it is named.
pub fn stats(args: &cli::Stats) -> Result<Answer, Error> {
    let data = &args.corpora.data;
    let tokenizer = args.tokenizer.as_deref();
    let tokenizer = tokenizer.map(|path| vocabulary::tokenizer(path, data)).transpose()?;
    let survey = survey(&args.corpora, tokenizer.as_ref())?;
    let mut text = match &args.html {
        None => tables::text(&survey, args.histograms, args.ascii || !is_utf8()),
        Some(file) => {
            let vocabulary = tokenizer.as_ref().map(Tokenizer::vocabulary);
            replace(file, corpora::page(&survey, vocabulary).as_bytes())?;
            format!("{}: {} datasets\n", file.display(), survey.corpora.len())
        }
    };
    for (name, error) in &survey.failed {
        text += &format!("WRONG  {name}: {error}\n");
    }
    if !survey.absent.is_empty() {
        text += &format!(
            "{} splits are not below `{}`; name one to see where to get it\n",
            survey.absent.len(),
            data.data_root.display()
        );
    }
    Ok(Answer { text, json: survey.to_json(tokenizer.as_ref()), code: survey.code })
}

/// Whether the locale has more than letters; one that says nothing is taken for UTF-8.
fn is_utf8() -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    named.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
