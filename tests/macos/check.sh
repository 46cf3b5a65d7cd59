#!/bin/bash
#
# check.sh [--no-tests] [--launchd]
#
# Shows on a Mac what only a Mac can show. It was written where there is none and HAS NEVER BEEN RUN ON ONE (on Linux, with
# stand-ins for its tools, all but the job of launchd): what fails may be the check. Its output is what a report should hold.
#
# To be run in the checkout, by a person who is logged in at the screen, with Rust, Xcode's command line tools and
# OpenSSH's client. It works in a directory of its own and leaves nothing there, except with --launchd: then
# `myagent install` and `uninstall` are run for this very account, where no agent of ours is there before.
# bash 3.2, as macOS has it.
set -u
cd "$(dirname "$0")/../.." || exit 2

passed=0 failed=0 skipped=0 tests=yes launchd=no work='' pid='' control='' installed=no was=''
for argument; do
    case $argument in
        --no-tests) tests=no ;;
        --launchd) launchd=yes ;;
        *) sed -n '3s/^# /usage: /p' "$0" >&2; exit 2 ;;
    esac
done
[ "$(uname -s)" = Darwin ] || { echo 'check.sh: this is no Mac' >&2; exit 2; }

pass() { passed=$((passed + 1)); printf 'PASS  %s\n' "$1"; }
fail() { failed=$((failed + 1)); printf 'FAIL  %s%s\n' "$1" "${2:+: $2}"; }
skip() { skipped=$((skipped + 1)); printf 'SKIP  %s%s\n' "$1" "${2:+: $2}"; }

# check WHAT COMMAND...: whether the command succeeds; what it says is shown where it does not.
check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then pass "$what"; else fail "$what" "$(printf '%s' "$said" | head -n 3 | tr '\n' ' ')"; fi
}

# refused WHAT COMMAND...: whether it does not.
refused() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then fail "$what"; else pass "$what"; fi
}

# same WHAT WANTED FOUND
same() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted '$2', found '$3'"; fi
}

# soon COMMAND...: whether it succeeds within ten seconds.
soon() {
    local turn=0
    until "$@" >/dev/null 2>&1; do
        turn=$((turn + 1))
        [ "$turn" -lt 100 ] || return 1
        sleep 0.1
    done
}

