//! What packaging/install.sh stages, file by file, and what the source package holds.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests, which the lints take for the program

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What stands before `install` and `mkdir`: these tests run as root too, and a script that forgets DESTDIR must
/// fail, not write into the system.
const FENCE: &str = r#"#!/bin/sh
PATH=$BEHIND_THE_FENCE
for last; do :; done
case $last in
    "$FENCED"/*) exec "${0##*/}" "$@" ;;
esac
echo "outside of DESTDIR: $last" >&2
exit 99
"#;

const PROGRAM: &str = env!("CARGO_BIN_EXE_myagent");

/// All of it, under any prefix.
const STAGED: [&str; 12] = [
    "755 bin/myagent",
    "644 lib/systemd/user/myagent.service",
    "644 lib/systemd/user/myagent.socket",
    "644 share/bash-completion/completions/myagent",
    "644 share/doc/myagent/CHANGELOG.md",
    "644 share/doc/myagent/LICENSE-APACHE",
    "644 share/doc/myagent/LICENSE-MIT",
    "644 share/doc/myagent/README.md",
    "644 share/doc/myagent/SECURITY.md",
    "644 share/fish/vendor_completions.d/myagent.fish",
    "644 share/man/man1/myagent.1",
    "644 share/zsh/site-functions/_myagent",
];

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A directory to stage into, and one to be in; a space in both, and a umask that would hide every file.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("my stage").tempdir().unwrap();
        for name in ["here", "home", "tmp", "fence"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        for name in ["install", "mkdir"] {
            executable(&dir.path().join("fence").join(name), FENCE);
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the script with these settings alone.
    fn run(&self, settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "umask 077; exec \"$0\"",
            checkout().join("packaging/install.sh").to_str().unwrap(),
        ]);
        let path = std::env::var("PATH").unwrap();
        command.env_clear().env("PATH", format!("{}:{path}", self.path("fence").display()));
        command.env("BEHIND_THE_FENCE", &path).env("FENCED", self.path("a tree"));
        command.env("HOME", self.path("home")).env("TMPDIR", self.path("tmp"));
        command.env("DESTDIR", self.path("a tree")).envs(settings.iter().copied());
        command.current_dir(self.path("here")).output().unwrap()
    }

    fn staged(&self, settings: &[(&str, &str)]) -> PathBuf {
        let output = self.run(settings);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b""[..], &b""[..]));
        for name in ["here", "home", "tmp"] {
            assert_eq!(list(&self.path(name)), [""; 0], "written beside DESTDIR, in {name}");
        }
        self.path("a tree")
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `MODE PATH` of every file below a directory that is no directory, sorted by path; directories must be 755.
fn list(root: &Path) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            if entry.file_type().unwrap().is_dir() {
                assert_eq!(mode, 0o755, "{}", entry.path().display());
                open.push(entry.path());
            } else {
                found.push((entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned(), mode));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(path, mode)| format!("{mode:o} {path}")).collect()
}

