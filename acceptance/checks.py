"""Imported by scripts that run checks as a client. Each check prints a line and is counted."""

import glob
import sys
import time
import traceback

passed = failed = 0


def check(what, good, detail=''):
    """Counts a check. detail is printed if it fails."""
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print('%-4s %s' % ('ok' if good else 'FAIL', what), flush=True)
    if not good and detail:
        print('       ' + str(detail).replace('\n', '\n       '), flush=True)


def run(what, scenario, *arguments):
    """Runs a scenario. An exception counts as a failed check."""
    try:
        scenario(*arguments)
    except Exception:
        traceback.print_exc()
        check('the rest of ' + what, False)


def volume_file(directory, ident):
    """Returns the file of a volume. After a restore to a volume its name ends in the attempt that
    wrote it, and the old file is removed soon."""
    for _ in range(100):
        found = glob.glob('%s/volume-%s*' % (directory, ident))
        if len(found) == 1:
            break
        time.sleep(0.05)
    return found[0]


def done():
    """Prints the totals and ends the script."""
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(failed > 0)
