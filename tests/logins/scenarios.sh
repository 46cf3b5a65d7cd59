# shellcheck shell=bash
# Sourced by `run`: what else happens to an agent on a real system. Each scenario is one boot, each check has a name.
# shellcheck disable=SC2034,SC2154 # settings that rig.sh and these files share

readonly SOCKET=/run/user/1000/myagent/agent.sock

# Agents by the file they run: after a handover that is a sealed copy in memory.
agents() {
    root "for process in \$(pgrep -u $1); do readlink /proc/\$process/exe; done" | grep -cE 'myagent|^/memfd:'
}

one_agent() {
    local count
    count=$(agents "$1")
    [ "$count" = 1 ] || { echo "$count agents of $1"; return 1; }
}

adds_key() {
    tell "$1" 'ssh-add ~/.ssh/id_ed25519' && holds_key "$1"
}

same_socket() {
    local one two
    # shellcheck disable=SC2016 # the shell in the container expands it
    one=$(tell "$1" 'echo "$SSH_AUTH_SOCK"') two=$(tell "$2" 'echo "$SSH_AUTH_SOCK"')
    printf '%s\n' "$1: $one" "$2: $two"
    [ -n "$one" ] && [ "$one" = "$two" ]
}

# A job of the user's that root starts outside of any login session, with the README's line.
as_job() {
    root "$1 '$BY_HAND; ssh-add -l'" | tee -- "$run/job"
    grep -qF "$(added_fingerprint)" -- "$run/job"
}

# Owner, mode, kind, target and contents of every file; but a directory, and what a shell writes by itself.
files_of() {
    root "find $* -xdev ! -type d ! -name .bash_history -printf '%u %m %y %p %l\n' | sort
        find $* -xdev -type f ! -name .bash_history ! -name agent.log -exec sha256sum {} + | sort"
}

