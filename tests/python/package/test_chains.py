"""Call chains: over Envs, coroutines and threads, as JSON; what is lost is said."""

import asyncio
import json
import os
import signal
import tempfile
import threading

import corps
from corps import Conc, Corps, LocType, chain_id, create_Concs, create_Corps, record_chains, wait_all
from helpers import expect


class Node(Conc):
    def pid(self):
        return os.getpid()

    def id(self):
        return chain_id()

    def ids(self, others):
        return [chain_id(), *(other.id().Ret for other in others)]

    def wrong(self):
        raise IndexError('"no"\n')

    async def waits(self, other):
        before = chain_id()
        await asyncio.sleep(0)
        first = await other.id()
        both = await asyncio.gather(self.part(other), self.part(other))
        return [before, first, *both, await asyncio.to_thread(lambda: other.id().Ret) if hasattr(asyncio, 'to_thread') else first, chain_id()]

    async def part(self, other):
        await asyncio.sleep(0)
        return await other.id()

    def by_thread(self, other):
        """A thread of its own works for nobody: its calls begin chains."""
        found = []
        thread = threading.Thread(target=lambda: found.append((chain_id(), other.id().Ret)))
        thread.start()
        thread.join()
        return chain_id(), found[0]


class Front(Corps):
    def nodes(self, count):
        return [create_Concs(Node, LocType=LocType.EnvId, LocVal=env)[0] for env in range(count)]

    def recorded(self, path, node):
        with record_chains(path):
            return node.id().Ret


def read(path):
    with open(path, encoding='utf-8') as file:
        found = json.load(file)
    check_bars(found['traceEvents'])
    return found


def check_bars(events):
    """Viewers show the bars of a thread only where each lies within another, or beside it."""
    bars = [(event['pid'], event['tid'], round(event['ts'] * 1000), -round(event['dur'] * 1000)) for event in events if event['ph'] == 'X']
    thread, ends = None, []
    for pid, tid, start, minus in sorted(bars):
        if thread != (pid, tid):
            thread, ends = (pid, tid), []
        while ends and ends[-1] <= start:
            ends.pop()
        assert not ends or start - minus <= ends[-1], (pid, tid, start, minus, ends)
        ends.append(start - minus)


def spans(found, name, category='request'):
    return [event for event in found['traceEvents'] if event['ph'] == 'X' and event.get('cat') == category and event['name'].endswith('.' + name)]


def test_over_envs(nodes, path):
    first, *others = nodes
    assert first.ids(others).Ret == [None] * 3 and chain_id() is None
    with record_chains(path):
        assert chain_id() is None
        ids = first.ids(others).Ret
        assert expect(IndexError, lambda: others[0].wrong().Ret)
    assert len(set(ids)) == 1 and len(ids[0]) == 8, ids
    found = read(path)
    called, = spans(found, 'ids')
    assert called['args']['chain'] == ids[0] and called['args']['outcome'] == 'ok'
    by_span = {event['args']['span']: event for event in found['traceEvents'] if 'span' in event.get('args', {})}
    for event in spans(found, 'id'):
        call = by_span[event['args']['parent']]
        assert call['args']['parent'] == called['args']['span'] and call['args']['chain'] == ids[0]
        assert called['ts'] <= call['ts'] <= event['ts'] and event['ts'] + event['dur'] <= called['ts'] + called['dur'], (called, call, event)
    assert len({event['pid'] for event in spans(found, 'id') + [called]}) == 3
    root = by_span[called['args']['parent']]
    assert root['pid'] == os.getpid() and 'parent' not in root['args']
    failed, = spans(found, 'wrong')
    assert failed['args']['outcome'] == 'failed' and failed['args']['failure'] == 'IndexError' and failed['args']['chain'] != ids[0]
    names = {event['args']['name'] for event in found['traceEvents'] if event['name'] == 'process_name'}
    assert 'program' in names and len(names) == 4, names
    assert found['otherData']['lost'] == [] and found['otherData']['dropped'] == 0, found['otherData']
    assert first.ids(others).Ret == [None] * 3


