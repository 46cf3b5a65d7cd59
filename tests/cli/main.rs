//! The command line: every message and exit status that scripts and people may rely on.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod completions;
mod man;
mod messages;

/// The files in `cmd` fix the output of calls that need no agent. `MYAGENT_SOCK` names a place of the test's
/// own: without it these calls would look at, and `stop` would end, the agent of whoever runs the tests.
#[test]
fn fixed_output() {
    let scratch = support::Scratch::new();
    trycmd::TestCases::new()
        .env("MYAGENT_SOCK", scratch.path("run/agent.sock").to_str().unwrap())
        .env("HOME", scratch.home().to_str().unwrap())
        .case("tests/cli/cmd/*.trycmd")
        .run();
}
