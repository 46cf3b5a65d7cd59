#!/bin/sh
#
# Stages a built myagent as a package holds it. It builds, enables, starts and removes nothing, writes nothing
# outside of DESTDIR, and takes no name of OpenSSH's.
#
#   DESTDIR=debian/myagent PREFIX=/usr packaging/install.sh
#
#   DESTDIR          what stands before every path [nothing: this very system]
#   PREFIX           [/usr/local]
#   BINARY           the program [target/release/myagent]
#   COMPLETIONS_BY   a myagent that runs here, where BINARY is for another machine [BINARY]
#   THIRD_PARTY      the licences of what BINARY is linked from, a file that third-party.sh wrote [none]
#   ZSH_DIR          [PREFIX/share/zsh/site-functions]; Debian's zsh reads /usr/share/zsh/vendor-completions
set -eu
umask 022

usage() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 2
}

source=$(dirname -- "$0")/..
destination=${DESTDIR-}
prefix=${PREFIX:-/usr/local}
binary=${BINARY:-${CARGO_TARGET_DIR:-$source/target}/release/myagent}
zsh_dir=${ZSH_DIR:-$prefix/share/zsh/site-functions}

for path in "$prefix" "$zsh_dir"; do
    case $path/ in
        */../*) usage "this path would lead out of DESTDIR: $path" ;;
        /*) ;;
        *) usage "this path is not absolute: $path" ;;
    esac
done
# It is written into the units, where a space or a % would need a quoting of its own.
case $prefix in
    *[!A-Za-z0-9/._+-]*) usage "PREFIX has a character that is none of A-Z a-z 0-9 / . _ + -: $prefix" ;;
esac
# A name alone would be looked for in PATH.
case $binary in
    */*) ;;
    *) binary=./$binary ;;
esac
[ -f "$binary" ] || usage "no program at $binary: build it, or say BINARY="
completions_by=${COMPLETIONS_BY:-$binary}

# put MODE FILE PATH: PATH is that of the installed system.
put() {
    mkdir -p -- "$destination$(dirname -- "$3")"
    install -m "$1" -- "$2" "$destination$3"
}

completion() {
    "$completions_by" completions "$1" >"$scratch/completion"
    [ -s "$scratch/completion" ] || { echo "install.sh: $completions_by completions $1 printed nothing" >&2; exit 1; }
    put 644 "$scratch/completion" "$2"
}

unit() {
    sed "s|/usr/bin/myagent|$prefix/bin/myagent|g" "$source/systemd/$1" >"$scratch/unit"
    grep -qF -- "=$prefix/bin/myagent " "$scratch/unit" || { echo "install.sh: $1 does not run the program" >&2; exit 1; }
    put 644 "$scratch/unit" "$prefix/lib/systemd/user/$1"
}

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

put 755 "$binary" "$prefix/bin/myagent"
put 644 "$source/man/myagent.1" "$prefix/share/man/man1/myagent.1"
completion bash "$prefix/share/bash-completion/completions/myagent"
completion zsh "$zsh_dir/_myagent"
completion fish "$prefix/share/fish/vendor_completions.d/myagent.fish"
unit myagent.service
unit myagent.socket
for document in README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE; do
    put 644 "$source/$document" "$prefix/share/doc/myagent/$document"
done
[ -z "${THIRD_PARTY-}" ] || put 644 "$THIRD_PARTY" "$prefix/share/doc/myagent/THIRD-PARTY"
