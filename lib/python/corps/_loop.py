"""The Env's event loop: on a thread of its own, from the first coroutine on, until the Env ends."""

import contextvars
import os
import threading

from . import _core

current = contextvars.ContextVar('corps_request', default=None)
"""The request that a coroutine serves."""

_tasks = {}  # of requests that may still be cancelled

_loop = None
_thread = None
_ending = False
_lock = threading.Lock()


def _running():
    global _loop, _thread
    with _lock:
        if _loop is None:
            import asyncio
            _loop = asyncio.new_event_loop()
            fd = _core.cancels_fd()
            _loop.add_reader(fd, _cancel_tasks, fd)
            _thread = threading.Thread(target=_serve, args=(_loop,), name='corps-asyncio', daemon=True)
            _thread.start()
        return _loop


def _serve(loop):
    import asyncio
    asyncio.set_event_loop(loop)
    loop.run_forever()


def _cancel_tasks(fd):
    """Some request was cancelled by its caller."""
    os.read(fd, 8)
    for request in [request for request in _tasks if request.cancelled]:
        _tasks.pop(request).cancel()


async def _answer(coroutine, request):
    import asyncio
    current.set(request)
    _tasks[request] = asyncio.current_task()
    if request.limit is not None:
        _core.deadline_variable.set(request.limit)  # of this task, and of those that it begins
    if request.chain is not None:
        _core.chain_variable.set(request.chain)  # likewise
    try:
        if request.cancelled:
            coroutine.close()  # before it has begun
            raise asyncio.CancelledError
        result = await coroutine
    except BaseException as exception:
        if _core.own() is None:
            _child_ends(exception)
        if _ending and not request.has_reply and isinstance(exception, asyncio.CancelledError):
            request.reply(None)  # no news for standard error
        else:
            request.fail(exception)
    else:
        if _core.own() is None:
            _child_ends(None)
        request.reply(result)
    finally:
        _tasks.pop(request, None)


def _child_ends(exception):
    from . import _fork
    _fork.end(exception)


async def _answer_then(coroutine, request, then):
    await _answer(coroutine, request)
    then()


def start(coroutine, request, then=None):
    """Runs what an `async def` method gave; that answers the request. Calls then() after that."""
    import asyncio
    answering = _answer(coroutine, request) if then is None else _answer_then(coroutine, request, then)
    asyncio.run_coroutine_threadsafe(answering, _running())


def finish(coroutine):
    """Runs it to its end, and waits. On the loop itself nothing can wait: then the coroutine is given back, to be awaited."""
    import asyncio
    if threading.current_thread() is _thread:
        return coroutine
    return asyncio.run_coroutine_threadsafe(coroutine, _running()).result()


async def _cancel_all(loop):
    """As asyncio.run does at its end."""
    import asyncio
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await loop.shutdown_asyncgens()
    if hasattr(loop, 'shutdown_default_executor'):
        await loop.shutdown_default_executor()


def end():
    """At the end of the Env: what still runs is cancelled."""
    global _ending
    _ending = True
    if _loop is not None:
        import asyncio
        asyncio.run_coroutine_threadsafe(_cancel_all(_loop), _loop).result()
        _loop.call_soon_threadsafe(_loop.stop)
        _thread.join()
        _loop.close()


def forked():
    """In the child of a fork: the event loop is the parent's."""
    global _loop, _thread, _lock
    _loop = _thread = None
    _tasks.clear()
    _lock = threading.Lock()
