//! A step and what became of its file since the plan.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const BLOCK: &str = "# >>> myagent >>>\nline\n# <<< myagent <<<\n";

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Between the plan and the yes a person may do anything.
#[test]
fn what_changed_since_the_plan_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rc");
    let insert = Step::Insert { path: path.clone(), block: BLOCK.to_owned(), diff: None };
    let write = Step::Write { path: path.clone(), contents: "ours\n".to_owned(), diff: None };
    let take_out = Step::TakeOut { path: path.clone() };
    let other_lines = BLOCK.replace("line", "mine");
    for (contents, protected, steps) in [
        ("mine\n", true, [&insert, &take_out, &write]),
        ("mine\n", false, [&write, &take_out, &write]),
        (&*other_lines, false, [&insert, &write, &write]),
        ("# <<< myagent <<<\n", false, [&insert, &take_out, &write]),
    ] {
        for step in steps {
            fs::write(&path, contents).unwrap();
            mode(&path, if protected { 0o444 } else { 0o644 });
            assert!(step.apply(&mut Record::default()).is_err(), "{step:?} of {contents:?}");
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
            mode(&path, 0o644);
        }
    }
    fs::remove_file(&path).unwrap();
    take_out.apply(&mut Record::default()).unwrap();
    assert!(!path.exists(), "it was removed meanwhile, and is not made again");
}

/// As by another `install` at the same time.
#[test]
fn what_is_done_already_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rc");
    let insert = Step::Insert { path: path.clone(), block: BLOCK.to_owned(), diff: None };
    for _ in 0..2 {
        insert.apply(&mut Record::default()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), BLOCK);
    }
}
