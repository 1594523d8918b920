//! The program `knowcoder`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    launcher::main()
}
