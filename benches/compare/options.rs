//! What is to be measured, and for how long.

use std::path::PathBuf;
use std::time::Duration;

pub const USAGE: &str = "\
usage: cargo bench --bench compare -- [--quick] [--round MS] [--json FILE] [--only SECTION,...]
  --quick   myagent and OpenSSH's agent alone, short rounds, nothing with 10,000 keys
  --round   how long a round lasts, in milliseconds [default: 1000, with --quick 250]
  --json    also write every table to FILE; benches/plot.py draws the curves from it
  --only    some of: sign floor busy list change start memory idle curves";

/// Every section, in the order they are run.
pub const SECTIONS: [&str; 9] =
    ["sign", "floor", "busy", "list", "change", "start", "memory", "idle", "curves"];

/// What the command line asks for.
pub struct Options {
    pub quick: bool,
    pub round: Option<Duration>,
    pub json: Option<PathBuf>,
    pub only: Vec<String>,
}

impl Options {
    /// Reads the command line; `--bench` is cargo's own.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { quick: false, round: None, json: None, only: Vec::new() };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => {}
                "--quick" => options.quick = true,
                "--round" => {
                    let millis = value()?.parse().map_err(|_| "--round takes milliseconds")?;
                    options.round = Some(Duration::from_millis(millis));
                }
                "--json" => options.json = Some(value()?.into()),
                "--only" => options.only.extend(value()?.split(',').map(str::to_owned)),
                _ => return Err(format!("unknown argument {argument}")),
            }
        }
        match options.only.iter().find(|name| !SECTIONS.contains(&name.as_str())) {
            Some(unknown) => Err(format!("unknown section {unknown}")),
            None => Ok(options),
        }
    }

    pub fn wants(&self, section: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == section)
    }

    pub fn pace(&self) -> Pace {
        let (rounds, millis) = if self.quick { (2, 250) } else { (3, 1000) };
        let measured = self.round.unwrap_or(Duration::from_millis(millis));
        Pace { rounds, measured, warm_up: measured / 5 }
    }
}

/// How often and how long one case is measured.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Each agent is measured once in each round.
    pub rounds: usize,
    /// What counts, in each round.
    pub measured: Duration,
    /// What is left out before it.
    pub warm_up: Duration,
}
