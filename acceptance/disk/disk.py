"""disk.py CINDERGATE DIR PORT: checks what is on the disk when a status says so, and what
happens when the disk is full. Prints one line per check and the number that passed."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

from checks import check, done

BINARY, WORK, PORT = sys.argv[1:4]
PROJECT = "5e55a"


class Gateway:
    """A gateway on a data directory. Every caller is an admin."""

    def __init__(self, data, *prefix):
        self.base = f"http://127.0.0.1:{PORT}"
        env = dict(os.environ, CINDERGATE_AUTH="noauth", CINDERGATE_HTTP_HEALTH_CACHE="0s")
        self.log = open(os.path.join(WORK, "log"), "a")
        self.process = subprocess.Popen([*prefix, BINARY, "serve", "--data", data, "--listen", f"127.0.0.1:{PORT}"],
                                        env=env, stdout=subprocess.DEVNULL, stderr=self.log)
        self.until("the gateway answers", lambda: self.get("/healthcheck")[0] == 200)

    def request(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, None if body is None else json.dumps(body).encode(), {
            "Content-Type": "application/json", "X-Auth-Token": f"admin:{PROJECT}", "OpenStack-API-Version": "volume 3.70"},
            method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError as error:
            return 0, str(error)

    def get(self, path):
        return self.request("GET", path)

    def api(self, method, path, body=None):
        return self.request(method, f"/v3/{PROJECT}{path}", body)

    def make(self, kind, **fields):
        status, answer = self.api("POST", f"/{kind}s", {kind: fields})
        assert status == 202, (status, answer)
        return answer[kind]["id"]

    def status(self, kind, id):
        code, answer = self.api("GET", f"/{kind}s/{id}")
        return answer[kind]["status"] if code == 200 else "gone" if code == 404 else f"HTTP {code}"

    def until(self, what, test, seconds=60):
        """Waits until test() holds and returns how long that took."""
        began = time.monotonic()
        while not test():
            if time.monotonic() - began > seconds:
                raise AssertionError(f"{what}: not after {seconds} s")
            time.sleep(0.05)
        return time.monotonic() - began

    def settle(self, kind, id, seconds=60):
        passing = ("creating", "deleting", "backing-up", "restoring", "restoring-backup", "reverting", "extending")
        self.until(f"{kind} {id} settles", lambda: self.status(kind, id) not in passing, seconds)
        return self.status(kind, id)

    def only_file(self, data, id):
        """Waits until a volume's old file is gone: no row promises that, so the next commit need not wait for it."""
        self.until(f"volume {id} has one file", lambda: len(glob.glob(os.path.join(data, "volumes", f"volume-{id}*"))) == 1)

    def stop(self, pid=None):
        os.kill(pid or self.process.pid, 15)
        self.process.wait(60)
        self.log.close()


def fill_volume(data, id, megabytes):
    with open(os.path.join(data, "volumes", f"volume-{id}"), "r+b") as f:
        for _ in range(megabytes):
            f.write(os.urandom(1 << 20))
        f.flush()
        os.fsync(f.fileno())


# ---- durability

# Calls that make a name or a length that is not on the disk yet, and calls that sync it.
CALL = re.compile(r"^(\d+)\s+(rename|renameat|renameat2|unlink|unlinkat|link|linkat|ftruncate|truncate|fsync|fdatasync)\((.*)$")
RESUMED = re.compile(r"^(\d+)\s+<\.\.\. (fsync|fdatasync) resumed>")
QUOTED = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"')
DESCRIPTOR = re.compile(r"^\d+<([^>]*)>")


class Disk:
    """Follows system calls and tracks the changes that a power cut would lose."""

    def __init__(self, data):
        self.data, self.dirty, self.pending, self.broken, self.commits = data, {}, {}, [], 0

    def inside(self, path):
        return any(path.startswith(os.path.join(self.data, d)) for d in ("volumes", "snapshots", "backups"))

    def line(self, line):
        if m := RESUMED.match(line):
            if path := self.pending.pop(m[1], None):
                self.synced(path)
            return
        if not (m := CALL.match(line)):
            return
        pid, call, rest = m.groups()
        if call in ("fsync", "fdatasync"):
            path = DESCRIPTOR.match(rest)
            path = path[1] if path else ""
            if path.endswith("cindergate.db-wal"):
                self.commit()
            elif "<unfinished" in rest:
                self.pending[pid] = path
            else:
                self.synced(path)
        elif call == "ftruncate":
            if path := DESCRIPTOR.match(rest):
                self.changed(path[1], call, path[1])
        elif call == "truncate":
            path = os.path.join(self.data, QUOTED.search(rest)[2])
            self.changed(path, call, path)
        elif " = -1 " not in rest:
            for at, name in QUOTED.findall(rest):
                path = os.path.join(at or self.data, name)
                self.changed(os.path.dirname(path), call, path)

    def changed(self, what, call, path):
        if self.inside(path):
            self.dirty[what] = f"{call} {path.removeprefix(self.data)}"

    def synced(self, path):
        self.dirty.pop(path, None)
        # A removed directory has no unsynced names.
        for gone in [d for d in self.dirty if not os.path.exists(d)]:
            self.dirty.pop(gone)

    def commit(self):
        self.commits += 1
        self.broken += self.dirty.values()
        self.dirty.clear()


