/* Controls in Python: what experiments/python/raw.py can do. */
#include "raw/raw.h"

const struct raw_mechanism raw_mp_pipe = {
    .name = "raw:mp-pipe",
    .summary = "Python's multiprocessing.Pipe between two processes",
    .can_block = true,
    .python = true,
};

const struct raw_mechanism raw_queue = {
    .name = "raw:queue",
    .summary = "Python's queue.Queue between two threads",
    .can_block = true,
    .threads = true,
    .python = true,
};

const struct raw_mechanism raw_python = {
    .name = "raw:python",
    .summary = "a Python interpreter is killed and another started, until its first bytes (workload=heal)",
    .can_block = true,
    .python = true,
    .starts = true,
};
