#include "base/generation.h"

#include <corps/transport.h>

static unsigned generation;

unsigned corps_fork_generation(void) {
    return generation;
}

void corps__generation_forked(void) {
    generation++;
}
