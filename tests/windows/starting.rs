//! `start`, `stop`, `status`: one agent, in the background, with nothing of its starter's.

use std::io::{Read, Write};
use std::os::windows::io::AsRawHandle;
use std::process::{Child, Command, Stdio};

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT, JOB_OBJECT_LIMIT_BREAKAWAY_OK,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::{
    OpenProcess, OpenThread, PROCESS_CREATE_THREAD, PROCESS_DUP_HANDLE, PROCESS_QUERY_LIMITED_INFORMATION,
    PROCESS_VM_READ, PROCESS_VM_WRITE, THREAD_GET_CONTEXT, THREAD_SET_CONTEXT, THREAD_SUSPEND_RESUME,
    THREAD_SYNCHRONIZE,
};

use crate::rig::{Background, Client, Place, said, until};

#[test]
fn every_shell_is_shown_the_pipe() {
    let place = Background(Place::own());
    let pipe = place.0.pipe().display();
    for (shell, line) in [
        ("powershell", format!("$env:SSH_AUTH_SOCK = '{pipe}';\n")),
        ("cmd", format!("set \"SSH_AUTH_SOCK={pipe}\"\n")),
        ("env", format!("SSH_AUTH_SOCK={pipe}\n")),
    ] {
        let (status, output, error) = place.0.run(&["start", "--shell", shell]);
        assert_eq!((status, output, &*error), (0, line, ""), "{shell}");
    }
    // A pipe of the test's own has no file beside it, so Git's shell is shown the pipe, with what it would act on hidden.
    let (status, output, _) = place.0.run(&["start", "--shell", "sh"]);
    assert_eq!(status, 0);
    assert!(
        output.starts_with("SSH_AUTH_SOCK=\"$(printf '") && output.contains("\\134\\134.\\134pipe"),
        "{output}"
    );
    assert_eq!(Client::open(place.0.pipe()).keys(), 0);
}

/// `eval "$(myagent start)"` waits for the end of whoever has its pipe.
#[test]
fn the_agent_keeps_nothing_of_its_starters() {
    let place = Background(Place::own());
    let mut start = place.0.myagent(&["start", "--shell", "env"]);
    let mut starter = start.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut all = String::new();
    starter.stdout.take().unwrap().read_to_string(&mut all).unwrap();
    starter.stderr.take().unwrap().read_to_string(&mut all).unwrap();
    assert!(starter.wait().unwrap().success(), "{all}");
    assert_eq!(Client::open(place.0.pipe()).keys(), 0);
}

/// The set of processes that a login over ssh is, or a terminal of an editor: it ends with the handle to it.
struct Job(HANDLE);

impl Job {
    fn around(child: &Child, limits: JOB_OBJECT_LIMIT) -> Self {
        let mut all = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        all.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | limits;
        let length = u32::try_from(size_of_val(&all)).unwrap();
        // SAFETY: no attributes and no name.
        let job = unsafe { CreateJobObjectW(std::ptr::null(), std::ptr::null()) };
        assert!(!job.is_null());
        let (kind, from) = (JobObjectExtendedLimitInformation, (&raw const all).cast());
        // SAFETY: the structure of that kind, as long as it says.
        let set = unsafe { SetInformationJobObject(job, kind, from, length) };
        // SAFETY: both handles are open.
        let taken = unsafe { AssignProcessToJobObject(job, child.as_raw_handle()) };
        assert!(set != 0 && taken != 0);
        Self(job)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: it is ours, and closed once.
        unsafe { CloseHandle(self.0) };
    }
}

