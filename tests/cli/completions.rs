//! Each shell loads its completions without a word, and completes with them.

use crate::support::{Scratch, myagent, run};

/// The file with the completions for a shell.
fn file(scratch: &Scratch, shell: &str) -> String {
    let (status, script, err) = run(scratch.command(myagent()).args(["completions", shell]));
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(script.contains("replace-forwarded"), "{script}");
    let path = scratch.path(&format!("myagent.{shell}"));
    std::fs::write(&path, script).unwrap();
    path.display().to_string()
}

fn completed(scratch: &Scratch, shell: &[&str], script: &str) -> String {
    let mut command = scratch.command(shell[0]);
    let (status, out, err) = run(command.args(&shell[1..]).arg(script).env("TERM", "dumb"));
    assert_eq!((status, err.as_str()), (0, ""), "{script}: {out}");
    out
}

#[test]
fn bash_completes_commands_and_options() {
    let scratch = Scratch::new();
    let file = file(&scratch, "bash");
    let ask = |words: &str, word: usize| {
        let script = format!(
            ". '{file}'; complete -p myagent >/dev/null || exit 1; COMP_WORDS=({words}); COMP_CWORD={word}; \
             _myagent myagent \"${{COMP_WORDS[{word}]}}\" \"${{COMP_WORDS[{word}-1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        completed(&scratch, &["bash", "--norc", "-c"], &script)
    };
    assert_eq!(ask("myagent st", 1), "start\nstop\nstatus\n");
    assert_eq!(ask("myagent start --rep", 2), "--replace-forwarded\n");
    assert!(ask("myagent start --shell ''", 3).contains("powershell"));
}

#[test]
#[ignore = "needs zsh: it loads the completions"]
fn zsh_loads_them() {
    let scratch = Scratch::new();
    let directory = scratch.path("functions");
    std::fs::create_dir(&directory).unwrap();
    std::fs::rename(file(&scratch, "zsh"), directory.join("_myagent")).unwrap();
    let script = format!(
        "fpath=('{}' $fpath); autoload -Uz compinit; compinit -u -D; print $_comps[myagent]; autoload +X _myagent",
        directory.display()
    );
    assert_eq!(completed(&scratch, &["zsh", "-f", "-c"], &script), "_myagent\n");
}

#[test]
#[ignore = "needs fish: it loads the completions"]
fn fish_completes_commands() {
    let scratch = Scratch::new();
    let script = format!("source '{}'; complete -C 'myagent st'", file(&scratch, "fish"));
    let out = completed(&scratch, &["fish", "-N", "-c"], &script);
    let names: Vec<&str> = out.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(names, ["start", "status", "stop"], "{out}");
}
