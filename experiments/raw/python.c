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
