"""stores.py GATEWAY DATA FAULTS: backs up, restores and deletes in every store of a running
gateway, while the connections to the store break in every way that the proxies of `faults`
know, and while the store is away. GATEWAY is its URL, with auth: noauth."""

import os
import subprocess
import sys
import time

from checks import check, done, run
from client import MIB, api, backup, gone, noise, restored, volume

FAULTS = sys.argv[3]


def mode(kind, text):
    with open('%s/%s.mode.new' % (FAULTS, kind), 'w') as f:
        f.write(text + '\n')
    os.rename('%s/%s.mode.new' % (FAULTS, kind), '%s/%s.mode' % (FAULTS, kind))
    while True:  # until the proxy has applied it
        try:
            with open('%s/%s.mode.done' % (FAULTS, kind)) as f:
                if f.read() == text + '\n':
                    return
        except FileNotFoundError:
            pass
        time.sleep(0.02)


FAULTS_OF = {
    's3': ('down 3000000', 'up 30000000', 'throttle 3', 'stall 2000000', 'slow 40000000'),
    'swift': ('down 3000000', 'throttle 3', 'stall 2000000'),
    's3api': ('up 30000000',),
}
v, path = volume()


def store(kind):
    noise(path, 40, 100)
    noise(path, 3, 900)
    first = path + '.first'
    subprocess.run(['cp', '--sparse=always', path, first], check=True)
    full = backup(v, kind)
    check(kind + ': full backup', full['status'] == 'available', full)
    noise(path, 2, 110)
    with open(path, 'r+b') as f:  # zeroes over data
        f.seek(120 * MIB)
        f.write(bytes(4 * MIB))
    more = backup(v, incremental=True)
    check(kind + ': incremental backup, beside its parent', more['status'] == 'available' and more['container'] == full['container'], more)
    check(kind + ': restore of the full backup', restored(full['id'], first))
    check(kind + ': restore of the incremental backup', restored(more['id'], path))
    os.remove(first)
    for fault in FAULTS_OF[kind]:
        mode(kind, fault)
        b = backup(v, kind)
        check('%s: backup while it does "%s"' % (kind, fault), b['status'] == 'available', b)
        check('%s: restore while it does "%s"' % (kind, fault), b['status'] == 'available' and restored(b['id'], path))
        mode(kind, 'pass')
        check('%s: delete' % kind, gone(b['id']))
    if kind == 's3api':  # the code is that of s3, and the server that of swift
        check(kind + ': deletes', gone(more['id']) and gone(full['id']))
        return
    mode(kind, 'refuse')
    b = backup(v, kind)
    check(kind + ': a store that is away ends in error with its name', b['status'] == 'error' and
          ('Backup store %s did not answer' % kind) in b['fail_reason'], b)
    check(kind + ': and a delete keeps the backup', not gone(more['id']) and
          ('Backup store %s' % kind) in api('GET', '/backups/' + more['id'])['backup']['fail_reason'])
    mode(kind, 'pass')
    check(kind + ': it is back, deletes succeed', gone(more['id']) and gone(full['id']) and gone(b['id']))


for kind in 's3', 'swift', 's3api':
    run(kind, store, kind)
done()
