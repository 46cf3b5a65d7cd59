//! What `myagent --help` and myagent(1) end with.
#![forbid(unsafe_code)]

/// The sections: title and text.
pub const SECTIONS: [(&str, &str); 4] = [
    (
        "How start has an agent run",
        "As a service of your own systemd, where myagent.socket is installed and a service is no worse than
a process: with lingering (loginctl enable-linger), or where KillUserProcesses=yes ends what a login
session leaves behind. Without that unit, where both are so: in a unit made for the purpose. Else as a
process in the background. Where nothing outlives your last logout, start says so once, on a terminal,
with the cure.

In WSL, where myagent.exe is on the PATH and neither --daemon nor --service is given: myagent.exe start has
Windows' agent run, and a process in the background passes on to it what comes in at the usual place. That
relay holds no keys; stop ends it, and not the agent of Windows.",
    ),
    (
        "Exit status",
        "0  done; or: an agent is running
1  no agent is running; or: it failed, and the message says why; add and remove have done the rest then
2  the command line or a setting could not be understood
3  start --foreground, activated by a service manager: another agent is there
start -- COMMAND ends with the command's own status, with 127 where there is no such command, and with 126
where it cannot be run",
    ),
    (
        "Environment",
        "MYAGENT_SOCK   the agent's socket; then the only place that is looked at. Its directory
               must be yours, of mode 0700, and no symbolic link; nobody but you and root
               may be able to rename it or what is above it
MYAGENT_LOG    the log level where --log is not given
SSH_AUTH_SOCK  an agent there that sshd has forwarded is kept: start prints and starts nothing then
SHELL          chooses the form of the output where --shell is not given and no shell calls
DISPLAY, WAYLAND_DISPLAY, SSH_ASKPASS, SSH_ASKPASS_REQUIRE
               where and by which program the agent asks before it uses a key of ssh-add -c:
               its own ones, or those of your session, or of the last start at a terminal
               add, lock and unlock ask for passphrases and passwords by the same rules as ssh-add
SSH_SK_PROVIDER
               the library that add names for keys of FIDO tokens, instead of the built-in one
SSH_SK_HELPER  the program that speaks to FIDO tokens, where it is not in one of its usual places

A command under an agent of its own is given SSH_AUTH_SOCK, SSH_AGENT_PID and MYAGENT_SOCK",
    ),
    (
        "Files",
        "$XDG_RUNTIME_DIR/myagent/agent.sock
/run/user/UID/myagent/agent.sock
~/.ssh/agent/myagent.HOST.sock
      the socket: the first of these places that can be used, and is found again there
control.sock, agent.log
      beside it: the socket for stop, status and answer, and the log of an agent in the background
      or of launchd's
told  beside it, too: start has said once that no agent here outlives the last logout
myagent.socket, myagent-transient.service
      the units of your own systemd that start uses, the first where it is installed
$XDG_RUNTIME_DIR/myagent-XXXXXX, or in the directory for temporary files
      what the agent of start -- COMMAND has, for as long as it runs
~/.ssh/agent/myagent.HOST.lock
      held by the one agent of this user and host; it stays until uninstall
~/.config/systemd/user/myagent.socket, myagent.service
~/.config/environment.d/50-myagent.conf
      written by install, and lines at the top of the files that your shell reads
~/.ssh/id_rsa, id_ecdsa, id_ecdsa_sk, id_ed25519, id_ed25519_sk, id_mldsa44_ed25519
      what add loads where no file is named; FILE-cert.pub beside a key is its certificate
~/.ssh/known_hosts, ~/.ssh/known_hosts2, /etc/ssh/ssh_known_hosts, /etc/ssh/ssh_known_hosts2
      where add -h finds the keys of hosts
~/.local/state/myagent/install.json
      what install did, for uninstall",
    ),
];
