#include "base/hooks.h"

#include <corps.h>

#include <stddef.h>

static void *(*before_wait)(void);
static void (*after_wait)(void *given_up);
static int64_t (*ask_within)(void);
static bool (*interrupted)(void);

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

void corps__interrupt_hooks_set(int64_t (*ask_within_ns)(void), bool (*is_interrupted)(void)) {
    ask_within = ask_within_ns;
    interrupted = is_interrupted;
}

int64_t corps__ask_within_ns(void) {
    return ask_within != NULL ? ask_within() : CORPS_FOREVER;
}

bool corps__is_interrupted(void) {
    return interrupted != NULL && interrupted();
}
