# Sourced by run: a browser without JavaScript uses the console through HAProxy, which sends each request to the
# other gateway. One of them is restarted meanwhile.
front=http://127.0.0.1:$((PORT + 3)) jar=$dir/jar page=$dir/page
cat >"$dir/haproxy.cfg" <<END
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    option redispatch
listen gateways
    bind 127.0.0.1:$((PORT + 3))
    balance roundrobin
    option httpchk GET /healthcheck
    http-response set-header X-Gateway %s
    default-server check inter 100ms fall 1 rise 1
    server g1 127.0.0.1:$PORT
    server g2 127.0.0.1:$((PORT + 1))
END
/usr/sbin/haproxy -f "$dir/haproxy.cfg" >"$dir/haproxy.log" 2>&1 & balancer=$!
for n in $(seq 100); do curl -fsS "$front/healthcheck" >/dev/null 2>&1 && break; sleep 0.1; done

# visit PATH [ARGUMENT...]: opens a page, and follows to the one after it. The page is in $page, and the
# gateways that answered are in $page.head.
visit() {
    local path=$1; shift
    curl -fsS -L --max-time 10 -b "$jar" -c "$jar" -D "$page.head" -o "$page" "$@" "$front$path"
}
form() { grep -o 'name="form" value="[^"]*"' "$page" | head -1 | cut -d'"' -f4; }
# inside PATH: the page is one of a session.
inside() { visit "$1" && grep -q '/ui/logout' "$page"; }
# tour [GATEWAY...]: opens all pages twice, and each of the gateways answers.
tour() {
    local path round seen=
    for round in 1 2; do
        for path in /ui/ /ui/volumes /ui/backups /ui/moves /ui/services; do
            inside "$path" || { echo "$path is not a page of the session"; cat "$page"; return 1; }
            seen+=$(grep -i '^x-gateway' "$page.head")
        done
    done
    for path; do grep -q "$path" <<<"$seen" || { echo "$path has answered no page"; return 1; }; done
}
# told COUNT: the page has so many messages.
told() { [ "$(grep -c 'Name the new volume' "$page")" = "$1" ]; }

ok 'the console behind a load balancer: a login' visit /ui/login -d 'way=noauth&user=tester&project=abc'
ok '... all pages, at both gateways' tour g1 g2
ok '... an action' visit /ui/backups/restore --data-urlencode "form=$(form)" -d 'id=a&to=new&name='
ok '... its message comes' told 1
ok '... and comes once' visit /ui/volumes
ok '... at no page after it' told 0
stop_first
ok '... a gateway stops: all pages, at the other one' tour g2
ok '... it starts again' start one "$PORT"
for n in $(seq 50); do visit /ui/ && grep -q '^x-gateway: g1' "$page.head" && break; sleep 0.1; done
ok '... all pages, at both' tour g1 g2
visit /ui/volumes
ok '... a logout' visit /ui/logout --data-urlencode "form=$(form)"
for n in 1 2; do ok '... ends the session at both' grep -q 'name="way"' <(visit /ui/volumes; cat "$page"); done
stop_balancer
