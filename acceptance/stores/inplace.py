"""inplace.py GATEWAY DATA STORE write|read FILE: writes a chain of backups to a store and its
records to FILE; or imports these records with another gateway, whose objects are where they
were, restores, continues the chain and deletes all."""

import hashlib
import json
import sys

from checks import check, done, run
from client import DATA, api, backup, gone, noise, restored, settled, volume

STORE, WHAT, FILE = sys.argv[3:6]


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.file_digest(f, 'sha256').hexdigest() if hasattr(hashlib, 'file_digest') else hashlib.sha256(f.read()).hexdigest()


def write():
    v, path = volume()
    noise(path, 20, 0)
    full = backup(v, STORE)
    noise(path, 2, 500)
    more = backup(v, incremental=True)
    check('a full and an incremental backup', full['status'] == more['status'] == 'available', (full, more))
    check('restored', restored(more['id'], path))
    records = [api('GET', '/backups/%s/export_record' % b['id'])['backup-record'] for b in (full, more)]
    with open(FILE, 'w') as f:
        json.dump({'records': records, 'path': path, 'ids': [full['id'], more['id']], 'volume': v}, f)


def read():
    with open(FILE) as f:
        was = json.load(f)
    for record, b in zip(was['records'], was['ids']):
        api('POST', '/backups/import_record', {'backup-record': record})
        got = settled('backup', b)
        check('imported in place', got['status'] == 'available', got)
    check('restored', restored(was['ids'][1], was['path']))
    for b in reversed(was['ids']):
        check('deleted', gone(b))


run(WHAT, {'write': write, 'read': read}[WHAT])
done()
