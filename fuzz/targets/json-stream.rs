#![no_main]
knowcoder_fuzz::target!("json-stream");
