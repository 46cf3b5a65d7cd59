//! Tests in a process of their own: AWS-LC's memory can only be ours from its first block on.
#![forbid(unsafe_code)]

use std::process::Command;

/// Set in the process that runs one test alone.
const ALONE: &str = "MYAGENT_TEST_ALONE";

/// Does `work` in a process that has done nothing else; `test` is the path of the test that calls this.
pub(crate) fn alone(test: &str, work: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return work();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
