"""Uses the console in Chromium. `use` is what a user does, `many` opens pages with 10,000 backups."""

import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from checks import check, done, run, volume_file

BASE = os.environ['CONSOLE']
PASSWORD = os.environ['OS_PASSWORD']
PICTURES = os.environ.get('SCREENSHOTS')
WAIT = 40  # seconds
MIB = 1 << 20
EVIL = '<script>document.title="XSS"</script><img src=x onerror=document.title="XSS">'
WIDE = 'return document.documentElement.scrollWidth - document.documentElement.clientWidth'


class API:
    """A client of the Block Storage API, for what the console does not do."""

    def __init__(self, user, project):
        body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': {
            'name': user, 'password': PASSWORD, 'domain': {'id': 'default'}}}}, 'scope': {'project': {'name': project, 'domain': {'id': 'default'}}}}}
        answer = self.send('POST', '/identity/v3/auth/tokens', body)
        self.token = answer.headers['X-Subject-Token']
        self.project = json.load(answer)['token']['project']['id']

    def send(self, method, path, body=None):
        request = urllib.request.Request(BASE + path, json.dumps(body).encode() if body else None, method=method)
        request.add_header('Content-Type', 'application/json')
        request.add_header('OpenStack-API-Version', 'volume 3.70')
        if getattr(self, 'token', None):
            request.add_header('X-Auth-Token', self.token)
        return urllib.request.urlopen(request, timeout=30)

    def call(self, method, path, body=None):
        text = self.send(method, '/v3/' + self.project + path, body).read()
        return json.loads(text) if text else None

    def until(self, path, name, status):
        for _ in range(WAIT * 10):
            found = self.call('GET', path)[name]
            if found['status'] == status:
                return found
            time.sleep(0.1)
        raise RuntimeError('%s is %s and not %s: %s' % (path, found['status'], status, found.get('fail_reason')))

    def volume(self, name, size=1):
        made = self.call('POST', '/volumes', {'volume': {'size': size, 'name': name}})['volume']
        self.until('/volumes/' + made['id'], 'volume', 'available')
        return made['id']


class Browser:
    def __init__(self, javascript=True):
        options = webdriver.ChromeOptions()
        options.binary_location = '/usr/bin/chromium'
        for argument in '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--window-size=1280,900', '--hide-scrollbars':
            options.add_argument(argument)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        if not javascript:
            options.add_experimental_option('prefs', {'profile.managed_default_content_settings.javascript': 2})
        self.driver = webdriver.Chrome(service=Service('/usr/bin/chromedriver'), options=options)
        self.driver.set_page_load_timeout(WAIT)

    def until(self, condition):
        return WebDriverWait(self.driver, WAIT, 0.05).until(lambda _: condition())

    def open(self, path):
        self.driver.get(BASE + path)
        return self

    def find(self, selector):
        return self.until(lambda: self.driver.find_element(By.CSS_SELECTOR, selector))

    def text(self):
        return self.driver.find_element(By.TAG_NAME, 'body').text

    def send(self, selector):
        """Clicks, and waits for the page that comes of it."""
        old = self.driver.find_element(By.TAG_NAME, 'html')
        self.find(selector).click()

        def gone():
            try:
                old.is_enabled()
                return False
            except Exception:
                return self.driver.find_elements(By.TAG_NAME, 'footer')
        self.until(gone)

    def login(self, user, project):
        self.open('/ui/login')
        self.find('#user').send_keys(user)
        self.find('#password').send_keys(PASSWORD)
        self.find('#project').send_keys(project)
        self.send('main button.main')
        return self

    def errors(self):
        return [e['message'] for e in self.driver.get_log('browser') if e['level'] == 'SEVERE' and 'favicon' not in e['message']]

    def look(self, scheme, width):
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]})
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': False})

    def picture(self, name):
        if PICTURES:
            high = self.driver.execute_script('return Math.min(document.documentElement.scrollHeight, 2400)')
            self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
                'width': self.driver.execute_script('return innerWidth'), 'height': high, 'deviceScaleFactor': 1, 'mobile': False})
            self.driver.save_screenshot(os.path.join(PICTURES, name + '.png'))


def accessible(browser, name):
    """Runs axe-core, which finds what people with a screen reader or a keyboard cannot use."""
    if not os.environ.get('AXE'):
        return
    with open(os.environ['AXE']) as f:
        browser.driver.execute_script(f.read())
    found = browser.driver.execute_async_script('const answer = arguments[arguments.length - 1]; axe.run(document).then(answer, e => answer({violations: [{impact: "critical", id: String(e), nodes: []}]}))')
    bad = [v for v in found['violations'] if v['impact'] in ('serious', 'critical')]
    check('axe-core finds nothing serious: ' + name, not bad, [(v['id'], [n['html'][:200] for n in v['nodes'][:3]], [n.get('failureSummary', '')[:300] for n in v['nodes'][:1]]) for v in bad])