/// What `start` says in a job with these limits, beside the pipe's name, and whether its agent outlives the job.
fn started_in_a_job(limits: JOB_OBJECT_LIMIT) -> (String, bool) {
    let place = Background(Place::own());
    // A shell that starts it once it is told to: by then it is in the job, and so is what it starts.
    let start = place.0.myagent(&["start", "--shell", "env"]);
    let mut shell = Command::new("cmd");
    shell.args(["/d", "/c", "set /p go= & "]).arg(start.get_program()).args(start.get_args());
    for (name, value) in start.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let job = Job::around(&shell, limits);
    shell.stdin.take().unwrap().write_all(b"go\r\n").unwrap();
    let (status, output, error) = said(shell.wait_with_output().unwrap());
    assert_eq!(status, 0, "{output}{error}");
    assert!(output.ends_with(&format!("SSH_AUTH_SOCK={}\n", place.0.pipe().display())), "{output}");
    let pid = u32::try_from(place.0.status()["pid"].as_u64().unwrap()).unwrap();
    drop(job);
    let lives = || myagent::platform::process::exists(pid);
    // Who says that it ends is held to it.
    if !error.is_empty() {
        until(|| (!lives()).then_some(()));
    }
    (error, lives())
}

#[test]
fn an_agent_that_may_end_with_the_login_is_said_to() {
    let (said, lives) = started_in_a_job(0);
    assert!(
        said.contains("this agent may end with your login") && said.contains("myagent install"),
        "{said}"
    );
    assert!(!lives);
    assert_eq!(started_in_a_job(JOB_OBJECT_LIMIT_BREAKAWAY_OK), (String::new(), true));
}

#[test]
fn twenty_starts_at_once_start_one() {
    let place = Background(Place::own());
    let starts: Vec<_> = (0..20)
        .map(|_| {
            let mut start = place.0.myagent(&["start", "--shell", "env"]);
            start.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let all: Vec<_> = starts.into_iter().map(|start| said(start.wait_with_output().unwrap())).collect();
    assert!(all.iter().all(|one| *one == all[0] && one.0 == 0), "{all:?}");
    let pid = place.0.status()["pid"].clone();
    assert_eq!(place.0.run(&["start", "--shell", "env"]).0, 0);
    assert_eq!(place.0.status()["pid"], pid);
}

#[test]
fn stop_ends_it_and_leaves_no_process() {
    let place = Background(Place::own());
    assert_eq!(place.0.run(&["start"]).0, 0);
    let pid = u32::try_from(place.0.status()["pid"].as_u64().unwrap()).unwrap();
    assert!(myagent::platform::process::exists(pid));
    assert_eq!(place.0.run(&["stop"]).0, 0);
    until(|| (!myagent::platform::process::exists(pid)).then_some(()));
    let (status, output, _) = place.0.run(&["status", "--json"]);
    assert_eq!((status, &*output), (1, "{\"running\":false}\n"));
    let (status, _, error) = place.0.run(&["stop"]);
    assert_eq!(status, 1);
    assert!(error.contains("no agent is running"), "{error}");
}

#[test]
fn a_start_that_fails_says_why() {
    let place = Place::own();
    // A file where the directory should be.
    std::fs::write(place.profile.path().join("myagent"), "").unwrap();
    let (status, output, error) = place.run(&["start"]);
    assert_eq!((status, &*output), (1, ""));
    assert!(error.contains("cannot make"), "{error}");
    let wrong = Place { pipe: Some("C:\\not-a-pipe".into()), ..Place::own() };
    let (status, _, error) = wrong.run(&["start"]);
    assert_eq!(status, 1);
    assert!(error.contains("must be the path of a pipe"), "{error}");
}

#[test]
fn a_command_has_an_agent_of_its_own() {
    let place = Place::own();
    let myagent = env!("CARGO_BIN_EXE_myagent");
    let (status, output, error) = place.run(&["start", "--", myagent, "status", "--json"]);
    assert_eq!(status, 0, "{error}");
    let own: serde_json::Value = serde_json::from_str(&output).unwrap();
    let socket = own["socket"].as_str().unwrap().to_owned();
    assert!(socket.contains("myagent.own."), "{socket}");
    let pid = u32::try_from(own["pid"].as_u64().unwrap()).unwrap();
    until(|| (!myagent::platform::process::exists(pid)).then_some(()));
    let left = place.profile.path().join("myagent");
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 0, "files are left");
    assert_eq!(place.run(&["start", "--", myagent, "status"]).0, 0);
    assert_eq!(place.run(&["start", "--", "no-such-program"]).0, 127);
    assert_eq!(place.run(&["start", "--", myagent, "stop", "--nonsense"]).0, 2, "the command's own status");
}

#[test]
fn its_process_is_closed() {
    let place = Background(Place::own());
    place.0.run(&["start"]);
    let status = place.0.status();
    let measures = status["measures"].as_array().unwrap();
    let named =
        |name: &str| measures.iter().find(|measure| measure["name"] == name).unwrap()["state"].clone();
    for measure in ["closed process", "no crash dumps", "no foreign code", "secret memory", "forwarded peers"]
    {
        assert_eq!(named(measure), "on", "{measures:?}");
    }
}

/// A directory that a process is in cannot be removed.
#[test]
fn the_agent_is_not_in_its_starters_directory() {
    let (place, there) = (Background(Place::own()), tempfile::tempdir().unwrap());
    let here = there.path().join("here");
    std::fs::create_dir(&here).unwrap();
    let start = place.0.myagent(&["start"]).current_dir(&here).output().unwrap();
    assert!(start.status.success());
    assert_eq!(Client::open(place.0.pipe()).keys(), 0);
    std::fs::remove_dir(&here).unwrap();
}

/// A pipe may be called as the usual files are: another agent has files of its own.
#[test]
fn a_second_agent_has_files_of_its_own() {
    let first = Background(Place { pipe: Some(r"\\.\pipe\agent".into()), ..Place::own() });
    assert_eq!(first.0.run(&["start"]).0, 0);
    let files = std::fs::read_dir(first.0.profile.path().join("myagent")).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["pipe.agent.lock", "pipe.agent.log"]);
}

