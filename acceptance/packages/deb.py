"""deb.py PACKAGE WORK PORT: installs the Debian package, runs its service, upgrades, removes and
purges it. Where systemd does not run, the command of the unit is started by its own settings."""

import json
import os
import subprocess
import sys
import time
import urllib.request

import checks
from checks import check
from unit import Unit

package, work, port = sys.argv[1:]
url = 'http://127.0.0.1:' + port
data = '/var/lib/cindergate'
unit_file = '/lib/systemd/system/cindergate.service'
systemd = os.path.isdir('/run/systemd/system')


def sh(*command, env=None, good=True):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=120)
    if good and done.returncode:
        raise AssertionError('%s: %s%s' % (' '.join(command), done.stdout, done.stderr))
    return done.stdout + done.stderr


def openstack(*command):
    # Variables of the caller would change the cloud.
    for name in [n for n in os.environ if n.startswith('OS_')]:
        del os.environ[name]
    return sh('openstack', *command, env={'OS_CLIENT_CONFIG_FILE': data + '/clouds.yaml', 'OS_CLOUD': 'demo'})


def answers():
    with urllib.request.urlopen(url + '/healthcheck', timeout=10) as answer:
        return answer.status == 200


def scenario(unit):
    began = time.monotonic()
    sh('dpkg', '-i', package)
    installed = time.monotonic() - began
    ready = unit.start()
    check('the service answers', answers())
    print('     installed in %.1f s, ready %.2f s later' % (installed, ready))
    unit.expect('WATCHDOG=1')
    unit.expect('WATCHDOG=1')
    check('the watchdog hears of it', True)
    check('its system calls are filtered', 'Seccomp:\t2' in open('/proc/%d/status' % unit.process.pid).read())
    said = sh('systemd-analyze', 'verify', unit_file, good=False)
    # Units of other packages may lack what they name. The manual is not read.
    mine = [line for line in said.splitlines() if 'cindergate' in line and 'man cindergate' not in line]
    check('systemd-analyze verify', not mine, said)
    exposure = [line for line in sh('systemd-analyze', 'security', '--offline=true', unit_file).splitlines() if 'Overall exposure' in line]
    check('systemd-analyze security: at most 2.0', exposure and float(exposure[0].split(':')[1].split()[0]) <= 2.0, exposure)
    check('the configuration is not for everybody', os.stat('/etc/cindergate/cindergate.yaml').st_mode & 0o7 == 0)
    check('the data are not for everybody', os.stat(data).st_mode & 0o7 == 0)
    check('the program is the user cindergate', sh('stat', '-c', '%U', data + '/cindergate.db').strip() == 'cindergate')
    check('it listens on loopback by default', 'listen: 127.0.0.1:8776' in open('/etc/cindergate/cindergate.yaml').read())
    check('the configuration is valid', 'is valid' in sh('cindergate', 'config', 'check', '--config', '/etc/cindergate/cindergate.yaml'))
    for path in ('/usr/share/man/man1/cindergate-serve.1.gz', '/usr/share/bash-completion/completions/cindergate',
                 '/usr/share/zsh/vendor-completions/_cindergate', '/usr/share/fish/vendor_completions.d/cindergate.fish',
                 '/usr/share/doc/cindergate/third-party-notices.gz'):
        check('there is ' + path, os.path.getsize(path) > 500)

    volume = openstack('volume', 'create', '--size', '1', 'v', '-f', 'value', '-c', 'id').strip()
    with open(data + '/volumes/volume-' + volume, 'r+b') as f:
        f.write(b'what must not be lost')
    openstack('volume', 'backup', 'create', '--name', 'b', 'v')
    for _ in range(60):
        backup = json.loads(openstack('volume', 'backup', 'show', 'b', '-f', 'json'))
        if backup['status'] != 'creating':
            break
    check('a backup by a real client', backup['status'] == 'available', backup)
    began = time.monotonic()
    check('a stop is clean', unit.stop() == 0)
    print('     stopped in %.2f s' % (time.monotonic() - began))

    sh('dpkg', '-i', package)  # as an upgrade: the service starts again
    unit.start()
    check('the restart keeps the data', json.loads(openstack('volume', 'backup', 'show', 'b', '-f', 'json'))['status'] == 'available')
    check('a stop is clean', unit.stop() == 0)

    sh('dpkg', '-r', 'cindergate')
    check('a removal keeps the data and the configuration', os.path.exists(data + '/cindergate.db') and os.path.exists('/etc/cindergate/cindergate.yaml'))
    check('and leaves no program', not os.path.exists('/usr/bin/cindergate') and not os.path.exists(unit_file))
    said = sh('dpkg', '-P', 'cindergate')
    with open(data + '/volumes/volume-' + volume, 'rb') as f:
        check('a purge keeps the data', f.read(21) == b'what must not be lost')
    check('and says so', 'volumes and backups stay in ' + data in said, said)
    check('and keeps their user', sh('id', 'cindergate'))
    left = [p for p in ('/etc/cindergate', '/etc/default/cindergate', '/usr/share/doc/cindergate',
                        '/etc/systemd/system/multi-user.target.wants/cindergate.service') if os.path.lexists(p)]
    check('and leaves nothing else', not left, left)


def main():
    # The machine may have a gateway of its own.
    for there in (data, '/usr/bin/cindergate', '/etc/cindergate'):
        if os.path.lexists(there):
            sys.exit('%s is there already: this test would change an installation' % there)
    if systemd:
        print('systemd runs here; the command of the unit is started without it all the same')
    unit = Unit('packaging/systemd/cindergate.service', work, {'CINDERGATE_LISTEN': '127.0.0.1:' + port, 'CINDERGATE_LOG_FORMAT': 'json'})
    try:
        checks.run('the package', scenario, unit)
    finally:
        unit.kill()
        sh('dpkg', '-P', 'cindergate', good=False)
        sh('deluser', '--quiet', 'cindergate', good=False)
        sh('delgroup', '--quiet', 'cindergate', good=False)
        subprocess.run(['rm', '-rf', data])
    checks.done()


main()