def durability():
    data = os.path.join(WORK, "durable")
    shutil.rmtree(data, ignore_errors=True)
    trace = os.path.join(WORK, "strace")
    g = Gateway(data, "strace", "-f", "-qq", "-y", "-s", "400", "-o", trace, "-e",
                "trace=rename,renameat,renameat2,unlink,unlinkat,link,linkat,ftruncate,truncate,fsync,fdatasync")
    with open(os.path.join(data, "lock")):
        pass
    child = int(subprocess.run(["pgrep", "-P", str(g.process.pid)], capture_output=True, text=True, check=True).stdout.split()[0])
    steps = []
    v = g.make("volume", size=1)
    steps.append(g.settle("volume", v))
    fill_volume(data, v, 9)
    b = g.make("backup", volume_id=v)
    steps.append(g.settle("backup", b))
    s = g.make("snapshot", volume_id=v)
    steps.append(g.settle("snapshot", s))
    i = g.make("backup", volume_id=v, incremental=True)
    steps.append(g.settle("backup", i))
    g.api("POST", f"/volumes/{v}/action", {"revert": {"snapshot_id": s}})
    steps.append(g.settle("volume", v))
    g.only_file(data, v)
    c = g.make("volume", size=2, snapshot_id=s)
    steps.append(g.settle("volume", c))
    g.api("POST", f"/volumes/{c}/action", {"os-extend": {"new_size": 3}})
    steps.append(g.settle("volume", c))
    _, r = g.api("POST", f"/backups/{i}/restore", {"restore": {"name": "r"}})
    steps.append(g.settle("volume", r["restore"]["volume_id"]))
    g.api("POST", f"/backups/{b}/restore", {"restore": {"volume_id": v}})
    steps.append(g.settle("volume", v))
    g.only_file(data, v)
    check("everything ended as available", set(steps) == {"available"}, steps)
    for kind, id in (("backup", i), ("backup", b), ("snapshot", s), ("volume", v), ("volume", c)):
        g.api("DELETE", f"/{kind}s/{id}")
        check(f"a {kind} is deleted", g.settle(kind, id) == "gone", g.status(kind, id))
    g.stop(child)
    disk = Disk(data)
    with open(trace) as lines:
        for line in lines:
            disk.line(line)
    check(f"{disk.commits} commits were seen", disk.commits > 20, disk.commits)
    check("what a committed row promises is on the disk before the commit", not disk.broken, "\n     ".join(disk.broken))


# ---- a disk that is full

def full():
    mount = os.path.join(WORK, "small")
    os.makedirs(mount, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "cindergate-test", mount], check=True)
    try:
        full_on(mount)
    finally:
        subprocess.run(["umount", mount], check=True)


def full_on(mount):
    data = os.path.join(mount, "data")
    g = Gateway(data)
    try:
        v = g.make("volume", size=1)
        g.settle("volume", v)
        fill_volume(data, v, 16)
        first = g.make("backup", volume_id=v)
        check("a backup while there is room", g.settle("backup", first) == "available", g.status("backup", first))
        filler = os.path.join(mount, "filler")
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(1 << 16))
            except OSError:
                pass
            try:
                while True:
                    f.write(bytes(512))
            except OSError:
                pass
        code, answer = g.api("POST", "/backups", {"backup": {"volume_id": v, "name": "too much"}})
        if code == 202:
            id = answer["backup"]["id"]
            check("a backup without room ends in error", g.settle("backup", id) == "error", g.status("backup", id))
            reason = g.api("GET", f"/backups/{id}")[1]["backup"]["fail_reason"]
            check("and says so", "No space left" in reason, reason)
        else:
            check("a backup without room is refused as unavailable", code == 503 and "full" in str(answer), (code, answer))
        check("the volume is available again", g.settle("volume", v) == "available", g.status("volume", v))
        # Sends requests until nothing more can be stored: the gateway refuses them, but
        # never with 500.
        codes = {g.api("POST", "/volumes", {"volume": {"size": 1, "metadata": {"k": "x" * 250, "l": "y" * 250}}})[0] for _ in range(300)}
        check("what cannot be stored is refused and is no 500", codes <= {202, 413, 503}, codes)
        code, _ = g.get("/healthz")
        check("/healthz tells", code == 503, code)
        code, answer = g.api("DELETE", f"/backups/{first}")
        check("a delete is accepted on a full disk", code == 202, (code, answer))
        took = g.until("the backup is gone", lambda: g.status("backup", first) == "gone")
        check(f"and is done ({took:.1f} s)", took < 10, took)
        os.remove(filler)
        took = g.until("/healthz is ok again", lambda: g.get("/healthz")[0] == 200)
        second = g.make("backup", volume_id=v)
        check("with room again, a backup is available", g.settle("backup", second) == "available", g.status("backup", second))
    finally:
        g.stop()
    # A start on a full disk, then a delete.
    with open(os.path.join(mount, "filler"), "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    g = Gateway(data)
    try:
        check("a start on a full disk", g.status("backup", second) == "available", g.status("backup", second))
        g.api("DELETE", f"/backups/{second}")
        check("and a delete", g.settle("backup", second) == "gone", g.status("backup", second))
    finally:
        g.stop()


durability()
full()
done()
