#include "wait/chains.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

struct place {
    _Atomic uint32_t number; /* of the span in it; FREE, or TAKEN while somebody writes */
    struct corps__span span;
};

enum { FREE = 0 };
#define TAKEN UINT32_MAX

/* Writers announce themselves before they look whether chains are recorded: who stops waits for them. */
static struct {
    pthread_mutex_t lock; /* of starting, stopping, reading and freeing */
    _Atomic unsigned writers;
    _Atomic uint32_t next_span; /* counts on over all recordings */
    _Atomic uint32_t next_chain;
    _Atomic uint64_t chain_count;
    uint64_t every;
    uint64_t recording;
    uint32_t first; /* the last number before this recording */
    struct place *places;
    size_t count;
} chains = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local uint32_t own_number;

uint32_t corps__thread_number(void) {
    if (own_number == 0) {
        own_number = (uint32_t)syscall(SYS_gettid);
    }
    return own_number;
}

static void stop_locked(void) {
    (void)atomic_fetch_and(&corps__tracing, ~(unsigned)CORPS__TRACING_CHAINS);
    while (atomic_load(&chains.writers) > 0) {
        (void)sched_yield();
    }
}

static void free_locked(void) {
    stop_locked();
    free(chains.places);
    chains.places = NULL;
    chains.count = 0;
    chains.recording = 0;
}

enum corps_err corps__chains_start(uint64_t recording, size_t count, uint64_t every) {
    uint32_t first_chain;
    if (getrandom(&first_chain, sizeof first_chain, 0) != sizeof first_chain) {
        return corps_error_system("getrandom");
    }
    pthread_mutex_lock(&chains.lock);
    free_locked();
    chains.places = calloc(count, sizeof *chains.places);
    bool made = chains.places != NULL;
    if (made) {
        chains.count = count;
        chains.every = every;
        chains.recording = recording;
        chains.first = atomic_load(&chains.next_span);
        atomic_store(&chains.chain_count, 0);
        uint32_t never = 0; /* a process counts on, so that none of its chains is like another */
        (void)atomic_compare_exchange_strong(&chains.next_chain, &never, first_chain);
        (void)atomic_fetch_or(&corps__tracing, CORPS__TRACING_CHAINS);
    }
    pthread_mutex_unlock(&chains.lock);
    return made ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %zu spans of call chains", count);
}

uint64_t corps__chains_recording(void) {
    pthread_mutex_lock(&chains.lock);
    uint64_t recording = chains.recording;
    pthread_mutex_unlock(&chains.lock);
    return recording;
}

void corps__chains_stop(void) {
    pthread_mutex_lock(&chains.lock);
    stop_locked();
    pthread_mutex_unlock(&chains.lock);
}

size_t corps__chains_read(uint32_t after, struct corps__span *spans, size_t room, uint64_t *total) {
    size_t found = 0;
    pthread_mutex_lock(&chains.lock);
    uint32_t last = atomic_load(&chains.next_span);
    uint32_t all = last - chains.first;
    uint32_t kept = all < chains.count ? all : (uint32_t)chains.count;
    uint32_t number = last - kept;
    if (after - number <= kept) { /* numbers may pass through zero */
        number = after;
    }
    while (number != last && found < room) {
        const struct place *place = &chains.places[++number % chains.count];
        if (atomic_load(&place->number) == number) {
            spans[found++] = place->span;
        }
    }
    *total = all;
    pthread_mutex_unlock(&chains.lock);
    return found;
}

void corps__chains_free(void) {
    pthread_mutex_lock(&chains.lock);
    free_locked();
    pthread_mutex_unlock(&chains.lock);
}

/* Announces a writer: true while chains are recorded. Ended by leave in either case. */
static bool enter(void) {
    atomic_fetch_add(&chains.writers, 1);
    return (atomic_load(&corps__tracing) & CORPS__TRACING_CHAINS) != 0;
}

static void leave(void) {
    atomic_fetch_sub(&chains.writers, 1);
}

uint64_t corps__chain_new(void) {
    uint64_t chain = CORPS__CHAIN_NONE;
    if (enter() && atomic_fetch_add(&chains.chain_count, 1) % chains.every == 0) {
        uint32_t number = atomic_fetch_add(&chains.next_chain, 1);
        number = number != 0 ? number : atomic_fetch_add(&chains.next_chain, 1);
        chain = (uint64_t)number << 32;
    }
    leave();
    return chain;
}

/* The next number; never FREE or TAKEN. */
static uint32_t next_number(void) {
    uint32_t number;
    do {
        number = atomic_fetch_add(&chains.next_span, 1) + 1;
    } while (number == FREE || number == TAKEN);
    return number;
}

uint32_t corps__span_add(const struct corps__span *span) {
    uint32_t number = 0;
    if (enter()) {
        number = next_number();
        struct place *place = &chains.places[number % chains.count];
        if (atomic_exchange(&place->number, TAKEN) != TAKEN) {
            place->span = *span;
            place->span.number = number;
            atomic_store(&place->number, number);
        } else { /* whoever has it says so no more than that */
            number = 0;
        }
    }
    leave();
    return number;
}

struct corps__span *corps__span_open(uint32_t number) {
    if (number != 0 && enter()) {
        struct place *place = &chains.places[number % chains.count];
        uint32_t expected = number;
        if (atomic_compare_exchange_strong(&place->number, &expected, TAKEN)) {
            return &place->span;
        }
    }
    if (number != 0) {
        leave();
    }
    return NULL;
}

void corps__span_close(struct corps__span *span) {
    struct place *place = &chains.places[span->number % chains.count];
    atomic_store(&place->number, span->number);
    leave();
}

void corps__chains_forked(void) {
    pthread_mutex_init(&chains.lock, NULL);
    atomic_store(&chains.writers, 0);
    atomic_store(&chains.next_chain, 0);
    own_number = 0;
    free(chains.places);
    chains.places = NULL;
    chains.count = 0;
    chains.recording = 0;
}
