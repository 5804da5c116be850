#include "actor/fork.h"

#include "actor/cancel.h"
#include "actor/conc.h"
#include "actor/deadlock.h"
#include "actor/future.h"
#include "actor/granted.h"
#include "actor/pool_view.h"
#include "actor/requests.h"
#include "actor/runtime.h"
#include "actor/stuck.h"
#include "base/generation.h"
#include "base/slab.h"
#include "base/symbol.h"
#include "codec/definitions.h"
#include "codec/registry.h"
#include "link/foreign.h"
#include "link/peer.h"
#include "link/port.h"
#include "value/block.h"
#include "wait/chains.h"
#include "wait/trace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/* What a fork does to Corps.
 *
 * The child is another process. It has none of the threads, and must not use the links: what it wrote there would be
 * taken for its parent's. So in the child every part forgets, in one pass and before fork returns there, what belongs
 * to the parent: locks that others held are free again, descriptors are closed without a word to anybody, calls under
 * way fail. What is left is a program that has not used Corps yet, but knows its parent's Corps as it would know any
 * other's. It starts anew when it first needs to.
 *
 * In a child that a method forked no Conc runs any more: when the method returns there, the process ends (run.c).
 *
 * A vfork, and posix_spawn, are not concerned: no handler runs. */

static void (*_Atomic env_forked)(void);
static void (*_Atomic created_forked)(void);

void corps__fork_env_set(void (*forked)(void)) {
    atomic_store(&env_forked, forked);
}

void corps__fork_created_set(void (*forked)(void)) {
    atomic_store(&created_forked, forked);
}

static void forget(void (*forked)(void)) {
    if (forked != NULL) {
        forked();
    }
}

static void in_child(void) {
    corps__definitions_unlock();
    if (!corps__reactor->started) {
        return;
    }
    corps__generation_forked();
    corps__reactor_forked(); /* first: closes what the loop watches */
    corps__thread_pool_forked();
    corps__stuck_forked();
    corps__granted_forked();
    corps__requests_forked();
    corps__conc_forked();
    corps__cancels_forked();
    corps__deadlock_forked();
    if (corps__actors->timers.ops != NULL) {
        corps__actors->timers.ops->forked();
    }
    corps__known_forked();
    corps__peers_forked();
    corps__sending_forked();
    corps__futures_forked();
    corps__pool_views_forked();
    forget(atomic_load(&env_forked));
    forget(atomic_load(&created_forked));
    corps__foreign_forked();
    corps__symbols_forked();
    corps__registry_forked();
    corps__blocks_forked();
    corps__slabs_forked();
    corps__trace_forked();
    corps__chains_forked();
    corps__ports_forked();
    corps__runtime_forked();
}

static void watch(void) {
    (void)pthread_atfork(corps__definitions_lock, corps__definitions_unlock, in_child);
}

/* As soon as the library is there: what is defined before the runtime starts has a lock too. */
__attribute__((constructor)) void corps__fork_watch(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
}
