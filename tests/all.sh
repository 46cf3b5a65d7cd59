# shellcheck shell=bash
# Sourced by `tests/run --all`: what needs root, Debian's packages, and a user of its own.
#
# A fresh user is made, with a copy of HEAD in a directory whose name has a space, and runs the README's two
# commands as they stand there. Everything later is built in that same copy, so nothing is compiled twice.
# The user, its files and what else this script made are removed at the end, however it ends.

# ssh and what it talks to, the shells that `eval "$(myagent start)"` is tried in, systemd's reader of units, fuzzing's
# C++ compiler, tokens in software, PuTTY's tools, what builds and boots a Debian for real logins, what OpenSSH's regression
# scripts use, and what the clients for Windows are built with. tests/cross/packages has what builds for other systems.
readonly PACKAGES=(gcc g++ libc6-dev git openssh-client openssh-server openssh-tests mercurial haproxy rsync zsh ksh
    mksh tcsh fish systemd debootstrap systemd-container procps sudo gdb softhsm2 opensc openssl putty-tools cmake make
    patch golang-go golang-golang-x-crypto-dev)

user=myagent-test-$$ work='' copy='' toolchain='' guard='' privsep='' account='' sudoers=''

everything() {
    if [ "$(id -u)" != 0 ]; then
        echo 'tests/run --all installs packages and makes a user for the time: run it as root' >&2
        exit 2
    fi
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    make_work
    stage packages packages
    stage tools tools
    make_user
    stage 'README as a user' readme
    stage 'left by the user' nothing_left
    stage 'tests as root' tests_as_root
    stage scenarios scenarios
    stage closed closed
    stage windows windows
    stage macos macos
    stage mutants mutants
    stage regress regress
    stage 'debian 13' debian_13
    stage logins logins
    stage bench in_copy bench
    stage deny in_copy deny
    stage fuzz in_copy fuzz
}

clean_up() {
    local pid
    # Only when the README's stage broke off: the agent that its command started is still there.
    if [ -n "$account" ] && pid=$(cat -- "$work/home/agent.pid" 2>/dev/null); then
        [ "$(stat -c %U -- "/proc/$pid" 2>/dev/null)" != "$user" ] || kill -- "$pid"
    fi
    [ -z "$sudoers" ] || rm -f -- "$sudoers"
    [ -z "$account" ] || userdel -- "$user"
    [ -z "$guard" ] || rm -f -- "$guard"
    [ -z "$privsep" ] || rmdir -- "$privsep"
    [ -z "$work" ] || rm -rf -- "$work"
    # shellcheck disable=SC2154 # it is tests/run's
    rm -rf -- "$scratch"
}

make_work() {
    # A short path: a socket's holds 103 bytes. The user must be able to pass through it.
    work=$(mktemp -d /tmp/ma.XXXXXX) && chmod 711 -- "$work" || exit 1
    # Debian starts a service that it installs, unless this forbids it.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        guard=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod 755 -- "$guard" || exit 1
    fi
    # Debian's sshd, run as root without systemd, finds no directory to confine itself to.
    if [ ! -e /run/sshd ]; then
        privsep=/run/sshd
        mkdir -m 755 -- "$privsep" || exit 1
    fi
}

servers() {
    local comm
    for comm in /proc/[0-9]*/comm; do
        cat -- "$comm" 2>/dev/null
    done | grep -cE '^(sshd|haproxy)$'
}

packages() {
    local name names missing=() before
    mapfile -t names < <(sed '/^#/d; /^$/d' tests/cross/packages)
    for name in "${PACKAGES[@]}" "${names[@]}"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q ' installed$' || missing+=("$name")
    done
    [ "${#missing[@]}" -gt 0 ] || { echo 'all Debian packages are there'; return; }
    printf 'installing Debian packages: %s\n' "${missing[*]}"
    before=$(servers || :)
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends "${missing[@]}" >"$scratch/apt.log" 2>&1 || {
        tail -n 30 -- "$scratch/apt.log"
        return 1
    }
    [ "$(servers || :)" = "$before" ] || { echo 'the installation started a server'; return 1; }
}

tools() {
    local tools=${CARGO_TARGET_DIR:-$PWD/target}/tools
    printf 'installing cargo-deny and cargo-fuzz into %s, unless they are there\n' "$tools"
    cargo install --quiet --locked --debug --root "$tools" --version '~0.20' cargo-deny
    cargo install --quiet --locked --debug --root "$tools" --version '~0.13' cargo-fuzz
    [ -x "$tools/bin/nu" ] || nushell "$tools/bin"
    ln -s -- "$(realpath -- "$tools")/bin" "$work/tools"
}

