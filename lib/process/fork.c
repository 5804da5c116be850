#include "process/fork.h"

#include "wait/runtime.h"

#include <corps/transport.h>

#include <stdio.h>
#include <unistd.h>

static unsigned generation;

unsigned corps_fork_generation(void) {
    return generation;
}

static void in_child(void) {
    corps__definitions_unlock();
    if (!corps__rt.started) {
        return;
    }
    generation++;
    corps__reactor_forked();
    corps__sleep_forked();
    corps__sched_forked();
    corps__dispatch_forked();
    corps__conc_forked();
    corps__deadlock_forked();
    corps__peers_forked();
    corps__sending_forked();
    corps__futures_forked();
    corps__env_forked();
    corps__created_forked();
    corps__foreign_forked();
    corps__symbols_forked();
    corps__registry_forked();
    corps__blocks_forked();
    corps__slabs_forked();
    corps__trace_forked();
    corps__runtime_forked();
}

void corps__fork_watch(void) {
    static bool watching;
    if (!watching) {
        watching = pthread_atfork(corps__definitions_lock, corps__definitions_unlock, in_child) == 0;
    }
}

void corps__fork_end(enum corps_err err, const struct corps_error_info *failure) {
    if (err == CORPS_OK || err == CORPS_ERR_PENDING) {
        _exit(0);
    }
    fprintf(stderr, "corps: a child that a method has forked failed: %s: %s\n%s",
            failure != NULL ? failure->type : corps_error_name(err),
            failure != NULL ? failure->text : corps_error_detail(),
            failure != NULL && failure->traceback != NULL ? failure->traceback : "");
    _exit(1);
}
