//! Ids for every line of standard input: what `scripts/reference/tokenizer_ids.py` compares.
//!
//! `token_ids TOKENIZER` prints one line of ids, divided by spaces, for each line that it reads.
//! Lines end at `\n` alone: a carriage return or any other break belongs to the text.

use data_pipeline::tokenizer::Tokenizer;
use std::error::Error;
use std::io::{BufRead, BufWriter, Write, stdin, stdout};
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: token_ids TOKENIZER < TEXT")?;
    let tokenizer = Tokenizer::load(Path::new(&path))?;
    let mut output = BufWriter::new(stdout().lock());
    for (number, line) in stdin().lock().split(b'\n').enumerate() {
        let line = line?;
        let text = std::str::from_utf8(&line).map_err(|e| format!("line {}: {e}", number + 1))?;
        let mut separator = "";
        for id in tokenizer.encode(text) {
            write!(output, "{separator}{id}")?;
            separator = " ";
        }
        writeln!(output)?;
    }
    Ok(output.flush()?)
}
