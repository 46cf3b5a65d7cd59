# shellcheck shell=bash
# Sourced by `run`: the Debian systems that the containers boot, built once into the directory the caller names.
#
#   DIR/SUITE          a small Debian with systemd as process 1, logind, pam_systemd, sshd, polkit
#   DIR/SUITE.bare     a layer over it in which polkit is purged
#
# Both are only ever read: a boot writes to an overlay of its own.

# What a login needs, and what the scenarios use.
readonly ROOTFS_PACKAGES=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,polkitd,openssh-server,openssh-client,procps,login,cron,tmux,sudo,man-db
# tests/packaging/debian13 builds in the newer of them; this is all that a build needs.
readonly COMPILER_PACKAGES=cargo,rustc,gcc,libc6-dev
# Nothing here starts by itself in a container that lives for a minute.
readonly MASKED=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer fstrim.timer
    e2scrub_all.timer e2scrub_reap.service systemd-networkd.service getty@tty1.service console-getty.service)

# The first Debian mirror that this machine's own apt uses.
mirror() {
    sed -n 's/^URIs: *\([^ ]*\/debian\)\/*$/\1/p; s/^deb \(\[[^]]*\] \)*\([^ ]*\/debian\)\/* .*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1
}

# rootfs SUITE DIR: builds what is not there yet. Another version of this file is another build.
rootfs() {
    local suite=$1 root=$2/$1 url stamp packages=$ROOTFS_PACKAGES begin=$SECONDS
    [ "$suite" != trixie ] || packages+=,$COMPILER_PACKAGES
    stamp=$(sha256sum <"${BASH_SOURCE[0]}")
    if [ "$(cat -- "$root.stamp" 2>/dev/null)" = "$stamp" ]; then
        printf '%s: built before\n' "$suite"
        return
    fi
    url=$(mirror)
    [ -n "$url" ] || { echo "no Debian mirror in this machine's apt sources"; return 1; }
    rm -rf --one-file-system -- "$root" "$root.bare" "$root.work" "$root.stamp"
    # Whatever it mounts goes with it, also when it is ended.
    unshare --mount --propagation private debootstrap --variant=minbase --include="$packages" \
        "$suite" "$root" "$url" >"$root.log" 2>&1 ||
        { printf 'debootstrap %s failed:\n' "$suite"; tail -n 5 -- "$root.log"; return 1; }
    furnish "$root" && without_polkit "$root" || { printf '%s could not be furnished\n' "$suite"; return 1; }
    printf '%s\n' "$stamp" >"$root.stamp"
    printf '%s: built in %s s, %s\n' "$suite" "$((SECONDS - begin))" "$(du -sh -- "$root" | cut -f1)"
}

# Two users for logins by the same key; sudo for the first.
furnish() {
    local root=$1 user unit
    rm -rf -- "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    for user in test other; do
        chroot "$root" useradd --create-home --shell /bin/bash "$user" || return
    done
    echo 'test ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/test"
    echo container >"$root/etc/hostname"
    echo '127.0.0.1 localhost container' >"$root/etc/hosts"
    for unit in "${MASKED[@]}"; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    printf 'UseDNS no\nPasswordAuthentication no\nMaxStartups 100\nPrintMotd no\n' >"$root/etc/ssh/sshd_config.d/tests.conf"
}

without_polkit() {
    local root=$1
    mkdir -- "$root.bare" "$root.work" || return
    # shellcheck disable=SC2016 # the inner shell expands it
    unshare --mount --propagation private bash -ec '
        mount -t overlay -o "lowerdir=$1,upperdir=$1.bare,workdir=$1.work" overlay /mnt
        DEBIAN_FRONTEND=noninteractive chroot /mnt dpkg --purge polkitd' bare "$root" >>"$root.log" 2>&1 || return
    rm -rf -- "$root.work"
}
