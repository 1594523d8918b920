//! One row of a shard set as a person reads it.

use crate::error::Error;
use crate::shard::ShardSet;
use crate::tokenizer::Tokenizer;
use std::fmt::Write;

/// Row `row`: what it is, its text with prompt and supervised part marked, and every id beside its
/// piece; `*` marks ids with a loss.
pub fn inspect(shards: &ShardSet, row: usize, tokenizer: &Tokenizer) -> Result<String, Error> {
    let sample = shards.sample(row)?;
    let first = sample.suffix_ids.len() - sample.supervised();
    let (prompt, answer) = sample.suffix_ids.split_at(first);
    let mut shown = format!(
        "row {row}  {}  {} {} {}  group {}\n{} prefix + {} prompt + {} supervised tokens\n",
        sample.sample_id,
        sample.dataset,
        sample.language,
        sample.task,
        sample.group,
        sample.prefix_ids.len(),
        prompt.len(),
        answer.len(),
    );
    for (title, ids) in [("prefix", &sample.prefix_ids[..]), ("prompt", prompt), ("answer", answer)]
    {
        // Writing into a string cannot fail.
        let _ = write!(shown, "--- {title}\n{}\n", tokenizer.decode(ids));
    }
    shown += "--- ids\n";
    let parts = [(' ', &sample.prefix_ids[..]), (' ', prompt), ('*', answer)];
    for (mark, id) in parts.iter().flat_map(|(mark, ids)| ids.iter().map(move |id| (mark, id))) {
        let _ = writeln!(shown, "{mark} {id:>6} {:?}", tokenizer.piece(*id));
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::shard::Sample;
    use crate::shard::tests::write;
    use expect_test::expect;

    #[test]
    fn a_row_shows_what_is_asked_and_what_is_learned() {
        let text = "Mark went to Paris. results".to_owned();
        let tokenizer = Tokenizer::train(&[text.clone(), text], 400).unwrap();
        let sample = Sample {
            sample_id: "s/1".to_owned(),
            dataset: "s".to_owned(),
            language: "en".to_owned(),
            task: "ner".to_owned(),
            prefix_ids: Vec::new(),
            suffix_ids: [
                tokenizer.encode("sentence = \"Mark\"\n\n"),
                tokenizer.encode("results = []"),
                vec![2],
            ]
            .concat(),
            supervised_from: 3,
            group: 0,
        };
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[sample]);
        let shown = inspect(&ShardSet::open(dir.path()).unwrap(), 0, &tokenizer).unwrap();
        expect![[r#"
            row 0  s/1  s en ner  group 0
            0 prefix + 3 prompt + 2 supervised tokens
            --- prefix

            --- prompt
            sentence = "Mark"


            --- answer
            results = []
            --- ids
                  20 "sentence = \""
                 308 " Mark"
                  21 "\"\n\n"
            *      4 "results = []"
            *      2 "</s>"
        "#]]
        .assert_eq(&shown);
    }
}
