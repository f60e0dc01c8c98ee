"""scale.py URL PID: measures a gateway whose database has 100,000 backups of 1,000 projects: lists,
single reads, creates and deletes, and its memory. The caller has filled the database."""

import concurrent.futures
import json
import re
import sys
import time
import urllib.request

URL, PID = sys.argv[1:3]


def call(project, method, path, body=None):
    r = urllib.request.Request('%s/v3/%s%s' % (URL, project, path), None if body is None else json.dumps(body).encode(),
                               {'X-Auth-Token': 'user:' + project, 'Content-Type': 'application/json'}, method=method)
    began = time.perf_counter()
    with urllib.request.urlopen(r, timeout=60) as answer:
        text = answer.read()
    return (time.perf_counter() - began) * 1000, json.loads(text) if text else None


def project(n):
    return '%032x' % (n % 1000 + 1)


def row(name, work, count, workers=4):
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        began = time.perf_counter()
        times = sorted(pool.map(work, range(count)))
        took = time.perf_counter() - began
    print('%-44s %8.0f/s   p50 %7.1f ms   p99 %7.1f ms' % (name, count / took, times[count // 2], times[count * 99 // 100]))


ids = [b['id'] for n in range(50) for b in call(project(n), 'GET', '/backups?limit=20')[1]['backups']]
row('GET one backup', lambda n: call(project(n // 20 % 50), 'GET', '/backups/' + ids[n % len(ids)])[0], 4000)
row('GET backups/detail, the 100 of a project', lambda n: call(project(n), 'GET', '/backups/detail')[0], 1000)
row('GET backups?limit=20, filtered by status', lambda n: call(project(n), 'GET', '/backups?limit=20&status=available&sort=size:asc')[0], 1000)
row('GET volumes/detail, the 10 of a project', lambda n: call(project(n), 'GET', '/volumes/detail')[0], 1000)
made = []


def create(n):
    took, got = call(project(n), 'POST', '/volumes', {'volume': {'size': 1}})
    made.append((n, got['volume']['id']))
    return took


row('POST volumes', create, 500)


def backup(n):
    at, volume = made[n]
    for _ in range(600):
        if call(project(at), 'GET', '/volumes/' + volume)[1]['volume']['status'] == 'available':
            break
        time.sleep(0.05)
    return call(project(at), 'POST', '/backups', {'backup': {'volume_id': volume}})[0]


row('POST backups', backup, 500)
status = open('/proc/%s/status' % PID).read()
print('RSS %d MiB, peak %d MiB' % tuple(int(re.search(name + r':\s+(\d+)', status)[1]) // 1024 for name in ('VmRSS', 'VmHWM')))
