#!/usr/bin/python3
"""record [--raw FILE] OUT.jsonl   run a fixed list of raw HTTP requests against a
                                  Cinder-compatible endpoint, write request and answer
   record diff [--ignore KEY,KEY...] [--deviations FILE [--stale]] A.jsonl B.jsonl
                                  compare the answers in two such files, request by
                                  request; KEY: members of JSON bodies to leave out,
                                  "object_count,container,service,backup_service,
                                  service_metadata" are the backup driver's own;
                                  FILE: internal/conformance/wire/deviations.json, what may differ;
                                  --stale: but need not

Which endpoint and who: OS_AUTH_URL and OS_PASSWORD, with the users rec, rec-admin,
rec-reader (in project rec) and other; or (all optional)
   CINDER_URL      base URL, without /v3                    from the catalogue
   SETUP_URL       base URL for what is prepared but not recorded (volumes, snapshots,
                   quotas, waiting)                         CINDER_URL
   TOKEN PROJECT_ID                  member of an EMPTY project      user rec
   ADMIN_TOKEN                       admin role in that project      user rec-admin
   READER_TOKEN                      reader role in that project     user rec-reader
   OTHER_TOKEN OTHER_PROJECT_ID      member of another project       user other

One JSON object a line: {"id", "as", "request": {method, path, headers, body},
"response": {status, headers, body}}. What differs from run to run is replaced by
{placeholders}: {project}, {v1} (a volume), {b1} (a backup) ..., {req} a request id,
{uuid} any other UUID, {hex} any other 32 hex digits, {time.6} a timestamp with 6 decimals ({time} without; a trailing Z
stays), {stamp} 14 digits; an exported backup_url appears decoded: {"!base64": {...}}.
--raw writes the same lines verbatim as well. "timing": true marks answers which depend on
a backup being still in progress.
"""

import base64
import fnmatch
import http.client
import json
import os
import re
import sys
import time
import urllib.parse
import urllib.request
import uuid

E = os.environ
HEADERS = ['Content-Type', 'OpenStack-API-Version', 'Vary', 'Location', 'Retry-After',
           'WWW-Authenticate', 'Allow', 'x-openstack-request-id', 'x-compute-request-id']
UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'


# ------------------------------------------------------------------ log in

def login(user):
    """Returns (token, project id, volumev3 base URL) of USER, from OS_AUTH_URL and OS_PASSWORD."""
    scope = {'project': {'name': {'rec-admin': 'rec', 'rec-reader': 'rec'}.get(user, user),
                         'domain': {'id': 'default'}}}
    who = {'name': user, 'password': E['OS_PASSWORD'], 'domain': {'id': 'default'}}
    body = {'auth': {'scope': scope, 'identity': {
        'methods': ['password'], 'password': {'user': who}}}}
    req = urllib.request.Request(E['OS_AUTH_URL'] + '/auth/tokens',
                                 json.dumps(body).encode(),
                                 {'Content-Type': 'application/json'})
    with urllib.request.urlopen(req) as answer:
        token = json.load(answer)['token']
        url = next(e['url'] for s in token['catalog'] if s['type'] == 'volumev3'
                   for e in s['endpoints'] if e['interface'] == 'public')
        return (answer.headers['X-Subject-Token'], token['project']['id'],
                url.split('/v3')[0])


# ------------------------------------------------------------------ one request

class Wire:
    def __init__(self, base, tokens, out, raw):
        self.base, self.tokens, self.out, self.raw = base, tokens, out, raw
        self.names = {}            # real value -> placeholder
        self.count = 0

    def name(self, value, placeholder):
        self.names[value] = '{%s}' % placeholder
        return value

    def canon(self, text):
        text = text.replace(self.base, '{base}')
        text = re.sub(r'(Keystone uri=")[^"]*', r'\1{keystone}', text)
        for real in sorted(self.names, key=len, reverse=True):
            text = text.replace(real, self.names[real])
        text = re.sub('req-' + UUID, '{req}', text)
        text = re.sub(UUID, '{uuid}', text)
        text = re.sub(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?',
                      lambda m: '{time%s}%s' % ('.%d' % len(m[1]) if m[1] else '', m[2] or ''),
                      text)
        text = re.sub(r'(?<!\d)20\d{12}(?!\d)', '{stamp}', text)
        text = re.sub(r'\b[0-9a-f]{32}\b', '{hex}', text)           # users, other projects
        text = re.sub(r'eyJ[A-Za-z0-9+/]{40,}=*', '{base64}', text)
        return re.sub(r'[0-9a-f]{2}/[0-9a-f]{2}/(?=\{)', '{xx}/{xx}/', text)

    def tidy(self, value):
        """Does canon() for parsed JSON, and decodes exported backup records."""
        if isinstance(value, dict):
            return {self.canon(k): self.record(v) if k == 'backup_url' else self.tidy(v)
                    for k, v in value.items()}
        if isinstance(value, list):
            return [self.tidy(v) for v in value]
        return self.canon(value) if isinstance(value, str) else value

    def record(self, value):
        try:
            return {'!base64': self.tidy(json.loads(base64.b64decode(value)))}
        except Exception:
            return self.tidy(value)

    def send(self, method, path, token, headers, data, base=None):
        u = urllib.parse.urlsplit(base or self.base)
        conn = http.client.HTTPConnection(u.hostname, u.port, timeout=120)
        try:
            conn.putrequest(method, u.path + path, skip_accept_encoding=True)
            for k, v in headers.items():
                conn.putheader(k, v)
            if token:
                conn.putheader('X-Auth-Token', token)
            if data is not None or method in ('POST', 'PUT', 'PATCH'):
                conn.putheader('Content-Length', str(len(data or b'')))
            conn.endheaders(data)
            r = conn.getresponse()
            return r.status, r.headers, r.read()
        finally:
            conn.close()

    def call(self, ident, method, path, body=None, who='member', mv=None, text=None,
             headers=None, timing=False, new=None):
        """Sends and records one request. Returns (status, parsed body).

        body: sent as JSON. text: sent unchanged. mv: microversion ('3.9'), or the whole
        value of the header OpenStack-API-Version. new: placeholder for the id of the
        resource that the answer says was created."""
        h = {'Accept': 'application/json'}
        data = None
        if body is not None:
            text = json.dumps(body)
        if text is not None:
            data = text.encode()
            h['Content-Type'] = 'application/json'
        if mv is not None:
            h['OpenStack-API-Version'] = 'volume ' + mv if re.match('[0-9l]', mv) else mv
        for k, v in (headers or {}).items():
            if v is None:
                h.pop(k, None)
            else:
                h[k] = v
        status, got, answer = self.send(method, path, self.tokens.get(who), h, data)
        answer = answer.decode('utf-8', 'replace')
        try:
            parsed = json.loads(answer)
        except ValueError:
            parsed = None
        if new:
            try:
                (what,) = parsed.values()
                self.name(what['id'] if 'id' in what else what['volume_id'], new)
            except (AttributeError, KeyError, TypeError, ValueError):
                sys.exit('%s: %s %s' % (ident, status, answer))
        line = {'id': ident, 'as': who}
        if timing:
            line['timing'] = True
        response = {'status': status,
                    'headers': {k: got[k] for k in HEADERS if got[k] is not None}}
        for out, tidy, canon in ((self.out, self.tidy, self.canon),
                                 (self.raw, lambda x: x, lambda x: x)):
            if not out:
                continue
            request = {'method': method, 'path': canon(path), 'headers': tidy(h)}
            if body is not None:
                request['body'] = tidy(body)
            elif text is not None:
                request['text'] = canon(text if len(text) < 300 else
                                        '%s... (%d bytes)' % (text[:100], len(text)))
            r = dict(response, headers=tidy(response['headers']))
            if out is self.raw:
                r['body'] = answer
            else:
                r['body'] = tidy(parsed) if parsed is not None else canon(answer)
            out.write(json.dumps(dict(line, request=request, response=r),
                                 ensure_ascii=False) + '\n')
        self.count += 1
        return status, parsed


