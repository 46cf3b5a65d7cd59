//! The inventory of unsafe code in SECURITY.md, and that nothing unsafe can come into any other file.

use crate::source;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const MARKER: &str = "<!-- unsafe -->";

/// How often a file says `unsafe`: blocks, functions, implementations, and what is called from outside.
fn count(code: &str) -> usize {
    source::tokens(code).into_iter().filter(|token| *token == "unsafe").count()
}

/// The rows of the table: file, number, and what it is for.
fn table() -> BTreeMap<String, (usize, String)> {
    let text = crate::read("SECURITY.md");
    let (_, after) = text.split_once(MARKER).unwrap_or_else(|| panic!("no {MARKER} in SECURITY.md"));
    let lines = after.lines().skip_while(|line| line.is_empty()).take_while(|line| line.starts_with('|'));
    let mut rows = BTreeMap::new();
    for line in lines.skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [file, number, purpose] = cells[..] else { panic!("not three cells: {line}") };
        let number = number.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        rows.insert(file.trim_matches('`').to_owned(), (number, purpose.to_owned()));
    }
    rows
}

#[test]
fn the_inventory_of_unsafe_code_is_right() {
    let told = table();
    let counted = source::files().into_iter().map(|(file, code)| (file, count(&code)));
    let found: BTreeMap<String, usize> = counted.filter(|(_, number)| *number > 0).collect();
    let mut right = String::from("| File | `unsafe` | What for |\n|---|---|---|\n");
    for (file, number) in &found {
        let purpose = told.get(file).map_or("TO BE SAID", |(_, purpose)| purpose);
        let _ = writeln!(right, "| `{file}` | {number} | {purpose} |");
    }
    let said: BTreeMap<String, usize> = told.iter().map(|(file, row)| (file.clone(), row.0)).collect();
    assert!(said == found, "after {MARKER} in SECURITY.md it must be\n{right}");
    for (file, (_, purpose)) in told {
        assert!(purpose.len() > 10, "{file}: say what for");
    }
}

/// The files of the modules around this one, from the nearest to `src/lib.rs`.
fn around(file: &str, files: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    let path = Path::new(file);
    let mut module: PathBuf =
        if path.ends_with("mod.rs") { path.parent().unwrap().into() } else { path.into() };
    while let Some(parent) = module.parent().filter(|parent| parent.starts_with("src")) {
        for name in [parent.join("mod.rs"), parent.with_extension("rs"), parent.join("lib.rs")] {
            let name = name.to_str().unwrap().to_owned();
            if files.contains_key(&name) && name != file {
                found.push(name);
            }
        }
        module = parent.to_owned();
    }
    found
}

/// Forbidden wherever there is none, itself or by a module around it; allowed where it is, and said so.
#[test]
fn unsafe_code_is_where_it_is_allowed_and_forbidden_elsewhere() {
    let files = source::files();
    let says = |file: &str, level: &str| files[file].contains(&format!("#![{level}(unsafe_code)]"));
    let used: Vec<&String> = files.iter().filter(|(_, code)| count(code) > 0).map(|(file, _)| file).collect();
    for file in files.keys() {
        let above = around(file, &files);
        assert!(file == "src/lib.rs" || file == "src/main.rs" || !above.is_empty(), "{file}: in no module?");
        if used.contains(&file) {
            assert!(says(file, "allow"), "{file} has unsafe code and does not say #![allow(unsafe_code)]");
            continue;
        }
        assert!(!says(file, "allow"), "{file} allows unsafe code and has none");
        let leads_to_some = used.iter().any(|used| around(used, &files).contains(file));
        let forbidden = says(file, "forbid") || above.iter().any(|above| says(above, "forbid"));
        let denied = says(file, "deny") && leads_to_some;
        assert!(forbidden || denied, "{file} does not say #![forbid(unsafe_code)]");
    }
}
