# SPDX-License-Identifier: GPL-2.0-only
"""A client of the REST API. Every answer is compared with docs/api.yaml, and which operations have been seen with which status
is remembered: Rest.seen."""
import http.client
import json
import os
import socket

from lab import eventually
from openapi import Api

API = Api(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/api.yaml'))


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout):
        super().__init__('gatewayd', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response, text):
        self.status, self.headers, self.text = response.status, response.headers, text
        self.kind = response.getheader('Content-Type')
        self.value = json.loads(text) if self.kind == 'application/json' else text

    def __getitem__(self, key):
        return self.value[key]

    @property
    def error(self):
        return self.value['error']

    def __str__(self):
        return f'{self.status} {self.text[:2000]}'


class Rest:
    seen = set()     # (path as described, method, status)

    def __init__(self, path=None, port=None, host='127.0.0.1', token=None, command=None):
        self.path, self.port, self.host, self.token, self.command = path, port, host, token, command

    def connection(self, timeout=60):
        return Connection(self.path, timeout) if self.path else http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, method, target, body=None, expect=None, timeout=60, **headers):
        """The Answer; it must have the status `expect` (None: any below 400; 0: any at all) and be as described."""
        if self.token:
            headers.setdefault('Authorization', f'Bearer {self.token}')
        if self.command:
            headers.setdefault('X-Causeway-Command', self.command)
        headers = {key.replace('_', '-'): value for key, value in headers.items()}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection = self.connection(timeout)
        try:
            connection.request(method, '/api/v1/' + target, body, headers)
            response = connection.getresponse()
            answer = Answer(response, response.read().decode())
        finally:
            connection.close()
        self.compare(method.lower(), target, answer)
        wanted = answer.status < 400 if expect is None else expect in (0, answer.status)
        assert wanted, f'{method} {target}: {answer}'
        return answer

    @classmethod
    def compare(cls, method, target, answer):
        path = API.match('/' + target)
        if not path or method not in API.tree['paths'][path]:
            assert answer.status in (404, 405), f'{method} {target} is not described: {answer}'
            return
        faults = API.answer(path, method, answer.status, answer.value, answer.kind)
        assert not faults, f'{method} {target}: {answer}\n' + '\n'.join(faults)
        cls.seen.add((path, method, answer.status))

    def get(self, target, **kw):
        return self.ask('GET', target, **kw)

    def post(self, target, body=None, **kw):
        return self.ask('POST', target, body, **kw)

    def put(self, target, body=None, **kw):
        return self.ask('PUT', target, body, **kw)

    def patch(self, target, body=None, **kw):
        return self.ask('PATCH', target, body, **kw)

    def delete(self, target, **kw):
        return self.ask('DELETE', target, **kw)

    def names(self, kind, **kw):
        return [o['name'] for o in self.get(f'tables/{kind}', **kw)['objects']]

    @property
    def revision(self):
        return self.get('store')['tables']['revision']

    def there(self, timeout=20):
        def serves():
            try:
                return self.get('status')
            except (ConnectionError, FileNotFoundError):
                return None
        return eventually(serves, timeout, 'the API answers')
