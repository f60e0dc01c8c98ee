# Sourced after checks.sh by scripts that send VBS's own API to the gateway.

# vbs METHOD PATH [BODY]: sends a request of the service.
vbs() {
    curl -sS -w '\nHTTP %{http_code}' -X "$1" -H "X-Auth-Token: $token" -H 'Content-Type: application/json' ${3:+-d "$3"} "$URL$2"
}
member() { /usr/bin/python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())[sys.argv[1]])' "$1" <<<"$out"; }
# job WHAT: polls the job in the last answer.
job() {
    local id n
    id=$(member job_id)
    for n in $(seq 1000); do
        out=$(vbs GET "/v1/$project/jobs/$id")
        case $(member status) in INIT | RUNNING) sleep 0.05 ;; *) break ;; esac
    done
    ok "$1" [ "$(member status)" = SUCCESS ]
}

# own_api SOURCE TARGET: sends the requests of a tool that was written for VBS itself.
own_api() {
    local source=$1 target=$2 backups=/v2/$project/cloudbackups id
    ok 'POST cloudbackups' vbs POST "$backups" "{\"backup\": {\"volume_id\": \"$source\", \"name\": \"vbs1\"}}"
    says 'HTTP 200'
    job 'its job ends well'
    id=$(settled backup vbs1)
    ok 'POST cloudbackups/ID/restore' vbs POST "$backups/$id/restore" "{\"restore\": {\"volume_id\": \"$target\"}}"
    says 'HTTP 200'
    job 'its job ends well'
    ok 'GET cloudbackups/quota' vbs GET "$backups/quota"
    says backup_gigabytes
    ok 'POST cloudbackups with a bad name' vbs POST "$backups" "{\"backup\": {\"volume_id\": \"$source\", \"name\": \"auto1\"}}"
    says '"code":"VolumeBackup.0005"'
    says 'HTTP 400'
    ok 'POST cloudbackups/ID' vbs POST "$backups/$id"
    job 'its job ends well'
}
