# shellcheck shell=bash
# Sourced by `run`; each boot runs in a subshell of its own, which ends with `power_off`.
#
#   boot [FUNCTION]           with the settings below; FUNCTION adds files to $run/stage before.
#                             Ends the subshell where the machine cannot do it
#   root COMMAND              root in the container, outside of any login session
#   log_in NAME [USER]        an interactive login over ssh, with a terminal, that lasts until `log_out NAME`;
#                             `dial NAME [USER]` and then `reach NAME`, where several begin at the same time
#   tell NAME COMMAND         types it there; prints what came, and gives its status (255: no answer)
#   settled                   waits until the last logout has had its whole effect
#   check NAME COMMAND...     prints `ok NAME`, or `FAIL NAME` and what the command said
#
# Nothing is mounted outside of the container's own mount namespace. The caller removes $run.

# Of the next boot. `suite` and `bare` choose the layers, `linger` is yes or no for the user test.
suite=bookworm bare=yes linger=no kill_user_processes=no stop_delay=1
# Set by `run`: the directories of the systems, of this boot, of these files and of a package's, and the program.
: "${systems:=}" "${run:=}" "${binary:=}" "${here:=}" "${tree:=}"

# How long anything may take that takes a second on an idle machine.
readonly PATIENCE=120
leader='' container='' name='' failures=0
declare -A session_pid session_input

