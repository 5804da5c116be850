"""python -m corps [--json]: which Corps this is, and what it has. python -m corps top …: corps-top, of the C library."""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import sys

import corps
from corps import _core


def serializer(name):
    """What is known of a serializer. Starting it is what tells whether its library is there."""
    try:
        return {'name': name, 'available': True, 'runs_code': _core.runs_code(name)}
    except Exception as error:  # whatever the import of somebody's library raises
        return {'name': name, 'available': False, 'installed': importlib.util.find_spec(name) is not None, 'why': str(error)}


def about():
    """Everything, as what JSON can carry."""
    transports, serializers, libraries = _core.about()
    return {
        'version': corps.__version__,
        'python': {'implementation': platform.python_implementation(), 'version': platform.python_version(), 'executable': sys.executable},
        'package': corps.__path__[0],
        'include': corps.get_include(),
        'transports': [{'name': name, 'capabilities': words} for name, words in transports],
        'serializers': [serializer(name) for name in serializers],
        'libraries': libraries,
    }


def _transport(entry):
    words = entry['capabilities']
    note = 'default' if 'default' in words else 'inside an Env' if 'intra' in words else 'to measure with' if 'discards' in words else ''
    return entry['name'] + (f' ({note})' if note else '')


def text(known):
    """The same for people."""
    python = known['python']
    there = [entry['name'] for entry in known['serializers'] if entry['available']]
    lacking = [entry for entry in known['serializers'] if not entry['available']]
    absent = [entry['name'] for entry in lacking if not entry['installed']]
    lines = [
        ('Python', f"{python['implementation']} {python['version']}, {python['executable']}"),
        ('package', known['package']),
        ('C headers', known['include']),
        ('transports', ', '.join(_transport(entry) for entry in known['transports'])),
        ('serializers', ', '.join(there) + (f"; not installed: {', '.join(absent)}" if absent else '')),
        *[('', f"{entry['name']} does not start: {entry['why']}") for entry in lacking if entry['installed']],
        ('libraries', ', '.join(f'{name} {version}' for name, version in known['libraries'].items())),
    ]
    return '\n'.join([f"corps {known['version']}"] + [f'  {title:<12} {value}' for title, value in lines])


def top(arguments):
    """Becomes corps-top: that beside this interpreter, or the first one in PATH."""
    beside = os.path.join(os.path.dirname(sys.executable or ''), 'corps-top')
    program = beside if os.access(beside, os.X_OK) else shutil.which('corps-top')
    if program is None:
        sys.exit('python -m corps: there is no corps-top here; it comes with the C library (docs/seeing.md)')
    os.execv(program, ['corps-top', *arguments])


def main():
    if sys.argv[1:2] == ['top']:
        top(sys.argv[2:])
    parser = argparse.ArgumentParser(prog='python -m corps', description='Says which Corps this is, and what it has.',
                                     epilog='python -m corps top [ARGUMENT …] is corps-top, a table of what a running Corps does.')
    parser.add_argument('--json', action='store_true', help='for programs')
    parser.add_argument('--version', action='version', version=f'corps {corps.__version__}')
    options = parser.parse_args()
    known = about()
    print(json.dumps(known, indent=2) if options.json else text(known))


if __name__ == '__main__':
    main()
