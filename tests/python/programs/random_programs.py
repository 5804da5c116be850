"""Random programs over the serializer auto: what is sent must be in another process what it is here.

    random_programs.py [COUNT] [FIRST]     COUNT programs (default 10000) from number FIRST (default 0) on
    random_programs.py --show NUMBER       one of them: its source, and what differs

Each is run twice here: one make() is observed (observe.py), the other one is sent to a Worker, which observes what it got; every third also
comes back, and is of the classes that it was made of then. What plain pickle and cloudpickle make of it is seen beside it. A program fails when auto loses
something that pickle or cloudpickle brought. Exit status: 0 none failed; 1 some did.
"""
import collections
import os
import pickle
import sys

from corps import Conc, Corps, LocType, create_Concs, create_Corps

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'programs'))
import generate  # noqa: E402
import observe  # noqa: E402

BATCH = 250  # programs to a Corps: what was sent by value stays in its Envs


class Receiver(Conc):
    """Has seen nothing of the programs."""

    def observe(self, thing):
        return observe.observe(thing)

    def observe_pickle(self, data):
        return observe.observe(pickle.loads(data))

    def back(self, thing):
        return thing


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.receivers = create_Concs(Receiver, LocType=LocType.PerEnv)

    def names(self):
        return self.receivers


def outcome(wanted, get):
    """('ok', 'refused' or 'differs', what is wrong)."""
    try:
        got = get()
    except Exception as error:
        return 'refused', '%s: %s' % (type(error).__name__, str(error)[:300])
    if got == wanted:
        return 'ok', ''
    return 'differs', '\n'.join('wanted %s\n   got %s' % pair for pair in list(zip(wanted + ['-'], got + ['-'])) if pair[0] != pair[1])[:1500]


def own_classes(thing):
    """The program's classes that can be reached, by their names."""
    look = observe.Observer()
    look.look(thing)
    return {cls.__qualname__: cls for cls in look.kept if isinstance(cls, type) and not observe.is_known(cls)}


def came_home(worker, thing):
    """('ok', 'refused' or 'differs', what is wrong) of what is sent there and back: it is of our classes."""
    ours = own_classes(thing)
    try:
        back = own_classes(worker.back(thing).Ret)
    except Exception as error:
        return 'refused', '%s: %s' % (type(error).__name__, str(error)[:300])
    strange = [name for name, cls in back.items() if ours.get(name) is not cls]
    return ('differs', 'classes that are not ours: %s' % strange) if strange else ('ok', '')


def libraries():
    found = {'pickle': lambda thing: pickle.dumps(thing, 5)}
    try:
        import cloudpickle
    except ImportError:
        print('cloudpickle is not installed: auto is compared with pickle alone')
    else:
        found['cloudpickle'] = lambda thing: cloudpickle.dumps(thing, 5)
    return found


def one(seed, workers, dumpers):
    """{library: (outcome, what is wrong)} of a program."""
    wanted = observe.observe(generate.run(seed)())
    found = {'auto': outcome(wanted, lambda: workers[1].observe(generate.run(seed)()).Ret)}
    if seed % 3 == 0:
        found['auto, back'] = came_home(workers[1], generate.run(seed)())
    for name, dumps in dumpers.items():
        found[name] = outcome(wanted, lambda: workers[2].observe_pickle(dumps(generate.run(seed)())).Ret)
    return found


def failed(found, dumpers):
    """Is something lost that another one brought?"""
    lost = [name for name in ('auto', 'auto, back') if found.get(name, ('ok',))[0] != 'ok']
    return bool(lost) and any(found[name][0] == 'ok' for name in dumpers)


def run(seeds, report=print):
    """The numbers of programs that failed."""
    dumpers, counts, failures = libraries(), collections.Counter(), []
    for start in range(0, len(seeds), BATCH):
        with create_Corps(Service, ConfigDicts=[{'NumEnvs': 3}], Serializer='auto') as service:
            workers = service.names().Ret
            for seed in seeds[start:start + BATCH]:
                found = one(seed, workers, dumpers)
                counts.update((name, what) for name, (what, _) in found.items())
                if failed(found, dumpers):
                    failures.append(seed)
                if found['auto'][0] != 'ok' or found.get('auto, back', ('ok',))[0] != 'ok':
                    report('program %d: %s' % (seed, ', '.join('%s %s' % (name, what) for name, (what, _) in found.items())))
    for name in ('auto', 'auto, back', *dumpers):
        report('%-11s ok %5d   refused %5d   differs %5d' % (name, *(counts[name, what] for what in ('ok', 'refused', 'differs'))))
    return failures


def show(seed):
    print(generate.source(seed)[0])
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 3}], Serializer='auto') as service:
        for name, (what, wrong) in one(seed, service.names().Ret, libraries()).items():
            print('---- %s: %s\n%s' % (name, what, wrong))


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ['--show']:
        return show(int(arguments[1]))
    count, first = (int(text) for text in (arguments + ['10000', '0'][len(arguments):])[:2])
    failures = run(range(first, first + count))
    print('%d programs from number %d: %d failed %s' % (count, first, len(failures), failures[:20]))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
