#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads every #include of the house and fails on one that points up or sideways (docs/architecture.md, "Floors"),
on a third-party header outside its one home, and on sources without a licence line."""
import os
import re
import sys

MAY = {
    'base': set(),
    'conf': {'base'},
    'hw': {'conf', 'base'},
    'transcoding': {'base'},
    'dialplan': {'conf', 'base'},
    'trunk': {'conf', 'transcoding', 'base'},
    'tdm': {'conf', 'hw', 'transcoding', 'base'},
    'gateway': {'conf', 'hw', 'transcoding', 'dialplan', 'trunk', 'tdm', 'base'},
}
# header pattern → the only places that may include it
HOMES = {
    r'libpri\.h': r'tdm/pri[a-z_]*\.[ch]',
    r'sofia-sip/.*': r'trunk/.*',
    r'sys/epoll\.h': r'base/.*|conf/store/.*|hw/.*|trunk/.*|transcoding/.*|tdm/.*|gateway/.*',
    r'dahdi/.*': r'hw/dahdi[a-z_]*\.[ch]',
    r'yaml\.h': r'conf/.*',
    r'pcre2\.h': r'dialplan/.*',
    r'microhttpd\.h': r'gateway/api[a-z_]*\.[ch]',
    r'curl/.*': r'gateway/gwctl[a-z_]*\.[ch]',
    r'spandsp.*': r'transcoding/.*',
    r'sqlite3\.h': r'conf/store/.*',
    r'libpq.*': r'conf/store/.*',
    r'systemd/.*': r'gateway/notify\.c',
    r'openssl/.*': r'gateway/api[a-z_]*\.[ch]|gateway/gwctl[a-z_]*\.[ch]',
}


def floor_of(path):
    return path.split('/')[0]


def faults_of(path, text):
    floor = floor_of(path)
    exchange = path.startswith('tdm/exchange/')
    if 'SPDX-License-Identifier: GPL-2.0-only' not in text[:400]:
        yield f'{path}:1: no SPDX licence line'
    for number, line in enumerate(text.split('\n'), 1):
        own = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if own:
            other = floor_of(own[1]) if '/' in own[1] else floor
            if other != floor and other not in MAY[floor]:
                yield f'{path}:{number}: {floor}/ may not include {own[1]}'
            if own[1].startswith('tdm/exchange/') and not exchange:
                yield f'{path}:{number}: only tdm/exchange/ includes {own[1]}'
        foreign = re.match(r'\s*#\s*include\s+<([^>]+)>', line)
        if foreign:
            for header, home in HOMES.items():
                if re.fullmatch(header, foreign[1]) and not re.fullmatch(home, path):
                    yield f'{path}:{number}: <{foreign[1]}> has its home in {home}'


def main(top):
    faults, seen = [], 0
    for floor in MAY:
        for folder, _, names in os.walk(os.path.join(top, floor)):
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    full = os.path.join(folder, name)
                    seen += 1
                    with open(full, encoding='utf-8') as file:
                        faults += faults_of(os.path.relpath(full, top), file.read())
    print('\n'.join(faults) if faults else f'{seen} files: every include points down')
    if seen < 20:
        print('too few sources found: wrong folder?')
    return 1 if faults or seen < 20 else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else '.'))