unchanged() {
    diff -u <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# Puts another build into the program's place, as a package's upgrade does: the same one with a byte more.
upgrade() {
    root 'cp /usr/bin/myagent /usr/bin/next && printf x >>/usr/bin/next && mv /usr/bin/next /usr/bin/myagent'
}

# handed_over NAME COMMAND: by the command, the agent runs the upgraded program in the same process, with its key.
handed_over() {
    local before after
    before=$(agent_pid "$1")
    upgrade && tell "$1" "$2" || return
    after=$(agent_pid "$1")
    [ -n "$after" ] && [ "$before" = "$after" ] || { echo "pid $before is now $after"; return 1; }
    root "cmp /usr/bin/myagent /proc/$after/exe" && holds_key "$1" && tell "$1" ssh-add -T .ssh/id_ed25519.pub
}

logins_by_rc_line() {
    local before
    boot stage_rc
    dial one; dial two; reach one; reach two
    check 'two logins at the same time: one agent' one_agent test
    check 'two logins at the same time: one socket' same_socket one two
    check 'a key is added' adds_key one
    check 'the other login sees it' holds_key two
    check 'su - test finds the agent' as_job 'su - test -c'
    log_in foreign other
    check 'su test finds it, with the runtime directory of somebody else' as_job 'XDG_RUNTIME_DIR=/run/user/1001 su test -c'
    before=$(files_of /home/test /run/user/1000)
    tell one "sudo -E sh -c '$BY_HAND; ssh-add -l; myagent stop'"
    check 'sudo -E leaves nothing in the user'"'"'s directories' unchanged "$before" "$(files_of /home/test /run/user/1000)"
    check 'sudo -E leaves no agent of root' [ "$(agents root)" = 0 ]
    check 'and takes nothing from the agent' holds_key one
    check 'handover of the daemon to another build' handed_over one 'myagent restart'
    tmux_over_a_logout
}

tmux_over_a_logout() {
    tell one 'tmux new-session -d -s kept'
    log_out one; log_out two; log_out foreign
    settled
    log_in again
    tell again "tmux send-keys -t kept 'ssh-add -l >~/seen 2>&1; echo end >>~/seen' Enter"
    wait_for root grep -q end /home/test/seen
    check 'tmux kept over a logout uses the same agent' root grep -F "$(added_fingerprint)" /home/test/seen
    check 'one agent after all' one_agent test
}

# Where the end of a session ends its processes: the agent belongs to all of the user's logins all the same.
killed_processes() {
    kill_user_processes=yes
    boot stage_rc
    log_in one
    log_in two
    check 'a key is added' adds_key one
    log_out one
    check 'the session that started the agent is closed' wait_for one_session
    check 'the other login has it still' holds_key two
}

# As in a graphical session, whose terminals the user's manager runs: what starts there ends with it.
terminal_in_a_scope() {
    boot
    log_in one
    check 'a terminal that the user manager runs hears that the keys end with the last logout' \
        hears_it tell one systemd-run --user --scope --quiet myagent start
    check 'and adds a key' tell one "$BY_HAND; ssh-add ~/.ssh/id_ed25519"
    check 'nobody hears it again' [ "$(grep -ac -- "$NOTICE" "$run/sessions/one")" = 1 ]
    log_out one
    settled
    log_in again
    tell again "$BY_HAND"
    check 'and so it is' fails holds_key again
}

hears_it() {
    "$@" | grep -A1 -- "$NOTICE" | grep -- "$CURE"
}

fails() {
    ! "$@"
}

one_session() {
    [ "$(root 'loginctl --no-legend list-sessions | wc -l')" = 1 ]
}

# With a crontab whose job runs when cron first starts after boot.
stage_cron() {
    # shellcheck disable=SC2016 # the shell in the container expands it
    printf '@reboot %s; ssh-add -l >~/listed; ssh-add ~/.ssh/id_ed25519; ssh-add -l >~/added; echo "$SSH_AUTH_SOCK" >~/socket\n' \
        "$BY_HAND" >"$run/stage/crontab"
}

cron_runs() {
    root 'crontab -u test /crontab; rm -f /home/test/{listed,added,socket} /run/crond.reboot; systemctl restart cron'
    wait_for root '[ -s /home/test/socket ]'
    root 'cd /home/test; tail -n +1 listed added socket'
}

stage_rc_and_cron() {
    stage_rc && stage_cron
}

cron() {
    boot stage_rc_and_cron
    check 'no login yet' [ "$(root ls /run/systemd/users)" = '' ]
    check 'cron before the first login runs' cron_runs
    check 'and starts an agent, which takes a key' root grep -F "$(added_fingerprint)" /home/test/added
    log_in first
    check 'the first login finds that agent' holds_key first
    check 'one agent' one_agent test
    check 'cron after it runs' cron_runs
    check 'and finds the key' root grep -F "$(added_fingerprint)" /home/test/listed
    check 'still one agent' one_agent test
}

installing() {
    local clean installed
    bare=no
    boot stage_cron
    log_in one
    clean=$(files_of /home/test)
    check 'install' tell one myagent install --yes
    installed=$(files_of /home/test)
    check 'install again' tell one myagent install --yes
    check 'changes nothing' unchanged "$installed" "$(files_of /home/test)"
    check 'systemd-analyze verify' tell one systemd-analyze --user verify myagent.service myagent.socket
    tell one 'systemd-analyze --user --no-pager security myagent.service | tail -n 1'
    check 'uninstall' tell one myagent uninstall --yes
    check 'leaves the files as they were' unchanged "$clean" "$(files_of /home/test)"
    check 'and lingering as it was' [ "$(root 'ls /var/lib/systemd/linger')" = '' ]
    check 'no agent is left' [ "$(agents test)" = 0 ]
    check 'install once more' tell one myagent install --yes
    log_in two
    check 'the next login has the agent' adds_key two
    check 'its unit runs it' [ "$(runs_as two)" = service ]
    after_reboot
}

after_reboot() {
    log_out one; log_out two
    check 'reboot' reboot
    check 'the socket is there before any login' wait_for root "[ -S $SOCKET ]"
    check 'by its unit' root systemctl --user --machine=test@ is-active myagent.socket
    check 'with an empty agent' root "su test -c 'SSH_AUTH_SOCK=$SOCKET ssh-add -l' | grep 'no identities'"
    check 'cron finds it' cron_runs
    check 'and adds a key' root grep -F "$(added_fingerprint)" /home/test/added
    check 'no login yet' no_login
    log_in first
    check 'which the first login finds' holds_key first
    check 'one agent' one_agent test
}

upgrading() {
    linger=yes
    boot stage_packaged
    root systemctl --quiet --global enable myagent.socket
    log_in one && tell one "$BY_HAND"
    check 'a key is added' adds_key one
    check 'the unit runs the agent' [ "$(runs_as one)" = service ]
    check 'handover by systemctl --user reload' handed_over one 'systemctl --user reload myagent'
    check 'handover by myagent restart' handed_over one 'myagent restart'
    check 'the unit is active' tell one systemctl --user is-active myagent.service
}

stage_tree() {
    if [ -z "$tree" ]; then stage_packaged; else cp -a --no-preserve=ownership -- "$tree/." "$run/stage/"; fi
}

# As a user who never ran `install`, and has no rc line; the distribution's own ssh-agent.socket is enabled.
trixie() {
    suite=trixie bare=no
    boot stage_tree
    root 'systemctl --version | head -n 1'
    check 'the socket is enabled for everyone' root systemctl --quiet --global enable myagent.socket
    log_in one other
    check 'systemd-analyze verify' tell one systemd-analyze --user verify myagent.service myagent.socket
    tell one 'systemd-analyze --user --no-pager security myagent.service | tail -n 1'
    check 'a second user starts the agent' tell one "$BY_HAND"
    check 'by activation' tell one systemctl --user is-active myagent.service
    check 'it takes a key' adds_key one
    check 'and signs' tell one ssh-add -T .ssh/id_ed25519.pub
    check 'one agent' one_agent other
    check 'programs of the user manager see it' tell one 'systemctl --user show-environment | grep SSH_AUTH_SOCK=.*/myagent/'
}

# The boot's end decides with its status.
scenario() {
    "$1"
    [ "$failures" = 0 ]
}
