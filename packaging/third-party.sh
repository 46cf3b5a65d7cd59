#!/bin/sh
#
# Prints the licences of the crates that the program is linked from: name, version and licence of each, and the
# texts that lie in its source. Each text stands there once. Needs cargo and what the build has downloaded or
# vendored; ends with status 1 where a crate's source is not found, for then a text may be missing.
#
#   packaging/third-party.sh [TARGET] >THIRD-PARTY
set -eu
cd -- "$(dirname -- "$0")/.."
target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
downloaded=${CARGO_HOME:-$HOME/.cargo}/registry/src

# source_of NAME VERSION: `cargo vendor` leaves the version out of a directory's name where it has only one.
source_of() {
    for directory in "vendor/$1-$2" "vendor/$1" "$downloaded"/*/"$1-$2"; do
        if grep -qxF "version = \"$2\"" "$directory/Cargo.toml" 2>/dev/null; then
            printf '%s\n' "$directory"
            return
        fi
    done
    echo "third-party.sh: the source of $1 $2 is not found" >&2
    return 1
}

# texts NAME-VERSION DIRECTORY
texts() {
    for file in "$2"/LICEN[CS]E* "$2"/COPYING* "$2"/COPYRIGHT* "$2"/NOTICE* "$2"/UNLICENSE*; do
        [ -f "$file" ] || continue
        sum=$(cksum <"$file")
        sum=$scratch/${sum%% *}
        if [ -e "$sum" ]; then
            printf '\n%s: as in %s\n' "${file##*/}" "$(cat -- "$sum")"
        else
            printf '%s' "$1" >"$sum"
            printf '\n%s:\n\n' "${file##*/}"
            cat -- "$file"
        fi
    done
}

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# What runs only while building, macros among it, is not in the program.
cargo tree --locked --offline --edges normal,no-proc-macro --target "$target" --prefix none --no-dedupe \
    --format '{p} | {l}' >"$scratch/tree"
printf 'myagent is linked from these crates, and from the standard library of Rust (MIT OR Apache-2.0).\n'
sort -u -- "$scratch/tree" | grep -v '^myagent v' | while read -r name version rest; do
    version=${version#v}
    printf '\n======== %s %s: %s\n' "$name" "$version" "${rest##*| }"
    directory=$(source_of "$name" "$version")
    texts "$name-$version" "$directory"
done
