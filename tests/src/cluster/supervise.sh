# Owns one throw-away Postgres cluster. Arguments: BIN PARENT PORT, then lines for postgresql.conf.
#
# Standard input is a pipe whose other end only the parent holds. Whatever way the parent ends, kill -9
# included, the pipe closes, `read` fails, and the cluster is stopped and removed.
#
# Commands on standard input, one a line: stop, kill, start. Each is answered by "ok" or "failed".
set -u
trap '' HUP INT PIPE TERM
umask 077
bin=$1 parent=$2 port=$3
shift 3
dir=$(mktemp -d "$parent/insforge-pg.XXXXXX") || exit 1
data=$dir/data

# Also when the parent went away before it could read an answer.
trap finish EXIT

finish() {
    "$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1
    rm -rf "$dir"
}

ctl() {
    "$bin/pg_ctl" -D "$data" -w "$@" </dev/null >>"$dir/ctl.log" 2>&1
}

answer() {
    if "$@"; then echo ok; else
        cat "$dir/ctl.log" >&2
        tail -n 20 "$dir/server.log" >&2
        echo failed
    fi
}

create() {
    "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync </dev/null >>"$dir/ctl.log" 2>&1 || return 1
    {
        printf "listen_addresses = '127.0.0.1'\nport = %s\nunix_socket_directories = '%s'\n" "$port" "$dir"
        for line in "$@"; do printf '%s\n' "$line"; done
    } >>"$data/postgresql.conf"
    ctl -l "$dir/server.log" start
}

echo "$dir"
answer create "$@"
while read -r command; do
    case $command in
        stop) answer ctl -m fast stop ;;
        kill) answer ctl -m immediate stop ;;
        start) answer ctl -l "$dir/server.log" start ;;
        *) echo failed ;;
    esac
done
