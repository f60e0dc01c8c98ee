"""stores.py GATEWAY DATA LOG: a full backup, an incremental one and a restore in each store of
a running gateway (auth: noauth), and the same bytes sent and fetched by rclone in the same
run. LOG is versitygw's access log. It fails if a store takes more than 1.3 times as long as
rclone."""

import os
import random
import shutil
import subprocess
import sys
import time

from checks import volume_file
from client import DATA, MIB, api, backup, gone, settled, volume

LOG = sys.argv[3]
SIZE = 512  # MiB of random bytes
RCLONE = {
    's3': ':s3,provider=Other,endpoint="%s",access_key_id=%s,secret_access_key=%s,force_path_style=true:bench-rclone' % (
        os.environ['S3_URL'], os.environ['S3_KEY'], os.environ['S3_SECRET']),
    'swift': ':swift,auth="%s/auth/v1.0",user="%s",key=%s:bench-rclone' % (
        os.environ['SWIFT_URL'], os.environ['SWIFT_USER'], os.environ['SWIFT_KEY']),
}


def timed(action):
    start = time.time()
    answer = action()
    return time.time() - start, answer


def logged():
    try:
        with open(LOG) as f:
            return sum(1 for _ in f)
    except FileNotFoundError:
        return 0


def rclone(*command):
    subprocess.run(['rclone', '--config', '/dev/null', '--transfers', '16', '--checkers', '16', '--log-level', 'ERROR', *command], check=True,
                   env={k: v for k, v in os.environ.items() if not k.startswith('AWS_')})


def fill(path):
    with open(path, 'r+b') as f:
        for _ in range(SIZE):
            f.write(random.randbytes(MIB))
        os.fsync(f.fileno())


def restore(b, w):
    api('POST', '/backups/%s/restore' % b, {'restore': {'volume_id': w}})
    got = settled('volume', w, 600)
    settled('backup', b, 600)
    if got['status'] != 'available':
        sys.exit('restore: %s' % got)


def row(name, seconds, requests='', client=None):
    print('%-28s %8.2f s %8.0f MiB/s %10s %10s %8s' % (
        name, seconds, SIZE / seconds, requests, '%.2f s' % client if client else '', '%.2f' % (seconds / client) if client else ''), flush=True)
    return seconds / client if client else 0


print('%d MiB of random bytes in a volume of 1 GiB' % SIZE)
print('%-28s %10s %14s %10s %10s %8s' % ('', 'gateway', '', 'requests', 'rclone', 'ratio'))
v, path = volume()
w, _ = volume()
fill(path)
worst = 0
objects = None
for store in 'local', 's3', 'swift':
    took, full = timed(lambda: backup(v, store))
    if full['status'] != 'available':
        sys.exit('backup: %s' % full)
    # Two rounds of each in turns: the first may find cold files.
    n = logged()
    again, second = timed(lambda: backup(v, store))
    requests = logged() - n
    if store == 'local':
        row('local: full backup', min(took, again))
        # The same bytes for rclone: without the chunks of zeroes, of which an object is tiny.
        objects = '%s/backups/%s' % (DATA, full['container'])
        local = objects + '-copy'
        shutil.copytree(objects, local)
    else:
        remote = RCLONE[store]
        sent = min(timed(lambda: rclone('copy', local, '%s/%d' % (remote, n)))[0] for n in range(2))
        worst = max(worst, row(store + ': full backup', min(took, again), requests if store == 's3' else '', sent))
    with open(path, 'r+b') as f:
        for piece in random.Random(1).sample(range(SIZE * 16), SIZE * 16 // 100):
            f.seek(piece << 16)
            f.write(random.randbytes(1 << 16))
        os.fsync(f.fileno())
    n = logged()
    took, more = timed(lambda: backup(v, incremental=True))
    row(store + ': incremental, 1% changed', took, logged() - n if store == 's3' else '')
    times = []
    for _ in range(2):
        n = logged()
        times.append(timed(lambda: restore(more['id'], w))[0])
        requests = logged() - n
    fetched = None
    if store != 'local':
        back = local + '-back'

        def fetch():
            shutil.rmtree(back, ignore_errors=True)
            rclone('copy', remote + '/0', back)
        fetched = min(timed(fetch)[0] for _ in range(2))
        shutil.rmtree(back)
        rclone('purge', remote)
    worst = max(worst, row(store + ': restore of it', min(times), requests if store == 's3' else '', fetched))
    subprocess.run(['cmp', path, volume_file(DATA + '/volumes', w)], check=True)
    for b in more, second, full:
        if not gone(b['id']):
            sys.exit('delete: %s' % api('GET', '/backups/' + b['id']))
shutil.rmtree(local)
print('worst ratio to rclone: %.2f' % worst)
sys.exit(worst > 1.3)
