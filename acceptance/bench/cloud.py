"""cloud.py instant GATEWAY UPSTREAM PID: measures the time that the gateway adds to an
upstream that answers at once, the growth of its memory, and how much 200 clients with slow
answers delay the others.

cloud.py real GATEWAY CINDER KEYSTONE: compares requests through the gateway with requests
sent directly to the same Cinder, in turns."""

import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

VERSION = 'volume 3.70'
TURNS = 20  # the rate of a real Cinder varies by a tenth between turns
SECONDS = int(os.environ.get('SECONDS_EACH', 5))


def wrk(url, token, seconds, connections=16):
    """Returns requests per second, their number, and the median and 99 % latency in ms."""
    out = subprocess.run(['wrk', '-t1', '-c%d' % connections, '-d%ds' % seconds, '--timeout', '30s', '--latency',
                          '-H', 'X-Auth-Token: ' + token, '-H', 'OpenStack-API-Version: ' + VERSION, url], check=True, capture_output=True, text=True).stdout
    if 'Non-2xx' in out or 'Socket errors' in out:
        sys.exit(out)
    ms = {'us': 0.001, 'ms': 1, 's': 1000}

    def latency(percent):
        n, unit = re.search(r'^ +%d%% +([\d.]+)(us|ms|s)' % percent, out, re.M).groups()
        return float(n) * ms[unit]
    return (float(re.search(r'Requests/sec:\s*([\d.]+)', out)[1]), int(re.search(r'(\d+) requests in', out)[1]),
            latency(50), latency(99))


def table(*heads):
    print('\n%-34s' % heads[0] + ''.join('%14s' % h for h in heads[1:]))


def row(name, *cells):
    print('%-34s' % name + ''.join('%14s' % c for c in cells), flush=True)


def instant(gateway, upstream, pid):
    path = '/v3/0123456789abcdef0123456789abcdef/'
    backup = path + 'backups/b5e2f6a0-0000-4000-8000-000000000001'
    volume = path + 'volumes/b5e2f6a0-0000-4000-8000-000000000002'

    def rss():
        return int(re.search(r'VmRSS:\s*(\d+)', open('/proc/%s/status' % pid).read())[1]) / 1024

    print('An upstream that answers at once; wrk, 16 connections, %d s each; token checked, cached' % SECONDS)
    table('', 'req/s', 'p50 ms', 'p99 ms', 'alone req/s')
    for name, p in ('GET one backup', backup), ('GET one volume (passthrough)', volume):
        alone = wrk(upstream + p, 't', SECONDS)[0]
        rate, _, p50, p99 = wrk(gateway + p, 't', SECONDS)
        row(name, '%.0f' % rate, '%.2f' % p50, '%.2f' % p99, '%.0f' % alone)

    before, n = rss(), 0
    while n < 100_000:
        n += wrk(gateway + (volume if n % 2 else backup), 't', SECONDS)[1]
    print('\nRSS before %.0f MiB, after %d more requests %.0f MiB' % (before, n, rss()))

    at = urllib.parse.urlsplit(gateway)
    slow = [socket.create_connection((at.hostname, at.port)) for _ in range(200)]
    for s in slow:
        s.sendall(('GET %svolumes/slow HTTP/1.1\r\nHost: x\r\nX-Auth-Token: t\r\n\r\n' % path).encode())
    for s in slow:
        if not s.recv(12).endswith(b' 200'):
            sys.exit('a slow answer did not begin')
    table('with 200 slow answers under way', 'req/s', 'p50 ms', 'without', 'ratio')
    rate, _, p50, _ = wrk(gateway + backup, 't', SECONDS)
    for s in slow:
        s.close()
    alone = wrk(gateway + backup, 't', SECONDS)[0]
    row('GET one backup', '%.0f' % rate, '%.2f' % p50, '%.0f' % alone, '%.2f' % (rate / alone))


def real(gateway, cinder, keystone):
    def ask(method, url, body=None, token=None):
        r = urllib.request.Request(url, body and json.dumps(body).encode(), {
            'Content-Type': 'application/json', **({'X-Auth-Token': token} if token else {})}, method=method)
        with urllib.request.urlopen(r) as answer:
            text = answer.read()
            return answer.headers, json.loads(text) if text else None

    headers, login = ask('POST', keystone + '/auth/tokens', {'auth': {
        'identity': {'methods': ['password'], 'password': {'user': {
            'name': 'rec', 'password': os.environ['OS_PASSWORD'], 'domain': {'id': 'default'}}}},
        'scope': {'project': {'name': 'rec', 'domain': {'id': 'default'}}}}})
    token = headers['X-Subject-Token']
    path = '/v3/' + login['token']['project']['id']

    def api(method, p, body=None):
        return ask(method, cinder + path + p, body, token)[1]

    def settle(kind, ident):
        for _ in range(600):
            status = api('GET', '/%ss/%s' % (kind, ident))[kind]['status']
            if status == 'available':
                return
            if 'error' in status:
                sys.exit('%s %s is %s' % (kind, ident, status))
            time.sleep(0.2)
        sys.exit('%s %s is still %s' % (kind, ident, status))

    def gone(p):
        for _ in range(600):
            try:
                api('GET', p)
            except urllib.error.HTTPError as e:
                if e.code == 404:
                    return
                raise
            time.sleep(0.2)
        sys.exit(p + ' is still there')

    v = api('POST', '/volumes', {'volume': {'size': 1}})['volume']['id']
    settle('volume', v)
    backups = []
    for n in range(3):
        backups.append(api('POST', '/backups', {'backup': {'volume_id': v, 'incremental': n > 0}})['backup']['id'])
        settle('backup', backups[-1])
    paths = (('GET backups/detail', path + '/backups/detail'), ('GET one backup', path + '/backups/' + backups[0]),
             ('GET volumes/detail (passthrough)', path + '/volumes/detail'))

    print('\nA real Cinder on a core of its own; in turns straight to it and through the gateway')
    table('wrk, 8 connections, %d x 2 s' % TURNS, 'direct req/s', 'gateway', 'ratio')
    for name, p in paths:
        rates = {cinder: 0, gateway: 0}
        for n in range(TURNS):
            for side in (cinder, gateway) if n % 2 else (gateway, cinder):
                rates[side] += wrk(side + p, token, 2, 8)[0] / TURNS
        row(name, '%.1f' % rates[cinder], '%.1f' % rates[gateway], '%.3f' % (rates[gateway] / rates[cinder]))

    table('one after another, 300 each', 'direct p50 ms', 'gateway', 'added ms')
    for name, p in paths:
        took = {cinder: [], gateway: []}
        # Keeps connections alive if the server does, like clients' sessions.
        at = {side: http.client.HTTPConnection(urllib.parse.urlsplit(side).netloc) for side in took}
        for n in range(300):
            for side in (cinder, gateway) if n % 2 else (gateway, cinder):
                start = time.perf_counter()
                at[side].request('GET', p, headers={'X-Auth-Token': token, 'OpenStack-API-Version': VERSION})
                answer = at[side].getresponse()
                answer.read()
                if answer.status != 200:
                    sys.exit('%s%s: %d' % (side, p, answer.status))
                took[side].append(1000 * (time.perf_counter() - start))
        direct, through = statistics.median(took[cinder]), statistics.median(took[gateway])
        row(name, '%.2f' % direct, '%.2f' % through, '%.2f' % (through - direct))
    for b in reversed(backups):
        api('DELETE', '/backups/' + b)
        gone('/backups/' + b)
    api('DELETE', '/volumes/' + v)


{'instant': instant, 'real': real}[sys.argv[1]](*sys.argv[2:])
