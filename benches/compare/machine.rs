//! Where it was measured: figures of two machines are not compared.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::agents::Contender;
use crate::support::myagent;

/// Prints the machine and what is compared, and returns it for the JSON.
pub fn describe(contenders: &[Contender]) -> Value {
    let cpuinfo = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("?", |(_, value)| value.trim()).to_owned()
    };
    // Which of AWS-LC's ways an RSA signature takes.
    let ifma = field("flags").split(' ').any(|flag| flag == "avx512ifma");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory =
        read("/proc/meminfo").lines().next().unwrap_or("?").replace("MemTotal:", "").trim().to_owned();
    // In the user's own environment: rustup looks for the compiler in the real HOME.
    let rustc =
        Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let binary = std::fs::metadata(myagent()).map_or(0, |metadata| metadata.len());
    let versions = contenders.iter().map(|contender| (contender.name, contender.version.as_str()));
    let facts = [
        ("cpu", field("model name")),
        ("avx512ifma", if ifma { "yes" } else { "no" }.to_owned()),
        ("cores", cores.to_string()),
        ("memory", memory),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("load", read("/proc/loadavg").trim().to_owned()),
        ("rustc", String::from_utf8_lossy(&rustc).trim().to_owned()),
        ("binary", format!("{binary} bytes")),
    ];
    let facts = facts.iter().map(|(name, value)| (*name, value.as_str())).chain(versions);
    let mut all = serde_json::Map::new();
    println!("\n```");
    for (name, value) in facts {
        println!("{name:<10} {value}");
        all.insert(name.to_owned(), json!(value));
    }
    println!("```");
    all.into()
}

fn read(file: impl AsRef<Path>) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}
