"""Results made up for tests: lines as corps-lab writes them, with effects that are known."""
import contextlib
import io
import os
import runpy
import subprocess
import sys
import unittest.mock

import numpy as np


def run_program(path, *args):
    """A command of the laboratory as its own process would run it, but in this one: starting an interpreter with its libraries takes
    longer than most commands. That the commands are programs, too, is seen where corps-lab starts them (tests/harness)."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), unittest.mock.patch.object(sys, "argv", [path, *args]), \
            unittest.mock.patch.object(sys, "path", [os.path.dirname(path), *sys.path]):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            if isinstance(end.code, str):
                print(end.code, file=err)
    return subprocess.CompletedProcess([path, *args], status, out.getvalue(), err.getvalue())


def run_line(run="r1", machine="m1", **more):
    return {"kind": "run", "run": run, "schema": 1, "matrix": "test", "plan": "0" * 16, "seed": 1, "blocks": 20,
            "fingerprint": {"machine": machine, "git": {"revision": "abc", "dirty": False}}, **more}


def trial(block, order, p50, run="r1", ok=True, **axes):
    cell = {"workload": "echo", "transport": "shm", "serializer": "none", "payload": "bytes:64", "size_bytes": 64,
            "wake": "adaptive", "placement": "cross", "lang": "c", "window": 1, "envs": 2, "concs": 1, "gap_us": 0, "loan": 0,
            "load": 0, "batch": 0, "stages": 0, "arm": ""}
    cell.update(axes)
    p50 = int(p50)
    figures = {"p50_ns": p50, "p99_ns": 3 * p50, "max_ns": 9 * p50, "messages": 100, "seconds": 100 * p50 / 1e9,
               "messages_per_s": 1e9 / p50, "bytes_per_s": 1e9 / p50 * cell["size_bytes"], "cpu_ns_per_message": 2.0 * p50,
               "histogram": [[p50, 90], [2 * p50, 8], [3 * p50, 2]]}
    if not ok:
        figures = dict.fromkeys(figures)
    return {"kind": "trial", "run": run, "family": "f", "block": block, "order": order, "time": "2026-01-02T03:04:05Z", "cell": cell,
            "ok": ok, "error": None if ok else "killed by signal 9 (SIGKILL)", "stages_ns": None, "flags": [], **figures}


def blocks_of(cells, blocks=20, noise=0.03, seed=1, run="r1"):
    """cells: [(p50, axes)]. Each block has a shift of its own, which its cells share, each trial a noise."""
    random = np.random.default_rng(seed)
    lines = []
    for block in range(blocks):
        shift = np.exp(random.normal(0, 0.1))
        for order, (p50, axes) in enumerate(cells):
            lines.append(trial(block, order, p50 * shift * np.exp(random.normal(0, noise)), run=run, **axes))
    return lines
