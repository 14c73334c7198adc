#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who may do what over the API: users and groups on the socket, tokens, loopback TCP; and what the configuration accepts."""
import contextlib
import grp
import hashlib
import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys

from lab import BIN, eventually, free_ports, run_tests
from rest import API, Rest
from test_tables import Quiet

NOBODY = 65534
READ, OPERATE, ADMIN = ('status', 'tables/routes', 'export', 'history', 'config/diff'), ('trunks/core/enable',), ('tables/usages',)
HERE = os.path.dirname(os.path.abspath(__file__))


def sha256(token):
    return hashlib.sha256(token.encode()).hexdigest()


def as_user(uid, gid, groups, path, method, target, body=None, token=None):
    """Status and error of a request by another user of the system."""
    code = ('import json,sys; sys.path.insert(0, sys.argv[1]); from rest import Rest; a = json.loads(sys.argv[2]); '
            'r = Rest(a["path"], token=a["token"]).ask(a["method"], a["target"], a["body"], expect=0); '
            'print(json.dumps([r.status, r.value]))')
    what = json.dumps({'path': path, 'method': method, 'target': target, 'body': body, 'token': token})
    words = ['setpriv', f'--reuid={uid}', f'--regid={gid}', f'--groups={",".join(map(str, groups))}' if groups else '--clear-groups',
             sys.executable, '-c', code, HERE, what]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd='/', env={**os.environ, 'HOME': '/'})
    if done.returncode:
        assert 'PermissionError' in done.stderr, done.stderr
        return 0, None
    return tuple(json.loads(done.stdout))


def can_be_others():
    """Only root can try what others may do; and they must be able to read these files."""
    if os.geteuid() != 0 or not shutil.which('setpriv'):
        print('not root: other users are not tried')
        return False
    done = subprocess.run(['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', sys.executable, '-c',
                           f'import sys; sys.path.insert(0, {HERE!r}); import rest'], capture_output=True, cwd='/', text=True)
    if done.returncode:
        print('others cannot read this folder:', done.stderr.strip().split('\n')[-1])
    return done.returncode == 0


def two_groups():
    """Names and numbers of two groups of this system that nobody is in here."""
    names = [g for g in grp.getgrall() if g.gr_gid not in (0, NOBODY) and not g.gr_mem]
    return names[0], names[1]


class Guarded(Quiet):
    """A gateway whose folder others may enter."""

    def __init__(self, api, **kw):
        super().__init__(**kw)
        self.api = api
        os.chmod(self.folder, 0o755)


def judge(lab, uid, gid, groups, **kw):
    """What a user may do: how many of read, operate, admin (0: nothing, None: not even connect)."""
    level = 0
    for number, targets in enumerate((READ, OPERATE, ADMIN), 1):
        for target in targets:
            method = 'GET' if number == 1 else 'POST'
            body = {'name': f'by-{uid}-{gid}-{len(groups)}'} if number == 3 else None
            status, value = as_user(uid, gid, groups, lab.socket, method, target, body, **kw)
            if status == 0:
                return None
            assert status < 300 or status in (401, 403, 409), (target, status, value)
            if status in (401, 403):
                assert value['error']['code'] in ('forbidden', 'no-token') and API.operation(
                    API.match('/' + target), method.lower())['x-role'] in value['error']['message'], value
                return level
        level = number
    return level


def root_and_own_user():
    with Guarded('') as lab:
        assert stat.S_IMODE(os.stat(lab.socket).st_mode) == 0o660
        lab.rest.post('tables/usages', {'name': 'mine'}, expect=201)
        who = lab.rest.get('history')['history'][0]['who']
        assert who == pwd.getpwuid(os.geteuid()).pw_name, who
        if can_be_others():
            assert judge(lab, NOBODY, NOBODY, []) is None, 'a stranger does not even connect'
            assert judge(lab, NOBODY, os.getegid(), []) == 2, "a member of the socket's group may operate"
            assert judge(lab, NOBODY, NOBODY, [os.getegid()]) == 2, 'also as a supplementary group'


