# shellcheck shell=bash
# Sourced by `run` after tests/cross/env.sh: makes the clients of others in $clients, each from what Debian, npm and
# crates.io have, unchanged but for what plink.patch says.
#
# What takes long is kept there for the next time, and made anew when what it depends on here has changed.

clients=$CROSS_DIR/clients

# All but russh's, beside which cargo builds nothing else.
build_foreign() {
    local begin=$SECONDS
    mkdir -p -- "$clients"
    build_go && build_descriptors && fetch_node && build_plink || return 1
    printf 'clients: %s s\n' "$((SECONDS - begin))"
}

# kept NAME FILE...: whether what NAME stands for was made from these very files; `keep` says so afterwards.
kept() {
    local name=$1
    shift
    [ "$(cat -- "$@" | sha256sum)" = "$(cat -- "$clients/$name.from" 2>/dev/null)" ]
}

keep() {
    local name=$1
    shift
    cat -- "$@" | sha256sum >"$clients/$name.from"
}

build_go() {
    (cd -- tests/windows/go && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$CROSS_DIR/go-cache GOFLAGS='' \
        GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go build -o "$clients/go.exe" .)
}

build_descriptors() {
    x86_64-w64-mingw32-gcc -Wall -Wextra -Werror -O1 -o "$clients/descriptors.exe" tests/windows/descriptors.c -ladvapi32
}

# For another system than this one, which npm must be told; no package's own script is run.
fetch_node() {
    local from=(tests/windows/node/package.json tests/windows/node/package-lock.json)
    mkdir -p -- "$clients/node"
    if ! kept node "${from[@]}"; then
        cp -- "${from[@]}" "$clients/node/"
        (cd -- "$clients/node" && npm ci --force --ignore-scripts --omit=optional --no-audit --no-fund \
            --no-update-notifier --loglevel=error --cache="$clients/npm-cache") || return 1
        rm -rf -- "$clients/npm-cache"
        keep node "${from[@]}"
    fi
    cp -- tests/windows/node/ssh2.js "$clients/node/"
}

build_russh() {
    cargo build --quiet --locked --target x86_64-pc-windows-gnu --manifest-path tests/windows/russh/Cargo.toml || return 1
    cp -- "$CARGO_TARGET_DIR/x86_64-pc-windows-gnu/debug/myagent-tests-russh.exe" "$clients/russh.exe"
}

# Three of them: as PuTTY has it, and two that know one way to an agent alone.
build_plink() {
    local patch=tests/windows/plink.patch work way status=0
    ! kept plink "$patch" <(declare -f build_plink configure_putty) || return 0
    work=$(mktemp -d -- "$clients/putty.XXXXXX") || return 1
    if fetch_putty "$work" && configure_putty "$work" && make_plink "$work" plink.exe; then
        patch -s -d "$work/source" -p1 <"$patch" || status=1
        for way in pipe window; do
            sed -i "1i #define ONLY_${way^^}" "$work/source/windows/agent-client.c" &&
                make_plink "$work" "plink-$way.exe" && sed -i 1d "$work/source/windows/agent-client.c" || status=1
        done
    else
        status=1
    fi
    [ "$status" = 0 ] || tail -n 30 -- "$work"/*.log
    rm -rf -- "$work"
    [ "$status" = 0 ] && keep plink "$patch" <(declare -f build_plink configure_putty)
}

# The sources of Debian's own package, from where this machine has its packages; its settings are not changed.
fetch_putty() {
    local work=$1 options
    mkdir -p -- "$work/lists/partial" "$work/cache/archives/partial" "$work/source" || return 1
    apt-get indextargets --format "deb-src \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
        'Created-By: Packages' 'Origin: Debian' | sort -u >"$work/sources.list"
    [ -s "$work/sources.list" ] || { echo 'this machine has no packages of Debian' >&2; return 1; }
    options=(-q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
    (cd -- "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" source --download-only --tar-only putty) \
        >"$work/apt.log" 2>&1 || return 1
    tar -xzf "$work"/putty_*.orig.tar.gz -C "$work/source" --strip-components=1
}

configure_putty() {
    cmake -S "$1/source" -B "$1/build" -DCMAKE_TOOLCHAIN_FILE="$1/source/cmake/toolchain-mingw.cmake" \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE='-O0 -w' >"$1/cmake.log" 2>&1
}

make_plink() {
    make -C "$1/build" -j "$(nproc)" plink >"$1/make.log" 2>&1 && cp -- "$1/build/plink.exe" "$clients/$2"
}
