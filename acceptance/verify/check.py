#!/usr/bin/python3
"""check.py REPORT [CAPABILITY...]: fails unless everything in a JSON report of `cindergate
verify` passed, and exactly the named capabilities are not offered."""
import json
import sys

with open(sys.argv[1]) as f:
    report = json.load(f)
print(report['summary'], 'in %.0f s' % report['seconds'])
lacking, bad = set(), []
for case in report['cases']:
    if case['outcome'] == 'not offered':
        lacking.add(case['capability'])
    elif case['outcome'] != 'passed':
        bad.append(case)
for case in bad:
    print(case['name'], case['microversion'], case['outcome'], case.get('reason', ''), case.get('expected', ''), case.get('got', ''), sep=' | ')
if lacking != set(sys.argv[2:]):
    print('not offered:', ', '.join(sorted(lacking)))
if bad or lacking != set(sys.argv[2:]) or not report['cases'] or report['left_behind']:
    sys.exit(1)
