# shellcheck shell=bash
# Sourced by what builds for other systems than this one, from the project's directory or below it.
#
# rustup has the standard libraries of other systems only where its servers can be reached; Debian's compiler and its
# sources of the standard library are packages (see `packages`). This puts that compiler first, by absolute path, and
# leaves rustup's untouched and unused. All that is built lies in $CROSS_DIR; a cache of CI may keep it whole.

CROSS_DIR=$(realpath -m -- "${CROSS_DIR:-${CARGO_TARGET_DIR:-$(git rev-parse --show-toplevel 2>/dev/null || pwd)/target}/cross}")
mkdir -p -- "$CROSS_DIR/bin"
for program in cargo rustc rustdoc cargo-clippy clippy-driver; do
    [ -x "/usr/bin/$program" ] || { echo "no /usr/bin/$program: tests/cross/packages lists what is needed" >&2; exit 2; }
    ln -sf -- "/usr/bin/$program" "$CROSS_DIR/bin/$program"
done
# rustc strips Mach-O by this name; it is LLVM's own program.
for program in /usr/lib/llvm-*/bin/llvm-objcopy; do
    [ ! -x "$program" ] || ln -sf -- "$program" "$CROSS_DIR/bin/rust-objcopy"
done
unset program RUSTUP_TOOLCHAIN RUSTC RUSTC_WRAPPER RUSTC_BOOTSTRAP CARGO CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS

# cargo puts its home's programs first where PATH does not name them: there, cargo-clippy is rustup's.
CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
PATH=$CROSS_DIR/bin:$CROSS_DIR/zig/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$CARGO_HOME/bin
# A library fits the compiler that it was built by, and no other.
CROSS_SYSROOT=$CROSS_DIR/sysroot-$(rustc -V | tr -d '()' | cut -d' ' -f2,3 | tr ' ' -)
# With --target, only what is built for the target has these flags.
RUSTFLAGS=--sysroot=$CROSS_SYSROOT
CARGO_TARGET_DIR=$CROSS_DIR/target
CARGO_INCREMENTAL=0
CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-0}
# Windows: AWS-LC brings its assembled code along, so that nobody needs nasm.
AWS_LC_SYS_PREBUILT_NASM=1
# macOS: the oldest that rustc supports on both machines; without it, zig's own.
MACOSX_DEPLOYMENT_TARGET=11.0
ZIG_GLOBAL_CACHE_DIR=$CROSS_DIR/zig-cache
ZIG_LOCAL_CACHE_DIR=$CROSS_DIR/zig-cache
CARGO_ZIGBUILD_CACHE_DIR=$CROSS_DIR/zig-cache
export CROSS_DIR CROSS_SYSROOT PATH CARGO_HOME RUSTFLAGS CARGO_TARGET_DIR CARGO_INCREMENTAL CARGO_PROFILE_DEV_DEBUG
export AWS_LC_SYS_PREBUILT_NASM MACOSX_DEPLOYMENT_TARGET
export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR CARGO_ZIGBUILD_CACHE_DIR

# What `cargo clippy` does, with a build: lints deny, and nothing is compiled twice, once to be looked at and once to be
# run.
with_clippy() {
    RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__ "$@"
}

# in_background COMMAND...: sets $behind to its process; `end_background` ends it with what it has started.
behind=''
in_background() {
    set -m
    "$@" </dev/null &
    behind=$!
    set +m
}

end_background() {
    [ -n "$behind" ] || return 0
    kill -- "-$behind" 2>/dev/null || :
    wait "$behind" || :
    behind=''
}