fn below(prefix: &str, names: &[&str]) -> Vec<String> {
    let parts = names.iter().map(|name| name.split_once(' ').unwrap());
    parts.map(|(mode, path)| format!("{mode} {prefix}/{path}")).collect()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// Nothing else also means: no rc file, no lingering, no unit enabled, no name of OpenSSH's.
#[test]
fn exactly_these_files_are_staged() {
    let stage = Stage::new();
    let tree = stage.staged(&[("PREFIX", "/usr"), ("BINARY", PROGRAM)]);
    assert_eq!(list(&tree), below("usr", &STAGED));
    assert!(fs::read(tree.join("usr/bin/myagent")).unwrap() == fs::read(PROGRAM).unwrap());
    for (staged, source) in [
        ("lib/systemd/user/myagent.service", "systemd/myagent.service"),
        ("lib/systemd/user/myagent.socket", "systemd/myagent.socket"),
        ("share/man/man1/myagent.1", "man/myagent.1"),
        ("share/doc/myagent/LICENSE-MIT", "LICENSE-MIT"),
    ] {
        assert_eq!(read(tree.join("usr").join(staged)), read(checkout().join(source)), "{staged}");
    }
    for (shell, staged) in [
        ("bash", "bash-completion/completions/myagent"),
        ("zsh", "zsh/site-functions/_myagent"),
        ("fish", "fish/vendor_completions.d/myagent.fish"),
    ] {
        let printed = Command::new(PROGRAM).args(["completions", shell]).output().unwrap().stdout;
        assert_eq!(read(tree.join("usr/share").join(staged)), String::from_utf8(printed).unwrap(), "{shell}");
    }
}

/// The prefix is one that is nowhere: whatever forgot DESTDIR in another way than the fence knows would be there now.
#[test]
fn another_prefix_is_in_the_units_and_nothing_is_outside_of_destdir() {
    let stage = Stage::new();
    let prefix = format!("/myagent-test-{}/opt", std::process::id());
    let tree = stage.staged(&[("PREFIX", &prefix), ("BINARY", PROGRAM)]);
    assert_eq!(list(&tree), below(prefix.strip_prefix('/').unwrap(), &STAGED));
    assert!(!Path::new(&prefix).exists() && !Path::new(&prefix).parent().unwrap().exists());
    for unit in ["myagent.service", "myagent.socket"] {
        let staged = read(tree.join(&prefix[1..]).join("lib/systemd/user").join(unit));
        assert!(staged.contains(&format!("={prefix}/bin/myagent ")), "{staged}");
        assert!(!staged.contains("/usr/bin/myagent"), "{staged}");
    }
}

#[test]
fn the_default_prefix_is_usr_local() {
    let stage = Stage::new();
    let tree = stage.staged(&[("BINARY", PROGRAM)]);
    assert_eq!(list(&tree), below("usr/local", &STAGED));
}

/// The program is for another machine; its completions come from one that runs here.
#[test]
fn a_cross_build_is_staged_without_being_run() {
    let stage = Stage::new();
    let (foreign, native, licences) = (stage.path("foreign"), stage.path("native"), stage.path("licences"));
    fs::write(&foreign, "another machine's program").unwrap();
    fs::write(&licences, "what the crates want").unwrap();
    executable(&native, "#!/bin/sh\necho \"$# $*\"\n");
    let [foreign, native, licences] = [&foreign, &native, &licences].map(|path| path.to_str().unwrap());
    let tree = stage.staged(&[
        ("PREFIX", "/usr"),
        ("BINARY", foreign),
        ("COMPLETIONS_BY", native),
        ("THIRD_PARTY", licences),
        ("ZSH_DIR", "/usr/share/zsh/vendor-completions"),
    ]);
    let share = tree.join("usr/share");
    assert_eq!(read(tree.join("usr/bin/myagent")), "another machine's program");
    assert_eq!(read(share.join("bash-completion/completions/myagent")), "2 completions bash\n");
    assert_eq!(read(share.join("zsh/vendor-completions/_myagent")), "2 completions zsh\n");
    assert_eq!(read(share.join("fish/vendor_completions.d/myagent.fish")), "2 completions fish\n");
    assert_eq!(read(share.join("doc/myagent/THIRD-PARTY")), "what the crates want");
    assert!(!share.join("zsh/site-functions").exists());
}

#[test]
fn a_wrong_setting_stages_nothing() {
    let stage = Stage::new();
    for (name, value, says) in [
        ("PREFIX", "/opt/my agent", "PREFIX has a character"),
        ("PREFIX", "/opt/50%", "PREFIX has a character"),
        ("PREFIX", "usr", "not absolute: usr"),
        ("PREFIX", "/usr/..", "out of DESTDIR: /usr/.."),
        ("ZSH_DIR", "share/zsh", "not absolute: share/zsh"),
        ("BINARY", "missing", "no program at ./missing"),
    ] {
        let output = stage.run(&[("BINARY", PROGRAM), (name, value)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}={value}: {said}");
        assert!(said.starts_with("install.sh: ") && said.contains(says), "{name}={value}: {said}");
        assert!(!stage.path("a tree").exists(), "{name}={value}");
    }
}

#[test]
fn a_program_that_prints_no_completions_fails() {
    let stage = Stage::new();
    for silent in ["/bin/true", "/bin/false"] {
        let output = stage.run(&[("BINARY", PROGRAM), ("COMPLETIONS_BY", silent)]);
        assert_eq!(output.status.code(), Some(1), "{silent}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(list(&stage.path("tmp")), [""; 0], "{silent}");
    }
}

/// What a packager builds and stages from, the licences among it.
#[test]
fn the_source_package_is_whole() {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--locked", "--offline", "--allow-dirty"])
        .current_dir(checkout())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8(output.stdout).unwrap();
    let listed: Vec<_> = output.lines().collect();
    let files = ".cargo/config.toml Cargo.lock Cargo.toml src/main.rs man/myagent.1 README.md CHANGELOG.md \
        SECURITY.md LICENSE-MIT LICENSE-APACHE";
    let mut needed: Vec<_> = files.split_whitespace().map(str::to_owned).collect();
    for directory in ["systemd", "launchd", "packaging"] {
        let before = needed.len();
        for entry in fs::read_dir(checkout().join(directory)).unwrap() {
            needed.push(format!("{directory}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
        assert!(needed.len() > before, "{directory} is empty");
    }
    let missing: Vec<_> = needed.iter().filter(|name| !listed.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "not in the source package: {missing:?}");
    let kept_out = |name: &&&str| [".ci/", "fuzz/"].iter().any(|start| name.starts_with(start));
    assert_eq!(listed.iter().find(kept_out), None);
}
