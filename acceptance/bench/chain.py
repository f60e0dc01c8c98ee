"""chain.py API DATA LOG [GIB [DAYS]]: deletes the oldest of DAYS + 1 daily backups of a volume of GIB GiB, of which 1 % changes each day,
and prints how long that takes, what is read and written, and what a new full backup costs.

API is the URL of a gateway without authentication and with embedded.delete_parents: rebase, DATA its directory, LOG its log in
JSON. The volume has random bytes, so that nothing is compressed. At the end the newest and the oldest backup that are left are restored and compared."""

import hashlib
import json
import os
import random
import sys
import time
import urllib.request

from checks import volume_file

API, DATA, LOG = sys.argv[1:4]
SIZE = int(sys.argv[4]) if len(sys.argv) > 4 else 4
DAYS = int(sys.argv[5]) if len(sys.argv) > 5 else 30
MIB, GIB = 1 << 20, 1 << 30
PROJECT = '1' * 32
VOLUMES = DATA + '/volumes'


def api(method, path, body=None):
    r = urllib.request.Request('%s/v3/%s%s' % (API, PROJECT, path), None if body is None else json.dumps(body).encode(),
                               {'Content-Type': 'application/json', 'X-Auth-Token': 'bench:' + PROJECT, 'OpenStack-API-Version': 'volume 3.60'}, method=method)
    with urllib.request.urlopen(r) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def settle(kind, ident, wanted='available'):
    while True:
        got = api('GET', '/%ss/%s' % (kind, ident))[kind]
        if got['status'] == wanted:
            return
        if 'error' in got['status']:
            sys.exit('%s: %s' % (kind, got))
        time.sleep(0.02)


def rest():
    while api('GET', '/jobs')['jobs']:
        time.sleep(0.02)


def stored():
    """The bytes of the store; objects with several names count once."""
    seen = {}
    for at, _, names in os.walk(DATA + '/backups'):
        for name in names:
            st = os.stat(os.path.join(at, name))
            seen[st.st_ino] = st.st_size
    return sum(seen.values())


def digest(volume):
    h = hashlib.sha256()
    with open(volume_file(VOLUMES, volume), 'rb') as f:
        while piece := f.read(16 * MIB):
            h.update(piece)
    return h.hexdigest()


def backup(volume, **more):
    b = api('POST', '/backups', {'backup': {'volume_id': volume, **more}})['backup']['id']
    settle('backup', b)
    return b


def change(volume):
    """1 % of the volume, in pieces of 1 MiB that lie anywhere."""
    with open(volume_file(VOLUMES, volume), 'r+b') as f:
        for _ in range(max(1, SIZE * 1024 // 100)):
            f.seek(random.randrange(SIZE * 1024) * MIB)
            f.write(os.urandom(MIB))


volume = api('POST', '/volumes', {'volume': {'size': SIZE}})['volume']['id']
settle('volume', volume)
with open(volume_file(VOLUMES, volume), 'r+b') as f:
    for _ in range(SIZE * 1024 // 16):
        f.write(os.urandom(16 * MIB))
start = time.time()
chain = [backup(volume)]
full, points = time.time() - start, {chain[0]: digest(volume)}
for _ in range(DAYS):
    change(volume)
    chain.append(backup(volume, incremental=True))
    points[chain[-1]] = digest(volume)
print('a volume of %d GiB, a full backup (%.1f s) and %d incremental ones: %.2f GiB in the store' % (SIZE, full, DAYS, stored() / GIB))
for n in range(3):
    before, start = os.path.getsize(LOG), time.time()
    api('DELETE', '/backups/' + chain[0])
    while chain[0] in [b['id'] for b in api('GET', '/backups')['backups']]:
        time.sleep(0.02)
    took = time.time() - start
    rest()
    with open(LOG) as f:
        f.seek(before)
        line = next(json.loads(text) for text in f if 'a backup has been rebased' in text)
    print('delete of the oldest: %.2f s; %d objects, of which the store has linked or copied %d; %.3f GiB read, %.3f GiB written (%.1f %% of the volume); %.2f GiB in the store'
          % (took, line['objects'], line['copied'], line['read_bytes'] / GIB, line['written_bytes'] / GIB, 100 * line['written_bytes'] / GIB / SIZE, stored() / GIB))
    chain.pop(0)
start = time.time()
made = backup(volume, incremental=True, metadata={'cindergate:synthetic': 'full'})
points[made] = digest(volume)
print('a synthetic full backup of the chain: %.2f s' % (time.time() - start))
for b in (chain[0], chain[-1], made):
    target = api('POST', '/backups/%s/restore' % b, {'restore': {'name': 'check'}})['restore']['volume_id']
    settle('volume', target)
    if digest(target) != points[b]:
        sys.exit('backup %s restores other bytes' % b)
    api('DELETE', '/volumes/' + target)
print('the oldest, the newest and the synthetic one restore to their bytes')