/// What other processes of the same user may open of it.
#[test]
fn neither_its_memory_nor_its_threads_are_open_to_others() {
    let place = Background(Place::own());
    place.0.run(&["start"]);
    let pid = u32::try_from(place.0.status()["pid"].as_u64().unwrap()).unwrap();
    // SAFETY: no pointer.
    let process = |access: u32| opens(unsafe { OpenProcess(access, 0, pid) });
    assert!(process(PROCESS_QUERY_LIMITED_INFORMATION), "who it is may be asked");
    for access in [PROCESS_VM_READ, PROCESS_VM_WRITE, PROCESS_DUP_HANDLE, PROCESS_CREATE_THREAD] {
        assert!(!process(access), "{access:#x}");
    }
    let threads = threads(pid);
    assert!(threads.len() > 2, "{threads:?}");
    for number in threads {
        // SAFETY: no pointer.
        let thread = |access: u32| opens(unsafe { OpenThread(access, 0, number) });
        assert!(thread(THREAD_SYNCHRONIZE), "thread {number} is gone");
        for access in [THREAD_SET_CONTEXT, THREAD_GET_CONTEXT, THREAD_SUSPEND_RESUME] {
            assert!(!thread(access), "thread {number}: {access:#x}");
        }
    }
}

fn opens(handle: HANDLE) -> bool {
    // SAFETY: it was just opened, or is none.
    !handle.is_null() && unsafe { CloseHandle(handle) } != 0
}

/// The numbers of a process' threads.
fn threads(pid: u32) -> Vec<u32> {
    // SAFETY: no pointer.
    let list = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
    assert_ne!(list, INVALID_HANDLE_VALUE);
    let size = u32::try_from(size_of::<THREADENTRY32>()).unwrap();
    let mut entry = THREADENTRY32 { dwSize: size, ..THREADENTRY32::default() };
    let mut threads = Vec::new();
    // SAFETY: the structure says how long it is.
    let mut more = unsafe { Thread32First(list, &raw mut entry) };
    while more != 0 {
        threads.extend((entry.th32OwnerProcessID == pid).then_some(entry.th32ThreadID));
        // SAFETY: as above.
        more = unsafe { Thread32Next(list, &raw mut entry) };
    }
    // SAFETY: made above, and used no more.
    unsafe { CloseHandle(list) };
    threads
}
