//! The command line, as it is read.

use super::arguments::{self, Call, FLAGS, Form, VALUED};
use super::output::Shell;
use super::place::Wanted;
use super::*;
use crate::agent::{FingerprintHash, Options};
use clap::CommandFactory;
use std::collections::BTreeSet;
use std::time::Duration;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn parse(line: &str) -> Result<Call, Failure> {
    arguments::parse(words(line), Some("/bin/bash".into()))
}

fn started(line: &str) -> arguments::Start {
    match parse(line).unwrap() {
        Call::Start(start) => *start,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_program_is_ssh_agent_by_its_name_or_by_its_command() {
    let taken = |line: &str| arguments(words(line).into_iter());
    assert_eq!(taken("ssh-agent -s x"), Some(words("-s x")));
    assert_eq!(taken("/usr/bin/ssh-agent"), Some(vec![]));
    assert_eq!(taken("./ssh-agent --help"), Some(words("--help")));
    assert_eq!(taken("myagent ssh-agent -s"), Some(words("-s")));
    assert_eq!(taken("/x/myagent ssh-agent"), Some(vec![]));
    for other in
        ["myagent", "myagent start", "ssh-agent-x -s", "myagent start ssh-agent", "myagent ssh-agent --help"]
    {
        assert_eq!(taken(other), None, "{other}");
    }
}

#[test]
fn options_are_taken_as_getopt_takes_them() {
    assert_eq!(started("").form, Form::Daemon);
    assert_eq!(started("-D").form, Form::Foreground { debug: false });
    assert_eq!(started("-sd").form, Form::Foreground { debug: true });
    assert_eq!(started("-a /x").place, Wanted::At("/x".into()));
    assert_eq!(started("-a/x -a /y -s").place, Wanted::At("/y".into()));
    assert_eq!(started("-sTa-s").place, Wanted::At("-s".into()));
    assert_eq!(started("-T").place, Wanted::Temporary);
    assert_eq!(
        (started("").place, started("-U").place),
        (Wanted::Home { clean: true }, Wanted::Home { clean: false })
    );
    assert_eq!(started("-a -- x -k").form, Form::Command(words("x -k")));
    assert_eq!(started("-- -x").form, Form::Command(words("-x")));
    assert_eq!(started("- -s").form, Form::Command(words("- -s")));
    assert_eq!(started("--").form, Form::Daemon);
    assert_eq!(parse("-kc"), Ok(Call::Kill(Shell::Csh)));
    assert_eq!(
        (parse("-u"), parse("-uu")),
        (Ok(Call::Clean { of_all_hosts: false }), Ok(Call::Clean { of_all_hosts: true }))
    );
    // At once, whatever comes after it.
    assert_eq!(parse("-sV -x"), Ok(Call::Version));
}

#[test]
fn the_shell_is_that_of_the_option_or_of_the_login() {
    let shell =
        |line: &str, login: Option<&str>| match arguments::parse(words(line), login.map(OsString::from)) {
            Ok(Call::Start(start)) => start.shell,
            other => panic!("{other:?}"),
        };
    assert_eq!(shell("", Some("/bin/tcsh")), Shell::Csh);
    assert_eq!(shell("", Some("csh")), Shell::Csh);
    assert_eq!(shell("-s", Some("/bin/csh")), Shell::Sh);
    assert_eq!(shell("-c", Some("/bin/sh")), Shell::Csh);
    assert_eq!(shell("", Some("/bin/csh/sh")), Shell::Sh);
    assert_eq!(shell("", Some("sh")), Shell::Sh);
    assert_eq!(shell("", None), Shell::Sh);
}

#[test]
fn what_the_agent_holds_requests_to() {
    assert_eq!(started("").options, Options::default());
    let options = started(
        "-t 1h -E MD5 -P /x/*,!/y -O no-restrict-websafe -O allow-remote-pkcs11 -Owebsafe-allow=a*,b -O allow-remote-admin",
    )
    .options;
    let expected = Options {
        default_lifetime: Some(Duration::from_secs(3600)),
        allow_remote_admin: true,
        allow_remote_providers: true,
        restrict_websafe: false,
        websafe: "a*,b".to_owned(),
        providers: "/x/*,!/y".to_owned(),
        fingerprint: FingerprintHash::Md5,
    };
    assert_eq!(options, expected);
    assert_eq!(started("-t 0").options.default_lifetime, None);
}

#[test]
fn what_is_wrong_is_said_as_openssh_says_it() {
    let usage = |line: &str| Failure { text: format!("{line}{USAGE}"), status: 1 };
    for (line, expected) in [
        ("-x", usage("unknown option -- x\n")),
        ("-sx", usage("unknown option -- x\n")),
        ("--help", usage("unknown option -- -\n")),
        ("-a", usage("option requires an argument -- a\n")),
        ("-st", usage("option requires an argument -- t\n")),
        ("-t x", usage("Invalid lifetime\n")),
        ("-cs", usage("")),
        ("-s -c", usage("")),
        ("-dD", usage("")),
        ("-D -D", usage("")),
        ("-s true", usage("")),
        ("-k true", usage("")),
        ("-D true", usage("")),
        ("-u true", usage("")),
        ("-E x", Failure::fatal("Invalid hash algorithm \"x\"")),
        ("-O x", Failure::fatal("Unknown -O option")),
        ("-P a -P b", Failure::fatal("-P option already specified")),
        ("-O websafe-allow=a -O websafe-allow=b", Failure::fatal("websafe-allow already set")),
    ] {
        assert_eq!(parse(line), Err(expected), "{line}");
    }
}

/// The help and the manual come from one table, the program acts by another.
#[test]
fn the_help_names_every_option_and_no_other() {
    let command = crate::cli::Cli::command();
    let ours = command.find_subcommand(SSH_AGENT).unwrap();
    let known = |valued: bool| {
        let options = ours.get_arguments().filter(|option| option.get_action().takes_values() == valued);
        options.filter_map(clap::Arg::get_short).collect::<BTreeSet<_>>()
    };
    let read = |table: &[u8]| table.iter().copied().map(char::from).collect::<BTreeSet<_>>();
    assert_eq!((known(false), known(true)), (read(FLAGS), read(VALUED)));
}

/// Known from a description of the algorithm and computed with other tools: sha512sum and a table.
#[test]
fn the_host_has_openssh_s_name() {
    use crate::platform::paths::host_hash;
    for (host, expected) in KNOWN_HOSTS {
        assert_eq!(host_hash(host.as_bytes()), expected, "{host}");
    }
}

const KNOWN_HOSTS: [(&str, &str); 4] = [
    ("localhost", "ty5jXgL98F"),
    ("debian", "x5Hv5QEBdS"),
    ("host.example.org", "4aKrmoOW0w"),
    ("a", "FcewGKwy3j"),
];
