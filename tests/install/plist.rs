//! launchd's job: it cannot run here, but its form can be checked.

use roxmltree::{Document, Node, ParsingOptions};

/// The keys that launchd.plist(5) names, at the top level. One that is misspelt is silently ignored by launchd.
const KEYS: [&str; 49] = [
    "Label",
    "Disabled",
    "UserName",
    "GroupName",
    "inetdCompatibility",
    "LimitLoadToHosts",
    "LimitLoadFromHosts",
    "LimitLoadToSessionType",
    "LimitLoadToHardware",
    "LimitLoadFromHardware",
    "Program",
    "BundleProgram",
    "ProgramArguments",
    "EnableGlobbing",
    "EnableTransactions",
    "EnablePressuredExit",
    "OnDemand",
    "ServiceIPC",
    "KeepAlive",
    "RunAtLoad",
    "RootDirectory",
    "WorkingDirectory",
    "EnvironmentVariables",
    "Umask",
    "TimeOut",
    "ExitTimeOut",
    "ThrottleInterval",
    "InitGroups",
    "WatchPaths",
    "QueueDirectories",
    "StartOnMount",
    "StartInterval",
    "StartCalendarInterval",
    "StandardInPath",
    "StandardOutPath",
    "StandardErrorPath",
    "Debug",
    "WaitForDebugger",
    "SoftResourceLimits",
    "HardResourceLimits",
    "Nice",
    "ProcessType",
    "AbandonProcessGroup",
    "LowPriorityIO",
    "LowPriorityBackgroundIO",
    "MaterializeDatalessFiles",
    "LaunchOnlyOnce",
    "MachServices",
    "Sockets",
];
/// The same for what lies in `KeepAlive`.
const KEEP_ALIVE: [&str; 5] = ["SuccessfulExit", "NetworkState", "PathState", "OtherJobEnabled", "Crashed"];

/// The keys and values of a dictionary.
fn pairs<'a>(dict: Node<'a, 'a>) -> Vec<(&'a str, Node<'a, 'a>)> {
    assert!(dict.has_tag_name("dict"));
    let elements: Vec<Node> = dict.children().filter(Node::is_element).collect();
    let pair = |pair: &[Node<'a, 'a>]| {
        assert!(pair.len() == 2 && pair[0].has_tag_name("key"), "{pair:?}");
        (pair[0].text().unwrap(), pair[1])
    };
    elements.chunks(2).map(pair).collect()
}

fn text() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/launchd/myagent.plist")).unwrap()
}

#[test]
fn launchd_knows_every_key() {
    let text = text();
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options).unwrap();
    let root = document.root_element();
    assert!(root.has_tag_name("plist") && root.attribute("version") == Some("1.0"));
    let top = pairs(root.children().find(Node::is_element).unwrap());
    for (key, _) in &top {
        assert!(KEYS.contains(key), "{key} is none of launchd's keys");
    }
    let value = |name: &str| top.iter().find(|pair| pair.0 == name).unwrap_or_else(|| panic!("no {name}")).1;
    assert_eq!(value("Label").text(), Some("myagent"));
    assert_eq!(value("ProcessType").text(), Some("Interactive"));
    assert!(value("RunAtLoad").has_tag_name("true"));
    assert_eq!(value("Umask").text().unwrap().parse(), Ok(0o077));
    for (key, _) in pairs(value("KeepAlive")) {
        assert!(KEEP_ALIVE.contains(&key), "{key} is none of launchd's keys");
    }
    assert_eq!(pairs(value("EnvironmentVariables"))[0].0, "MYAGENT_SOCK");
    let sockets = pairs(value("Sockets"));
    assert_eq!((sockets.len(), sockets[0].0), (1, "Listeners"), "what the agent asks for");
    let listeners = pairs(sockets[0].1);
    let of = |name: &str| listeners.iter().find(|pair| pair.0 == name).and_then(|pair| pair.1.text());
    assert_eq!((listeners.len(), of("SockPathName")), (2, Some("@SOCKET@")));
    assert_eq!(of("SockPathMode").unwrap().parse(), Ok(0o600));
    let arguments: Vec<_> = value("ProgramArguments").children().filter_map(|node| node.text()).collect();
    assert!(arguments.contains(&"@PROGRAM@"), "{arguments:?}");
}

/// SSH_AGENT_PID stays out of every session-wide environment, here too.
#[test]
fn the_job_names_no_pid_and_no_place_of_its_own() {
    let text = text();
    assert!(!text.contains("SSH_AGENT_PID") && !text.contains("/Users/"));
    for (word, times) in [("@PROGRAM@", 1), ("@SOCKET@", 2), ("@LOG@", 1)] {
        assert_eq!(text.matches(word).count(), times, "{word}");
    }
}