# Nushell is in no Debian, and takes a long time to build; npm has the program for this machine alone.
nushell() {
    local to=$1 machine=x64 file
    [ "$(uname -m)" = x86_64 ] || machine=arm64
    echo "fetching Nushell's program for $machine into $to"
    has npm || apt-get -qq install -y --no-install-recommends npm >>"$scratch/apt.log" 2>&1
    file=$(cd -- "$scratch" && npm pack --silent "@nushell/linux-$machine@0.115.1")
    tar -xzf "$scratch/$file" -C "$to" --strip-components=2 package/bin/nu
    "$to/nu" --version
}

make_user() {
    local sysroot
    useradd --create-home --home-dir "$work/home" --shell /bin/bash -- "$user" || exit 1
    account=made sudoers=/etc/sudoers.d/$user
    : >"$work/began" || exit 1
    copy="$work/home/my agent"
    mkdir -- "$copy" "$work/target" "$work/root" && install -d -m 700 -o "$user" "$work/run" || exit 1
    [ -z "$(git -c safe.directory="$PWD" status --porcelain)" ] || echo 'note: HEAD is tested, not your changes to it'
    git -c safe.directory="$PWD" archive --format=tar HEAD | tar -x -C "$copy" || exit 1
    chown -R -- "$user:" "$copy" "$work/target" || exit 1
    # The compiler may lie where only root can look, as in /root/.rustup: then the user gets a copy.
    sysroot=$(rustc --print sysroot) || exit 1
    toolchain=$sysroot/bin
    if ! as "$user" "$toolchain/cargo" --version >/dev/null 2>&1; then
        mkdir -- "$work/toolchain"
        cp -a -- "$sysroot/bin" "$sysroot/lib" "$work/toolchain" || exit 1
        toolchain=$work/toolchain/bin
    fi
    as "$user" cargo --version || exit 1
}

# as USER COMMAND...: with an environment of its own; only the machine's network settings pass through.
as() {
    local name=$1 home=$work/home path=$toolchain:/usr/bin:/bin setting settings=()
    shift
    if [ "$name" = root ]; then
        home=$work/root path=$toolchain:$work/tools:/usr/sbin:/usr/bin:/sbin:/bin
    else
        settings=("XDG_RUNTIME_DIR=$work/run")
    fi
    for setting in {http,https,no,all}_proxy {HTTP,HTTPS,NO,ALL}_PROXY SSL_CERT_FILE SSL_CERT_DIR CARGO_HTTP_CAINFO; do
        [ -z "${!setting-}" ] || settings+=("$setting=${!setting}")
    done
    # What the user has downloaded serves root too: another path would be another build.
    [ "$name" != root ] || settings+=("CARGO_HOME=$work/home/.cargo")
    setpriv --reuid="$name" --regid="$(id -g -- "$name")" --init-groups env -i HOME="$home" USER="$name" \
        LOGNAME="$name" SHELL=/bin/bash LANG=C.UTF-8 PATH="$path" CI="${CI-}" CARGO_TARGET_DIR="$work/target" \
        "${settings[@]}" "$@" </dev/null
}

