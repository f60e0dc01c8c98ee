"""tour.py ROOT WORK ADDRESS: runs each command of the README's "Five minutes" in one
shell. Between commands it waits as a reader does. It compares each output with the one in
the README."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

from checks import check, done

root, work, address = sys.argv[1:4]
UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')
def commands(text):
    """Returns the commands with their outputs in the README."""
    found = []
    for block in re.findall(r'(?ms)^```\n(.*?)^```$', text):
        for line in block.splitlines():
            if found and found[-1][0].endswith('\\'):
                found[-1][0] += '\n' + line
            elif line.startswith('$ '):
                found.append([line[2:], ''])
            elif found:
                found[-1][1] += line + '\n'
    return found


readme = open(os.path.join(root, 'README.md')).read()
tour = commands(readme[readme.index('## Five minutes'):readme.index('## Read on')])

# Copies the files that git tracks or would add, with an own build/state.
shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
files = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=root,
                       check=True, capture_output=True).stdout
copy = subprocess.Popen(['xargs', '-0', 'cp', '--parents', '-t', work], cwd=root, stdin=subprocess.PIPE)
copy.communicate(files)
environment = {k: v for k, v in os.environ.items() if not k.startswith('OS_')}
run = subprocess.Popen(['make', 'run', 'LISTEN=' + address], cwd=work, env=environment, start_new_session=True,
                       stdout=open(os.path.join(work, 'make.out'), 'w'), stderr=subprocess.STDOUT)
shell = None
try:
    for _ in range(1800):
        try:
            urllib.request.urlopen('http://%s/healthz' % address).close()
            break
        except OSError:
            if run.poll() is not None:
                break
            time.sleep(0.1)
    check('make run', run.poll() is None, open(os.path.join(work, 'make.out')).read())
    for _ in range(100):  # the hint appears once the address answers
        printed = open(os.path.join(work, 'make.out')).read()
        if 'OS_CLIENT_CONFIG_FILE=' in printed:
            break
        time.sleep(0.1)
    check('it says how to point openstack at it', 'OS_CLIENT_CONFIG_FILE=' in printed, printed)

    shell = subprocess.Popen(['bash'], cwd=work, env=environment, text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def type_in(command):
        """Returns the output of a command, with standard error, and its exit status."""
        shell.stdin.write(command + "\nprintf '\\nend of command %d\\n' $?\n")
        shell.stdin.flush()
        output = ''
        while True:
            line = shell.stdout.readline()
            if not line:
                sys.exit('the shell ended: ' + output)
            end = re.fullmatch(r'end of command (\d+)\n', line)
            if end:
                return output.rstrip('\n') + '\n' if output.strip() else '', int(end[1])
            output += line

    def settle():
        """Waits in a separate shell until no change is in progress."""
        for _ in range(600):
            out = subprocess.run(
                ['bash', '-c', 'OS_CLIENT_CONFIG_FILE=build/state/clouds.yaml; export OS_CLIENT_CONFIG_FILE; '
                 'openstack --os-cloud demo volume list -f json && openstack --os-cloud demo volume backup list -f json'],
                cwd=work, env=environment, capture_output=True, text=True)
            if out.returncode == 0:
                decoder, text, statuses = json.JSONDecoder(), out.stdout.strip(), []
                while text:
                    rows, end = decoder.raw_decode(text)
                    statuses += [row['Status'] for row in rows]
                    text = text[end:].strip()
                if not any(s.endswith('ing') or s.endswith('backup') for s in statuses):
                    return
        sys.exit('something is still under way: ' + out.stdout + out.stderr)

    ids = {}  # id in the README: id of this run

    def shape(text):
        """Returns the text without the parts that differ between runs."""
        return re.sub(r' +', ' ', UUID.sub('ID', text)).strip()

    for command, shown in tour:
        typed = UUID.sub(lambda m: ids.get(m[0], m[0]), command)
        printed, status = type_in(typed)
        for theirs, ours in zip(UUID.findall(shown), UUID.findall(printed)):
            ids.setdefault(theirs, ours)
        title = command.splitlines()[0]
        should_fail = 'Failed to' in shown
        if (status != 0) != should_fail:
            check(title, False, 'exit status %d:\n%s' % (status, printed))
            continue
        good = shape(shown) in shape(printed)
        check(title, good, 'the README shows:\n%s\nit prints:\n%s' % (shown, printed))
        if 'openstack' in command or 'cinder ' in command:
            settle()
finally:
    if shell:
        shell.stdin.close()
        shell.wait()
    os.killpg(run.pid, 15)  # make, and the gateway that it runs
    run.wait()
done()
