"""image.py TAR WORK PORT: unpacks the image for this machine, compares its settings with what users
expect, and runs its command, as its user, in its root directory."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request

import checks
from checks import check

path, work, port = sys.argv[1:]
root = os.path.join(work, 'root')


def scenario():
    with tarfile.open(path) as image:
        def blob(digest):
            data = image.extractfile('blobs/' + digest.replace(':', '/')).read()
            check('the digest of ' + digest[:19], 'sha256:' + hashlib.sha256(data).hexdigest() == digest)
            return data
        top = json.load(image.extractfile('index.json'))
        index = json.loads(blob(top['manifests'][0]['digest']))
        mine = {'x86_64': 'amd64', 'aarch64': 'arm64'}[platform.machine()]
        manifest = json.loads(blob([m['digest'] for m in index['manifests'] if m['platform']['architecture'] == mine][0]))
        config = json.loads(blob(manifest['config']['digest']))['config']
        layer = blob(manifest['layers'][0]['digest'])
    check('it is not root', config['User'] == '65532:65532', config)
    check('it has a volume', list(config['Volumes']) == ['/data'], config)
    check('it listens to all', config['Cmd'] == ['serve', '--listen', '0.0.0.0:8776'], config)
    with open(os.path.join(work, 'layer'), 'wb') as f:
        f.write(layer)
    with tarfile.open(os.path.join(work, 'layer')) as content:
        content.extractall(root)
    command = config['Entrypoint'] + [a.replace('0.0.0.0:8776', '127.0.0.1:' + port) for a in config['Cmd']]
    environment = dict(e.split('=', 1) for e in config['Env'])
    began = time.monotonic()
    with open(os.path.join(work, 'image.log'), 'w') as log:
        process = subprocess.Popen(['/usr/sbin/chroot', '--userspec=' + config['User'], root] + command, env=environment, stdout=log, stderr=log)
    try:
        while True:
            try:
                with urllib.request.urlopen('http://127.0.0.1:%s/healthcheck' % port, timeout=5) as answer:
                    check('it answers', answer.status == 200)
                break
            except OSError:
                if process.poll() is not None or time.monotonic() - began > 30:
                    check('it answers', False, open(log.name).read())
                    return
                time.sleep(0.02)
        print('     the first answer after %.2f s' % (time.monotonic() - began))
        check('its data are in the volume', os.stat(os.path.join(root, 'data/cindergate.db')).st_uid == 65532)
        process.terminate()
        check('it stops on SIGTERM', process.wait(30) == 0)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


try:
    checks.run('the image', scenario)
finally:
    shutil.rmtree(root, ignore_errors=True)
checks.done()
