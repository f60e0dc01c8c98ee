"""client.py COMMAND URL...: what acceptance/postgres/run asks of gateways without a login."""

import glob
import json
import os
import sys
import time
import urllib.error
import urllib.request

HEADERS = {'X-Auth-Token': 'admin:abc', 'Content-Type': 'application/json', 'OpenStack-API-Version': 'volume 3.60'}


def call(url, method, path, body=None):
    r = urllib.request.Request(url + '/v3/abc' + path, None if body is None else json.dumps(body).encode(), HEADERS, method=method)
    with urllib.request.urlopen(r, timeout=30) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def settle(url, kind, ident):
    for _ in range(600):
        got = call(url, 'GET', '/%ss/%s' % (kind, ident))[kind]
        if got['status'] == 'available':
            return got
        if got['status'].startswith('error'):
            sys.exit('%s: %s' % (kind, got))
        time.sleep(0.05)
    sys.exit('%s is still %s' % (kind, got))


def volume_file(data, ident):
    return max(glob.glob('%s/volumes/volume-%s*' % (data, ident)), key=os.path.getmtime)


def make(url, data, made):
    v = call(url, 'POST', '/volumes', {'volume': {'size': 1, 'name': 'before'}})['volume']['id']
    settle(url, 'volume', v)
    blocks = {}
    backups = []
    for n in range(2):
        with open(volume_file(data, v), 'r+b') as f:
            for at in range(n, 64, 2):
                blocks[at] = os.urandom(1 << 16).hex()
                f.seek(at << 20)
                f.write(bytes.fromhex(blocks[at]))
        b = call(url, 'POST', '/backups', {'backup': {'volume_id': v, 'incremental': n > 0}})['backup']['id']
        settle(url, 'backup', b)
        backups.append(b)
    json.dump({'volume': v, 'backups': backups, 'blocks': blocks}, open(made, 'w'))


def same(one, two, made):
    made = json.load(open(made))
    for path in ('/volumes/detail', '/backups/detail', '/volumes/' + made['volume'], '/backups/' + made['backups'][1]):
        a, b = call(one, 'GET', path), call(two, 'GET', path)
        if json.dumps(a).replace(one, '') != json.dumps(b).replace(two, ''):
            sys.exit('%s: %s and %s' % (path, a, b))
    if call(two, 'GET', '/volumes/' + made['volume'])['volume']['os-vol-host-attr:host'] != 'g1@embedded#embedded':
        sys.exit('the volume is not at g1')


def restore(url, work, made):
    made = json.load(open(made))
    v = call(url, 'POST', '/backups/%s/restore' % made['backups'][1], {'restore': {'name': 'restored'}})['restore']['volume_id']
    got = settle(url, 'volume', v)
    host = (got['os-vol-host-attr:host'] or 'g1@').split('@')[0]
    with open(volume_file('%s/%s' % (work, host), v), 'rb') as f:
        for at in range(64):
            f.seek(at << 20)
            if f.read(1 << 16).hex() != made['blocks'][str(at)]:
                sys.exit('block %d is another one' % at)


def fresh(one, two, count):
    """Each create at one gateway is read at once at the other one."""
    stale = 0
    for n in range(int(count)):
        a, b = (one, two) if n % 2 else (two, one)
        v = call(a, 'POST', '/volumes', {'volume': {'size': 1}})['volume']['id']
        try:
            call(b, 'GET', '/volumes/' + v)
            if v not in [x['id'] for x in call(b, 'GET', '/volumes?limit=5')['volumes']]:
                stale += 1
        except urllib.error.HTTPError:
            stale += 1
        settle(b, 'volume', v)
        call(b, 'DELETE', '/volumes/' + v)
        if call(a, 'GET', '/volumes/detail?status=available&id=' + v)['volumes']:
            stale += 1
    print(count, 'creates and deletes,', stale, 'stale answers')
    if stale:
        sys.exit(1)


def empty(url, made):
    """Deletes all volumes but the first one."""
    made = json.load(open(made))
    while True:
        others = [v for v in call(url, 'GET', '/volumes/detail')['volumes'] if v['id'] != made['volume']]
        if not others:
            return
        for v in others:
            if v['status'] == 'available':
                call(url, 'DELETE', '/volumes/' + v['id'])
        time.sleep(0.1)


if __name__ == '__main__':
    {'make': make, 'same': same, 'restore': restore, 'fresh': fresh, 'empty': empty}[sys.argv[1]](*sys.argv[2:])
