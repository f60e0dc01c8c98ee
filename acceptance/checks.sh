# Sourced by scripts that run commands as a user would. Each check counts in $passed or
# $failed. The scripts set the caller's $token and $project, and $URL.

passed=0 failed=0

# ok DESCRIPTION COMMAND...: the command must succeed. Its output is in $out.
ok() {
    local what=$1; shift
    if out=$("$@" 2>&1); then passed=$((passed + 1)); echo "ok   $what"
    else failed=$((failed + 1)); echo "FAIL $what: $*"; sed 's/^/       /' <<<"$out"; fi
}

# is DESCRIPTION WANT GOT: both texts must be equal.
is() {
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok   $1"
    else failed=$((failed + 1)); echo "FAIL $1: '$3', not '$2'"; fi
}

# refused DESCRIPTION STATUS COMMAND...: the command must fail with that HTTP status.
refused() {
    local what=$1 status=$2; shift 2
    if out=$("$@" 2>&1) || ! grep -q "HTTP $status" <<<"$out"; then
        failed=$((failed + 1)); echo "FAIL $what: not refused with $status: $*"; sed 's/^/       /' <<<"$out"
    else passed=$((passed + 1)); echo "ok   $what"; fi
}

# says TEXT: the output of the last command must contain TEXT.
says() {
    if grep -qF -- "$1" <<<"$out"; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "FAIL   did not print: $1"; sed 's/^/       /' <<<"$out"; fi
}

# restored COMMAND...: runs a restore. openstackclient 6.0.0 restores, but then fails to
# print the answer (fixed in 7.3); this one failure is accepted.
restored() {
    local what=$1; shift
    out=$("$@" 2>&1)
    if [ $? = 0 ] || grep -q 'cannot unpack non-iterable VolumeBackupsRestore' <<<"$out"; then
        passed=$((passed + 1)); echo "ok   $what"
    else failed=$((failed + 1)); echo "FAIL $what: $*"; sed 's/^/       /' <<<"$out"; fi
}

# settled KIND NAME: prints the resource's id once its status is no longer one of a change
# in progress. The status must then be available. If several have the name, it takes the
# newest.
settled() {
    local id status n
    for n in $(seq 1200); do
        read -r id status < <(curl -fsS -H "X-Auth-Token: $token" "$URL/v3/$project/$1s/detail?name=$2&limit=1" |
            /usr/bin/python3 -c 'import json, sys
for x in json.load(sys.stdin)[sys.argv[1] + "s"]: print(x["id"], x["status"])' "$1")
        case $status in creating | restoring | restoring-backup | backing-up | deleting) sleep 0.1 ;; *) break ;; esac
    done
    [ "$status" = available ] || echo "FAIL   $1 $2 is '$status'" >&2
    echo "$id"
}
settle() { settled "$@" >/dev/null; }
