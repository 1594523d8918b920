//! How fast one core makes ids of text: what `scripts/tokenizer_speed.py` holds beside other
//! tokenizers.
//!
//! `tokenizer_speed TOKENIZER TEXT` loads both, then, for each line of standard input, encodes every
//! line of the text once and prints the seconds of processor time that the thread took and the
//! number of ids. The asking side decides when, so that rounds of several programs alternate.

use data_pipeline::tokenizer::Tokenizer;
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::Path;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(tokenizer), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: tokenizer_speed TOKENIZER TEXT".into());
    };
    let tokenizer = Tokenizer::load(Path::new(&tokenizer))?;
    let text = std::fs::read_to_string(text)?;
    let lines: Vec<&str> = text.lines().collect();
    for asked in stdin().lock().lines() {
        asked?;
        let started = processor_time()?;
        let ids: usize = lines.iter().map(|line| tokenizer.encode(line).len()).sum();
        let took = processor_time()? - started;
        println!("{} {ids}", took.as_secs_f64());
        stdout().flush()?;
    }
    Ok(())
}

/// Processor time of this process, which has one thread; Linux counts it in nanoseconds.
fn processor_time() -> Result<Duration, Box<dyn Error>> {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = counted.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}
