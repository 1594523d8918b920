#![no_main]
knowcoder_fuzz::target!("instructions");