def groups_have_roles():
    if not can_be_others():
        return
    readers, admins = two_groups()
    with Guarded(f'access: [{{ group: {readers.gr_name}, role: read }}, {{ group: {admins.gr_name}, role: admin }}, '
                 '{ group: no-such-group-here, role: admin }]') as lab:
        assert judge(lab, NOBODY, NOBODY, []) == 0, 'a stranger is told why'
        assert judge(lab, NOBODY, readers.gr_gid, []) == 1
        assert judge(lab, NOBODY, NOBODY, [readers.gr_gid]) == 1
        assert judge(lab, NOBODY, NOBODY, [readers.gr_gid, admins.gr_gid]) == 3, 'the highest counts'
        assert judge(lab, NOBODY, os.getegid(), []) == 0, "where groups are named the socket's own has no role by itself"
        assert lab.rest.get('history')['history'][0]['who'] == pwd.getpwuid(NOBODY).pw_name
        status, value = as_user(NOBODY, readers.gr_gid, [], lab.socket, 'DELETE', 'tables/routes/core')
        assert status == 403 and 'DELETE tables/routes/core needs the role admin; nobody has the role read' in value['error']['message'], value
        # another access: at once, without a restart
        lab.api = f'access: [{{ group: {readers.gr_name}, role: operate }}]'
        lab.write('gateway.yaml', lab.gateway_config())
        assert lab.rest.post('config/reload')['changed']
        assert judge(lab, NOBODY, readers.gr_gid, []) == 2
        assert judge(lab, NOBODY, admins.gr_gid, []) == 0


def group_of_the_socket():
    if not can_be_others():
        return
    group, other = two_groups()
    with Guarded(f'group: {group.gr_name}') as lab:
        assert os.stat(lab.socket).st_gid == group.gr_gid and stat.S_IMODE(os.stat(lab.socket).st_mode) == 0o660
        assert judge(lab, NOBODY, group.gr_gid, []) == 2
        assert judge(lab, NOBODY, other.gr_gid, []) is None


