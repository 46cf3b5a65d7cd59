//! What the project promises about itself: its compiler, its README, its ignored tests, its unsafe code, its secrets.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests, which the lints take for the program

#[path = "project/secrets.rs"]
mod secrets;
#[path = "project/source.rs"]
mod source;
#[path = "project/unsafe_code.rs"]
mod unsafe_code;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(checkout().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// `1.85` and `1.85.0` are the same compiler.
fn version(text: &str) -> Vec<u32> {
    let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    parts.resize(3, 0);
    parts
}

/// Every package that a build of the program for Linux compiles, and its declared `rust-version`.
fn compiled_packages() -> BTreeMap<String, Option<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(checkout())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let by_id = |list: &'static str, under: &Value| -> BTreeMap<String, Value> {
        let entries = under[list].as_array().unwrap().iter();
        entries.map(|entry| (entry["id"].as_str().unwrap().to_owned(), entry.clone())).collect()
    };
    let (packages, nodes) = (by_id("packages", &metadata), by_id("nodes", &metadata["resolve"]));
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![metadata["resolve"]["root"].as_str().unwrap().to_owned()];
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let package = &packages[&id];
        let name = format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        found.insert(name, package["rust_version"].as_str().map(str::to_owned));
        for dependency in nodes[&id]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].as_str() != Some("dev")) {
                open.push(dependency["pkg"].as_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn no_dependency_needs_a_newer_compiler() {
    let ours = env!("CARGO_PKG_RUST_VERSION");
    let packages = compiled_packages();
    assert!(packages.len() > 20, "only {} packages: is this the whole tree?", packages.len());
    let newer: Vec<_> = packages
        .iter()
        .filter(|(_, declared)| declared.as_deref().is_some_and(|text| version(text) > version(ours)))
        .collect();
    assert!(newer.is_empty(), "rust-version is {ours}, but: {newer:?}");
    let highest = packages.values().flatten().max_by_key(|text| version(text)).unwrap();
    println!("rust-version {ours}; the newest that a dependency declares is {highest}");
}

/// The lines of the code block that follows `<!-- NAME -->`, as `tests/all.sh` takes them too.
fn marked_block(readme: &str, name: &str) -> Vec<String> {
    let marker = format!("<!-- {name} -->");
    let mut lines = readme.lines().skip_while(|line| *line != marker);
    assert!(lines.next().is_some(), "no {marker} in the README");
    assert!(lines.next().is_some_and(|line| line.starts_with("```")), "no code block after {marker}");
    lines.take_while(|line| *line != "```").map(str::to_owned).collect()
}

#[test]
fn the_readme_has_its_two_commands_on_one_line_each() {
    let readme = read("README.md");
    for name in ["command 1: build and start", "command 2: test"] {
        assert_eq!(marked_block(&readme, name).len(), 1, "{name}");
    }
    // 150 for an agent of plain keys, and what came later: asking, tokens, ssh-agent's name and its table, PuTTY's keys
    // and the commands for them, other systems.
    assert!(readme.lines().count() <= 150 + 90, "the README has {} lines", readme.lines().count());
}

/// What survives the last logout: `tests/logins/run` measures that very table.
/// Each thing on each system is one of three, and nothing is promised that was never built.
#[test]
fn the_support_table_says_of_everything_how_it_is() {
    let readme = read("README.md");
    let table = readme.lines().skip_while(|line| *line != "<!-- table: support -->").skip(1);
    let rows: Vec<Vec<&str>> = table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows[0], ["", "Linux", "Windows", "macOS", "FreeBSD"]);
    assert!(rows.len() > 10, "only {} rows", rows.len());
    for row in &rows[2..] {
        assert_eq!(row.len(), 5, "{row:?}");
        for cell in &row[1..] {
            let known = ["tested", "built only", "not there"].iter().any(|word| cell.starts_with(word));
            assert!(known, "{cell:?} in the row of {:?}", row[0]);
        }
        // Nothing has run there.
        assert!(row[3..].iter().all(|cell| !cell.starts_with("tested")), "{row:?}");
    }
}

#[test]
fn the_readme_promises_the_logins_that_are_measured() {
    let (readme, measured) = (read("README.md"), read("tests/logins/table.md"));
    let marker = "<!-- table: logins -->";
    let mut lines = readme.lines().skip_while(|line| *line != marker);
    assert!(lines.next().is_some(), "no {marker} in the README");
    let promised: Vec<&str> = lines.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(
        promised,
        measured.lines().collect::<Vec<_>>(),
        "the README's table, and tests/logins/table.md"
    );
    assert!(promised.len() > 2, "the table has no rows");
}

#[test]
fn the_changelog_knows_this_version() {
    let heading = format!("## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md").lines().any(|line| line.starts_with(&heading)), "no {heading}");
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `tests/run` picks the ignored tests by the programs they name; one that names none would never run.
#[test]
fn every_ignored_test_names_the_programs_it_needs() {
    let mut files = Vec::new();
    rust_files(&checkout().join("tests"), &mut files);
    rust_files(&checkout().join("src"), &mut files);
    assert!(files.len() > 2, "no test files found");
    for file in files {
        for (number, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            let named = line.trim_start().starts_with("#[ignore = \"needs ");
            let ignored = line.trim_start().starts_with("#[ignore");
            assert!(named || !ignored, "{}:{}: say what it needs: {line}", file.display(), number + 1);
        }
    }
}
