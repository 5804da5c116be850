#!/usr/bin/env python3
"""Searches every state of a model (MODEL.pml, for Spin) for what is wrong, and finds each mistake that can be planted into it.

    check.py MODEL         MODEL: as "kick"
    check.py --comments    that the comments in C which name a step of a model name one that is there

A mistake is a macro that the model asks for by #ifdef or #ifndef: without any there must be no error, with each there must be one. Skipped, with the
reason, where spin is not installed (scripts/setup --tests).
"""

import collections
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

MODELS = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(MODELS, os.pardir, os.pardir))
SKIPPED = 77
DEPTH = '10000'
MEBIBYTES = '2048'
HASH = '23'
SWITCH = re.compile(r'^#ifn?def (\w+)$', re.MULTILINE)
STEP = re.compile(r'/\* ([A-Z]\d)(?: [^*]*)?\*/')  # beside the line that does it
LISTED = re.compile(r'\b([A-Z]\d)(?= )')  # in the list at the model's head
UNREACHED = re.compile(r'^\t(\S+:\d+), state \d+, "(.*)"$', re.MULTILINE)
TRANSITION = re.compile(r'\] (\S+:\d+) => (.*)$', re.MULTILINE)
NAMED = re.compile(r'(\w+)\.pml, steps? ([A-Z]\d(?:(?:, | and )[A-Z]\d)*)')


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


# ---- a search ----


class Outcome:
    def __init__(self, states, error, missed):
        self.states, self.error, self.missed = states, error, missed  # missed: line → how many of its steps were never done


def is_own(what):
    """Not memory.pml's, whose lines Spin takes for the model's."""
    return what != '-end-' and not what.startswith('D_STEP')


def never_done(found, transitions):
    """Lines of a model of which nothing was ever done, wherever they were put in."""
    there = collections.Counter(line for line, what in TRANSITION.findall(transitions) if is_own(what))
    return sorted(line for line, count in found.missed.items() if count >= there[line] > 0)


def outcome(text):
    """What a verifier has printed."""
    found = re.search(r'errors: (\d+)', text)
    if not found or 'max search depth too small' in text or (found[1] == '0' and 'Search not completed' in text):
        raise RuntimeError(f'the search was not finished:\n{text}')
    error = re.search(r'^pan:\d*:? ?(.*)$', text, re.MULTILINE)
    states = re.search(r'^\s*(\d+) states, stored', text, re.MULTILINE)
    missed = collections.Counter(line for line, what in UNREACHED.findall(text) if is_own(what))
    return Outcome(int(states[1]), error[1] if found[1] != '0' else None, missed)


def call(folder, *command):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode != 0:
        raise RuntimeError(f'{" ".join(command)}: exit status {done.returncode}\n{done.stdout}')
    return done.stdout


def shortened(way):
    """The first line of each step, and what is not 0 at the end."""
    lines = way.splitlines()
    firsts = {line.split(':')[0]: line for line in reversed(lines) if re.match(r' *\d+:\tproc', line)}
    end = [line.strip() for line in lines[[line.startswith('#processes') for line in lines].index(True) :] if not line.endswith(' = 0')]
    return [*reversed(firsts.values()), *end]


def search(folder, model, mistake):
    """(outcome, what else to say of it: the way to an error that should not be, or lines that were never reached)"""
    place = os.path.join(folder, mistake or 'right')
    shutil.copytree(MODELS, place, ignore=shutil.ignore_patterns('*.py'))
    defined = [f'-D{mistake}'] if mistake else []
    call(place, 'spin', *defined, '-a', f'{model}.pml')
    call(place, *shlex.split(os.environ.get('CC', 'cc')), '-O0' if mistake else '-O1', '-w', '-DSAFETY', f'-DMEMLIM={MEBIBYTES}', '-o', 'pan', 'pan.c')
    found = outcome(call(place, './pan', f'-m{DEPTH}', f'-w{HASH}'))
    if mistake:
        return found, []
    if found.error:
        return found, shortened(call(place, 'spin', '-t', '-p', '-g', f'{model}.pml'))
    return found, [f'nothing of {line} is ever done' for line in never_done(found, call(place, './pan', '-d'))]


def check(model):
    text = read(os.path.join(MODELS, f'{model}.pml'))
    mistakes = sorted(set(SWITCH.findall(text)))
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for mistake in [None, *mistakes]:
            began = time.monotonic()
            found, more = search(folder, model, mistake)
            said = f'{model}, {mistake or "as it is"}: {found.error or "no error"}, {found.states} states, {time.monotonic() - began:.1f} s'
            good = (found.error is not None) == (mistake is not None) and not more
            wrong += not good
            print(said if good else f'{said}: WRONG', *more, sep='\n', flush=True)
    return wrong


# ---- steps ----


def steps(model):
    """(steps that the model's head lists, steps that its lines are marked with)"""
    head, body = read(os.path.join(MODELS, f'{model}.pml')).split('*/', 1)
    return set(LISTED.findall(head.split('Steps, as the C names them:')[1])), set(STEP.findall(body))


def named():
    """(file, model, step) for each that a comment in C names."""
    for folder in ('lib', 'transports'):
        for path, _, names in os.walk(os.path.join(SOURCE, folder)):
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    text = re.sub(r'\s+(?:\* )?', ' ', read(os.path.join(path, name)))
                    for model, listed in NAMED.findall(text):
                        yield from ((os.path.relpath(os.path.join(path, name), SOURCE), model, step) for step in re.findall(r'[A-Z]\d', listed))


def check_comments():
    models = [name[:-4] for name in sorted(os.listdir(MODELS)) if name.endswith('.pml') and name != 'memory.pml']
    wrong, known = [], {model: steps(model) for model in models}
    for model, (listed, marked) in known.items():
        wrong += [f'{model}.pml: step {step} is in its list or beside a line, and not in both' for step in sorted(listed ^ marked)]
    there = set(named())
    wrong += [f'{path} names step {step} of {model}.pml, which has none' for path, model, step in sorted(there) if step not in known.get(model, ((), ()))[0]]
    for model in models:
        wrong += [f'{model}.pml: no comment in C names its step {step}' for step in sorted(known[model][0] - {step for _, of, step in there if of == model})]
    print(*wrong or [f'{len(there)} steps of {len(models)} models are named'], sep='\n')
    return len(wrong)


def main():
    if sys.argv[1:] == ['--comments']:
        return int(check_comments() > 0)
    if not shutil.which('spin'):
        print('skipped: there is no spin (Debian: spin)')
        return SKIPPED
    return int(check(sys.argv[1]) > 0)


if __name__ == '__main__':
    sys.exit(main())
