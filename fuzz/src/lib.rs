//! What each fuzz target does with its bytes.

pub mod entry;

/// The target called as the entry with the same name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            $crate::entry::run($name, bytes);
        });
    };
    // One of the launcher's.
    (launcher $name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            launcher::fuzzed::run($name, bytes);
        });
    };
    // A library of others asserts, and our reader catches that: only what it does not catch is a find.
    ($name:literal, catches) => {
        libfuzzer_sys::fuzz_target!(
            init: std::panic::set_hook(Box::new(|info| eprintln!("{info}"))),
            |bytes: &[u8]| {
                $crate::entry::run($name, bytes);
            }
        );
    };
}
