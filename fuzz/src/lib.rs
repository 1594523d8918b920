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
}