def pages(browser, paths, label):
    for path, name in paths:
        for scheme, width in ('light', 1280), ('dark', 1280), ('light', 390), ('dark', 390):
            browser.look(scheme, width)
            browser.open(path)
            browser.find('main h1')
            over = browser.driver.execute_script(WIDE)
            check('%s%s, %s, %d wide: nothing is cut off' % (label, name, scheme, width), over <= 0, over)
            if (scheme, width) in (('light', 390), ('dark', 1280)):  # each form and each scheme once
                accessible(browser, '%s%s, %s, %d wide' % (label, name, scheme, width))
            browser.picture('%s%s-%s-%d' % (label, name, scheme, width))
    browser.look('light', 1280)


def use():
    api = API('cli', 'cli')
    photos = api.volume('photos')
    path = volume_file(os.environ['VOLUMES'], photos)
    with open(path, 'r+b') as f:
        f.seek(MIB)
        first = os.urandom(MIB)
        f.write(first)
    evil = api.volume(EVIL)
    api.volume('mail')
    me = Browser()
    run('login', login, me)
    run('back up, watch and restore', restore, me, api, photos, path)
    run('names with markup', markup, me, evil)
    run('delete', delete, me, api)
    run('without JavaScript', plain, api, photos)
    run('pages', pages, me, [('/ui/', 'overview'), ('/ui/volumes', 'volumes'), ('/ui/volumes/' + photos, 'volume'), ('/ui/backups', 'backups'), ('/ui/moves', 'moves')], '')
    run('another project', strangers)
    run('admin', admin)
    run('the wire', wire, api)
    run('the end of the token', token_end, me)
    me.driver.quit()


def login(me):
    me.open('/ui/volumes')
    check('without a session there is the login', '/ui/login' in me.driver.current_url)
    accessible(me, 'login')
    me.picture('login-light-1280')
    me.find('#user').send_keys('cli')
    me.find('#password').send_keys('wrong')
    me.find('#project').send_keys('cli')
    me.send('main button.main')
    check('a wrong password is refused', 'refuses this login' in me.text(), me.text())
    me.errors()  # Chromium logs the status 401
    me.login('cli', 'cli')
    check('a login leads to the overview', me.driver.current_url == BASE + '/ui/', me.driver.current_url)
    cookie = me.driver.get_cookie('cindergate-console')
    check('no script sees the cookie', cookie['httpOnly'] and cookie['sameSite'] == 'Strict' and not me.driver.execute_script('return document.cookie'), cookie)
    check('times are in the zone of the browser', me.find('[data-zone]').text != '')


def restore(me, api, photos, path):
    with open(path, 'r+b') as f:  # enough for a bar that can be seen
        f.seek(16 * MIB)
        block = os.urandom(64 * MIB)
        for n in range(15):
            f.write(block[n * MIB:] + block[:n * MIB])
    before = digest(path)
    me.open('/ui/volumes/' + photos)
    me.find('#backup-name').send_keys('monday')
    me.send('section[aria-labelledby=now] button.main')
    check('the backup has begun, and the page has the command', 'The backup has begun.' in me.text() and 'openstack volume backup create --name monday ' + photos in me.text(), me.text())
    me.open('/ui/')
    seen = set()
    started = time.monotonic()
    while time.monotonic() - started < WAIT:
        value = me.driver.execute_script('const p = document.querySelector("[data-job] progress[value]"); return p ? p.value : null')
        if value is not None:
            seen.add(value)
            if PICTURES and 20 < value < 90 and len(seen) > 1 and not os.path.exists(PICTURES + '/running.png'):
                me.driver.save_screenshot(PICTURES + '/running.png')
        if api.call('GET', '/backups/detail?name=monday')['backups'][0]['status'] != 'creating':
            break
        time.sleep(0.05)
    check('the bar moves without a reload', len(seen) > 1, sorted(seen))
    backup = api.call('GET', '/backups?name=monday')['backups'][0]['id']
    api.until('/backups/' + backup, 'backup', 'available')
    me.until(lambda: 'Nothing runs.' in me.text())
    check('the overview renews itself: the volume is protected', me.until(lambda: '1 of 3' in me.find('.tiles').text), me.text())

    with open(path, 'r+b') as f:
        f.seek(MIB)
        f.write(bytes(MIB))
    me.open('/ui/volumes/' + photos + '?backup=' + backup + '#restore')
    me.find('#new-name').send_keys('photos of monday')
    me.send('section[aria-labelledby=restore] button.main')
    check('a restore by name leads to the new volume', 'Volume photos of monday' in me.find('h1').text, me.text())
    made = me.driver.current_url.rsplit('/', 1)[1].split('#')[0]
    api.until('/volumes/' + made, 'volume', 'available')
    check('the new volume has the same bytes', digest(volume_file(os.environ['VOLUMES'], made)) == before)
    check('the old one has others', digest(path) != before)

    me.open('/ui/volumes/' + photos)
    me.find('#to-this').click()
    me.find('#sure').click()
    me.find('section[aria-labelledby=restore] button.main').click()
    me.find('dialog[open]')
    accessible(me, 'the question')
    me.driver.find_elements(By.CSS_SELECTOR, 'dialog button')[1].click()
    check('a restore over data can be cancelled', not me.driver.find_elements(By.CSS_SELECTOR, 'dialog') and api.call('GET', '/volumes/' + photos)['volume']['status'] == 'available')
    me.find('section[aria-labelledby=restore] button.main').click()
    me.send('dialog button.danger')
    api.until('/volumes/' + photos, 'volume', 'available')
    check('a restore to the volume brings the bytes back', digest(volume_file(os.environ['VOLUMES'], photos)) == before)
    check('the console of the browser shows no error', not me.errors(), me.errors())


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.file_digest(f, 'sha256').hexdigest() if hasattr(hashlib, 'file_digest') else hashlib.sha256(f.read()).hexdigest()


