#![no_main]
knowcoder_fuzz::target!("benchmark");
