"""The Env's event loop: on a thread of its own, from the first coroutine on, until the Env ends."""

import threading

from . import _core

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
            _thread = threading.Thread(target=_serve, args=(_loop,), name='corps-asyncio', daemon=True)
            _thread.start()
        return _loop


def _serve(loop):
    import asyncio
    asyncio.set_event_loop(loop)
    loop.run_forever()


async def _answer(coroutine, request):
    import asyncio
    if request.limit is not None:
        _core.deadline_variable.set(request.limit)  # of this task, and of those that it begins
    try:
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


def _child_ends(exception):
    from . import _fork
    _fork.end(exception)


def start(coroutine, request):
    """Runs what an `async def` method gave; that answers the request."""
    import asyncio
    asyncio.run_coroutine_threadsafe(_answer(coroutine, request), _running())


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
    _lock = threading.Lock()