def markup(me, evil):
    for path in '/ui/', '/ui/volumes', '/ui/volumes/' + evil, '/ui/volumes?name=' + urllib.parse.quote(EVIL), '/ui/backups?name=' + urllib.parse.quote(EVIL):
        me.open(path)
        check('no code of a name runs: ' + path[:30], 'XSS' != me.driver.title and not me.driver.find_elements(By.CSS_SELECTOR, 'main script, main img') , me.driver.title)
    me.open('/ui/volumes/' + evil)
    me.find('#backup-name').send_keys(EVIL)
    me.send('section[aria-labelledby=now] button.main')
    check('a name of markup is shown as it is', EVIL in me.text() and me.driver.title != 'XSS', me.text())
    refused = me.driver.execute_script('const s = document.createElement("script"); s.textContent = "window.ran = 1"; document.body.append(s); return window.ran !== 1')
    check('the browser refuses code in a page', refused)
    me.errors()


def delete(me, api):
    me.until(lambda: all(b['status'] == 'available' for b in api.call('GET', '/backups/detail')['backups']))
    me.open('/ui/backups')
    before = len(me.driver.find_elements(By.CSS_SELECTOR, 'input[name=id]'))
    me.find('form[data-many] button').click()
    check('to choose nothing is told', 'Choose at least one backup.' in me.text())
    me.driver.execute_script('for (const b of document.querySelectorAll("input[name=id]")) if (b.getAttribute("aria-label").includes("script")) b.click()')
    check('the page counts what is chosen', '1 chosen' in me.text(), me.text())
    me.send('form[data-many] button')
    check('a page asks', 'cannot be brought back' in me.text() and me.driver.title != 'XSS')
    me.send('button.danger')
    check('the backup goes', '1 backup will be deleted' in me.text(), me.text())
    check('the table renews itself', me.until(lambda: len(me.open('/ui/backups').driver.find_elements(By.CSS_SELECTOR, 'input[name=id]')) == before - 1))


def plain(api, photos):
    b = Browser(javascript=False).login('cli', 'cli')
    b.open('/ui/volumes/' + photos)
    b.find('#backup-name').send_keys('tuesday')
    b.find('#incremental').click()
    b.send('section[aria-labelledby=now] button.main')
    check('forms work without JavaScript', 'The backup has begun.' in b.text(), b.text())
    made = api.call('GET', '/backups?name=tuesday')['backups'][0]['id']
    api.until('/backups/' + made, 'backup', 'available')
    b.open('/ui/volumes/' + photos)
    check('a volume shows its chain without JavaScript', 'Chain of 2 backups' in b.text() and 'UTC' in b.find('footer').text, b.text())
    b.driver.quit()


def strangers():
    b = Browser().login('other', 'other')
    for path in '/ui/', '/ui/volumes', '/ui/backups', '/ui/moves':
        b.open(path)
        check('another project sees nothing: ' + path, 'photos' not in b.driver.page_source and 'monday' not in b.driver.page_source)
    b.driver.quit()


def admin():
    b = Browser().login('admin', 'admin')
    b.open('/ui/volumes')
    check('an admin sees all projects', 'photos' in b.text())
    pages(b, [('/ui/', 'overview'), ('/ui/services', 'services')], 'admin-')
    b.open('/ui/services')
    b.find('#reason-0').send_keys('new disk')
    b.send('button[value=drain]')
    check('a service is drained', 'takes no new work' in b.text() and 'new disk' in b.text(), b.text())
    b.send('button[value=enable]')
    check('and takes work again', 'takes new work again' in b.text() and not b.driver.find_elements(By.CSS_SELECTOR, 'button[value=enable]'), b.text())
    b.driver.quit()