# The code block after a marker in the README, byte for byte.
marked_block() {
    awk -v marker="<!-- $1 -->" '$0 == marker { on = 1; next } on == 1 { on = 2; next }
        on == 2 && /^```/ { exit } on == 2 { print }' README.md
}

readme() {
    local first second
    first=$(marked_block 'command 1: build and start')
    second=$(marked_block 'command 2: test')
    if [ -z "$first" ] || [ -z "$second" ]; then
        echo 'the README has lost a command'
        return 1
    fi
    printf 'as %s, in "%s":\n  %s\n  %s\n' "$user" "$copy" "$first" "$second"
    # shellcheck disable=SC2016 # the user's shell expands it
    { printf '%s\n' 'cd -- "$HOME/my agent" || exit 1' 'begin=$SECONDS' "$first"
      cat <<'SESSION'
status=$?
printf 'command 1: %s s, downloads and the release build from nothing\n' "$((SECONDS - begin))"
printf '%s\n' "${SSH_AGENT_PID-}" >"$HOME/agent.pid"
stop() { "${CARGO_HOME:-$HOME/.cargo}/bin/myagent" stop && rm ~/agent.pid; }
fail() { printf 'README: %s\n' "$*" >&2; stop; exit 1; }
[ "$status" = 0 ] || fail "command 1 ended with status $status"
answer=$(ssh-add -l 2>&1)
[ "$answer" = 'The agent has no identities.' ] || fail "ssh-add -l said: $answer"

# A passphrase-protected key, the passphrase given as a desktop's dialog would give it.
mkdir -m 700 -p ~/.ssh
printf '#!/bin/sh\necho "a pass phrase"\n' >~/askpass && chmod 700 ~/askpass
ssh-keygen -q -t ed25519 -N 'a pass phrase' -C fresh -f ~/.ssh/id_ed25519 || fail 'no key was made'
SSH_ASKPASS=~/askpass SSH_ASKPASS_REQUIRE=force ssh-add ~/.ssh/id_ed25519 || fail 'ssh-add failed'
ssh-add -T ~/.ssh/id_ed25519.pub || fail 'the key does not sign'

SESSION
      printf '%s\n' "$second"
      cat <<'SESSION'
status=$?
[ "$status" = 0 ] || fail "command 2 ended with status $status"
ssh-add -l || fail 'the key is gone after the tests'
stop || fail 'stop failed'
ssh-add -l >/dev/null 2>&1
[ $? = 2 ] || { echo 'README: an agent still answers after stop' >&2; exit 1; }
SESSION
    } >"$work/session.sh"
    as "$user" bash "$work/session.sh"
}

# Neither the agent nor any test leaves a process or a file behind. A file that is older than the user is an earlier
# user's, whose number this one has got.
nothing_left() {
    local left files
    for _ in {1..50}; do
        left=$(find /proc -maxdepth 1 -name '[0-9]*' -user "$user" 2>/dev/null) || :
        [ -n "$left" ] || break
        sleep 0.2
    done
    for left in $left; do
        printf 'process %s: %s\n' "${left#/proc/}" "$(tr '\0' ' ' <"$left/cmdline")"
    done
    files=$(find /tmp /var/tmp /dev/shm -maxdepth 1 -user "$user" -cnewer "$work/began" 2>/dev/null) || :
    printf '%s' "${files:+left behind: $files
}"
    [ -z "$left$files" ]
}

# A stage of the copy's own tests/run, as root, with the tools in PATH.
in_copy() {
    as root "$copy/tests/run" "$1"
}

# What a look at the memory finds, and what an agent bears, in the program as it is shipped: the README's first command
# built it. An optimised build leaves other traces than one that is not.
closed() {
    cd -- "$copy"
    as root env MYAGENT_TEST_PROGRAM="$work/target/release/myagent" \
        cargo test --locked --no-fail-fast --test secrets --test soak -- --include-ignored --nocapture --test-threads 2
}

# Built and linked for macOS and FreeBSD; what only a Mac can show is in tests/macos/check.sh.
macos() {
    local built
    built=$(realpath -m -- "${CARGO_TARGET_DIR:-$PWD/target}/cross")
    as root env CROSS_DIR="$built" "$copy/tests/cross/check" aarch64-apple-darwin x86_64-apple-darwin \
        x86_64-unknown-freebsd
}

# The build for Windows under Wine: its own tests, and the clients of others by name.
windows() {
    local built
    built=$(realpath -m -- "${CARGO_TARGET_DIR:-$PWD/target}/cross")
    has npm || apt-get -qq install -y --no-install-recommends npm >>"$scratch/apt.log" 2>&1
    as root env CROSS_DIR="$built" "$copy/tests/windows/run"
}

# Whether the tests that answer for a measure see it broken.
mutants() {
    as root "$copy/tests/mutants/run"
}

tests_as_root() {
    (cd -- "$copy" && as root env MYAGENT_SOAK_SECONDS=5 cargo test --locked --no-fail-fast -- --include-ignored) 2>&1 |
        tee "$scratch/root.log"
}

# Built, offline, by the compiler that rust-version rests on; "$work/tree" is then what its package would hold.
debian_13() {
    as root "$copy/tests/packaging/debian13" "$(systems)" "$work/tree"
}

# OpenSSH's own scripts, with the program that the README's first command built. They skip for root, and use sudo: the
# user may, for as long as this takes.
regress() {
    local rule=$scratch/sudoers
    trap 'rm -f -- "$sudoers"' EXIT
    printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$user" >"$rule"
    visudo -cqf "$rule"
    install -m 440 -- "$rule" "$sudoers"
    as "$user" "$copy/tests/regress/run" "$work/target/release/myagent"
    nothing_left
}

# With the program that the README's first command built, and on Debian 13 with that package.
logins() {
    as root "$copy/tests/logins/run" --tree "$work/tree" "$work/target/release/myagent" "$(systems)"
}

# The Debian systems of both, kept for the next time.
systems() {
    realpath -m -- "${CARGO_TARGET_DIR:-$PWD/target}/logins"
}

# The scenarios that a release stands on were run, and passed: by name.
scenarios() {
    local what status=0
    for what in 'git.*push' 'hg.*push' forwarded_login; do
        grep -E "^test .*$what.* \.\.\. ok$" -- "$scratch/root.log" ||
            { printf 'no test named after %s passed\n' "$what"; status=1; }
    done
    awk '/ Running tests\/parity/ { on = 1 } /^test result:/ { on = 0 }
        on && /^test .* ok$/ { print "parity:", $2; passed++ } END { exit !passed }' "$scratch/root.log" ||
        { echo 'no parity scenario passed'; status=1; }
    return "$status"
}
