# shellcheck shell=bash
# Sourced by `run`: the ways to set the agent up, and what becomes of a key at the last logout, in the table's words.
# shellcheck disable=SC2034,SC2154 # settings that rig.sh and these files share

# What `start` says, once, where nothing survives the last logout, and the cure in the same breath.
readonly NOTICE='the agent ends with your last logout' CURE='enable-linger'
# The README's line, where `install` puts it: before the guard for shells that are not interactive.
readonly RC_LINE="[ -x '/usr/bin/myagent' ] && eval \"\$('/usr/bin/myagent' start --shell sh)\""
# shellcheck disable=SC2016 # the shell in the container expands it
readonly BY_HAND='eval "$(myagent start)"'

stage_rc() {
    { printf '%s\n' "$RC_LINE"; cat -- "$systems/$suite/etc/skel/.bashrc"; } >"$run/stage/home/test/.bashrc"
}

# What a distribution's package would hold.
stage_packaged() {
    DESTDIR=$run/stage PREFIX=/usr BINARY=$binary "$here/../../packaging/install.sh"
}

# enter WAY NAME: a login as a user of this way has it. The one that installed stays open.
enter() {
    case $1:$2 in
        polkit:first | plain:first)
            log_in setup && tell setup myagent install --yes || { echo "install ended with status $?"; return 1; }
            log_in "$2"
            ;;
        packaged:*) log_in "$2" && tell "$2" "$BY_HAND" ;;
        *) log_in "$2" ;;
    esac
}

# cell WAY LINGER KILL_USER_PROCESSES: boots, logs in, out and in again, and leaves the table's word in $run/word.
cell() {
    local way=$1 how told
    linger=$2 kill_user_processes=$3
    # In one cell as Debian has it: 10 seconds.
    [ "$*" != 'packaged no no' ] || stop_delay=default
    [ "$way" != polkit ] || bare=no
    case $way in
        rc) boot stage_rc ;;
        packaged) boot stage_packaged; root systemctl --quiet --global enable myagent.socket || { word 'no socket'; return; } ;;
        *) boot ;;
    esac
    enter "$way" first && tell first 'ssh-add ~/.ssh/id_ed25519' && holds_key first || { word 'no agent'; return; }
    # The next shell does not say it again.
    tell first "bash -i -c '$BY_HAND'"
    how=$(runs_as first)
    told=$(cat -- "$run"/sessions/{setup,first} 2>/dev/null | grep -aA1 -- "$NOTICE" | grep -c -- "$CURE")
    log_out first
    [ -z "${session_pid[setup]-}" ] || log_out setup
    settled
    enter "$way" again || { word 'no agent'; return; }
    measured "$how" "$told"
}

word() {
    printf '%s\n' "$1" | tee -- "$run/word"
}

measured() {
    local how=$1 told=$2
    if ! holds_key again; then
        case $told in
            0) word 'lost' ;;
            1) word 'lost, said' ;;
            *) word "lost, said $told times" ;;
        esac
    elif ! tell again ssh-add -T .ssh/id_ed25519.pub; then
        word 'kept, but does not sign'
    elif [ "$told" != 0 ]; then
        word "kept ($how), but said to be lost"
    else
        word "kept ($how)"
    fi
}

holds_key() {
    local listed
    listed=$(tell "$1" ssh-add -l)
    printf '%s: %s\n' "$1" "$listed"
    grep -qF "$(added_fingerprint)" <<<"$listed"
}

added_fingerprint() {
    ssh-keygen -lf "$systems/added.pub" | cut -d' ' -f2
}

agent_pid() {
    tell "$1" myagent status --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p'
}

# Whose control group it is in decides what ends it.
runs_as() {
    local group
    group=$(root cat "/proc/$(agent_pid "$1")/cgroup")
    case $group in
        */myagent-transient.service*) echo 'transient unit' ;;
        */myagent.service*) echo service ;;
        */session-*.scope*) echo daemon ;;
        *) echo "in ${group##*/}" ;;
    esac
}