def no_such_group():
    lab = Quiet()
    lab.api = 'group: no-such-group-here'
    with contextlib.closing(lab.peer):
        config = lab.write('gateway.yaml', lab.gateway_config())
        done = subprocess.run([os.path.join(BIN, 'gatewayd'), '--config', config], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and 'this system has no group no-such-group-here' in done.stderr, done.stderr
        assert not os.path.exists(lab.socket)
    shutil.rmtree(lab.folder)


def tokens():
    port = free_ports(1, socket.SOCK_STREAM)[0]
    access = ', '.join(f'{{ token-sha256: {sha256(role + "-secret")}, name: "the {role}", role: {role} }}' for role in ('read', 'operate', 'admin'))
    with Guarded(f'listen: "127.0.0.1:{port}", access: [{access}]') as lab:
        assert stat.S_IMODE(os.stat(lab.socket).st_mode) == 0o660, 'tokens alone open the socket to nobody'
        stranger = Rest(port=port)
        for target in READ:
            answer = stranger.get(target, expect=401)
            assert answer.error['code'] == 'no-token' and answer.headers['WWW-Authenticate'] == 'Bearer', answer.text
        assert stranger.get('moon', expect=404)
        for wrong in ('Bearer nothing', 'Bearer ', 'Basic cm9vdDpyb290', 'Bearer ' + sha256('admin-secret'), 'bearer x' * 500):
            assert stranger.get('status', Authorization=wrong, expect=401).error['code'] == 'bad-token'
        for number, role in enumerate(('read', 'operate', 'admin'), 1):
            rest = Rest(port=port, token=f'{role}-secret')
            for level, (method, targets) in enumerate((('GET', READ), ('POST', OPERATE), ('POST', ADMIN)), 1):
                for target in targets:
                    body = {'name': f'by-{role}'} if level == 3 else None
                    answer = rest.ask(method, target, body, expect=0)
                    assert (answer.status < 300) == (level <= number), (role, target, str(answer))
                    assert answer.status < 300 or answer.status == 403
        entry = lab.rest.get('history')['history'][0]
        assert entry['who'] == 'the admin' and entry['origin'].startswith('127.0.0.1:'), entry
        # on the socket a token adds to what its user may do anyway; a wrong one is told
        lab.rest.get('status', Authorization='Bearer nothing', expect=401)
        if can_be_others():
            assert as_user(NOBODY, os.getegid(), [], lab.socket, 'POST', 'tables/usages', {'name': 'n'})[0] == 403
            assert as_user(NOBODY, os.getegid(), [], lab.socket, 'POST', 'tables/usages', {'name': 'n'}, token='admin-secret')[0] == 201
            assert lab.rest.get('history')['history'][0]['who'] == 'the admin'


def ports_are_checked():
    busy = socket.socket()
    busy.bind(('127.0.0.1', 0))
    busy.listen()
    lab = Quiet()
    lab.api = f'listen: "127.0.0.1:{busy.getsockname()[1]}", access: [{{ token-sha256: {sha256("x")}, name: x, role: read }}]'
    config = lab.write('gateway.yaml', lab.gateway_config())
    done = subprocess.run([os.path.join(BIN, 'gatewayd'), '--config', config], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "api: listen: can't listen at 127.0.0.1:" in done.stderr, done.stderr
    assert not os.path.exists(lab.socket), 'nothing is left behind'
    lab.peer.close()
    busy.close()
    shutil.rmtree(lab.folder)


def what_is_accepted():
    lab = Quiet()
    good = f'{{ token-sha256: {sha256("x")}, name: x, role: read }}'
    for api, piece in ((f'listen: "0.0.0.0:8088", access: [{good}]', 'no loopback address'),
                       (f'listen: "192.0.2.1:8088", access: [{good}]', '127.0.0.1:PORT'),
                       (f'listen: "[::]:8088", access: [{good}]', 'no loopback address'),
                       ('listen: "127.0.0.1:8088"', 'without a token'),
                       ('listen: "127.0.0.1:8088", access: [{ group: wheel, role: read }]', 'without a token'),
                       ('access: [{ role: read }]', 'neither group nor token-sha256'),
                       (f'access: [{{ group: wheel, token-sha256: {sha256("x")}, name: x, role: read }}]', 'both group and token-sha256'),
                       (f'access: [{{ token-sha256: {sha256("x")}, role: read }}]', 'a token needs a name'),
                       (f'access: [{{ token-sha256: {sha256("x")[:-1]}, name: x, role: read }}]', '64 hexadecimal digits'),
                       (f'access: [{{ token-sha256: {sha256("x")[:-1]}g, name: x, role: read }}]', '64 hexadecimal digits'),
                       ('access: [{ group: wheel }]', 'role'), ('access: [{ group: wheel, role: root }]', 'read, operate, admin')):
        lab.api = api
        config = lab.write('gateway.yaml', lab.gateway_config())
        done = subprocess.run([os.path.join(BIN, 'gatewayd'), '--check', '--config', config], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and piece in done.stderr, (api, done.returncode, done.stderr)
    for api in (f'listen: "127.8.8.8:8088", access: [{good}]', f'listen: "[::1]:8088", access: [{good}]', f'access: [{good}, {{ group: wheel, role: admin }}]'):
        lab.api = api
        config = lab.write('gateway.yaml', lab.gateway_config())
        done = subprocess.run([os.path.join(BIN, 'gatewayd'), '--check', '--config', config], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (api, done.stderr)
    lab.peer.close()
    shutil.rmtree(lab.folder)


def each_operation_has_its_role():
    # with a token that may do one less; the description says which role each needs
    port = free_ports(1, socket.SOCK_STREAM)[0]
    access = ', '.join(f'{{ token-sha256: {sha256(role)}, name: {role}, role: {role} }}' for role in ('read', 'operate', 'admin'))
    with Guarded(f'listen: "127.0.0.1:{port}", access: [{access}]') as lab:
        lower = {'read': None, 'operate': 'read', 'admin': 'operate'}
        for path, method in API.paths():
            needed = API.operation(path, method)['x-role']
            target = path[1:].replace('{kind}', 'routes').replace('{name}', 'nothing').replace('{id}', 'nothing').replace('{revision}', '999')
            refusal = Rest(port=port, token=lower[needed]).ask(method.upper(), target, '', expect=401 if needed == 'read' else 403)
            assert f'the role {needed}' in refusal.error['message'], (path, method, refusal.text)
        assert lab.rest.revision == 1
        eventually(lambda: lab.rest.get('status')['calls']['now'] == 0)


if __name__ == '__main__':
    sys.exit(run_tests([root_and_own_user, groups_have_roles, group_of_the_socket, no_such_group, tokens, ports_are_checked,
                        what_is_accepted, each_operation_has_its_role]))
