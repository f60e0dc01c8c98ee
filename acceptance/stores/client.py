"""Imported by the scripts here: a client of a gateway with auth: noauth. The first arguments
of the script are the gateway's URL and its data directory."""

import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request

URL, DATA = sys.argv[1:3]
PROJECT = '0123456789abcdef0123456789abcdef'
MIB = 1 << 20


def api(method, path, body=None):
    r = urllib.request.Request('%s/v3/%s%s' % (URL, PROJECT, path), None if body is None else json.dumps(body).encode(),
                               {'Content-Type': 'application/json', 'X-Auth-Token': 'admin:' + PROJECT,
                                'OpenStack-API-Version': 'volume 3.60'}, method=method)
    with urllib.request.urlopen(r) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def settled(kind, ident, seconds=120):
    end = time.time() + seconds
    while time.time() < end:
        got = api('GET', '/%ss/%s' % (kind, ident))[kind]
        if got['status'] == 'available' or got['status'].startswith('error'):
            return got
        time.sleep(0.02)
    return got


def gone(ident):
    api('DELETE', '/backups/' + ident)
    end = time.time() + 60
    while time.time() < end:
        try:
            got = api('GET', '/backups/' + ident)['backup']
        except urllib.error.HTTPError as e:
            return e.code == 404
        if got['status'] == 'error':
            return False
        time.sleep(0.02)
    return False


def volume():
    v = api('POST', '/volumes', {'volume': {'size': 1}})['volume']['id']
    settled('volume', v)
    return v, '%s/volumes/volume-%s' % (DATA, v)


def noise(path, mib, at):
    with open(path, 'r+b') as f:
        f.seek(at * MIB)
        f.write(random.randbytes(mib * MIB))


def backup(v, container=None, **more):
    body = dict(volume_id=v, **more)
    if container:
        body['container'] = container
    return settled('backup', api('POST', '/backups', {'backup': body})['backup']['id'])


def restored(b, path):
    r = api('POST', '/backups/%s/restore' % b, {'restore': {}})['restore']
    got = settled('volume', r['volume_id'])
    if got['status'] != 'available':
        print('the restored volume is', got['status'])
    same = got['status'] == 'available' and subprocess.run(['cmp', path, '%s/volumes/volume-%s' % (DATA, got['id'])]).returncode == 0
    settled('backup', b)
    api('DELETE', '/volumes/' + got['id'])
    return same