def test_coroutines_and_threads(nodes, path):
    first, other, _ = nodes
    with record_chains(path):
        ids = first.waits(other).Ret
        mine, (theirs, begun) = first.by_thread(other).Ret
    assert len(set(ids)) == 1 and ids[0] is not None, ids
    assert mine is not None and theirs is None and begun not in (None, mine, ids[0])
    found = read(path)
    waits, = spans(found, 'waits')
    asked = [event for event in spans(found, 'id') if event['args']['chain'] == ids[0]]
    calls = {event['args']['span']: event for event in spans(found, 'id', 'call')}
    assert len(asked) >= 3 and all(calls[event['args']['parent']]['args']['parent'] == waits['args']['span'] for event in asked)
    until, = [event for event in found['traceEvents'] if event['ph'] == 'e' and event['cat'] == 'request' and event['name'].endswith('.waits')]
    assert until['ts'] >= max(event['ts'] for event in asked)


def test_every(nodes, path):
    first, other, _ = nodes
    with record_chains(path, Every=3):
        ids = [answer.Ret for answer in [first.waits(other) for _ in range(9)]]
    in_chain = [found for found in ids if found[0] is not None]
    assert len(in_chain) == 3 and len({found[0] for found in in_chain}) == 3, ids
    assert all(len(set(found)) == 1 for found in ids), ids  # whole, or not at all
    assert read(path)['otherData']['every'] == 3


def test_bounds(nodes, path):
    with record_chains(path, Spans=16):
        wait_all([nodes[0].id() for _ in range(100)])
    found = read(path)
    assert len(spans(found, 'id')) == 16 and found['otherData']['dropped'] >= 84, found['otherData']


def test_bad_input(front, nodes, path):
    for wrong in ({'Every': 0}, {'Every': -1}, {'Spans': 0}, {'Spans': 1 << 40}):
        assert 'must be a number from 1' in str(expect(ValueError, record_chains, path, **wrong))
    expect(TypeError, record_chains, path, Every='often')
    expect(TypeError, record_chains, None)
    with record_chains(path) as block:
        assert 'already' in str(expect(ValueError, record_chains(path + '2').__enter__))
        assert not os.path.exists(path + '2')
        with open(path + '3', 'w') as file:
            file.write('mine')
        expect(ValueError, record_chains(path + '3').__enter__)
        with open(path + '3') as file:
            assert file.read() == 'mine'
        expect(ValueError, block.__enter__)
    expect(NotADirectoryError, record_chains(os.path.join(path, 'none', 'x')).__enter__)
    with create_Corps(Front) as second:
        text = str(expect(ValueError, record_chains(path).__enter__))
        assert 'Of=name' in text, text
        with record_chains(path, Of=second):
            second.nodes(0).Ret
        assert len(spans(read(path), 'nodes')) == 1
        block = record_chains(path, Of=second)
        block.__enter__()
    block.__exit__()  # the Corps has ended, and what its Envs knew with it
    assert {lost['env'] for lost in read(path)['otherData']['lost']} >= {0}, read(path)['otherData']


def test_inside(front, nodes, path):
    """A method records its own Corps. What it calls belongs to its request, which was there before: it has no chain."""
    assert front.recorded(path, nodes[1]).Ret is None
    assert spans(read(path), 'id') == []
    assert read(path)['otherData']['lost'] == []


def test_killed(nodes, path):
    with record_chains(path):
        assert nodes[0].ids(nodes[1:]).Ret[0] is not None
        os.kill(nodes[2].pid().Ret, signal.SIGKILL)
        expect(corps.WorkerLost, lambda: nodes[2].id().Ret)
    found = read(path)
    lost, = found['otherData']['lost']
    assert lost['env'] == 2 and lost['why'], lost
    assert len(spans(found, 'ids')) == 1 and len(spans(found, 'id')) == 1


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'trace.json')
        assert 'create it first' in str(expect(ValueError, record_chains(path).__enter__))
        with create_Corps(Front, NumEnvs=3) as front:
            nodes = front.nodes(3).Ret
            test_over_envs(nodes, path)
            test_coroutines_and_threads(nodes, path)
            test_every(nodes, path)
            test_bounds(nodes, path)
            test_inside(front, nodes, path)
            test_bad_input(front, nodes, path)
            test_killed(nodes, path)
    print('OK')


if __name__ == '__main__':
    main()