# As `until`, with an end.
wait_for() {
    local end=$((SECONDS + PATIENCE))
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

stage_files() {
    local stage=$run/stage user
    install -D -m 755 -- "$binary" "$stage/usr/bin/myagent"
    for user in test other; do
        install -d -m 700 "$stage/home/$user/.ssh"
        install -m 600 -- "$systems/id.pub" "$stage/home/$user/.ssh/authorized_keys"
        install -m 600 -- "$systems/added" "$stage/home/$user/.ssh/id_ed25519"
        install -m 644 -- "$systems/added.pub" "$stage/home/$user/.ssh/id_ed25519.pub"
    done
    install -d -- "$stage/etc/systemd/logind.conf.d" "$stage/var/lib/systemd/linger"
    {
        echo '[Login]'
        echo "KillUserProcesses=$kill_user_processes"
        [ "$stop_delay" = default ] || echo "UserStopDelaySec=$stop_delay"
    } >"$stage/etc/systemd/logind.conf.d/tests.conf"
    [ "$linger" = no ] || : >"$stage/var/lib/systemd/linger/test"
}

boot() {
    local lower=$systems/$suite
    [ "$bare" = no ] || lower=$systems/$suite.bare:$lower
    name=logins-$BASHPID
    mkdir -p -- "$run/sessions" && stage_files && "$@" || exit 1
    trap power_off EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    unshare --mount --propagation private "$here/container" "$run" "$lower" "$name" </dev/null >"$run/console" 2>&1 &
    container=$!
    wait_for up_or_ended
    is_up || { echo "$suite does not boot here:"; tail -n 15 -- "$run/console"; exit 1; }
}

up_or_ended() {
    is_up || gone "$container"
}

is_up() {
    find_leader && [ -S "/proc/$leader/root/run/systemd/notify" ] &&
        [ "$(root systemctl is-active ssh systemd-user-sessions systemd-logind cron | sort -u)" = active ]
}

# The container's process 1.
find_leader() {
    local nspawn
    nspawn=$(cat -- "$run/nspawn.pid" 2>/dev/null) || return 1
    leader=$(pgrep -P "$nspawn" | head -n 1)
    [ -n "$leader" ] && [ "$(cat "/proc/$leader/comm" 2>/dev/null)" = systemd ]
}

reboot() {
    local old=$leader
    root systemctl reboot
    wait_for gone "$old" || return
    wait_for up_or_ended && is_up
}

gone() {
    ! [ -e "/proc/$1" ]
}

power_off() {
    local pid
    trap - EXIT INT TERM
    for pid in "${session_pid[@]}"; do
        kill "$pid" 2>/dev/null
    done
    kill -TERM "$container" 2>/dev/null
    wait_for gone "$container" || { kill -KILL "$leader" "$(cat -- "$run/nspawn.pid")" "$container"; echo 'it had to be killed'; }
    wait "$container" 2>/dev/null
    forget_cgroup
}

# Its directories are visible by the place where this machine has the unified hierarchy.
forget_cgroup() {
    find /sys/fs/cgroup/unified/"$name" /sys/fs/cgroup/"$name" -depth -type d -exec rmdir {} + 2>/dev/null || :
}

root() {
    (
        join_cgroup
        exec nsenter -t "$leader" -m -u -i -n -p -C -r -w env -i HOME=/root LANG=C.UTF-8 TERM=dumb SYSTEMD_PAGER= \
            SYSTEMD_COLORS=0 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -c "$*" </dev/null
    )
}

# logind refuses a caller whose control group lies outside of its own tree.
join_cgroup() {
    local tree=/sys/fs/cgroup/unified own
    [ -d "$tree" ] || tree=/sys/fs/cgroup
    own=$(sed -n 's/^0:://p' "/proc/$leader/cgroup")
    own=$tree${own%/init.scope}/outside
    mkdir -p "$own" 2>/dev/null && echo "$BASHPID" >"$own/cgroup.procs"
}

# In the container's network alone; without any agent or setting of the caller's.
ssh_to() {
    nsenter -t "$leader" -n env -u SSH_AUTH_SOCK ssh -F none -i "$systems/id" -o IdentitiesOnly=yes -o IdentityAgent=none \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=30 "$@"
}

log_in() {
    dial "$@" && reach "$1"
}

# What the login says, from its first byte, is in `$run/sessions/NAME`.
dial() {
    local session=$1 user=${2-test} input
    rm -f -- "$run/sessions/$session.in"
    mkfifo -- "$run/sessions/$session.in" && : >"$run/sessions/$session" || return
    ssh_to -tt "$user@127.0.0.1" <"$run/sessions/$session.in" >"$run/sessions/$session" 2>&1 &
    session_pid[$session]=$!
    exec {input}>"$run/sessions/$session.in"
    session_input[$session]=$input
}

reach() {
    local session=$1
    wait_for prompted "$session"
    echo "stty -echo; PS1=; PS2=; PROMPT_COMMAND=; bind 'set enable-bracketed-paste off'; export SYSTEMD_PAGER=" \
        >&"${session_input[$session]}"
    tell "$session" : >/dev/null && return
    echo "no shell answers in the login $session:"
    cat -v -- "$run/sessions/$session"
    return 1
}

prompted() {
    grep -aq '[$] $' -- "$run/sessions/$1" || gone "${session_pid[$1]}"
}

tell() {
    local session=$1 mark=E$RANDOM$RANDOM from status
    shift
    from=$(stat -c %s -- "$run/sessions/$session")
    # One line, since a command may eat what is typed after it; the quotes keep the mark out of the echo of it.
    printf '%s; echo %s""-$?-\n' "$*" "$mark" >&"${session_input[$session]}"
    wait_for answered "$session" "$mark" || :
    tail -c "+$((from + 1))" -- "$run/sessions/$session" | tr -d '\r' | sed 's/\x1b\]3008;[^\x1b]*\x1b\\//g' | grep -av "$mark"
    status=$(grep -ao "$mark-[0-9]*-" -- "$run/sessions/$session" | tr -dc '0-9-' | cut -d- -f2)
    return "${status:-255}"
}

answered() {
    grep -aq "$2-[0-9]" -- "$run/sessions/$1" || gone "${session_pid[$1]}"
}

log_out() {
    local session=$1 input=${session_input[$1]} pid=${session_pid[$1]}
    echo exit >&"$input"
    exec {input}>&-
    # Held open by a background process's terminal, ssh would wait: as a person would, end it.
    wait_for gone "$pid" || { echo "the login $session did not end by itself"; kill "$pid"; }
    unset "session_pid[$session]" "session_input[$session]"
}

# After the last logout either the user is gone, or what is left stays as it is for longer than logind waits.
settled() {
    local before='' now quiet=0 needed=4
    [ "$stop_delay" != default ] || needed=13
    wait_for no_login || return
    while [ "$quiet" -lt $((needed * 4)) ]; do
        root [ -e /run/systemd/users/1000 ] || return 0
        now=$(root 'loginctl show-user test -p State -p Sessions 2>/dev/null; ps -u test -o pid=,comm=')
        [ "$now" = "$before" ] && quiet=$((quiet + 1)) || quiet=0
        before=$now
        sleep 0.25
    done
}

no_login() {
    ! root pgrep -u test sshd >/dev/null
}

check() {
    local what=$1
    shift
    if "$@" >"$run/said" 2>&1; then
        echo "ok   $what"
    else
        echo "FAIL $what"
        tail -n 8 -- "$run/said" | sed 's/^/     | /'
        failures=$((failures + 1))
    fi
}
