# shellcheck shell=bash
# Sourced by `run`: an sshd on loopback that lets this user in with the keys in $scratch/sshd/keys, and gives whoever
# gets in a word that is nowhere else, whatever command was asked for.

# Set by `run`.
: "${scratch:=}"
sshd_pid='' sshd_port='' privsep='' word=''

start_sshd() {
    local dir=$scratch/sshd
    mkdir -m 700 -- "$dir" && : >"$dir/keys" || return 1
    ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key" </dev/null || return 1
    word=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s\n' "$word" >"$dir/word"
    # Debian's sshd, run as root without systemd, finds no directory to confine itself to.
    if [ "$(id -u)" = 0 ] && [ ! -e /run/sshd ]; then
        privsep=/run/sshd
        mkdir -m 755 -- "$privsep" || return 1
    fi
    # A free port may be taken by someone else before sshd has it: then another.
    for _ in {1..20}; do
        sshd_port=$((20000 + RANDOM % 12000))
        sshd_config >"$dir/config"
        "$(command -v sshd)" -D -e -f "$dir/config" >"$dir/log" 2>&1 &
        sshd_pid=$!
        wait_for sshd_listens_or_ended
        ! grep -q "^Server listening on 127.0.0.1 port $sshd_port" -- "$dir/log" || return 0
        stop_process "$sshd_pid"
        sshd_pid=''
    done
    cat -- "$dir/log" >&2
    return 1
}

sshd_config() {
    local dir=$scratch/sshd
    cat <<CONFIG
Port $sshd_port
ListenAddress 127.0.0.1
HostKey "$dir/host_key"
PidFile none
AuthorizedKeysFile "$dir/keys"
AuthenticationMethods publickey
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PermitUserRC no
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
ForceCommand cat '$dir/word'
CONFIG
    # Since OpenSSH 9.8 failed logins bar the address for a while: here all come from one.
    ! "$(command -v sshd)" -T -C user=root -o PerSourcePenalties=no -f /dev/null -h "$dir/host_key" >/dev/null 2>&1 ||
        echo 'PerSourcePenalties no'
}

sshd_listens_or_ended() {
    ! kill -0 "$sshd_pid" 2>/dev/null || grep -q '^Server listening on' -- "$scratch/sshd/log" 2>/dev/null
}

stop_process() {
    kill -- "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

stop_sshd() {
    [ -z "$sshd_pid" ] || stop_process "$sshd_pid"
    [ -z "$privsep" ] || rmdir -- "$privsep" 2>/dev/null
    sshd_pid='' privsep=''
}

# How often somebody got in with the key whose fingerprint this is.
logins() {
    tr -d '\r' <"$scratch/sshd/log" | grep -c "^Accepted publickey for .* ssh2: ED25519 $1\$"
}
