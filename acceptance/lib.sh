# Sourced by the acceptance scripts: sets up one work directory and one gateway, and ends
# the processes that it started.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
WORK=${WORK:-$ROOT/build/acceptance}
export OS_PASSWORD=acceptance
export PYTHONPATH=$ROOT/acceptance PYTHONDONTWRITEBYTECODE=1 # checks.py
PORT=${PORT:-19776}
if [ -z "${STAGE:-}" ]; then
    URL=http://127.0.0.1:$PORT
    export OS_AUTH_URL=$URL/identity/v3
fi

# install PACKAGE...: installs these Debian packages unless they are installed.
install() {
    local missing=()
    for p; do dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p"); done
    [ ${#missing[@]} = 0 ] && return
    echo "installing ${missing[*]}"
    local sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    # One at a time, for a part may run beside the servers of another one (acceptance/openstack/up).
    { flock 8 && $sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
        8>"${TMPDIR:-/tmp}/cindergate-lab-packages.lock" >"$WORK/apt.log" 2>&1 || { tail -20 "$WORK/apt.log"; exit 1; }
}

# serve NAME: starts a gateway with an empty data directory of that name and the
# configuration CONFIG or gateway.yaml. If STAGE is set, the caller already has a gateway
# and sets URL, OS_AUTH_URL, REGION and VOLUMES itself.
serve() {
    [ -z "${STAGE:-}" ] || { mkdir -p "$WORK/$1"; return; }
    VOLUMES=$WORK/$1/data/volumes
    rm -rf "$WORK/$1"; mkdir -p "$WORK/$1"
    "$ROOT/build/cindergate" serve --config "${CONFIG:-$ROOT/acceptance/gateway.yaml}" \
        --data "$WORK/$1/data" --listen "127.0.0.1:$PORT" >"$WORK/$1/out" 2>"$WORK/$1/log" &
    GATEWAY=$!
    local n
    for n in $(seq 200); do
        curl -fsS "$URL/healthcheck" >/dev/null 2>&1 && return
        kill -0 "$GATEWAY" 2>/dev/null || break
        sleep 0.05
    done
    cat "$WORK/$1/log"; echo "the gateway did not start"; exit 1
}

unserve() {
    [ -n "${GATEWAY:-}" ] || return 0
    kill "$GATEWAY" 2>/dev/null && wait "$GATEWAY"
    GATEWAY=
}
trap unserve EXIT

# volume_file DIRECTORY ID: prints the file of a volume. After a restore to a volume its name ends in
# the attempt that wrote it, and the old file is removed soon.
volume_file() {
    local found n
    for n in $(seq 100); do
        found=("$1/volume-$2"*)
        [ ${#found[@]} != 1 ] || break
        sleep 0.05
    done
    echo "${found[0]}"
}

# as USER [PROJECT]: sets the environment of the command line clients.
as() {
    export OS_USERNAME=$1 OS_PROJECT_NAME=${2:-$1} OS_USER_DOMAIN_ID=default OS_PROJECT_DOMAIN_ID=default \
        OS_REGION_NAME=${REGION:-RegionOne} OS_IDENTITY_API_VERSION=3
    unset OS_CLOUD OS_CLIENT_CONFIG_FILE
}
