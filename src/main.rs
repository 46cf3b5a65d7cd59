//! The program's entry: everything is in the library.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    myagent::commands::main()
}
