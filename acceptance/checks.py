"""Imported by scripts that run checks as a client. Each check prints a line and is counted."""

import sys
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


def done():
    """Prints the totals and ends the script."""
    print('%d passed, %d failed' % (passed, failed))
    sys.exit(failed > 0)
