/* What the two files of the courier have in common: courier.c is what the lead calls, courier_thread.c the thread;
 * nobody else's. Between them go wishes (to the thread), news (to the lead) and the plan, all under one lock. */
#ifndef CORPS_HOSTS_COURIER_OWN_H
#define CORPS_HOSTS_COURIER_OWN_H

#include "hosts/courier.h"
#include "hosts/fleet_plan.h"

#include <pthread.h>

enum { CORPS__COURIER_HOW_BYTES = 480 };

/* What the lead asks the thread for, beside what it changes in the plan. */
struct corps__wish {
    struct corps__wish *next;
    enum { CORPS__WISH_CARRY, CORPS__WISH_FORGET } what;
    unsigned env;
    uint64_t incarnation;
    int fd;
};

struct corps__courier {
    /* Set before the thread begins. */
    const struct corps__hosts *hosts;
    const struct corps_value *launch;
    uint64_t corps_id;
    uint32_t life; /* of the Corps */
    /* Under the lock. */
    pthread_mutex_t lock;
    struct corps__plan plan;
    struct corps__wish *wishes, **last_wish;
    bool stops; /* agents are told the end, and the thread ends */
};

extern struct corps__courier corps__courier;

/* The lead: makes what the thread works with; begins it; has it look at the plan and the wishes (as soon as it was
 * made); waits for its end, after `stops`. Errors: NO_MEMORY, SYSTEM, and those of corps__desk_key. */
enum corps_err corps__courier_thread_make(void) CORPS_CHECKED;
enum corps_err corps__courier_thread_begin(void) CORPS_CHECKED;
void corps__courier_thread_wake(void);
void corps__courier_thread_join(void);

/* The thread: that life of an Env is over. The lead reads it by corps__courier_read_news. */
void corps__courier_tell(unsigned env, uint64_t incarnation, const char *how, enum corps__end end);

#endif
