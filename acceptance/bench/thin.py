"""thin.py API AUTH VOLUMES STORE PID CASE...: measures what backups of thin volumes cost, of a
gateway or of a real Cinder. API and AUTH are their URLs, VOLUMES and STORE the directories
of volumes and backups, PID the process that copies the data (its peak memory is reported).

A CASE is GIB:MIB:PIECE: a sparse volume of GIB GiB with MIB MiB of random data in pieces of
PIECE KiB, spread evenly; "GIB:MIB:PIECE:odd" puts each piece at a random multiple of 4 KiB.
With `used` at its end, the case also restores over a volume of GIB GiB full of data. Every
restored volume is compared with the source: data with data, holes with zeroes."""

import json
import os
import random
import re
import sys
import time
import urllib.error
import urllib.request

from checks import volume_file

API, AUTH, VOLUMES, STORE, PID = sys.argv[1:6]
MIB, GIB = 1 << 20, 1 << 30
LIMIT = int(os.environ.get('THIN_LIMIT', 3600))  # seconds until an operation counts as hanging
USER = os.environ.get('THIN_USER', 'rec')


def request(method, url, body=None, headers={}):
    r = urllib.request.Request(url, None if body is None else json.dumps(body).encode(),
                               {'Content-Type': 'application/json',
                                'OpenStack-API-Version': 'volume 3.60', **headers}, method=method)
    with urllib.request.urlopen(r) as answer:
        text = answer.read()
        return answer.headers, json.loads(text) if text else None


headers, token = request('POST', AUTH + '/auth/tokens', {'auth': {
    'identity': {'methods': ['password'], 'password': {'user': {
        'name': USER, 'password': os.environ['OS_PASSWORD'], 'domain': {'id': 'default'}}}},
    'scope': {'project': {'name': USER, 'domain': {'id': 'default'}}}}})
TOKEN = headers['X-Subject-Token']
PREFIX = '%s/v3/%s' % (API, token['token']['project']['id'])


def api(method, path, body=None):
    return request(method, PREFIX + path, body, {'X-Auth-Token': TOKEN})[1]


def settle(kind, ident, start):
    while True:
        got = api('GET', '/%ss/%s' % (kind, ident))[kind]
        if got['status'] == 'available':
            return
        if 'error' in got['status']:
            sys.exit('%s: %s' % (kind, got))
        if time.time() - start > LIMIT:
            sys.exit('%s is %s after %d s' % (kind, got['status'], LIMIT))
        time.sleep(0.02)


def gone(kind, ident):
    api('DELETE', '/%ss/%s' % (kind, ident))
    while True:
        try:
            api('GET', '/%ss/%s' % (kind, ident))
        except urllib.error.HTTPError as e:
            if e.code == 404:
                return
            raise
        time.sleep(0.05)


def volume(gib):
    v = api('POST', '/volumes', {'volume': {'size': gib}})['volume']['id']
    settle('volume', v, time.time())
    return v, '%s/volume-%s' % (VOLUMES, v)


def peak():
    return int(re.search(r'VmHWM:\s*(\d+)', open('/proc/%s/status' % PID).read())[1]) // 1024


def timed(name, action, *waits):
    with open('/proc/%s/clear_refs' % PID, 'w') as f:
        f.write('5')
    start = time.time()
    answer = action()
    for kind, ident in waits or (('backup', answer['backup']['id']),):
        settle(kind, ident, start)
    print('%-44s %10.2f %11d MiB' % (name, time.time() - start, peak()), flush=True)
    return answer


def backup(name, v, **more):
    return timed(name, lambda: api('POST', '/backups', {'backup': dict(volume_id=v, **more)}))['backup']['id']


def restore(name, b, v):
    timed(name, lambda: api('POST', '/backups/%s/restore' % b, {'restore': {'volume_id': v}}), ('volume', v), ('backup', b))


def stored():
    """Returns the bytes that the store's files occupy, and their number."""
    total = count = 0
    for d, _, names in os.walk(STORE):
        for name in names:
            total += os.lstat(os.path.join(d, name)).st_blocks * 512
            count += 1
    return total, count


def extents(f, size):
    """Yields the ranges that are not holes."""
    at = 0
    while at < size:
        try:
            start = os.lseek(f, at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(f, start, os.SEEK_HOLE)
        yield start, min(at, size)


def equal(a, b):
    """Compares two files of the same length without reading what is a hole in both."""
    with open(a, 'rb') as f, open(b, 'rb') as g:
        size = os.fstat(f.fileno()).st_size
        if os.fstat(g.fileno()).st_size != size:
            return False
        for x, y in ((f, g), (g, f)):
            for start, stop in extents(x.fileno(), size):
                for at in range(start, stop, MIB):
                    n = min(MIB, stop - at)
                    if os.pread(x.fileno(), n, at) != os.pread(y.fileno(), n, at):
                        return False
    return True


def fill(path, size, total, piece, odd):
    r = random.Random(1)
    pieces = total // piece
    stride = size // pieces
    with open(path, 'r+b', buffering=0) as f:
        for n in range(pieces):
            at = n * stride
            if odd:
                at += r.randrange(max(1, (stride - piece) // 4096)) * 4096
            os.pwrite(f.fileno(), os.urandom(piece), at)
        os.fsync(f.fileno())


print('%-44s %10s %15s' % ('', 's', 'peak RSS'))
for case in sys.argv[6:]:
    words = case.split(':')
    gib, mib, kib = map(int, words[:3])
    label = '%d GiB, %d MiB in %d KiB%s' % (gib, mib, kib, ' odd' if 'odd' in words else '')
    v, path = volume(gib)
    fill(path, gib * GIB, mib * MIB, kib << 10, 'odd' in words)
    before, files = stored()
    full = backup(label + ': full', v)
    once, _ = stored()
    incremental = backup(label + ': incremental, unchanged', v, incremental=True)
    twice, more = stored()
    print('%-44s %10.3f GiB (full %.3f), %d objects' % (label + ': store', (twice - before) / GIB, (once - before) / GIB, more - files), flush=True)
    w, _ = volume(gib)
    restore(label + ': restore to new', incremental, w)
    wpath = volume_file(VOLUMES, w)
    if not equal(path, wpath):
        sys.exit('%s: the new volume differs' % label)
    # The restored volume now has old data at the same places, and these pieces elsewhere.
    fill(wpath, gib * GIB, min(mib, 256) * MIB, 256 << 10, True)
    restore(label + ': restore in place', full, w)
    wpath = volume_file(VOLUMES, w)
    if not equal(path, wpath):
        sys.exit('%s: the volume restored in place differs' % label)
    if 'used' in words:
        with open(wpath, 'r+b', buffering=0) as f:
            noise = os.urandom(MIB)
            for n in range(gib << 10):
                os.pwrite(f.fileno(), noise, n << 20)
            os.fsync(f.fileno())
        restore(label + ': restore over a full volume', full, w)
        wpath = volume_file(VOLUMES, w)
        if not equal(path, wpath):
            sys.exit('%s: the volume restored over data differs' % label)
    for kind, ident in ('backup', incremental), ('backup', full), ('volume', v), ('volume', w):
        gone(kind, ident)
