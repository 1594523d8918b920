//! How fast one core reads corpora: what `scripts/data_speed.py` sums up by reader.
//!
//! `reader_speed DECLARATIONS DATA` reads lines `name:split` from standard input and prints for each
//! the bytes of its files, the seconds of processor time that reading took, and the sentences or
//! pairs it gave. Files are read once before, so that no disk is timed.

use data_pipeline::corpus::Corpus;
use std::error::Error;
use std::io::stdin;
use std::path::Path;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(declarations), Some(data)) = (arguments.next(), arguments.next()) else {
        return Err("usage: reader_speed DECLARATIONS DATA < NAMES".into());
    };
    for asked in stdin().lines() {
        let asked = asked?;
        let (name, split) = asked.split_once(':').ok_or("a line is not `name:split`")?;
        let declaration = Path::new(&declarations).join(format!("{name}.toml"));
        let corpus = Corpus::load(&declaration, Path::new(&data))?;
        let mut bytes = 0;
        for file in corpus.files(split)?.iter().filter(|file| file.is_file()) {
            bytes += std::fs::read(file)?.len();
        }
        let started = processor_time()?;
        let sentences = match corpus.is_parallel() {
            true => corpus.read_parallel(split)?.pairs.len(),
            false => corpus.read(split)?.sentences.len(),
        };
        let took = processor_time()? - started;
        println!("{bytes} {} {sentences}", took.as_secs_f64());
    }
    Ok(())
}

/// Processor time of this thread; Linux counts it in nanoseconds.
fn processor_time() -> Result<Duration, Box<dyn Error>> {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = counted.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}