has_ended() { ! kill -0 "$1" 2>/dev/null; }
is_control() { ps -o comm= -p "$1" | grep -q '/control$'; }
is_variable() { [ "$(launchctl getenv SSH_AUTH_SOCK)" = "$1" ]; }
is_no_job() { ! launchctl print "$1" >/dev/null 2>&1; }
contains() { case $1 in *"$2"*) ;; *) printf '%s\n' "$1"; return 1 ;; esac; }
agent() { env -u XDG_RUNTIME_DIR -u SSH_AUTH_SOCK HOME="$work/home" MYAGENT_SOCK="$work/run/agent.sock" "$program" "$@"; }
key() { ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$work/$1" </dev/null; }

# Also where it is broken off: nothing goes on, and the account is as it was.
end() {
    if [ "$installed" = yes ]; then
        "$program" uninstall --yes >/dev/null 2>&1
        # What macOS itself sets would be back only at the next login.
        [ -z "$was" ] || launchctl setenv SSH_AUTH_SOCK "$was"
    fi
    [ -z "$work" ] || [ ! -S "$work/run/agent.sock" ] || agent stop >/dev/null 2>&1
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    [ -z "$control" ] || kill "$control" 2>/dev/null
    [ -z "$work" ] || rm -rf "$work"
}
trap end EXIT
trap 'exit 130' HUP INT TERM

build() {
    sw_vers
    uname -m
    rustc --version
    ssh -V 2>&1
    check 'it builds' cargo build --release --locked --quiet
    program=$PWD/${CARGO_TARGET_DIR:-target}/release/myagent
    case ${CARGO_TARGET_DIR-} in /*) program=$CARGO_TARGET_DIR/release/myagent ;; esac
    [ -x "$program" ] || { echo 'nothing was built; see above' >&2; exit 1; }
    # One of our own, without protection: Apple's programs let no debugger in.
    echo 'int main(void) { for (;;) pause(); }' | cc -x c -include unistd.h -o "$work/control" -
    [ "$tests" = yes ] || { skip 'cargo test' '--no-tests'; return; }
    # The usual TMPDIR takes half of the bytes that a socket's path may have.
    if TMPDIR=/private/tmp cargo test --locked --no-fail-fast >"$work/tests" 2>&1; then
        pass 'cargo test'
    else
        fail 'cargo test' "$(grep -cE '^test .* FAILED$' "$work/tests") tests failed:"
        grep -E '^test .* FAILED$|^error' "$work/tests" | head -n 40
    fi
    grep -E '^test result' "$work/tests" | awk '{ ok += $4 } END { print "      tests that passed: " ok }'
}

# One agent at a place of its own: keys, its process, its end.
alone() {
    local said
    said=$(agent start --log debug) || { fail 'start' "$said"; return; }
    pid=$(printf '%s\n' "$said" | sed -n 's/^SSH_AGENT_PID=\([0-9]*\).*/\1/p')
    SSH_AUTH_SOCK=$work/run/agent.sock
    export SSH_AUTH_SOCK
    check 'start prints the variable' contains "$said" "$SSH_AUTH_SOCK"
    same 'the socket is the owner'"'"'s alone' 600 "$(stat -f %Lp "$SSH_AUTH_SOCK")"
    check 'a second start finds it' agent start
    key one && key brief
    check 'a key is added' ssh-add -q "$work/one"
    check 'it is listed' contains "$(ssh-add -l 2>&1)" one
    check 'it signs' ssh-add -T "$work/one.pub"
    check 'a key with a lifetime is added' ssh-add -q -t 3 "$work/brief"
    check 'and is gone after it' soon sh -c '! ssh-add -L | grep -q "brief$"'
    said=$(agent status 2>&1)
    printf '%s\n' "$said" | sed 's/^/      /'
    check 'status: not traceable' contains "$said" 'not traceable'
    check 'the log names who asked' grep -q 'ssh-add' "$work/run/agent.log" "$work/run/agent.sock.log"
    if said=$(agent restart 2>&1); then fail 'restart is refused'; else
        check 'restart is refused by name' contains "$said" 'not there on this system'
    fi
    check 'and the agent is there still' ssh-add -T "$work/one.pub"
    closed
    check 'stop' agent stop
    if soon has_ended "$pid"; then pass 'its process has ended'; pid=''; else fail 'its process has ended'; fi
    refused 'its socket is gone' test -e "$SSH_AUTH_SOCK"
}

# attaches PROCESS: whether lldb does.
attaches() {
    lldb --batch -p "$1" -o 'process status' -o detach >"$work/lldb" 2>&1 </dev/null
    grep -q stopped "$work/lldb"
}

# unprotected COMMAND...: as of a program without protection, which it is done to; its number is in $control.
unprotected() {
    local status
    (ulimit -c unlimited; exec "$work/control") 2>/dev/null &
    control=$!
    soon is_control "$control" && "$@" "$control"
    status=$?
    kill "$control" 2>/dev/null
    wait "$control" 2>/dev/null
    return "$status"
}

# What others reach of its process.
closed() {
    if ! command -v lldb >/dev/null; then
        skip 'lldb cannot attach' 'no lldb here: xcode-select --install'
    elif ! unprotected attaches; then
        skip 'lldb cannot attach' 'here it attaches to nothing: sudo DevToolsSecurity -enable, at the screen'
        tail -n 3 "$work/lldb" | sed 's/^/      /'
    else
        refused 'lldb cannot attach' attaches "$pid"
        tail -n 3 "$work/lldb" | sed 's/^/      /'
    fi
    control=''
    check 'it is there after that' kill -0 "$pid"
    # Not a check: Apple's own tools look by another way than debuggers, and may be let in. SECURITY.md says so.
    printf '      vmmap of it: '
    if vmmap "$pid" >"$work/vmmap" 2>&1; then echo 'it can be looked at'; else head -n 1 "$work/vmmap"; fi
    if sudo -n true 2>/dev/null; then
        refused 'another user reaches no key' sudo -n -u nobody env SSH_AUTH_SOCK="$SSH_AUTH_SOCK" ssh-add -l
        # Past the directory, which keeps others out as well: the agent itself must refuse.
        chmod 711 "$work" "$work/run" && chmod 666 "$SSH_AUTH_SOCK"
        refused 'nor where directory and socket let them' \
            sudo -n -u nobody env SSH_AUTH_SOCK="$SSH_AUTH_SOCK" ssh-add -l
        chmod 600 "$SSH_AUTH_SOCK" && chmod 700 "$work/run" "$work"
    else
        skip 'another user reaches no key' 'sudo asks for a password: sudo -v, then again'
    fi
}

# An agent that crashes leaves no core.
no_core() {
    local said
    said=$(ulimit -c unlimited; agent start) || { fail 'start' "$said"; return; }
    pid=$(printf '%s\n' "$said" | sed -n 's/^SSH_AGENT_PID=\([0-9]*\).*/\1/p')
    kill -ABRT "$pid"
    soon has_ended "$pid" || fail 'it ends by SIGABRT'
    unprotected kill -ABRT
    if [ -e "/cores/core.$control" ]; then
        refused 'a crash leaves no core' test -e "/cores/core.$pid"
    else
        skip 'a crash leaves no core' 'here none is left by any program: is /cores writable?'
    fi
    rm -f "/cores/core.$control" "/cores/core.$pid"
    pid='' control=''
    check 'a new one takes its place' agent start
    check 'and ends' agent stop
}

# The job, for this account.
job() {
    local domain label socket before plist
    domain=gui/$(id -u) label=gui/$(id -u)/myagent plist=$HOME/Library/LaunchAgents/myagent.plist
    unset SSH_AUTH_SOCK MYAGENT_SOCK
    if [ -e "$plist" ] || launchctl print "$label" >/dev/null 2>&1 || "$program" status >/dev/null 2>&1; then
        skip 'launchd' 'an agent of ours is there already: myagent uninstall, myagent stop'
        return
    fi
    launchctl print "$domain" >/dev/null 2>&1 || { skip 'launchd' 'nobody is logged in at the screen'; return; }
    check 'the form of the job' plutil -lint launchd/myagent.plist
    was=$(launchctl getenv SSH_AUTH_SOCK)
    installed=yes
    check 'install' "$program" install --yes
    check 'launchd knows the job' launchctl print "$label"
    socket=$(sed -n '/SockPathName/,/string/s/.*<string>\(.*\)<\/string>.*/\1/p' "$plist")
    same 'the socket is the owner'"'"'s alone' 600 "$(stat -f %Lp "$socket")"
    check 'graphical programs have the variable' soon is_variable "$socket"
    check 'start finds it' contains "$("$program" start 2>&1)" "$socket"
    SSH_AUTH_SOCK=$socket
    export SSH_AUTH_SOCK
    check 'a key is added' ssh-add -q "$work/one"
    check 'it signs' ssh-add -T "$work/one.pub"
    before=$(launchctl print "$label" | awk '$1 == "pid" { print $3 }')
    refused 'no second agent takes its place' "$program" start --foreground
    check 'stop' "$program" stop
    check 'its socket stays' test -S "$socket"
    check 'the next connection starts it' contains "$(ssh-add -l 2>&1)" 'no identities'
    kill -9 "$(launchctl print "$label" | awk '$1 == "pid" { print $3 }')"
    # launchd waits ten seconds between two starts.
    soon sh -c 'ssh-add -l | grep -q "no identities"' || sleep 10
    check 'it is back after a crash' contains "$(ssh-add -l 2>&1)" 'no identities'
    check 'launchd names its process' test -n "$before"
    check 'install has nothing more to do' contains "$("$program" install --dry-run 2>&1)" 'nothing to do'
    check 'uninstall' "$program" uninstall --yes
    check 'launchd knows the job no more' soon is_no_job "$label"
    # What macOS itself has set there may be back, or not before the next login.
    is_variable "$was" || is_variable ''
    same 'graphical programs have the variable no more' 0 $?
    cat <<'HINT'
      By hand, since it ends this session: `myagent install`, ssh-add, log out and in at the screen; `ssh-add -l` then
      says whether the keys are there still, and `launchctl print gui/UID/myagent` what launchd did meanwhile.
HINT
}

# Short: a socket's path holds 103 bytes. Not below TMPDIR for that.
work=$(mktemp -d /tmp/myagent.XXXXXX) || exit 2
work=$(cd "$work" && pwd -P)
mkdir -m 700 "$work/home" "$work/run"
build
alone
no_core
if [ "$launchd" = yes ]; then job; else skip 'launchd' 'it changes this account: --launchd'; fi
printf '%s passed, %s failed, %s not run\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