def wire(api):
    missing = '/backups/11111111-2222-4333-8444-555555555555'
    try:
        api.call('DELETE', missing)
    except urllib.error.HTTPError as refused:
        request = refused.headers['X-Openstack-Request-Id']
    b = Browser().login('admin', 'admin')
    b.open('/ui/wire?status=404')
    check('a failed request is listed', 'DELETE' in b.text() and missing in b.text() and 'NotFound' in b.text(), b.text())
    b.open('/ui/wire?id=' + request)
    b.send('tbody a')
    check('it says why its status is what it is', 'Why this status' in b.text() and 'NotFound is 404' in b.text() and 'DeleteBackup' in b.text(), b.text())
    check('its token was removed', '(removed)' in b.text() and api.token not in b.driver.page_source)
    b.open('/ui/wire?status=4xx')
    before = len(b.driver.find_elements(By.CSS_SELECTOR, 'tbody tr'))
    try:
        api.call('DELETE', missing)
    except urllib.error.HTTPError:
        pass
    b.until(lambda: len(b.driver.find_elements(By.CSS_SELECTOR, 'tbody tr')) > before)
    check('the list renews itself', True)
    pages(b, [('/ui/wire', 'wire'), ('/ui/wire/' + request, 'exchange')], 'admin-')
    b.driver.quit()


def token_end(me):
    mine = API('cli', 'cli')
    me.driver.delete_all_cookies()
    me.open('/ui/login')
    me.find('#token').send_keys(mine.token)
    me.send('section[aria-labelledby=with-token] button')
    check('a pasted token is a login', me.driver.current_url == BASE + '/ui/', me.driver.current_url)
    me.until(lambda: 'renews itself' in me.text())
    request = urllib.request.Request(BASE + '/identity/v3/auth/tokens', method='DELETE', headers={'X-Auth-Token': mine.token, 'X-Subject-Token': mine.token})
    urllib.request.urlopen(request)
    started = time.monotonic()
    me.until(lambda: '/ui/login' in me.driver.current_url)
    check('the page ends with the token, after %.1f s' % (time.monotonic() - started), True)


TIMES = '''const p = performance.getEntriesByType("paint").find(p => p.name === "first-contentful-paint")
    const n = performance.getEntriesByType("navigation")[0]
    return p ? [p.startTime, n.responseEnd, n.domInteractive] : null'''


# The milliseconds from each click until the frame with its effect is painted.
WATCH = '''window.clicks = []
    addEventListener("click", e => requestAnimationFrame(() => setTimeout(() => window.clicks.push(performance.now() - e.timeStamp))), true)'''


def many():
    me = Browser().login('cli', 'cli')
    for path, name in ('/ui/', 'overview'), ('/ui/volumes', 'volumes'), ('/ui/backups', 'backups'), ('/ui/moves', 'moves'):
        found = []
        for _ in range(3):
            me.open(path)
            found.append(me.until(lambda: me.driver.execute_script(TIMES)))
            time.sleep(1)
        best = min(found)
        check('with 10,000 backups, %s: first paint after %s ms (%.0f ms until the answer is read, %.0f ms until it can be used)' % (
            name, ', '.join('%.0f' % f[0] for f in found), best[1], best[2]), best[0] < 500, found)
    me.open('/ui/')
    check('the overview says what it has read', 'the newest' in me.find('.tiles').text and 'were read for this page' in me.text(), me.text())
    me.open('/ui/backups')
    painted = []
    for _ in range(10):
        me.send('a[rel=next]')
        painted.append(me.until(lambda: me.driver.execute_script(TIMES))[0])
    painted.sort()
    check('a next page of the table is painted %.0f ms after the click (%.0f to %.0f ms)' % (painted[5], painted[0], painted[-1]), painted[0] < 500, painted)
    me.driver.execute_script(WATCH)
    for box in me.driver.find_elements(By.CSS_SELECTOR, 'tbody input[type=checkbox]')[:10]:
        box.click()
    found = me.until(lambda: me.driver.execute_script('return window.clicks.length >= 10 ? window.clicks : null'))
    check('a click on a row is painted after %.0f ms at most' % max(found), min(found) < 100, found)
    check('pages follow each other', 'backup 500' in me.text(), me.text()[:600])
    Select(me.find('#sort')).select_by_value('created_at:asc')
    me.send('.filters button')
    check('the oldest are first', 'backup 10000' in me.text() and 'backup 9951' in me.text(), me.text()[:600])
    me.picture('many')
    me.driver.quit()


{'use': use, 'many': many}[sys.argv[1]]()
done()
