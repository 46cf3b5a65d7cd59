//! The program's entry: everything is in the library.
#![forbid(unsafe_code)]

use myagent::vault::Wiping;

#[global_allocator]
static HEAP: Wiping = Wiping::new();

fn main() -> std::process::ExitCode {
    myagent::commands::main()
}
