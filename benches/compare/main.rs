//! `cargo bench --bench compare`: myagent beside OpenSSH's agent, and others where they are installed.
//!
//! One run, alternating: in each round every agent is measured once, so that the machine's moods meet all of
//! them. Guarantees: no agent outlives the run, nothing of the user's is touched, a signature that is not
//! right is not counted. It judges no ratio: it fails where something does not work, never where it is slow.
//! How to read the tables: benches/README.md.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::print_stderr, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../../tests/support/keys.rs"]
mod test_keys;
#[path = "../../tests/support/wire.rs"]
mod wire;

mod agents;
mod curves;
mod echo;
mod keys;
mod listing;
mod load;
mod machine;
mod options;
mod report;
mod resting;
mod rounds;
mod signing;
mod starting;
mod stats;

use std::process::ExitCode;
use std::time::Instant;

use options::Options;
use report::Report;
use signing::Signing;
use support::Scratch;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let done = if arguments.peek().is_some_and(|first| first == echo::ARGUMENT) {
        let socket = arguments.nth(1).unwrap_or_default();
        echo::serve(socket.as_ref()).map_err(|error| error.to_string())
    } else {
        Options::parse(arguments)
            .map_err(|error| format!("{error}\n{}", options::USAGE))
            .and_then(|o| run(&o))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let begin = Instant::now();
    let workshop = Scratch::new();
    let contenders = agents::found(options.quick, &workshop);
    let mut report = Report::new(machine::describe(&contenders));
    let keys = || keys::of_each_type(&workshop);
    let mut section = |name: &str, run: &dyn Fn(&mut Report)| {
        if options.wants(name) {
            eprintln!("{:4.0} s: {name}", begin.elapsed().as_secs_f64());
            run(&mut report);
        }
    };
    if ["sign", "floor", "busy"].iter().any(|section| options.wants(section)) {
        let signing = Signing::start(options, &workshop, &contenders, keys());
        section("sign", &|report| signing.run(report));
        section("floor", &|report| signing.floor(report));
        section("busy", &|report| signing.busy(report));
    }
    section("list", &|report| listing::list(options, &contenders, report));
    section("change", &|report| listing::change(options, &contenders, &keys(), report));
    section("start", &|report| starting::run(options, &contenders, report));
    section("memory", &|report| resting::memory(&contenders, report));
    section("idle", &|report| resting::idle(options, &contenders, report));
    section("curves", &|report| curves::run(options, &contenders, report));
    println!("\n{:.0} seconds in all", begin.elapsed().as_secs_f64());
    options.json.as_deref().map_or(Ok(()), |file| report.write(file))
}
