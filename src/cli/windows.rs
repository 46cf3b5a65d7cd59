//! What `myagent --help` says of Windows.
#![forbid(unsafe_code)]

/// The sections that the help ends with: title and text.
pub const SECTIONS: [(&str, &str); 4] = [
    (
        "Where clients find it",
        r"\\.\pipe\openssh-ssh-agent   Windows' own ssh, ssh-add, and git with them: nothing to set
PuTTY's pipe and window      PuTTY, plink, pscp, WinSCP, TortoiseGit, FileZilla: nothing to set
a socket file                the ssh of Git Bash, MSYS2 and Cygwin: by SSH_AUTH_SOCK
\\.\pipe\myagent.SID         always, whatever becomes of the others: by SSH_AUTH_SOCK
Where another program serves one of them, that one is left out, and status says who has it and how it is freed.",
    ),
    (
        "Exit status",
        "0  done; or: an agent is running
1  no agent is running; or: it failed, and the message says why; add and remove have done the rest then
2  the command line or a setting could not be understood
start -- COMMAND ends with the command's own status, with 127 where there is no such command, and with 126
where it cannot be run",
    ),
    (
        "Environment",
        r"MYAGENT_SOCK   the agent's pipe, such as \\.\pipe\my-second-agent; then the only one that it serves, and
               the only place that is looked at
MYAGENT_LOG    the log level where --log is not given
SSH_ASKPASS, SSH_ASKPASS_REQUIRE
               by which program add, lock and unlock ask instead of on the console; and the agent, before
               it uses a key of ssh-add -c, with SSH_ASKPASS_REQUIRE=force, or without a desktop for its
               own dialog",
    ),
    (
        "Files",
        r"%LOCALAPPDATA%\myagent\agent.lock   held by the one agent of this user
%LOCALAPPDATA%\myagent\agent.log    the log of an agent in the background, and agent.log.old before it
%LOCALAPPDATA%\myagent\agent.sock   the socket file for Git Bash, MSYS2 and Cygwin
HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run, value myagent
      written by install: the agent starts when you sign in
%USERPROFILE%\.ssh\id_rsa, id_ecdsa, id_ecdsa_sk, id_ed25519, id_ed25519_sk, id_mldsa44_ed25519
      what add loads where no file is named; FILE-cert.pub beside a key is its certificate
%USERPROFILE%\.ssh\known_hosts, known_hosts2, and %PROGRAMDATA%\ssh\ssh_known_hosts, ssh_known_hosts2
      where add -h finds the keys of hosts",
    ),
];
