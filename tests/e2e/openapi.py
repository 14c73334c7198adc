# SPDX-License-Identifier: GPL-2.0-only
"""docs/api.yaml read, and answers compared with it. Reads the YAML that stands there (block mappings and lists, flow
collections within one line, folded text), not YAML at large."""
import re


class Flow:
    """{ a: b, c: [d, "e"] } within one line."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def value(self, stops=''):
        self.blanks()
        here = self.text[self.at:self.at + 1]
        if here == '{':
            return self.collection('}', {})
        if here == '[':
            return self.collection(']', [])
        if here in ('"', "'"):
            end = self.text.index(here, self.at + 1)
            word, self.at = self.text[self.at + 1:end], end + 1
            return word
        end = self.at
        while end < len(self.text) and self.text[end] not in stops:
            end += 1
        word, self.at = self.text[self.at:end].strip(), end
        return scalar(word)

    def collection(self, close, into):
        self.at += 1
        while True:
            self.blanks()
            if self.text[self.at] == close:
                self.at += 1
                return into
            if self.text[self.at] == ',':
                self.at += 1
            elif isinstance(into, list):
                into.append(self.value(',]'))
            else:
                key = str(self.value(':'))
                self.blanks()
                assert self.text[self.at:self.at + 1] == ':', f'{key}: no value in {self.text}'
                self.at += 1
                into[key] = self.value(',}')

    def blanks(self):
        while self.text[self.at:self.at + 1] == ' ':
            self.at += 1


def scalar(word):
    if word in ('true', 'false'):
        return word == 'true'
    return int(word) if re.fullmatch(r'-?\d+', word) else word


def block(lines, indent):
    """The value that the lines from here on, indented by `indent`, make; lines are taken away."""
    if lines[0][1].startswith('- '):
        items = []
        while lines and lines[0][0] == indent and lines[0][1].startswith('- '):
            rest = lines[0][1][2:]
            if re.match(r'\w+:( |$)|\$ref: ', rest):
                lines[0] = (indent + 2, rest)
                items.append(block(lines, indent + 2))
            else:
                lines.pop(0)
                items.append(Flow(rest).value())
        return items
    mapping = {}
    while lines and lines[0][0] == indent:
        _, line = lines.pop(0)
        key, rest = re.fullmatch(r'("[^"]*"|[^:]+):\s*(.*)', line).groups()
        deeper = lines[0][0] if lines else 0
        if rest == '>':
            words = []
            while lines and lines[0][0] > indent:
                words.append(lines.pop(0)[1])
            value = ' '.join(words)
        elif rest:
            value = Flow(rest).value()
        else:
            value = block(lines, deeper) if deeper > indent else None
        mapping[key.strip('"')] = value
    assert not lines or lines[0][0] < indent, lines[0]
    return mapping


def read(path):
    with open(path, encoding='utf-8') as file:
        lines = [(len(line) - len(line.lstrip()), line.strip()) for line in file
                 if line.strip() and not line.lstrip().startswith('#')]
    return block(lines, 0)


TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'integer': int, 'number': (int, float)}


class Api:
    """api.answer('/calls', 'get', 200, value) gives what is wrong with the value, [] when nothing is."""

    def __init__(self, path):
        self.tree = read(path)

    def paths(self):
        return [(path, method) for path, entry in self.tree['paths'].items() for method in entry if method != 'parameters']

    def answer(self, path, method, status, value, kind='application/json'):
        responses = self.tree['paths'][path][method]['responses']
        if str(status) not in responses:
            return [f'{method} {path}: status {status} is not described']
        response = self.resolve(responses[str(status)])
        if kind not in response['content']:
            return [f'{method} {path}: {status} as {kind} is not described']
        return self.faults(response['content'][kind]['schema'], value, f'{method} {path}')

    def operation(self, path, method):
        return self.tree['paths'][path][method]

    def match(self, target):
        """The described path that this one is, or None."""
        path = target.split('?')[0]
        fitting = [p for p in self.tree['paths'] if re.fullmatch(re.sub(r'{\w+}', '[^/]+', p), path)]
        return min(fitting, key=lambda p: p.count('{')) if fitting else None

    def resolve(self, schema):
        while '$ref' in schema:
            at = self.tree
            for step in schema['$ref'].lstrip('#/').split('/'):
                at = at[step]
            schema = at
        if 'allOf' not in schema:
            return schema
        parts = [self.resolve(part) for part in schema['allOf']]
        return {'type': 'object', 'properties': {k: v for part in parts for k, v in part['properties'].items()}}

    def faults(self, schema, value, where):
        if schema is True:
            return []
        schema = self.resolve(schema)
        if 'oneOf' in schema:
            tries = [self.faults(one, value, where) for one in schema['oneOf']]
            return min(tries, key=len)
        if value is None:
            return [] if schema.get('nullable') else [f'{where} is null']
        kind = TYPES[schema['type']]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            return [f'{where}: {value!r} is no {schema["type"]}']
        if 'enum' in schema and value not in schema['enum']:
            return [f'{where}: {value!r} is none of {schema["enum"]}']
        if schema.get('format') == 'date-time' and not re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z', value):
            return [f'{where}: {value!r} is no time']
        if isinstance(value, list):
            return self.faults_of_list(schema, value, where)
        return self.faults_of_object(schema, value, where) if isinstance(value, dict) else []

    def faults_of_list(self, schema, value, where):
        found = []
        if not schema.get('minItems', 0) <= len(value) <= schema.get('maxItems', 1 << 30):
            found.append(f'{where}: {len(value)} items')
        for i, item in enumerate(value):
            found += self.faults(schema['items'], item, f'{where}[{i}]')
        return found

    def faults_of_object(self, schema, value, where):
        """Whatever is described is there (where `required` stands: what it lists), and whatever is there is described."""
        known, others = schema.get('properties', {}), schema.get('additionalProperties')
        found = [f'{where}: no {key}' for key in schema.get('required', known) if key not in value]
        for key, item in value.items():
            if key in known or others:
                found += self.faults(known.get(key, others), item, f'{where}.{key}')
            else:
                found.append(f'{where}.{key} is not described')
        return found