# ------------------------------------------------------------------ the scenarios

def scenarios(w, setup_base, project, other):
    P = '/v3/' + project
    B = P + '/backups'
    call = w.call
    none = str(uuid.uuid4())             # an id of no resource
    w.name(project, 'project')
    w.name(other, 'other-project')
    w.name(none, 'none')
    w.name(none.upper(), 'NONE')
    w.name(none.replace('-', ''), 'none-no-hyphens')
    A = 'admin'

    def setup(method, path, body=None, who='admin', ok=(200, 201, 202, 204)):
        """Sends a request to prepare resources, without recording it."""
        h = {'Accept': 'application/json', 'Content-Type': 'application/json',
             'OpenStack-API-Version': 'volume 3.60'}
        data = None if body is None else json.dumps(body).encode()
        status, _, answer = w.send(method, P + path, w.tokens[who], h, data, setup_base)
        if status not in ok:
            sys.exit('setup: %s %s: %s %s' % (method, path, status, answer))
        return json.loads(answer) if answer else None

    def wait(kind, ident, *want, seconds=300):
        """Waits until volume, snapshot or backup IDENT has one of the states WANT ('gone')."""
        base = None if kind == 'backup' else setup_base
        end = time.time() + seconds
        while time.time() < end:
            status, _, answer = w.send('GET', '%s/%ss/%s' % (P, kind, ident),
                                       w.tokens['admin'], {}, None, base)
            now = 'gone' if status == 404 else json.loads(answer)[kind]['status']
            if now in want:
                return now
            if now.startswith('error') and 'error' not in want:
                break
            time.sleep(0.3)
        sys.exit('%s %s is %s, wanted %s' % (kind, ident, now, want))

    def volume(name, size):
        v = setup('POST', '/volumes', {'volume': {'name': 'rec-' + name, 'size': size}},
                  'member')['volume']['id']
        wait('volume', w.name(v, name), 'available')
        time.sleep(1.1)                  # lists are sorted by time, in whole seconds
        return v

    def volume_state(v, status):
        setup('POST', '/volumes/%s/action' % v, {'os-reset_status': {'status': status}})

    def attach(v):
        setup('POST', '/volumes/%s/action' % v, {'os-attach': {
            'host_name': 'rec-host', 'mountpoint': '/dev/vdb', 'mode': 'rw'}})
        wait('volume', v, 'in-use')

    def detach(v):
        setup('POST', '/volumes/%s/action' % v, {'os-detach': {}})
        wait('volume', v, 'available')

    # The project must be empty, because lists are recorded.
    for kind in 'volumes', 'snapshots', 'backups':
        if setup('GET', '/' + kind, who='member')[kind]:
            sys.exit('the project has %s; give me an empty one' % kind)
    quota = setup('GET', '/os-quota-sets/' + project)['quota_set']
    w.name(setup('GET', '/types/default')['volume_type']['id'], 'default-type')

    # -- discovery: no token needed
    for ident, method, path in (
            ('root', 'GET', '/'), ('root-head', 'HEAD', '/'),
            ('root-options', 'OPTIONS', '/'), ('root-post', 'POST', '/'),
            ('empty-path-query', 'GET', '/?x=1'), ('double-slash', 'GET', '//'),
            ('v3', 'GET', '/v3'), ('v3-slash', 'GET', '/v3/'),
            ('v2', 'GET', '/v2'), ('v2-slash', 'GET', '/v2/'), ('v1', 'GET', '/v1/'),
            ('v4', 'GET', '/v4/'), ('healthcheck', 'GET', '/healthcheck'),
            ('unknown', 'GET', '/nonsense')):
        call('discovery/' + ident, method, path, who='nobody')
    call('discovery/root-microversion', 'GET', '/', who='nobody', mv='3.70')
    call('discovery/root-microversion-too-new', 'GET', '/', who='nobody', mv='3.999')
    for path in '/v3', '/v3/', P, P + '/', '/v2/' + project + '/backups':
        call('discovery/with-token' + path.replace(project, 'P'), 'GET', path)

    # -- authentication and project in the URL
    call('auth/no-token', 'GET', B, who='nobody')
    call('auth/no-token-post', 'POST', B, {'backup': {}}, who='nobody')
    call('auth/no-token-unknown-route', 'GET', P + '/nonsense', who='nobody')
    call('auth/bad-token', 'GET', B, who='nobody', headers={'X-Auth-Token': 'gAAAAABnonsense'})
    call('auth/empty-token', 'GET', B, who='nobody', headers={'X-Auth-Token': ''})
    call('auth/other-projects-url', 'GET', '/v3/%s/backups' % other)
    call('auth/other-projects-url-detail', 'GET', '/v3/%s/backups/detail' % other)
    call('auth/other-projects-url-admin', 'GET', '/v3/%s/backups' % other, who=A)
    call('auth/nonsense-project', 'GET', '/v3/NOT_A_PROJECT/backups')
    call('auth/hex-project', 'GET', '/v3/abc123/backups')
    for mv in None, '3.66', '3.67', '3.70':
        call('auth/no-project-in-url-%s' % mv, 'GET', '/v3/backups', mv=mv)
        call('auth/no-project-in-url-detail-%s' % mv, 'GET', '/v3/backups/detail', mv=mv)
    call('auth/reader-list', 'GET', B, who='reader')

    # -- microversions
    for mv in ('3.0', '3.70', '3.71', '3.999', '2.0', '2.1', '4.0', '3', 'latest', '3.01',
               'abc', 'volume abc', 'volume', 'volume 3.9 x', 'compute 2.1',
               'compute 2.1, volume 3.9', 'volume 3.9,compute 2.1', 'block-storage 3.9',
               'Volume 3.9', 'volume  3.9', 'volume 3.9.1', 'volume -1.0', ''):
        call('microversion/%s' % (mv or 'empty'), 'GET', B, mv=mv)
    call('microversion/openstack-volume-header', 'GET', B,
         headers={'X-OpenStack-Volume-API-Version': '3.9'})

    # -- lists of an empty project
    for ident, path, mv in (
            ('list', '', None), ('detail', '/detail', None), ('detail-3.70', '/detail', '3.70'),
            ('with-count', '?with_count=true', '3.45'),
            ('detail-with-count', '/detail?with_count=true', '3.45'),
            ('limit-1', '?limit=1', None)):
        call('empty/' + ident, 'GET', B + path, mv=mv)

    # -- routes and methods
    call('route/unknown', 'GET', P + '/nonsense')
    call('route/unknown-3.70', 'GET', P + '/nonsense', mv='3.70')
    call('route/unknown-below-backups', 'GET', B + '/%s/nonsense' % none)
    call('route/unknown-post', 'POST', P + '/nonsense', {})
    for method in 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS':
        call('method/backups-' + method, method, B, {} if method in ('PUT', 'PATCH') else None)
    for method in 'POST', 'PUT', 'DELETE', 'HEAD':
        call('method/detail-' + method, method, B + '/detail',
             {} if method in ('PUT', 'POST') else None)
    for method in 'POST', 'PATCH', 'HEAD', 'OPTIONS':
        call('method/backup-' + method, method, B + '/' + none,
             {} if method in ('PATCH', 'POST') else None)
    call('method/restore-GET', 'GET', B + '/%s/restore' % none)
    call('method/restore-PUT', 'PUT', B + '/%s/restore' % none, {'restore': {}})
    call('method/export_record-POST', 'POST', B + '/%s/export_record' % none, {})
    call('method/import_record-GET', 'GET', B + '/import_record')
    call('method/action-GET', 'GET', B + '/%s/action' % none)
    call('route/trailing-slash', 'GET', B + '/')
    call('route/double-slash', 'GET', P + '//backups')
    call('route/dot-json', 'GET', B + '.json')
    call('route/dot-xml', 'GET', B + '.xml')
    call('route/new', 'GET', B + '/new')
    call('route/edit', 'GET', B + '/%s/edit' % none)

    # -- bodies and content types, on create and restore
    call('body/none', 'POST', B)
    call('body/empty-json-type', 'POST', B, text='')
    call('body/malformed', 'POST', B, text='{"backup": ')
    call('body/not-utf8-like', 'POST', B, text='{"backup": {"name": "\\ud800"}}')
    call('body/list', 'POST', B, text='[]')
    call('body/string', 'POST', B, text='"backup"')
    call('body/null', 'POST', B, text='null')
    call('body/object-empty', 'POST', B, {})
    call('body/wrong-root', 'POST', B, {'volume': {}})
    call('body/extra-root', 'POST', B, {'backup': {'volume_id': none}, 'x': 1})
    call('body/root-named-type', 'POST', B, {'backup': {'volume_id': none}, 'type': 'x'})
    call('body/backup-null', 'POST', B, {'backup': None})
    call('body/backup-list', 'POST', B, {'backup': []})
    call('body/backup-string', 'POST', B, {'backup': 'x'})
    good = json.dumps({'backup': {'volume_id': none}})
    for ident, kind in (('text-plain', 'text/plain'), ('xml', 'application/xml'),
                        ('form', 'application/x-www-form-urlencoded'),
                        ('octets', 'application/octet-stream'),
                        ('json-charset', 'application/json; charset=UTF-8'),
                        ('json-upper', 'APPLICATION/JSON'),
                        ('vendor-json', 'application/vnd.openstack.volume+json'),
                        ('nonsense', 'nonsense'), ('missing', None)):
        call('content-type/' + ident, 'POST', B, text=good, headers={'Content-Type': kind})
    for kind in 'application/xml', 'text/html', '*/*', 'application/json;q=0.5', None:
        call('accept/%s' % kind, 'GET', B, headers={'Accept': kind})
    call('accept/xml-error', 'GET', B + '/' + none, headers={'Accept': 'application/xml'})
    call('body/too-large', 'POST', B,
         text=json.dumps({'backup': {'volume_id': none, 'description': 'x' * 120000}}))
    call('body/large-ok-json-bad-field', 'POST', B,
         text=json.dumps({'backup': {'volume_id': none, 'description': 'x' * 100000}}))

    # -- something to back up
    v1, v2, v3 = volume('v1', 1), volume('v2', 1), volume('v3', 2)
    s1 = w.name(setup('POST', '/snapshots', {'snapshot': {
        'volume_id': v1, 'name': 'rec-s1'}}, 'member')['snapshot']['id'], 's1')
    wait('snapshot', s1, 'available')

    # -- create: what is refused
    def create(ident, mv=None, new=None, **fields):
        """Creates a backup of v1, unless fields differ (volume_id=...: without volume_id)."""
        fields.setdefault('volume_id', v1)
        if fields['volume_id'] is ...:
            del fields['volume_id']
        answer = call('create/' + ident, 'POST', B, {'backup': fields}, mv=mv, new=new)
        return answer[1]['backup']['id'] if new else None

    create('missing-volume-id', volume_id=...)
    create('missing-volume-id-with-name', volume_id=..., name='x')
    create('missing-volume-id-with-snapshot', volume_id=..., snapshot_id=s1)
    create('bad-uuid', volume_id='not-a-uuid')
    create('volume-id-null', volume_id=None)
    create('volume-id-number', volume_id=5)
    create('volume-id-upper-case', volume_id=none.upper())
    create('volume-id-no-hyphens', volume_id=none.replace('-', ''))
    create('nonexistent-volume', volume_id=none)
    create('name-256', name='x' * 256)
    create('name-number', name=5)
    create('name-list', name=['x'])
    create('description-256', description='x' * 256)
    create('description-number', description=5)
    create('container-empty', volume_id=none, container='')      # 404: the container was accepted
    create('container-256', container='x' * 256)
    create('container-number', container=5)
    for f in 'force', 'incremental':
        for value in 'maybe', '', 2, 'TRUEISH', None, [], 1.0, 'T':
            create('%s-%r' % (f, value), volume_id=none, **{f: value})
    for value in True, False, 'true', 'False', 'on', 'OFF', 'yes', 'no', 'y', '1', '0', 1, 0, 't':
        create('force-%r' % value, volume_id=none, force=value)    # 404: force was accepted
    create('incremental-without-parent', incremental=True)
    create('incremental-string-without-parent', incremental='yes')
    create('snapshot-bad-uuid', snapshot_id='x')
    create('snapshot-nonexistent', snapshot_id=none)
    create('snapshot-of-another-volume', volume_id=v2, snapshot_id=s1)
    setup('POST', '/snapshots/%s/action' % s1, {'os-reset_status': {'status': 'error'}})
    create('snapshot-in-error', snapshot_id=s1)
    setup('POST', '/snapshots/%s/action' % s1, {'os-reset_status': {'status': 'available'}})
    call('create/reader', 'POST', B, {'backup': {'volume_id': none}}, who='reader')
    create('unknown-field', nonsense=1)
    create('metadata-3.0', metadata={'a': 'b'})
    create('metadata-3.42', mv='3.42', metadata={'a': 'b'})
    create('metadata-3.43-number', mv='3.43', metadata={'a': 1})
    create('metadata-3.43-list', mv='3.43', metadata=['a'])
    create('metadata-3.43-empty-key', mv='3.43', metadata={'': 'b'})
    create('metadata-3.43-key-256', mv='3.43', metadata={'k' * 256: 'b'})
    create('metadata-3.43-value-256', mv='3.43', metadata={'k': 'b' * 256})
    create('metadata-3.43-odd-key', mv='3.43', metadata={'k/%': 'b'})
    create('metadata-3.43-null', mv='3.43', volume_id=none, metadata=None)
    create('metadata-3.43-value-null', mv='3.43', volume_id=none, metadata={'a': None})
    create('az-3.50', mv='3.50', availability_zone='nova')
    create('az-3.51-number', mv='3.51', availability_zone=5)
    create('az-3.51-empty', mv='3.51', volume_id=none, availability_zone='')
    attach(v2)
    create('in-use-without-force', volume_id=v2)
    create('in-use-force-false', volume_id=v2, force=False)
    detach(v2)
    volume_state(v2, 'error')
    create('volume-in-error', volume_id=v2)
    create('volume-in-error-force', volume_id=v2, force=True)
    volume_state(v2, 'available')
    call('create/other-projects-volume', 'POST', '/v3/%s/backups' % other,
         {'backup': {'volume_id': v1}}, who='other')

    # -- create: full; and what is refused while it is in progress
    b1 = create('full', name='rec-b1', new='b1')
    call('create/volume-backing-up', 'POST', B, {'backup': {'volume_id': v1}}, timing=True)
    call('create/incremental-parent-creating', 'POST', B, {'backup': {
        'volume_id': v1, 'incremental': True, 'snapshot_id': s1}}, timing=True)
    call('delete/creating', 'DELETE', B + '/' + b1, timing=True)
    call('restore/creating', 'POST', B + '/%s/restore' % b1, {'restore': {}}, timing=True)
    call('export/creating', 'GET', B + '/%s/export_record' % b1, who=A, timing=True)
    call('volume/delete-backing-up', 'DELETE', P + '/volumes/' + v1, timing=True)

    def done(b):
        wait('backup', b, 'available')
        time.sleep(1.1)                  # created_at has a resolution of one second

    done(b1)
    b2 = create('incremental', mv='3.43', incremental=True, name=' rec-b2 ',
                description='second, \u00fcnic\u00f6de', metadata={'k': 'v'}, new='b2')
    done(b2)
    b3 = create('from-snapshot', mv='3.51', snapshot_id=s1, name='rec-b3',
                availability_zone='nova', container='rec-container', new='b3')
    done(b3)
    b4 = create('no-name', volume_id=v3, name=None, description=None, new='b4')
    done(b4)
    b5 = create('unknown-az', mv='3.51', availability_zone='nowhere', name='rec-b5',
                volume_id=v2, new='b5')
    done(b5)
    call('show/unknown-az', 'GET', B + '/' + b5, mv='3.51')
    setup('POST', '/backups/%s/action' % b5, {'os-reset_status': {'status': 'error'}})
    wait('backup', b5, 'error')
    attach(v2)
    b6 = create('in-use-force', volume_id=v2, force='true', name='x' * 255, new='b6')
    done(b6)
    wait('volume', v2, 'in-use')
    detach(v2)

    # -- show
    for mv in None, '3.9', '3.18', '3.42', '3.43', '3.56', '3.64', '3.70':
        call('show/full-%s' % mv, 'GET', B + '/' + b1, mv=mv)
    for mv in '3.17', '3.18', '3.55', '3.56', '3.70':
        call('show/full-admin-%s' % mv, 'GET', B + '/' + b1, mv=mv, who=A)
    for n, b in ('incremental', b2), ('from-snapshot', b3), ('no-name', b4), ('error', b5), \
            ('in-use', b6):
        call('show/' + n, 'GET', B + '/' + b, mv='3.70')
    call('show/nonexistent', 'GET', B + '/' + none)
    call('show/nonexistent-3.70', 'GET', B + '/' + none, mv='3.70')
    call('show/bad-uuid', 'GET', B + '/not-a-uuid')
    call('show/upper-case', 'GET', B + '/' + w.name(b1.upper(), 'B1'))
    call('show/volume-id', 'GET', B + '/' + v1)
    call('show/other-project', 'GET', '/v3/%s/backups/%s' % (other, b1), who='other')
    call('show/reader', 'GET', B + '/' + b1, who='reader')
    call('show/dot-json', 'GET', B + '/%s.json' % b1)
    call('show/no-project-3.67', 'GET', '/v3/backups/' + b1, mv='3.67')

    # -- lists
    for mv in None, '3.18', '3.43', '3.45', '3.56', '3.70':
        call('list/summary-%s' % mv, 'GET', B, mv=mv)
        call('list/detail-%s' % mv, 'GET', B + '/detail', mv=mv)
    call('list/detail-admin-3.17', 'GET', B + '/detail', mv='3.17', who=A)
    call('list/detail-admin-3.18', 'GET', B + '/detail', mv='3.18', who=A)
    call('list/detail-admin-3.56', 'GET', B + '/detail', mv='3.56', who=A)
    call('list/no-project-3.67', 'GET', '/v3/backups', mv='3.67')
    call('list/other-project', 'GET', '/v3/%s/backups' % other, who='other')
    for ident, query in (
            ('limit-2', 'limit=2'), ('limit-0', 'limit=0'), ('limit-negative', 'limit=-1'),
            ('limit-text', 'limit=abc'), ('limit-empty', 'limit='), ('limit-float', 'limit=1.5'),
            ('limit-big', 'limit=100000'), ('limit-huge', 'limit=99999999999999999999'),
            ('limit-twice', 'limit=1&limit=2'),
            ('marker', 'marker=' + b3), ('marker-limit', 'limit=2&marker=' + b4),
            ('marker-last', 'limit=2&marker=' + b1),
            ('marker-nonexistent', 'marker=' + none), ('marker-bad', 'marker=abc'),
            ('marker-empty', 'marker='),
            ('offset-1', 'offset=1'), ('offset-limit', 'offset=1&limit=2'),
            ('offset-beyond', 'offset=100'), ('offset-negative', 'offset=-1'),
            ('offset-text', 'offset=abc'), ('offset-huge', 'offset=9223372036854775808'),
            ('sort-created-asc', 'sort=created_at:asc'), ('sort-id', 'sort=id&name=rec-b1'),
            ('sort-two', 'sort=status:desc,created_at:asc'), ('sort-size', 'sort=size:asc'),
            ('sort-name-3.0', 'sort=name'), ('sort-display-name', 'sort=display_name:asc'),
            ('sort-bogus', 'sort=nonsense'), ('sort-bad-direction', 'sort=id:sideways'),
            ('sort-empty', 'sort='), ('sort-colons', 'sort=id:asc:desc'),
            ('sort-key-dir', 'sort_key=created_at&sort_dir=asc'),
            ('sort-key-only', 'sort_key=created_at'), ('sort-dir-bad', 'sort_dir=up'),
            ('sort-and-sort-key', 'sort=id&sort_key=id'),
            ('sort-limit-links', 'sort=created_at:asc&limit=1'),
            ('name', 'name=rec-b1'), ('name-spaces', 'name=%20rec-b2%20'),
            ('name-stripped', 'name=rec-b2'), ('name-none', 'name=nonsense'),
            ('status', 'status=error'), ('status-upper', 'status=ERROR'),
            ('status-bogus', 'status=nonsense'), ('volume-id', 'volume_id=' + v3),
            ('volume-id-bad', 'volume_id=abc'), ('two-filters', 'status=available&volume_id=' + v3),
            ('filter-limit-links', 'status=available&limit=1'),
            ('bogus-filter', 'nonsense=1'), ('id-filter', 'id=' + b1),
            ('snapshot-filter', 'snapshot_id=' + s1), ('metadata-filter', "metadata={'k':'v'}"),
            ('all-tenants-member', 'all_tenants=1'), ('all-tenants-bad', 'all_tenants=maybe'),
            ('with-count-3.0', 'with_count=true')):
        call('list/' + ident, 'GET', B + '?' + query)
    for ident, query in (('limit-2', 'limit=2'), ('status', 'status=error'),
                         ('filter-limit-links', 'status=available&limit=1')):
        call('list/detail-' + ident, 'GET', B + '/detail?' + query)
    for ident, mv, query in (
            ('sort-name-3.36', '3.36', 'sort=name'), ('sort-name-3.37', '3.37', 'sort=name:asc'),
            ('bogus-filter-3.30', '3.30', 'nonsense=1'), ('bogus-filter-3.31', '3.31', 'nonsense=1'),
            ('id-filter-3.31', '3.31', 'id=' + b1),
            ('like-3.33', '3.33', 'name~=rec'), ('like-3.34', '3.34', 'name~=rec'),
            ('like-3.34-none', '3.34', 'name~=nonsense'), ('like-status-3.34', '3.34', 'status~=avail'),
            ('with-count-3.44', '3.44', 'with_count=true'), ('with-count-3.45', '3.45', 'with_count=true'),
            ('with-count-limit', '3.45', 'with_count=true&limit=1'),
            ('with-count-filter', '3.45', 'with_count=true&status=error'),
            ('with-count-false', '3.45', 'with_count=false'), ('with-count-bad', '3.45', 'with_count=maybe'),
            ('created-gt-3.60', '3.60', 'created_at=gt:2020-01-01T00:00:00')):
        call('list/' + ident, 'GET', B + '?' + query, mv=mv)
    call('list/detail-with-count', 'GET', B + '/detail?with_count=1&limit=1', mv='3.45')
    call('list/all-tenants-admin', 'GET', B + '?all_tenants=1&status=error&limit=1', who=A)
    call('list/all-tenants-admin-bad', 'GET', B + '?all_tenants=maybe', who=A)
    call('list/all-tenants-admin-project', 'GET',
         B + '?all_tenants=1&project_id=%s&sort=created_at:asc' % project, who=A)
    call('list/bogus-filter-admin', 'GET', B + '?nonsense=1', who=A)
    call('list/bogus-filter-admin-3.31', 'GET', B + '?nonsense=1', who=A, mv='3.31')

    # -- update
    def put(ident, backup, mv='3.9', b=b1, who='member'):
        return call('update/' + ident, 'PUT', B + '/' + b, {'backup': backup}, mv=mv, who=who)

    put('no-microversion', {'name': 'x'}, mv=None)
    put('3.8', {'name': 'x'}, mv='3.8')
    put('name', {'name': 'rec-b1-renamed'})
    put('description', {'description': 'words'})
    put('both-spaces', {'name': '  rec-b1  ', 'description': ' d '})
    put('name-null', {'name': None})
    put('name-empty', {'name': ''})
    put('name-256', {'name': 'x' * 256})
    put('empty', {})
    put('null', None)
    put('unknown-field', {'size': 5})
    put('nonexistent', {'name': 'x'}, b=none)
    put('bad-uuid', {'name': 'x'}, b='abc')
    put('reader', {'name': 'by-reader'}, who='reader')
    call('update/other-project', 'PUT', '/v3/%s/backups/%s' % (other, b1),
         {'backup': {'name': 'x'}}, mv='3.9', who='other')
    call('update/no-body', 'PUT', B + '/' + b1, mv='3.9')
    call('update/wrong-root', 'PUT', B + '/' + b1, {'x': {}}, mv='3.9')
    put('metadata-3.9', {'metadata': {'a': 'b'}})
    put('metadata-3.42', {'metadata': {'a': 'b'}}, mv='3.42')
    put('metadata-3.43', {'metadata': {'a': 'b'}}, mv='3.43')
    call('update/show-after-metadata', 'GET', B + '/' + b1, mv='3.43')
    put('metadata-3.43-replaces', {'metadata': {'c': 'd'}}, mv='3.43')
    put('metadata-3.43-null-value', {'metadata': {'a': None}}, mv='3.43')
    put('metadata-3.43-null', {'metadata': None}, mv='3.43')
    put('metadata-3.43-number', {'metadata': {'a': 5}}, mv='3.43')
    put('metadata-3.43-empty', {'metadata': {}}, mv='3.43')
    put('name-again', {'name': 'rec-b1', 'description': None}, mv='3.70')
    call('update/show-at-last', 'GET', B + '/' + b1, mv='3.43')

    # -- restore: what is refused
    def restore(ident, body, b=b1, **kw):
        return call('restore/' + ident, 'POST', B + '/%s/restore' % b, body, **kw)

    restore('no-body', None)
    restore('empty-object', {})
    restore('null', {'restore': None})
    restore('list', {'restore': []})
    restore('unknown-field', {'restore': {'nonsense': 1}})
    restore('bad-volume-uuid', {'restore': {'volume_id': 'abc'}})
    restore('nonexistent-volume', {'restore': {'volume_id': none}})
    restore('reader', {'restore': {'volume_id': none}}, who='reader')
    restore('nonexistent-backup', {'restore': {}}, b=none)
    restore('bad-backup-uuid', {'restore': {}}, b='abc')
    restore('name-256', {'restore': {'name': 'x' * 256}})
    restore('name-number', {'restore': {'name': 5}})
    restore('volume-too-small', {'restore': {'volume_id': v1}}, b=b4)
    restore('backup-in-error', {'restore': {'volume_id': v3}}, b=b5)
    attach(v2)
    restore('volume-in-use', {'restore': {'volume_id': v2}})
    detach(v2)
    call('restore/other-project', 'POST', '/v3/%s/backups/%s/restore' % (other, b1),
         {'restore': {}}, who='other')

    # -- restore: what works
    def restored(answer, b=b1):
        v = answer[1]['restore']['volume_id']
        wait('volume', v, 'available')
        wait('backup', b, 'available')
        return v

    answer = restore('by-volume-id', {'restore': {'volume_id': v2}})
    restore('while-restoring', {'restore': {'volume_id': v3}}, timing=True)
    call('show/restoring', 'GET', B + '/' + b1, timing=True)
    call('delete/restoring', 'DELETE', B + '/' + b1, timing=True)
    restored(answer)
    restored(restore('to-larger-volume', {'restore': {'volume_id': v3}}))
    restored(restore('both', {'restore': {'volume_id': v2, 'name': 'ignored'}}, b=b2), b=b2)
    r1 = restored(restore('by-name', {'restore': {'name': 'rec-r1'}}, new='r1'))
    r2 = restored(restore('neither', {'restore': {}}, new='r2'))
    r3 = restored(restore('volume-id-null-name-empty',
                          {'restore': {'volume_id': None, 'name': ''}}, mv='3.70', new='r3'))
    for n, r in ('r1', r1), ('r2', r2), ('r3', r3), ('v2', v2):
        call('restore/show-volume-' + n, 'GET', P + '/volumes/' + r)
    for r in r1, r2, r3:
        setup('DELETE', '/volumes/' + r)
        wait('volume', r, 'gone')
    r5 = call('volume/create-from-backup-3.46', 'POST', P + '/volumes', {'volume': {
        'size': 1, 'backup_id': b1}}, mv='3.46', new='r5')[1]['volume']['id']
    wait('volume', r5, 'available')
    setup('DELETE', '/volumes/' + r5)
    wait('volume', r5, 'gone')
    call('volume/create-from-backup-too-small', 'POST', P + '/volumes', {'volume': {
        'size': 1, 'backup_id': b4}}, mv='3.47')
    call('volume/create-from-backup-nonexistent', 'POST', P + '/volumes', {'volume': {
        'size': 1, 'backup_id': none}}, mv='3.47')
    r4 = call('volume/create-from-backup', 'POST', P + '/volumes', {'volume': {
        'size': 1, 'name': 'rec-r4', 'backup_id': b1}}, mv='3.47', new='r4')[1]['volume']['id']
    wait('volume', r4, 'available')
    setup('DELETE', '/volumes/' + r4)
    wait('volume', r4, 'gone')

    # -- export and import
    def export(ident, b, who=A, **kw):
        return call('export/' + ident, 'GET', B + '/%s/export_record' % b, who=who, **kw)

    export('member', b1, who='member')
    export('reader', b1, who='reader')
    exported = export('full', b1)[1]['backup-record']
    export('full-3.70', b1, mv='3.70')
    export('incremental', b2)
    export('error', b5)
    export('nonexistent', none)
    export('bad-uuid', 'abc')

    def change(**fields):
        """Returns a backup_url like the exported one except for FIELDS (None: left out)."""
        r = json.loads(base64.b64decode(exported['backup_url']))
        r.update(fields)
        r = {k: v for k, v in r.items() if v is not None or k not in fields}
        return base64.b64encode(json.dumps(r).encode()).decode()

    def import_(ident, url, service=exported['backup_service'], who=A, **kw):
        return call('import/' + ident, 'POST', B + '/import_record', {'backup-record': {
            'backup_service': service, 'backup_url': url}}, who=who, **kw)

    def b64(text):
        return base64.b64encode(text.encode()).decode()

    i1, i2, i3, i4 = (w.name(str(uuid.uuid4()), 'i%d' % n) for n in (1, 2, 3, 4))
    import_('member', change(id=i1), who='member')
    import_('duplicate', exported['backup_url'])
    import_('garbage-not-base64', '!!!! not base64 !!!!')
    import_('garbage-odd-base64', 'abc')
    import_('base64-not-json', b64('hello'))
    import_('base64-json-list', b64('[]'))
    import_('base64-json-string', b64('"x"'))
    import_('base64-empty-object', b64('{}'))
    import_('no-id', change(id=None))
    import_('no-size', change(size=None))
    odd = w.name('odd-' + none[:8], 'odd')
    import_('id-not-uuid', change(id=odd))
    wait('backup', odd, 'available', 'error')
    call('import/show-id-not-uuid', 'GET', B + '/' + odd)
    call('import/delete-id-not-uuid', 'DELETE', B + '/' + odd)
    wait('backup', odd, 'gone')
    import_('url-empty', '')
    import_('url-null', None)
    import_('url-number', 5)
    import_('service-empty', change(id=i4, service_metadata='nonsense'), service='')
    wait('backup', i4, 'available', 'error')
    call('import/show-service-empty', 'GET', B + '/' + i4)
    setup('DELETE', '/backups/' + i4)
    wait('backup', i4, 'gone')
    import_('service-null', change(id=i1), service=None)
    import_('service-256', change(id=i1), service='x' * 256)
    for ident, body in (
            ('no-body', None), ('empty-object', {}), ('root-null', {'backup-record': None}),
            ('root-empty', {'backup-record': {}}),
            ('missing-service', {'backup-record': {'backup_url': exported['backup_url']}}),
            ('missing-url', {'backup-record': {'backup_service': 'x'}}),
            ('extra-key', {'backup-record': {'backup_service': 'x', 'backup_url': 'eA==', 'z': 1}})):
        call('import/' + ident, 'POST', B + '/import_record', body, who=A)
    import_('valid', change(id=i1))
    wait('backup', i1, 'available')
    call('import/show-valid', 'GET', B + '/' + i1, mv='3.70', who=A)
    import_('valid-twice', change(id=i1))
    # size 0, because Cinder never releases the gigabytes of a failed import.
    import_('wrong-service', change(id=i2, size=0), service='cinder.backup.drivers.nonsense')
    wait('backup', i2, 'error')
    call('import/show-wrong-service', 'GET', B + '/' + i2, mv='3.70')
    import_('missing-data', change(id=i3, service_metadata='nonsense', container='nonsense'))
    wait('backup', i3, 'error', 'available')
    call('import/show-missing-data', 'GET', B + '/' + i3, mv='3.70')

    # -- actions
    def act(ident, body, b=b6, who=A, **kw):
        return call('action/' + ident, 'POST', B + '/%s/action' % b, body, who=who, **kw)

    act('reset-member', {'os-reset_status': {'status': 'error'}}, who='member')
    act('reset-reader', {'os-reset_status': {'status': 'error'}}, who='reader')
    act('reset-bad-status', {'os-reset_status': {'status': 'nonsense'}})
    act('reset-status-creating', {'os-reset_status': {'status': 'creating'}})
    act('reset-status-null', {'os-reset_status': {'status': None}})
    act('reset-no-status', {'os-reset_status': {}})
    act('reset-null', {'os-reset_status': None})
    act('reset-extra', {'os-reset_status': {'status': 'error', 'x': 1}})
    act('reset-nonexistent', {'os-reset_status': {'status': 'error'}}, b=none)
    act('unknown', {'os-nonsense': {}})
    act('empty', {})
    act('no-body', None)
    act('two', {'os-reset_status': {'status': 'error'}, 'os-force_delete': {}})
    act('malformed', None, text='{')
    act('not-an-object', None, text='[]')
    act('reset-error', {'os-reset_status': {'status': 'error'}})
    wait('backup', b6, 'error')
    act('reset-upper-case', {'os-reset_status': {'status': 'AVAILABLE'}})
    wait('backup', b6, 'available', 'error')
    act('force-delete-member', {'os-force_delete': {}}, who='member')
    act('force-delete-nonexistent', {'os-force_delete': {}}, b=none)
    act('force-delete-with-dependents', {'os-force_delete': {}}, b=b1)
    act('force-delete', {'os-force_delete': {}})
    wait('backup', b6, 'gone')
    act('force-delete-null-body-value', {'os-force_delete': None}, b=i3)
    wait('backup', i3, 'gone')

    # -- quotas
    def set_quota(**q):
        setup('PUT', '/os-quota-sets/' + project, {'quota_set': q})

    def limit(resource):
        """Returns a quota that equals the current use."""
        usage = setup('GET', '/os-quota-sets/%s?usage=true' % project)['quota_set']
        return usage[resource]['in_use'] + usage[resource]['reserved']

    call('quota/show', 'GET', P + '/os-quota-sets/' + project, who=A)
    call('quota/show-usage', 'GET', P + '/os-quota-sets/%s?usage=true' % project, who=A)
    call('quota/show-member', 'GET', P + '/os-quota-sets/' + project)
    call('quota/set-member', 'PUT', P + '/os-quota-sets/' + project,
         {'quota_set': {'backups': 99}})
    try:
        call('quota/set', 'PUT', P + '/os-quota-sets/' + project,
             {'quota_set': {'backups': limit('backups')}}, who=A)
        create('over-quota-backups')
        import_('over-quota-backups', change(id=i3))
        set_quota(backups=quota['backups'], backup_gigabytes=limit('backup_gigabytes') + 1)
        create('over-quota-gigabytes', volume_id=v3)
        set_quota(backup_gigabytes=quota['backup_gigabytes'], volumes=limit('volumes'))
        restore('over-quota-volumes', {'restore': {'name': 'rec-too-many'}})
        set_quota(volumes=quota['volumes'], gigabytes=limit('gigabytes'))
        restore('over-quota-gigabytes', {'restore': {}})
    finally:
        set_quota(**{k: quota[k] for k in ('backups', 'backup_gigabytes', 'volumes',
                                           'gigabytes')})

    # -- delete
    call('delete/nonexistent', 'DELETE', B + '/' + none)
    call('delete/bad-uuid', 'DELETE', B + '/abc')
    call('delete/has-dependents', 'DELETE', B + '/' + b1)
    call('delete/other-project', 'DELETE', '/v3/%s/backups/%s' % (other, b2), who='other')
    call('delete/incremental', 'DELETE', B + '/' + b2)
    wait('backup', b2, 'gone')
    call('delete/show-deleted', 'GET', B + '/' + b2)
    call('delete/again', 'DELETE', B + '/' + b2)
    call('delete/restore-deleted', 'POST', B + '/%s/restore' % b2, {'restore': {}})
    call('delete/in-error', 'DELETE', B + '/' + b5)
    wait('backup', b5, 'gone')
    call('delete/imported', 'DELETE', B + '/' + i1, who=A)
    wait('backup', i1, 'gone')
    import_('revive-deleted-id', change(id=i1))
    wait('backup', i1, 'available', 'error')
    call('import/show-revived', 'GET', B + '/' + i1, mv='3.70')
    call('delete/by-reader', 'DELETE', B + '/' + i1, who='reader')
    setup('DELETE', '/backups/' + i1, ok=(202, 400, 404))     # if readers may not delete
    wait('backup', i1, 'gone')
    call('delete/with-body', 'DELETE', B + '/' + b4, {'x': 1})
    call('delete/full', 'DELETE', B + '/' + b4)
    wait('backup', b4, 'gone')
    call('delete/error-import', 'DELETE', B + '/' + i2)
    wait('backup', i2, 'gone')

    # -- beside backups
    call('other/limits', 'GET', P + '/limits')
    call('other/limits-3.70', 'GET', P + '/limits', mv='3.70')
    call('other/extensions', 'GET', P + '/extensions')
    call('other/extension-backups', 'GET', P + '/extensions/backups')
    call('other/extension-none', 'GET', P + '/extensions/nonsense')
    call('other/services-member', 'GET', P + '/os-services')
    call('other/services', 'GET', P + '/os-services?binary=cinder-backup', who=A)
    call('other/services-3.70', 'GET', P + '/os-services?binary=cinder-backup', who=A, mv='3.70')
    call('other/availability-zones', 'GET', P + '/os-availability-zone')
    call('other/resource-filters-3.33', 'GET', P + '/resource_filters?resource=backup', mv='3.33')
    call('other/messages-3.0', 'GET', P + '/messages')
    call('other/messages-3.5', 'GET', P + '/messages?resource_uuid=' + none, mv='3.5')
    call('other/messages-nonexistent', 'GET', P + '/messages/' + none, mv='3.3')
    call('other/default-type', 'GET', P + '/types/default')
    V = P + '/volumes'
    call('volume/list', 'GET', V)
    call('volume/detail', 'GET', V + '/detail?limit=1&sort=created_at:asc')
    call('volume/detail-3.70', 'GET', V + '/detail?limit=1&sort=created_at:asc', mv='3.70')
    call('volume/show', 'GET', V + '/' + v1)
    call('volume/show-3.70', 'GET', V + '/' + v1, mv='3.70')
    call('volume/show-admin', 'GET', V + '/' + v1, who=A)
    call('volume/show-nonexistent', 'GET', V + '/' + none)
    call('volume/create-no-size', 'POST', V, {'volume': {}})
    call('volume/create-size-0', 'POST', V, {'volume': {'size': 0}})
    v4 = call('volume/create', 'POST', V, {'volume': {
        'size': 1, 'name': 'rec-v4', 'metadata': {'a': 'b'}}}, new='v4')[1]['volume']['id']
    wait('volume', v4, 'available')
    call('volume/delete-with-snapshot', 'DELETE', V + '/' + v1)
    call('volume/delete', 'DELETE', V + '/' + v4)
    call('volume/delete-nonexistent', 'DELETE', V + '/' + none)
    S = P + '/snapshots'
    call('snapshot/list', 'GET', S)
    call('snapshot/detail', 'GET', S + '/detail')
    call('snapshot/show', 'GET', S + '/' + s1)
    call('snapshot/show-nonexistent', 'GET', S + '/' + none)
    call('snapshot/create-in-use-without-force', 'POST', S, {'snapshot': {'volume_id': none}})
    s2 = call('snapshot/create', 'POST', S, {'snapshot': {
        'volume_id': v2, 'name': 'rec-s2'}}, new='s2')[1]['snapshot']['id']
    wait('snapshot', s2, 'available')
    call('snapshot/delete', 'DELETE', S + '/' + s2)
    wait('snapshot', s2, 'gone')


