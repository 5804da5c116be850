"""The steps of a Worker's main loop that its class may have methods for: before_rec_msg, before_request, after_request, after_reply.

A Worker of a class that has none of them is served without any of this.
"""

import inspect
import sys
import types
from collections.abc import Coroutine

from . import _core, _loop

STEPS = 'before_rec_msg', 'before_request', 'after_request', 'after_reply'

never = False
"""corps.compat changes this: there they were never called."""


class Request:
    """What before_request and the steps after it are told: the request. Method is a text, Args a tuple, KwArgs a dict; HasReply tells whether
    somebody waits for the outcome. before_request may change what is run."""

    def __init__(self, method, args, kwargs, has_reply):
        self.Method, self.Args, self.KwArgs, self.HasReply = method, args, kwargs, has_reply

    def __repr__(self):
        given = [repr(arg) for arg in self.Args] + [f'{name}={value!r}' for name, value in self.KwArgs.items()]
        return f"<Request {self.Method}({', '.join(given)})>"


def _run(worker, msg):
    """The method itself; what Names ask of attributes comes the same way."""
    if msg.Method == 'corps:get' and len(msg.Args) == 1:
        return getattr(worker, *msg.Args)
    if msg.Method == 'corps:set' and len(msg.Args) == 2:
        return setattr(worker, *msg.Args)
    return getattr(worker, msg.Method)(*msg.Args, **msg.KwArgs)


class _Served:
    """A request that has been run, or whose coroutine is to be run on the event loop: looks like that coroutine."""

    __slots__ = ('around', 'worker', 'msg', 'answer', 'failed')

    def __init__(self, around, worker, msg, answer, failed):
        self.around, self.worker, self.msg, self.answer, self.failed = around, worker, msg, answer, failed

    def __await__(self):
        return self._follow().__await__()

    async def _follow(self):
        coroutine, self.answer, self.failed = self.answer, None, True
        try:
            answer = await coroutine
            self.around.returned(self.worker, self.msg, answer)
        except BaseException as exception:
            self.answer = exception
            raise
        self.answer, self.failed = answer, False
        return answer

    def close(self):
        """It was cancelled before it began."""
        import asyncio
        self.answer.close()
        self.answer, self.failed = asyncio.CancelledError(), True

    def replied(self):
        """The reply has left."""
        if not self.around.after_reply or self.msg is None or not self.msg.HasReply:
            return
        try:
            self.worker.after_reply(self.msg, self.answer)
        except BaseException as error:
            sys.unraisablehook(types.SimpleNamespace(exc_type=type(error), exc_value=error, exc_traceback=error.__traceback__,
                                                     err_msg='corps: exception ignored in after_reply of', object=self.worker))


class _Around:
    """Runs the requests of one Worker, which come one at a time."""

    __slots__ = STEPS + ('served',)

    def __init__(self, steps):
        self.served = None
        for step in STEPS:
            setattr(self, step, step in steps)

    def __call__(self, worker, method, args, kwargs, has_reply):
        """Gives the answer; or this object, if the answer is to be given by `answer`."""
        msg = Request(method, args, kwargs or {}, has_reply)
        try:
            if self.before_rec_msg:
                worker.before_rec_msg()
            if self.before_request:
                worker.before_request(msg)
            answer = _run(worker, msg)
            if isinstance(answer, Coroutine):
                self.served = _Served(self, worker, msg, answer, None)
                return self
            self.returned(worker, msg, answer)
        except BaseException as exception:
            if not self.after_reply or _core.own() is None:  # the latter: the child of a fork that the method made
                raise
            self.served = _Served(self, worker, msg, exception, True)
            return self
        if not self.after_reply:
            return answer
        self.served = _Served(self, worker, msg, answer, False)
        return self

    def returned(self, worker, msg, answer):
        if self.after_request:
            worker.after_request(msg, answer)

    def answer(self, request):
        served, self.served = self.served, None
        if served.failed is None:
            _loop.start(served, request, served.replied)
            return
        if served.failed:
            request.fail(served.answer)
        else:
            request.reply(served.answer)
        served.replied()


def of(cls, base):
    """What runs the requests of a Worker of this class; None where the class has no steps of its own."""
    steps = [step for step in STEPS if getattr(cls, step, None) is not getattr(base, step) and callable(getattr(cls, step, None))]
    if never or not steps:
        return None
    for step in steps:
        found = getattr(cls, step)
        if inspect.iscoroutinefunction(found) or inspect.isgeneratorfunction(found) or inspect.isasyncgenfunction(found):
            raise TypeError(f'{cls.__name__}.{step} is async, or has a yield in it: steps around requests are plain functions')
    return _Around(steps)


Request.__module__ = 'corps'  # where users find it
