# Sourced by scripts that need object stores: starts a versitygw (S3) and a Swift with
# tempauth and s3api on loopback, below the directory $STORES, and stops them.

STORES=${STORES:-$WORK/stores/servers}
STORES_PORT=${STORES_PORT:-21100}
S3_LOCKS_URL=http://127.0.0.1:$((STORES_PORT + 9))
export S3_URL=http://127.0.0.1:$STORES_PORT S3_KEY=stores-admin S3_SECRET=stores-admin-secret
export SWIFT_URL=http://127.0.0.1:$((STORES_PORT + 1)) SWIFT_USER=stores:tester SWIFT_KEY=stores-tester-key
VERSITYGW=github.com/versity/versitygw/cmd/versitygw@v1.8.0

# background NAME COMMAND...: starts a server and keeps its pid.
background() {
    local name=$1
    shift
    (cd "$STORES" && exec setsid "$@" </dev/null >>"$STORES/$name.log" 2>&1) &
    echo $! >"$STORES/$name.pid"
}

# reachable NAME URL: waits until the server NAME answers at URL, whatever it answers.
reachable() {
    local n
    for n in $(seq 300); do
        curl -sS -o /dev/null --max-time 2 "$2" 2>/dev/null && return
        kill -0 "$(cat "$STORES/$1.pid")" 2>/dev/null || break
        sleep 0.1
    done
    tail -20 "$STORES/$1.log"; echo "$1 did not start"; exit 1
}

stop() { # NAME...
    local name
    for name; do
        [ -s "$STORES/$name.pid" ] || continue
        kill "$(cat "$STORES/$name.pid")" 2>/dev/null
        tail --pid="$(cat "$STORES/$name.pid")" -f /dev/null
        rm -f "$STORES/$name.pid"
    done
}

versitygw() {
    mkdir -p "$STORES"/versitygw/{root,iam}
    [ -x "$ROOT/build/versitygw" ] || (cd "$ROOT/build" && GOBIN=$PWD GOFLAGS=-buildvcs=false go install "$VERSITYGW") || exit 1
    ROOT_ACCESS_KEY=$S3_KEY ROOT_SECRET_KEY=$S3_SECRET background versitygw \
        "$ROOT/build/versitygw" --quiet ${VERSITYGW_LOG:+--access-log "$VERSITYGW_LOG"} --port "${S3_URL#http://}" --iam-dir "$STORES/versitygw/iam" posix "$STORES/versitygw/root"
    reachable versitygw "$S3_URL/"
}

# locking_versitygw: a second one, which keeps versions and so has Object Lock.
locking_versitygw() {
    mkdir -p "$STORES"/versitygw-locks/{root,iam,versions}
    ROOT_ACCESS_KEY=$S3_KEY ROOT_SECRET_KEY=$S3_SECRET background versitygw-locks \
        "$ROOT/build/versitygw" --quiet --port "${S3_LOCKS_URL#http://}" --iam-dir "$STORES/versitygw-locks/iam" \
        posix --versioning-dir "$STORES/versitygw-locks/versions" "$STORES/versitygw-locks/root"
    reachable versitygw-locks "$S3_LOCKS_URL/"
}

# s3_user KEY SECRET: makes a user without any rights of its own. A policy gives it some.
s3_user() {
    "$ROOT/build/versitygw" admin --access "$S3_KEY" --secret "$S3_SECRET" --endpoint-url "$S3_URL" \
        create-user --access "$1" --secret "$2" --role user
}

swift_server() {
    local etc=$STORES/swift kind port
    install swift-proxy swift-account swift-container swift-object memcached
    mkdir -p "$etc" "$STORES"/swift-{node/disk1,cache}
    cat >"$etc/swift.conf" <<END
[swift-hash]
swift_hash_path_suffix = stores
swift_hash_path_prefix = stores
[storage-policy:0]
name = Policy-0
default = yes
END
    cat >"$etc/proxy-server.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${SWIFT_URL##*:}
user = $(id -un)
swift_dir = $etc
workers = ${SWIFT_WORKERS:-1}
[pipeline:main]
pipeline = catch_errors healthcheck proxy-logging cache listing_formats bulk s3api tempauth copy slo dlo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:copy]
use = egg:swift#copy
[filter:s3api]
use = egg:swift#s3api
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((STORES_PORT + 5))
[filter:tempauth]
use = egg:swift#tempauth
user_stores_tester = $SWIFT_KEY .admin
user_stores_other = other-key
token_life = 3600
END
    background memcached memcached -u "$(id -un)" -l 127.0.0.1 -p $((STORES_PORT + 5)) -m 32
    port=$((STORES_PORT + 2))
    for kind in account container object; do
        cat >"$etc/$kind-server.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
user = $(id -un)
swift_dir = $etc
devices = $STORES/swift-node
mount_check = false
workers = 1
recon_cache_path = $STORES/swift-cache
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
[$kind-replicator]
[$kind-updater]
[$kind-auditor]
END
        [ $kind != container ] || echo "[container-sync]" >>"$etc/$kind-server.conf"
        (
            cd "$etc" && rm -f $kind.builder $kind.ring.gz
            swift-ring-builder $kind.builder create 6 1 1
            swift-ring-builder $kind.builder add --region 1 --zone 1 --ip 127.0.0.1 --port $port --device disk1 --weight 1
            swift-ring-builder $kind.builder rebalance
        ) >>"$STORES/ring.log" 2>&1
        background swift-$kind env -u PYTHONPATH /usr/bin/python3 "$ROOT/acceptance/openstack/swiftd.py" "$etc" $kind
        port=$((port + 1))
    done
    background swift-proxy env -u PYTHONPATH /usr/bin/python3 "$ROOT/acceptance/openstack/swiftd.py" "$etc" proxy
    reachable swift-proxy "$SWIFT_URL/healthcheck"
}

stop_servers() { stop swift-proxy swift-object swift-container swift-account memcached versitygw versitygw-locks; }
