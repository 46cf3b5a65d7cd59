//! The program's entry: parses, dispatches, exits.
fn main() {}
