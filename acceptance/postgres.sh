# Sourced by scripts that need PostgreSQL: starts a server on loopback, in a directory of its own
# that the user nobody can reach, and stops it.

POSTGRES_PORT=${POSTGRES_PORT:-$((PORT + 30))}
postgres_bin() { ls -d /usr/lib/postgresql/*/bin | tail -1; }

# as_postgres COMMAND...: runs a program of PostgreSQL, which refuses to run as root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}

# postgres_url DATABASE: prints its URL.
postgres_url() { echo "postgres://test@127.0.0.1:$POSTGRES_PORT/$1?sslmode=disable"; }

# sql DATABASE STATEMENT
sql() { "$(postgres_bin)/psql" -X -q -t -A -v ON_ERROR_STOP=1 "$(postgres_url "$1")" -c "$2"; }

# postgres_up [OPTION...]: makes a cluster and starts a server on it.
postgres_up() {
    local n
    install postgresql-15
    POSTGRES=$(mktemp -d "${TMPDIR:-/tmp}/cindergate-postgres.XXXXXX")
    [ "$(id -u)" != 0 ] || chown 65534:65534 "$POSTGRES"
    (cd "$POSTGRES" && as_postgres "$(postgres_bin)/initdb" -D "$POSTGRES/data" -A trust -U test --no-sync -E UTF8 --locale C.UTF-8 >/dev/null) || exit 1
    local user=()
    [ "$(id -u)" != 0 ] || user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    (cd "$POSTGRES" && exec setsid "${user[@]}" "$(postgres_bin)/postgres" -D "$POSTGRES/data" -c listen_addresses=127.0.0.1 \
        -c port="$POSTGRES_PORT" -c unix_socket_directories= -c max_connections=200 "$@") </dev/null >>"$POSTGRES.log" 2>&1 &
    echo $! >"$POSTGRES.pid"
    for n in $(seq 300); do sql postgres 'SELECT 1' >/dev/null 2>&1 && return; sleep 0.1; done
    tail -20 "$POSTGRES.log"; echo "PostgreSQL did not start"; exit 1
}

postgres_down() {
    [ -n "${POSTGRES:-}" ] || return 0
    kill -INT "$(cat "$POSTGRES.pid")" 2>/dev/null
    tail --pid="$(cat "$POSTGRES.pid")" -f /dev/null
    rm -rf "$POSTGRES" "$POSTGRES.pid" "$POSTGRES.log"
}
