# Sourced by the scripts here: two labs with the clouds a and b, and what the scripts do there.
# MOVE_OFFSETS are the port offsets of the two labs. MOVE_LABS names two labs that are up
# already, which are left as they are.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
set -u
here=$ROOT/acceptance/openstack
dir=$WORK/move
state=$dir/state
read -r offset_a offset_b <<<"${MOVE_OFFSETS:-10000 20000}"
read -r A B <<<"${MOVE_LABS:-$dir/a $dir/b}"
rm -rf "$state" "$dir"/*.log "$dir"/point*
mkdir -p "$dir"
proxy=
WRITER=
GATEWAY=
down() {
    [ -z "$GATEWAY" ] || kill "$GATEWAY" 2>/dev/null
    [ -z "$WRITER" ] || kill "$WRITER" 2>/dev/null
    [ -z "$proxy" ] || kill "$proxy" 2>/dev/null
    [ -n "${MOVE_LABS:-}" ] && return
    LAB=$A "$here/down" ${leave:+"$leave"} >/dev/null
    LAB=$B "$here/down" ${leave:+"$leave"} >/dev/null
}
leave= # the labs' data stay if something failed
trap down EXIT
if [ -z "${MOVE_LABS:-}" ]; then
    export LAB_BACKUP_DRIVER=swift LAB_GLANCE=1 LAB_TOKEN_SECONDS=${LAB_TOKEN_SECONDS:-60} LAB_PASSWORD=$OS_PASSWORD
    LAB=$A LAB_PORT_OFFSET=$offset_a "$here/up" >"$dir/a.log" 2>&1 &
    LAB=$B LAB_PORT_OFFSET=$offset_b "$here/up" >"$dir/b.log" 2>&1
    up=$?
    wait $! || { tail -20 "$dir/a.log"; exit 1; }
    [ $up = 0 ] || { tail -20 "$dir/b.log"; exit 1; }
fi
password=$(sed -n 's/^LAB_PASSWORD=//p' "$A/settings")

# The entries of clouds.yaml: a, b, and b-reader, who may not write to Swift.
export OS_CLIENT_CONFIG_FILE=$dir/clouds.yaml
entry() { # NAME LAB USER
    cat <<END
  $1:
    auth: {auth_url: "http://127.0.0.1:$((5000 + $(sed -n 's/^LAB_PORT_OFFSET=//p' "$2/settings")))/v3", username: $3, password: $password,
           project_name: rec, user_domain_name: Default, project_domain_name: Default}
    region_name: RegionOne
    volume_api_version: 3
END
}
{ echo clouds:; entry a "$A" rec; entry b "$B" rec; entry b-reader "$B" rec-reader; } >"$OS_CLIENT_CONFIG_FILE"
unset OS_PASSWORD OS_AUTH_URL
a() { OS_CLOUD=a openstack --os-volume-api-version 3.60 "$@"; }
b() { OS_CLOUD=b openstack --os-volume-api-version 3.60 "$@"; }
mover() { timeout 600 "$ROOT/build/cindergate" move "$@" --state "$state"; }
# await SECONDS COMMAND...: repeats a command until it succeeds.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "timeout: $*" >&2; return 1; }
        sleep 0.2
    done
}
is() { [ "$("$1" $2 show "$3" -f value -c status)" = available ]; } # CLOUD KIND ID
# After a restore to a volume, the name of a Cindergate's file ends in the attempt that wrote it.
file() {
    local found
    for _ in $(seq 50); do # the old file is removed soon after the restore
        found=("$1/volumes/volume-$2"*)
        [ ${#found[@]} != 1 ] || break
        sleep 0.1
    done
    echo "${found[0]}"
}
random() { dd if=/dev/urandom of="$1" bs=1M count="$2" seek="$3" conv=notrunc status=none; } # FILE MIB AT
the_only() { b volume show "$1" -f value -c id; }
