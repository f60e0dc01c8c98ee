"""Runs the command of a systemd unit without systemd, by the rules of systemd.service(5) and
sd_notify(3) that the unit uses: user, state directory, environment file, notify socket, watchdog,
and the filter of system calls."""

import errno
import os
import pwd
import shlex
import signal
import socket
import subprocess
import threading
import time

import seccomp


def calls(group):
    """Returns the system calls of a group, as systemd has them."""
    said = subprocess.run(['systemd-analyze', 'syscall-filter', group], capture_output=True, text=True, check=True).stdout
    found = set()
    for line in said.splitlines()[1:]:
        name = line.strip()
        if name and not name.startswith('#'):
            found |= calls(name) if name.startswith('@') else {name}
    return found


class Unit:
    def __init__(self, path, work, environment):
        self.settings = {}
        for line in open(path):
            key, found, value = line.strip().partition('=')
            if found and not key.startswith('#'):
                self.settings.setdefault(key, []).append(value)
        self.work, self.extra = work, environment
        self.process = None

    def one(self, key):
        return self.settings[key][-1]

    def start(self, watchdog=4):
        """Starts the command and waits until it says READY=1. watchdog is WatchdogSec in seconds."""
        user = pwd.getpwnam(self.one('User'))
        state = '/var/lib/' + self.one('StateDirectory')
        os.makedirs(state, exist_ok=True)
        os.chmod(state, int(self.one('StateDirectoryMode'), 8))
        os.chown(state, user.pw_uid, user.pw_gid)
        path = os.path.join(self.work, 'notify')
        if os.path.exists(path):
            os.remove(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.settimeout(30)
        environment = {'PATH': '/usr/sbin:/usr/bin', 'LANG': 'C.UTF-8', 'HOME': user.pw_dir, 'USER': user.pw_name,
                       'NOTIFY_SOCKET': path, 'WATCHDOG_USEC': str(watchdog * 1000000), 'STATE_DIRECTORY': state}
        for line in open(self.one('EnvironmentFile').lstrip('-')):
            if line.strip() and not line.startswith('#'):
                key, _, value = line.strip().partition('=')
                environment[key] = value
        environment.update(self.extra)
        allowed = calls('@default')
        for line in self.settings['SystemCallFilter']:
            for group in line.lstrip('~').split():
                allowed = allowed - calls(group) if line.startswith('~') else allowed | calls(group)
        # A call that libseccomp does not know is refused, as any that is not allowed.
        rules = seccomp.SyscallFilter(seccomp.ERRNO(getattr(errno, self.one('SystemCallErrorNumber'))))
        for name in sorted(allowed):
            try:
                rules.add_rule(seccomp.ALLOW, name)
            except (RuntimeError, OSError):
                pass
        self.log = open(os.path.join(self.work, 'log'), 'ab')
        began = time.monotonic()
        self.process = subprocess.Popen(shlex.split(self.one('ExecStart')), env=environment, cwd='/', user=user.pw_uid, group=user.pw_gid,
                                        extra_groups=[], umask=int(self.one('UMask'), 8), stdin=subprocess.DEVNULL,
                                        preexec_fn=rules.load, stdout=self.log, stderr=self.log)
        # A process that ends without a word would leave us waiting.
        threading.Thread(target=self.process.wait, daemon=True).start()
        self.expect('READY=1')
        return time.monotonic() - began

    def expect(self, state):
        got = self.socket.recv(4096).decode()
        if got != state:
            raise AssertionError('the service sent %r, not %r' % (got, state))

    def stop(self):
        """Stops the service as systemctl stop does. Returns its exit code."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        seen = []
        while 'STOPPING=1' not in seen:
            seen.append(self.socket.recv(4096).decode())
        code = self.process.wait(60)
        self.socket.close()
        return code

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
