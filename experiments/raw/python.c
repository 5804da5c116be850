/* Controls in Python: what experiments/python/raw.py can do. */
#include "lab.h"
#include "raw/raw.h"

#include <string.h>

static const struct {
    const char *name;
    const char *summary;
} controls[] = {
    {"raw:mp-pipe", "Python's multiprocessing.Pipe between two processes"},
    {"raw:queue", "Python's queue.Queue between two threads"},
};

enum { COUNT = sizeof controls / sizeof controls[0] };

const char *raw_python_at(unsigned index, const char **summary) {
    if (index >= COUNT) {
        return NULL;
    }
    *summary = controls[index].summary;
    return controls[index].name;
}

bool lab_raw_is_python(const char *name) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(controls[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}