def clean(w, setup_base, project):
    """Deletes the project's backups, snapshots and volumes. It retries the delete of a
    backup that has dependents."""
    P = '/v3/' + project
    admin = w.tokens['admin']
    h = {'Content-Type': 'application/json', 'OpenStack-API-Version': 'volume 3.60'}

    def act(kind, ident, name, value):
        w.send('POST', '%s/%s/%s/action' % (P, kind, ident), admin, h,
               json.dumps({name: value}).encode(), setup_base)

    for kind in 'backups', 'snapshots', 'volumes':
        end = time.time() + 120
        while True:
            base = None if kind == 'backups' else setup_base
            left = json.loads(w.send('GET', '%s/%s/detail' % (P, kind), admin, h, None,
                                     base)[2])[kind]
            if not left or time.time() > end:
                break
            for x in left:
                if x['status'] == 'deleting':
                    continue
                if x['status'] not in ('available', 'error'):
                    act(kind, x['id'], 'os-reset_status', {'status': 'error'})
                w.send('DELETE', '%s/%s/%s' % (P, kind, x['id']), admin, h, None, base)
            time.sleep(0.5)


def differences(a, b, path=''):
    """Yields the differences of two JSON values: (path, value in a, value in b)."""
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted(set(a) | set(b)):
            yield from differences(a.get(k), b.get(k), path + '/' + k) if k in a and k in b \
                else [(path + '/' + k, a.get(k, '(absent)'), b.get(k, '(absent)'))]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, '%s/%d' % (path, i))
    elif a != b:
        yield path, a, b


