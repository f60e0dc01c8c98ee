"""Checks the panels that a user of the gateway sees in Horizon.

Environment: DASHBOARD is Horizon's address and URL the gateway's. OS_PASSWORD is the password of the
users "browser", a member of the project of that name, and "admin". REGION is the gateway's region if the
catalogue has several. The project "browser" must be empty; in the end, nothing is left.
"""

import os
import time
import urllib.request

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from checks import check, done, run

BASE = os.environ['DASHBOARD']
REGION = os.environ.get('REGION')
WAIT = 60  # seconds; a real Cinder restores 1 GiB in some twenty

# Horizon replaces the rows of resources that change, at any moment. So one script reads a page
# at once: an element that Selenium holds may be gone before it is read.
LOADED = "return document.readyState === 'complete'"
TEXT = "return document.body ? document.body.innerText : ''"
TROUBLE = """return [...document.querySelectorAll('.alert-danger, .alert-warning, .messages .alert')]
    .filter(e => e.checkVisibility()).map(e => e.innerText).filter(t => t.trim() && !t.includes('Success') && !t.includes('Info'))"""
ROW = """const row = [...document.querySelectorAll('tr[data-object-id]')]
    .find(r => arguments[0].every(w => r.innerText.includes(w)));
    return row ? row.dataset.objectId : ''"""


def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = '/usr/bin/chromium'
    for argument in '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--window-size=1400,1000':
        options.add_argument(argument)
    from selenium.webdriver.chrome.service import Service
    driver = webdriver.Chrome(service=Service('/usr/bin/chromedriver'), options=options)
    driver.set_page_load_timeout(WAIT)
    return driver


