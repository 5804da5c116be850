/* A runtime: the floors below as one, for one process. Each floor has its state in one struct and reaches it by one
 * pointer; a runtime is the set of them that belong together.
 *
 * A process has one, which is there from the beginning and is started when it is first needed. More can be made, for
 * simulators and tests: they take turns, as corps__runtime_enter says. What is the same for all of them is the
 * process's own: memory (slabs, blocks, the table of Futures), names of methods, definitions, plug-ins, traces.
 */
#ifndef CORPS_RUNTIME_H
#define CORPS_RUNTIME_H

#include "actor/state.h"
#include "link/state.h"

struct corps__runtime {
    struct corps__reactor *reactor;
    struct corps__link_floor *links;
    struct corps__actors *actors;
};

/* Starts the present runtime, once: as a guest, or as Env `env` of Corps `corps_id`. (After a fork once more.) Any
 * thread. Errors: SYSTEM. */
enum corps_err corps__runtime_start(bool is_env, uint64_t corps_id, uint32_t env) CORPS_CHECKED;

/* The same as a guest, unless it was started. */
static inline enum corps_err corps__runtime_ensure(void) {
    return corps__reactor->started ? CORPS_OK : corps__runtime_start(false, 0, CORPS__GUEST_ENV);
}

/* In an Env, before there are other threads: its Corps, and how the leader waits there. */
void corps__runtime_own(struct corps *corps);

/* Another one, not started. NULL when out of memory. It is freed, while it is not the present one, with its Concs,
 * endpoints and links; threads of its pool must have ended, and the own Corps is held by its maker no more. */
struct corps__runtime *corps__runtime_create(void);
void corps__runtime_free(struct corps__runtime *runtime);

/* Everything that this process does from now on, it does in that one; gives what was the present one. Only while no
 * other thread is in the core and no method runs. */
struct corps__runtime corps__runtime_enter(struct corps__runtime runtime);

/* In the child of a fork, after the floors have forgotten what is the parent's: a guest, not started. */
void corps__runtime_forked(void);

#endif
