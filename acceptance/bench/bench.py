"""bench.py URL PID DATA: measures requests per second and latency of a running gateway,
and the speed and peak memory of backups and restores of 1 GiB volumes."""

import json
import os
import random
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

from checks import volume_file

URL, PID, DATA = sys.argv[1:4]
MIB = 1 << 20
SIZE = 1024
SECONDS = int(os.environ.get('SECONDS_EACH', 10))
baseline = {}
if os.environ.get('CINDER_BASELINE'):
    baseline = json.load(open(os.environ['CINDER_BASELINE']))


def request(method, path, body=None, headers={}):
    r = urllib.request.Request(URL + path, None if body is None else json.dumps(body).encode(),
                               {'Content-Type': 'application/json',
                                'OpenStack-API-Version': 'volume 3.60', **headers}, method=method)
    with urllib.request.urlopen(r) as answer:
        text = answer.read()
        return answer.headers, json.loads(text) if text else None


headers, token = request('POST', '/identity/v3/auth/tokens', {'auth': {
    'identity': {'methods': ['password'], 'password': {'user': {
        'name': 'rec', 'password': os.environ['OS_PASSWORD'], 'domain': {'id': 'default'}}}},
    'scope': {'project': {'name': 'rec', 'domain': {'id': 'default'}}}}})
TOKEN = headers['X-Subject-Token']
P = '/v3/' + token['token']['project']['id']


def api(method, path, body=None):
    return request(method, P + path, body, {'X-Auth-Token': TOKEN})[1]


def settle(kind, ident):
    while True:
        got = api('GET', '/%ss/%s' % (kind, ident))[kind]
        if got['status'] == 'available':
            return
        if got['status'].startswith('error'):
            sys.exit('%s: %s' % (kind, got))
        time.sleep(0.01)


def volume():
    v = api('POST', '/volumes', {'volume': {'size': 1}})['volume']['id']
    settle('volume', v)
    return v, '%s/volumes/volume-%s' % (DATA, v)


def gone(ident):
    api('DELETE', '/backups/' + ident)
    while True:
        try:
            api('GET', '/backups/' + ident)
        except urllib.error.HTTPError:
            return
        time.sleep(0.01)


def ratio(name, key, value):
    theirs = baseline.get(name, {}).get(key)
    return '%10.1fx' % (value / theirs) if theirs else ''


# ---------------------------------------------------------------- requests

v, _ = volume()
ids = []
for n in range(100):
    settle('volume', v)
    ids.append(api('POST', '/backups', {'backup': {
        'volume_id': v, 'name': 'bench-%03d' % n, 'description': 'one of a hundred',
        'incremental': n > 0}})['backup']['id'])
settle('volume', v)
print('wrk, 8 connections, 2 threads, %d s each, token checked' % SECONDS)
print('%-32s %10s %10s %10s %11s' % ('', 'req/s', 'p50', 'p99', 'to Cinder'))
for name, path in (('GET backups/detail (100)', P + '/backups/detail'),
                   ('GET one backup', P + '/backups/' + ids[0]), ('GET / (versions)', '/')):
    out = subprocess.run(['wrk', '-t2', '-c8', '-d%ds' % SECONDS, '--latency',
                          '-H', 'X-Auth-Token: ' + TOKEN, URL + path],
                         check=True, capture_output=True, text=True).stdout
    get = lambda pattern: (re.search(pattern, out, re.M) or [None, '?'])[1]
    rate = float(get(r'Requests/sec:\s*([\d.]+)'))
    print('%-32s %10.0f %10s %10s %11s%s' % (
        name, rate, get(r'^ +50% +(\S+)'), get(r'^ +99% +(\S+)'), ratio(name, 'requests_per_s', rate),
        '  NOT 2xx: ' + get(r'Non-2xx.*: (\d+)') if 'Non-2xx' in out and name[4] != '/' else ''), flush=True)
for ident in reversed(ids):
    gone(ident)


# ---------------------------------------------------------------- data

def peak():
    return int(re.search(r'VmHWM:\s*(\d+)', open('/proc/%s/status' % PID).read())[1]) // 1024


def timed(name, action, *waits):
    with open('/proc/%s/clear_refs' % PID, 'w') as f:
        f.write('5')
    start = time.time()
    answer = action()
    for kind, ident in waits or (('backup', answer['backup']['id']),):
        settle(kind, ident)
    took = time.time() - start
    print('%-32s %10.2f %10.0f %7d MiB %11s' % (
        name, took, SIZE / took, peak(), ratio(name, 'mib_per_s', SIZE / took)), flush=True)
    return answer


print('\nvolumes of 1 GiB; from the accepted request until the API says available')
print('%-32s %10s %10s %11s %11s' % ('', 's', 'MiB/s', 'peak RSS', 'to Cinder'))


def backup(name, v, **more):
    return timed(name, lambda: api('POST', '/backups', {'backup': dict(volume_id=v, **more)}))['backup']['id']


def restore(name, b, v):
    timed(name, lambda: api('POST', '/backups/%s/restore' % b, {'restore': {'volume_id': v}}),
          ('volume', v), ('backup', b))


v, path = volume()
with open(path, 'r+b') as f:
    for _ in range(SIZE):
        f.write(os.urandom(MIB))
    os.fsync(f.fileno())
full = backup('full backup, random', v)
with open(path, 'r+b') as f:
    for piece in random.Random(1).sample(range(SIZE * 16), SIZE * 16 // 100):
        f.seek(piece << 16)
        f.write(os.urandom(1 << 16))
    os.fsync(f.fileno())
incremental = backup('incremental, 1% changed', v, incremental=True)
w, _ = volume()
restore('restore of full, random', full, w)
restore('restore of incremental', incremental, w)
subprocess.run(['cmp', path, volume_file(DATA + '/volumes', w)], check=True)
with open(path, 'r+b') as f:
    for _ in range(SIZE):
        noise = os.urandom(MIB // 2)
        f.write(b''.join(noise[i:i + 2048] + bytes(2048) for i in range(0, MIB // 2, 2048)))
    os.fsync(f.fileno())
half = backup('full backup, half compressible', v)
restore('restore of half compressible', half, w)
subprocess.run(['cmp', path, volume_file(DATA + '/volumes', w)], check=True)
sparse, _ = volume()
backup('full backup, sparse', sparse)