def diff(a, b, ignore, deviations, stale):
    """Compares two recordings. Returns 1 if they have a difference that is not listed as a
    deviation, or if a listed deviation no longer occurs."""
    def strip(x):
        if isinstance(x, dict):
            return {k: strip(v) for k, v in x.items() if k not in ignore}
        return [strip(v) for v in x] if isinstance(x, list) else x

    def load(path):
        return {r['id']: r for r in map(json.loads, open(path))}

    listed = []
    if deviations:
        listed = [(ident, d) for d in json.load(open(deviations)) if d['trace'] == 'record'
                  for ident in d['ids']]
    used = set()

    def is_listed(ident, path):
        for n, (pattern, d) in enumerate(listed):
            if fnmatch.fnmatchcase(ident, pattern) and any(
                    path.startswith(m) for m in d['members']):
                used.add(n)
                return True
        return False

    a, b = load(a), load(b)
    same = deviating = bad = 0
    for ident in list(a) + [i for i in b if i not in a]:
        x, y = a.get(ident), b.get(ident)
        if x is None or y is None:
            print('%s: only in the %s file' % (ident, 'second' if x is None else 'first'))
            bad += 1
            continue
        found = list(differences(strip(x['response']), strip(y['response'])))
        unlisted = [f for f in found if not is_listed(ident, f[0])]
        if unlisted:
            print('%s: %s %s%s' % (ident, x['request']['method'], x['request']['path'],
                                   ' (timing)' if x.get('timing') else ''))
            for path, p, q in unlisted:
                print('  %s\n    < %s\n    > %s' % (path, json.dumps(p, ensure_ascii=False)[:600],
                                                json.dumps(q, ensure_ascii=False)[:600]))
            bad += 1
        elif found:
            deviating += 1
        else:
            same += 1
    for n, (pattern, d) in enumerate(listed):
        if n not in used and not stale:
            print('listed, but not there any more: %s' % pattern)
            bad += 1
    print('%d requests: %d the same, %d with listed deviations' % (len(a), same, deviating))
    print('%d passed, %d failed' % (same + deviating, bad))
    return 1 if bad else 0


