//! Secrets are not asked for in a terminal that is none to Windows, such as Git Bash's: it would show them.

use crate::rig::{Agent, until};
use std::fs::File;
use std::io::Read;
use std::process::{Child, Stdio};
use tokio::net::windows::named_pipe::ServerOptions;

/// As MSYS names what a program of Windows has for its terminal.
fn terminal() -> String {
    format!(r"\\.\pipe\msys-1888ae32e00d56aa-pty{}-from-master", std::process::id())
}

/// What `myagent lock` says there, and its status.
fn lock(agent: &Agent, variables: &[(&str, &str)]) -> (i32, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let _end = ServerOptions::new().create(terminal()).unwrap();
    let open = || Stdio::from(File::options().read(true).write(true).open(terminal()).unwrap());
    let mut lock = agent.place.myagent(&["lock"]);
    lock.envs(variables.iter().copied()).stdin(open()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut lock = Asked(lock.spawn().unwrap());
    let status = until(|| lock.0.try_wait().unwrap());
    let mut error = String::new();
    lock.0.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    (status.code().unwrap(), error)
}

/// A command that may wait for a person who never comes, ended with the test.
struct Asked(Child);

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_terminal_that_would_show_a_password_is_not_asked() {
    let agent = Agent::start();
    let (status, error) = lock(&agent, &[]);
    assert_eq!(status, 1, "{error}");
    for part in ["this terminal would show what is entered", "winpty myagent"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // As Git Bash sets these: its program for passwords is asked, here one that cannot do that.
    let program = env!("CARGO_BIN_EXE_myagent");
    let (status, error) = lock(&agent, &[("DISPLAY", "needs-to-be-defined"), ("SSH_ASKPASS", program)]);
    assert!(status == 1 && !error.contains("this terminal"), "{error}");
}
