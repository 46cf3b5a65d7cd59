# shellcheck shell=bash
# Sourced after tests/cross/env.sh, by what runs programs for Windows.
#
#   wine_begin        makes a Wine of its own in $CROSS_DIR, without a screen, that reports Windows 10; $wine then runs
#                     a program in it, for at most $WINE_LIMIT seconds (300 if not set)
#   wine_end          waits for its last process and removes it; fails where one had to be ended
#
# All of it lies in one directory: what would be the user's home, and Wine's sockets, too.

wine='' wine_dir='' wine_settings=()

wine_begin() {
    local program
    for program in wine wineboot wineserver x86_64-w64-mingw32-gcc; do
        command -v -- "$program" >/dev/null || { echo "no $program: tests/cross/packages lists what is needed" >&2; return 1; }
    done
    wine_dir=$(mktemp -d -- "$CROSS_DIR/wine.XXXXXX") && mkdir -- "$wine_dir/home" "$wine_dir/tmp" || return 1
    wine=$wine_dir/wine
    wine_settings=(-u DISPLAY -u WAYLAND_DISPLAY "HOME=$wine_dir/home" "TMPDIR=$wine_dir/tmp"
        "WINEPREFIX=$wine_dir/prefix" WINEARCH=win64 WINEDEBUG=-all
        'WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=')
    wine_runner >"$wine" && chmod 755 -- "$wine" || return 1
    in_wine wineboot --init >"$wine_dir/boot.log" 2>&1 || { cat -- "$wine_dir/boot.log" >&2; return 1; }
    x86_64-w64-mingw32-gcc -Wall -Wextra -O1 -shared -o "$wine_dir/prefix/drive_c/windows/system32/bcryptprimitives.dll" \
        tests/windows/bcryptprimitives.c -ladvapi32 || return 1
    # Without a driver for a screen no window can be made, not even one that nobody sees. What Wine reports without
    # this is Windows 7, on which node does not start.
    {
        "$wine" reg add 'HKCU\Software\Wine\Drivers' /v Graphics /d null /f &&
            "$wine" reg add 'HKCU\Software\Wine' /v Version /d win10 /f
    } >>"$wine_dir/boot.log" 2>&1 || { cat -- "$wine_dir/boot.log" >&2; return 1; }
    # What has begun without that driver goes on without it.
    in_wine timeout 60 wineserver -w
}

# Runs a program of Wine's own, or one in Wine, with the environment of this one.
in_wine() { env "${wine_settings[@]}" "$@"; }

# The same as a program, for cargo, which knows nothing of this shell; ended, it ends what it runs.
wine_runner() {
    echo '#!/bin/sh'
    printf 'exec env'
    printf ' %q' "${wine_settings[@]}"
    # shellcheck disable=SC2016 # the program expands it
    echo ' timeout --kill-after=10 "${WINE_LIMIT:-300}" wine "$@"'
}

wine_end() {
    local status=0
    [ -n "$wine_dir" ] || return 0
    # Its services end by themselves, some seconds after the last program.
    if ! in_wine timeout 60 wineserver -w; then
        echo 'Wine does not end: something that was started in it is still there' >&2
        in_wine wineserver -k
        in_wine timeout 60 wineserver -w
        status=1
    fi
    rm -rf -- "$wine_dir"
    wine_dir='' wine=''
    return "$status"
}
