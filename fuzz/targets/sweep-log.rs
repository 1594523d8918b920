#![no_main]
knowcoder_fuzz::target!(launcher "sweep-log");
