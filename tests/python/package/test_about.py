"""python -m corps says which Corps this is and what it has; the headers of C come with the package and are of the same version."""

import json
import os
import re
import subprocess
import sys

import corps


def said(*arguments):
    done = subprocess.run([sys.executable, '-m', 'corps', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b''), done
    return done.stdout.decode()


def check_json(known):
    assert known['version'] == corps.__version__
    assert known['package'] == os.path.dirname(os.path.abspath(corps.__file__))
    assert known['python']['executable'] == sys.executable
    transports = {entry['name']: entry['capabilities'] for entry in known['transports']}
    assert sum('default' in words for words in transports.values()) == 1, transports
    assert 'intra' in transports['queue'] and 'loan' in transports['shm'], transports
    serializers = {entry['name']: entry for entry in known['serializers']}
    assert serializers['pickle'] == {'name': 'pickle', 'available': True, 'runs_code': True}
    assert serializers['msgpack'] == {'name': 'msgpack', 'available': True, 'runs_code': False}
    for entry in serializers.values():
        assert entry['available'] or entry['why'], entry
    assert set(known['libraries']) == {'libuv', 'libsodium', 'msgpack-c'}
    assert all(re.match(r'\d+\.\d+', version) for version in known['libraries'].values()), known['libraries']


def check_text(text, known):
    lines = text.splitlines()
    assert lines[0] == f'corps {corps.__version__}', text
    titles = [line[2:15].strip() for line in lines[1:]]
    assert [title for title in titles if title] == ['Python', 'package', 'C headers', 'transports', 'serializers', 'libraries'], text
    for entry in known['transports'] + known['serializers']:
        assert entry['name'] in text, (entry, text)


def check_headers():
    folder = corps.get_include()
    for name in ('corps.h', 'corps/block.h', 'corps/chains.h', 'corps/error.h', 'corps/serializer.h', 'corps/stats.h', 'corps/trace.h', 'corps/transport.h', 'corps/value.h'):
        assert os.path.isfile(os.path.join(folder, name)), name
    with open(os.path.join(folder, 'corps.h'), encoding='utf-8') as file:
        assert f'#define CORPS_VERSION "{corps.__version__}"\n' in file.read()


known_now = json.loads(said('--json'))
check_json(known_now)
check_text(said(), known_now)
assert said('--version') == f'corps {corps.__version__}\n'
check_headers()
wrong = subprocess.run([sys.executable, '-m', 'corps', 'shm'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
assert wrong.returncode == 2 and b'unrecognized arguments: shm' in wrong.stderr, wrong
print('OK')
