//! Types that hold or borrow a secret: each is named where the compiler proves that it is neither copied nor shown.

use crate::source;
use std::collections::BTreeSet;

const PROOF: &str = "never_copied_or_shown";

/// What a secret lies in.
const HOLDERS: [&str; 13] = [
    "SecretBuf",
    "Slot",
    "Region",
    "Zeroizing",
    "PasswordHash",
    "PrivateKey",
    "SkPrivate",
    "AddIdentity",
    "AddToken",
    "BIGNUM",
    "EC_KEY",
    "EVP_PKEY",
    "RSA",
];

/// What a field with a secret is called.
const FIELDS: [&str; 8] = ["iqmp", "pin", "password", "secret", "scalar", "seed", "private", "passphrase"];

/// The names and bodies of the types that `code` defines.
fn types<'c>(code: &[&'c str]) -> Vec<(&'c str, Vec<&'c str>)> {
    let mut found = Vec::new();
    for (at, pair) in code.windows(2).enumerate() {
        if !["struct", "enum"].contains(&pair[0]) {
            continue;
        }
        let mut depth = 0_i32;
        let mut body = Vec::new();
        for &token in &code[at + 2..] {
            depth += i32::from(token == "{" || token == "(") - i32::from(token == "}" || token == ")");
            body.push(token);
            if depth == 0 && [";", "}"].contains(&token) {
                break;
            }
        }
        found.push((pair[1], body));
    }
    found
}

fn has_secret(body: &[&str]) -> bool {
    let named = body.windows(2).any(|pair| FIELDS.contains(&pair[0]) && pair[1] == ":");
    named || body.iter().any(|token| HOLDERS.contains(token))
}

/// The types that are named in a proof, by their last names.
fn proven<'c>(code: &[&'c str]) -> BTreeSet<&'c str> {
    let mut names = BTreeSet::new();
    for (at, _) in code.iter().enumerate().filter(|(_, token)| **token == PROOF) {
        if code.get(at + 1..at + 3) == Some(&["!", "("]) {
            names.extend(code[at + 3..].iter().take_while(|token| **token != ")"));
        }
    }
    names
}

#[test]
fn each_type_with_a_secret_is_proven_to_stay_unshown() {
    let files = source::files();
    let tokens: Vec<_> = files.iter().map(|(file, code)| (file, source::tokens(code))).collect();
    let proven: BTreeSet<&str> = tokens.iter().flat_map(|(_, code)| proven(code)).collect();
    let mut missing = Vec::new();
    let mut seen = 0;
    for (file, code) in &tokens {
        for (name, _) in types(code).into_iter().filter(|(_, body)| has_secret(body)) {
            seen += 1;
            if !proven.contains(name) {
                missing.push(format!("{file}: {name}"));
            }
        }
    }
    assert!(seen > 10, "only {seen} types with a secret were found");
    assert!(missing.is_empty(), "not named in {PROOF}!: {missing:#?}");
}

#[test]
fn a_type_with_a_secret_is_recognised() {
    let code = source::tokens(
        "struct A; enum B<'a> { C { pin: &'a [u8] } } struct D(Zeroizing<u8>); struct E { x: u8 }",
    );
    let found: Vec<_> =
        types(&code).into_iter().filter(|(_, b)| has_secret(b)).map(|(name, _)| name).collect();
    assert_eq!(found, ["B", "D"]);
    let code = source::tokens("never_copied_or_shown!(A<'_>, super::B);");
    assert!(proven(&code).is_superset(&BTreeSet::from(["A", "B"])));
}
