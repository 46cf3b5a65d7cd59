//! `myagent completions`: what a shell needs to complete our commands and options, made from the command line itself.
#![forbid(unsafe_code)]

use super::print;
use crate::cli::{self, CompletingShell, Completions};
use crate::error::Error;
use clap_complete::Shell;

pub(super) fn run(options: &Completions) -> Result<(), Error> {
    let shell = match options.shell {
        CompletingShell::Bash => Shell::Bash,
        CompletingShell::Zsh => Shell::Zsh,
        CompletingShell::Fish => Shell::Fish,
    };
    // Into memory first: the generator ends the process where its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "myagent", &mut script);
    print(&String::from_utf8_lossy(&script))
}