def main(args):
    if args[:1] == ['diff']:
        ignore, deviations, stale = (), None, '--stale' in args
        args = [x for x in args if x != '--stale']
        args = args[1:]
        while args[:1] in (['--ignore'], ['--deviations']) and len(args) > 1:
            if args[0] == '--ignore':
                ignore = args[1].split(',')
            else:
                deviations = args[1]
            args = args[2:]
        if len(args) == 2:
            return diff(args[0], args[1], ignore, deviations, stale)
        sys.exit(__doc__)
    raw = None
    if args[:1] == ['--raw'] and len(args) == 3:
        raw = open(args[1], 'w')
        args = args[2:]
    if len(args) != 1 or args[0].startswith('-'):
        sys.exit(__doc__)
    tokens, projects, base = {'nobody': None}, {}, E.get('CINDER_URL')
    for who, user, var in (('member', 'rec', ''), ('admin', 'rec-admin', 'ADMIN_'),
                           ('reader', 'rec-reader', 'READER_'), ('other', 'other', 'OTHER_')):
        tokens[who], projects[who] = E.get(var + 'TOKEN'), E.get(var + 'PROJECT_ID')
        if not tokens[who]:
            tokens[who], projects[who], found = login(user)
            base = base or found
    if not base:
        sys.exit('CINDER_URL is not set')
    with open(args[0], 'w') as out:
        w = Wire(base.rstrip('/'), tokens, out, raw)
        for t in filter(None, tokens.values()):
            w.name(t, 'token')
        setup_base = E.get('SETUP_URL', w.base).rstrip('/')
        try:
            scenarios(w, setup_base, projects['member'], projects['other'])
        finally:
            clean(w, setup_base, projects['member'])
    print('%d requests recorded' % w.count)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