class Dashboard:
    def __init__(self, user):
        self.driver, self.user = chromium(), user

    def until(self, condition):
        return WebDriverWait(self.driver, WAIT).until(condition)

    def find(self, selector):
        return self.until(lambda d: d.find_element(By.CSS_SELECTOR, selector))

    def left(self, path):
        """Waits for the page that follows the one of that path."""
        self.until(lambda d: path not in d.current_url and d.execute_script(LOADED))

    def text(self):
        return self.driver.execute_script(TEXT)

    def login(self):
        self.driver.get(BASE + '/auth/login/')
        self.find('#id_username').send_keys(self.user)
        self.find('#id_password').send_keys(os.environ['OS_PASSWORD'])
        self.find('#loginBtn').click()
        self.left('/auth/login')
        check('login as ' + self.user, self.user in self.text(), self.text()[:600])
        if REGION:
            self.choose(REGION)

    def choose(self, region):
        """Chooses a region in the menu at the top: a login is in any of those that Keystone serves."""
        self.press('return document.querySelector(arguments[0])', 'a[href*="/switch_services_region/%s/"]' % region)
        shown = "return (document.querySelector('.context-region') || {}).innerText || ''"
        self.until(lambda d: d.execute_script(LOADED) and d.execute_script(shown).strip() == region)

    def trouble(self):
        """Returns the error messages of the page."""
        return self.driver.execute_script(TROUBLE)

    def page(self, what, path, *words):
        """Opens a panel. It must show the words and no error."""
        self.driver.get(BASE + path)
        try:
            self.until(lambda d: all(w in self.text() for w in words))
        except Exception:
            pass
        name = '%s as %s' % (what, self.user)
        trouble = self.trouble()
        fine = all(w in self.text() for w in words) and not trouble and BASE + path.split('?')[0] in self.driver.current_url
        check(name, fine)
        if not fine:
            print('      at', self.driver.current_url, trouble, self.text()[:600])
        if os.environ.get('SCREENSHOTS'):
            self.driver.save_screenshot(os.path.join(os.environ['SCREENSHOTS'], name.replace(' ', '-') + '.png'))

    def submit(self, what, path, fields):
        """Fills in a form on its own page and sends it."""
        self.driver.get(BASE + path)
        for name, value in fields.items():
            field = self.find('[name=%s]' % name)
            field.clear()
            field.send_keys(value)
        self.find('form .btn-primary[type=submit], form input[type=submit]').click()
        self.left(BASE + path)
        check('%s as %s' % (what, self.user), not self.trouble())

    def press(self, script, *arguments):
        """Clicks what the script returns, once it is there."""
        self.until(lambda d: d.execute_script('const b = (function () {%s}).apply(null, arguments); if (b) b.click(); return !!b' % script, *arguments))

    def modal(self, what, path, row, action):
        """Presses the button of a row, and that of the window that opens then."""
        self.driver.get(BASE + path)
        self.press('return document.getElementById(arguments[0])', '%s__action_%s' % (row, action))
        self.press("""return [...document.querySelectorAll('.modal .modal-footer .btn, .modal form [type=submit]')]
            .find(b => b.checkVisibility() && new RegExp(arguments[0], 'i').test(b.innerText || b.value))""", action)
        self.until(lambda d: not d.execute_script("return !!document.querySelector('.modal.in')") and d.execute_script(LOADED))
        check('%s as %s' % (what, self.user), not self.trouble())

    def delete(self, what, path, table, row, name):
        """Deletes the resource of that row, and waits until no row has its name."""
        self.modal('delete ' + what, path, '%s__row_%s' % (table, row), 'delete')
        end = time.monotonic() + WAIT
        self.driver.get(BASE + path)
        while self.driver.execute_script(ROW, [name]) and time.monotonic() < end:
            self.driver.get(BASE + path)
        check('the row of %s is gone' % what, not self.driver.execute_script(ROW, [name]))

    def row(self, path, name, status):
        """Returns the id in the row of that name, once the row has the status."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            self.driver.get(BASE + path)
            found = self.driver.execute_script(ROW, [name, status])
            if found:
                return found
        check('%s %s' % (name, status), False)
        return ''


def restores():
    """Returns how many restores the gateway has accepted."""
    with urllib.request.urlopen(os.environ['URL'] + '/metrics', timeout=WAIT) as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines
               if line.startswith('cindergate_request_duration_seconds_count{') and '/restore"' in line and 'status="202"' in line)


def member(d):
    d.page('landing page', '/project/', 'Volume')
    d.page('volumes, none', '/project/volumes/', 'No items to display')
    d.submit('create a volume', '/project/volumes/create/', {'name': 'hz-v', 'size': '1'})
    volume = d.row('/project/volumes/', 'hz-v', 'Available')
    d.page('volumes', '/project/volumes/', 'hz-v', '1GiB')
    d.page('a volume', '/project/volumes/%s/' % volume, 'hz-v', volume)
    d.submit('create a snapshot', '/project/volumes/%s/create_snapshot/' % volume, {'name': 'hz-s'})
    d.row('/project/snapshots/', 'hz-s', 'Available')
    d.page('snapshots', '/project/snapshots/', 'hz-s', 'hz-v')
    d.submit('create a backup', '/project/volumes/%s/create_backup/' % volume, {'name': 'hz-b'})
    backup = d.row('/project/backups/', 'hz-b', 'Available')
    d.page('backups', '/project/backups/', 'hz-b', 'hz-v')
    d.page('a backup', '/project/backups/%s/' % backup, 'hz-b', backup)
    # Debian's page of its own for a restore lacks a template; the button of the table opens a window, which
    # proposes the backup's volume.
    before = restores()
    d.modal('restore a backup to its volume', '/project/backups/', 'volume_backups__row_%s' % backup, 'restore')
    check('the gateway served the restore', restores() == before + 1)
    d.row('/project/volumes/', 'hz-v', 'Available')
    d.row('/project/backups/', 'hz-b', 'Available')
    d.submit('create a backup to delete', '/project/volumes/%s/create_backup/' % volume, {'name': 'hz-gone'})
    d.delete('a backup', '/project/backups/', 'volume_backups', d.row('/project/backups/', 'hz-gone', 'Available'), 'hz-gone')
    d.page('volume groups', '/project/volume_groups/', 'No items to display')
    d.page('overview', '/project/', 'Volume', 'Limit Summary')


def admin(d):
    d.page('landing page', '/admin/', 'Overview')
    d.page('volumes of all', '/admin/volumes/', 'hz-v', 'browser')
    d.page('snapshots of all', '/admin/snapshots/', 'hz-s')
    d.page('backups of all', '/admin/backups/', 'hz-b', 'browser')
    d.page('volume types', '/admin/volume_types/', '__DEFAULT__')
    d.page('projects', '/identity/', 'cli', 'rec')
    d.page('users', '/identity/users/', 'cli-admin')
    d.page('system information', '/admin/info/', 'cinder')
    backup = d.row('/admin/backups/', 'hz-b', 'Available')
    before = restores()
    # The window proposes a new volume, in the admin's project. It has the name of the backup's volume in the end.
    d.modal("restore a member's backup to a new volume", '/admin/backups/', 'volume_backups__row_%s' % backup, 'restore')
    check("the gateway served the admin's restore", restores() == before + 1)
    volume = d.row('/project/volumes/', 'hz-v', 'Available')
    d.row('/admin/backups/', 'hz-b', 'Available')
    d.delete('the new volume', '/project/volumes/', 'volumes', volume, 'hz-v')
    d.delete("a member's backup", '/admin/backups/', 'volume_backups', backup, 'hz-b')


def member_in_the_end(d):
    d.delete('a snapshot', '/project/snapshots/', 'volume_snapshots', d.row('/project/snapshots/', 'hz-s', 'Available'), 'hz-s')
    d.delete('a volume', '/project/volumes/', 'volumes', d.row('/project/volumes/', 'hz-v', 'Available'), 'hz-v')
    d.page('backups, none', '/project/backups/', 'No items to display')


def scenario(user, steps):
    d = Dashboard(user)
    try:
        d.login()
        steps(d)
    finally:
        d.driver.quit()


for user, steps in ('browser', member), ('admin', admin), ('browser', member_in_the_end):
    run(steps.__name__, scenario, user, steps)
done()
