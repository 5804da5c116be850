#include "base/hooks.h"

#include <corps.h>

#include <stddef.h>

static void *(*before_wait)(void);
static void (*after_wait)(void *given_up);

void corps_wait_hooks_set(void *(*before)(void), void (*after)(void *given_up)) {
    before_wait = before;
    after_wait = after;
}

void *corps__give_up(void) {
    return before_wait != NULL ? before_wait() : NULL;
}

void corps__take_back(void *given_up) {
    if (given_up != NULL) {
        after_wait(given_up);
    }
}
