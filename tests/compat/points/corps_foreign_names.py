"""A Name that leaves its Corps goes on meaning the same Worker, or is refused: never somebody else."""

import time

from Workers import create_Corps
from helpers import outcome
from team import Team


class Giver(Team):

    def create_child(self):
        self.child = create_Corps(Team, 'child', ConfigDicts=[{'NumEnvs': 1}])
        return f'{self.child}'

    def give(self, other, what):
        """Let another Corps ask one of our Workers; the answer is read later, since it may be we who are asked."""
        name = {'itself': self.my_Name(), 'worker': self.workers[1], 'child': getattr(self, 'child', None)}[what]
        self.future = other.label_of(name)

    def is_ready(self):
        return self.future.ret_ready()

    def answer(self):
        return outcome(lambda: self.future.Ret)


def is_right(result, label):
    """The right Worker has answered, or there was an exception."""
    print(label, result)
    return result == label or result.endswith(('Error', 'Retries'))


if __name__ == '__main__':
    giver = create_Corps(Giver, 'giver', ConfigDicts=[{'NumEnvs': 2}])
    taker = create_Corps(Team, 'taker', ConfigDicts=[{'NumEnvs': 2}])
    giver.create_child().Ret
    for what, label in (('itself', 'giver'), ('worker', 'giver'), ('child', 'child')):
        result = outcome(lambda: giver.give(taker, what).Ret)
        if result is None:
            while not giver.is_ready().Ret:    # not in one wait: it may be the giver itself that must answer
                time.sleep(0.01)
            result = giver.answer().Ret
        assert is_right(result, label), result

    # The same in the script
    for call in (lambda: giver.get_workers().Ret[1], lambda: giver.my_Name().Ret):
        result = outcome(lambda: call().get_label().Ret)
        assert is_right(result, 'giver'), result
        result = outcome(lambda: taker.label_of(call()).Ret)
        assert is_right(result, 'giver'), result
    assert (giver.get_label().Ret, taker.get_label().Ret) == ('giver', 'taker')
    assert taker.exit().Ret is True
    assert giver.exit().Ret is True
    print('OK')
