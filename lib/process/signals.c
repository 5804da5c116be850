#include "process/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* A handler and not SIG_IGN: exec resets handlers, and hands on what is ignored. */
static void ignore_signal(int number) {
    (void)number;
}

static struct {
    int number;
    bool taken;
    struct sigaction before;
} signals[] = {{.number = SIGINT}, {.number = SIGPIPE}};

enum { COUNT = sizeof signals / sizeof signals[0] };

void corps__signals_take(void) {
    struct sigaction action = {.sa_handler = ignore_signal, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < COUNT; i++) {
        struct sigaction *before = &signals[i].before;
        signals[i].taken = sigaction(signals[i].number, NULL, before) == 0 && before->sa_handler != SIG_IGN &&
                           sigaction(signals[i].number, &action, NULL) == 0;
    }
}

void corps__signals_forked(void) {
    for (size_t i = 0; i < COUNT; i++) {
        struct sigaction now;
        if (signals[i].taken && sigaction(signals[i].number, NULL, &now) == 0 && now.sa_handler == ignore_signal) {
            (void)!sigaction(signals[i].number, &signals[i].before, NULL); /* it took the same before */
        }
        signals[i].taken = false;
    }
}
