//! The program's source as the compiler sees it: without comments and without what stands in quotes.

use std::collections::BTreeMap;
use std::path::Path;

/// Every file of the program by its path, such as `src/key/rsa.rs`.
pub(crate) fn files() -> BTreeMap<String, String> {
    let mut paths = Vec::new();
    crate::rust_files(&crate::checkout().join("src"), &mut paths);
    assert!(paths.len() > 100, "only {} files: is this the whole program?", paths.len());
    let named = |path: &Path| path.strip_prefix(crate::checkout()).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (named(path), stripped(&std::fs::read_to_string(path).unwrap()))).collect()
}

/// The words and signs of `code`.
pub(crate) fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (token, after) = rest.split_at(if is_word(first) { end } else { first.len_utf8() });
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `code` with each comment, string and character made a blank.
pub(crate) fn stripped(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while !rest.is_empty() {
        match hidden(rest, out.chars().last()) {
            0 => {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..first]);
                rest = &rest[first..];
            }
            length => {
                out.push(' ');
                rest = &rest[length..];
            }
        }
    }
    out
}

/// How many bytes at the beginning of `rest` are a comment, a string or a character.
fn hidden(rest: &str, before: Option<char>) -> usize {
    let until =
        |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let in_word = before.is_some_and(is_word);
    let raw = rest.trim_start_matches(['b', 'c']).strip_prefix('r').filter(|_| !in_word);
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let start = rest.len() - raw.len() + hashes + 1;
            return until(&format!("\"{}", "#".repeat(hashes)), start);
        }
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    // A lifetime has no closing quote after one character.
    let mut character = rest.chars().skip(1);
    match (rest.starts_with('\''), character.next(), character.next()) {
        (true, Some('\\'), _) | (true, Some(_), Some('\'')) => quoted(rest, '\''),
        _ => 0,
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + 1;
        }
        escaped = !escaped && c == '\\';
    }
    rest.len()
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let step = &rest.as_bytes()[at..];
        if step.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if step.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

#[test]
fn only_code_is_left() {
    let code = "a // unsafe\n/* unsafe /* b */ unsafe */ c(\"unsafe \\\" unsafe\", 'x', '\\'', br#\"unsafe \" \"#) <'a> \
                for_r\"s\"";
    let words = tokens(&stripped(code)).into_iter().filter(|t| t.starts_with(is_word)).collect::<String>();
    assert_eq!(words, "acafor_r");
    assert_eq!(tokens("unsafe{f(unsafe_code)}"), ["unsafe", "{", "f", "(", "unsafe_code", ")", "}"]);
}
