//! Keys made on the spot, many of each: what a library refuses once in some hundred keys shows here.
//!
//! A key that fails is printed, kept under `target/failing-keys`, and belongs into the committed vectors.

use crate::client::Client;
use crate::keys::{Algorithm, ED25519, Key, Kind, P256, P384, P521};
use crate::keys::{RSA_1024, RSA_2048, RSA_3072, RSA_4096};
use crate::signing::sign_and_verify;
use std::path::Path;
use std::sync::Mutex;

static CURVES: [Algorithm; 4] = [ED25519, P256, P384, P521];
static RSA: [Algorithm; 4] = [RSA_4096, RSA_3072, RSA_2048, RSA_1024];

/// Adds the key, finds it in the list, signs with it and has ssh-add and ssh-keygen verify.
fn check(client: &Client, key: &Key) -> Result<(), String> {
    let (status, _, errors) = client.ssh_add(&[key.path.to_str().unwrap()]);
    if status != 0 {
        return Err(format!("ssh-add: {errors}"));
    }
    let listed = client.listed();
    if !listed.contains(&key.public_lines()[0]) {
        return Err(format!("ssh-add -L: {listed:?}"));
    }
    let (status, _, errors) = client.ssh_add(&["-T", key.public().to_str().unwrap()]);
    if status != 0 {
        return Err(format!("ssh-add -T: {errors}"));
    }
    let message = key.path.with_extension("message");
    std::fs::write(&message, &key.comment).unwrap();
    let hidden = key.path.with_extension("hidden");
    std::fs::rename(&key.path, &hidden).unwrap();
    let outcome = sign_and_verify(client, key, &message);
    std::fs::rename(&hidden, &key.path).unwrap();
    outcome
}

/// Prints a key that failed and keeps it.
fn keep(key: &Key, reason: &str) -> String {
    let name = key.path.file_name().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(&key.path).unwrap();
    println!("{name} failed: {reason}\n{text}{}", key.public_lines()[0]);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("failing-keys");
    // Two runs make different keys under one name.
    let kept = directory.join(format!("{name}.{}", std::process::id()));
    match std::fs::create_dir_all(&directory).and_then(|()| std::fs::copy(&key.path, &kept)) {
        Ok(_) => format!("{name}: {reason} (kept as {})", kept.display()),
        Err(error) => format!("{name}: {reason} (not kept, {error}: see above)"),
    }
}

/// Makes and checks `count` keys of each algorithm in `threads` threads; names every one that fails.
fn check_fresh(algorithms: &'static [Algorithm], count: usize, threads: usize) {
    let client = Client::new();
    let jobs = algorithms.iter().flat_map(|algorithm| (1..=count).map(move |number| (algorithm, number)));
    let (jobs, failed, good) = (Mutex::new(jobs), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some((algorithm, number)) = jobs.lock().unwrap().next() else { return };
                    let name = format!("{}-{number}", algorithm.name);
                    let key = Key::make(&client, &name, Kind::plain(algorithm));
                    match check(&client, &key) {
                        Ok(()) => good.lock().unwrap().push(algorithm.name),
                        Err(reason) => failed.lock().unwrap().push(keep(&key, &reason)),
                    }
                }
            });
        }
    });
    let good = good.into_inner().unwrap();
    for Algorithm { name, .. } in algorithms {
        println!("{name}: {} of {count} keys are good", good.iter().filter(|good| *good == name).count());
    }
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(good.len(), algorithms.len() * count);
}

#[test]
fn fifty_fresh_keys_of_each_curve() {
    check_fresh(&CURVES, 50, 1);
}

#[test]
fn five_fresh_keys_of_each_rsa_size() {
    check_fresh(&RSA, 5, 2);
}
