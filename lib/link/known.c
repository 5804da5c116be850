#include "link/known.h"

#include "link/peer.h"
#include "value/name.h"
#include "wait/reactor.h"

#include <stdlib.h>

static _Atomic unsigned count;

/* Those that nobody holds; guarded by corps__rt.lock. */
static struct corps *unheld;

struct corps *corps__corps_create(const struct corps__settings *settings) {
    struct corps *corps = calloc(1, sizeof *corps);
    struct corps__env *envs = calloc(settings->env_count, sizeof *envs);
    if (corps == NULL || envs == NULL) {
        free(corps);
        free(envs);
        return NULL;
    }
    corps->settings = *settings;
    corps->envs = envs;
    corps->lock_fd = -1;
    corps->boot_result = CORPS_ERR_PENDING;
    atomic_store(&corps->holders, 1);
    atomic_fetch_add(&count, 1);
    return corps;
}

unsigned corps__corps_count(void) {
    return atomic_load(&count);
}

/* ---- the list ---- */

void corps__corps_list(struct corps *corps) {
    (void)corps__corps_ref(corps);
    pthread_mutex_lock(&corps__rt.lock);
    corps->next = corps__rt.corps_list;
    corps__rt.corps_list = corps;
    pthread_mutex_unlock(&corps__rt.lock);
}

void corps__corps_unlist(struct corps *corps) {
    pthread_mutex_lock(&corps__rt.lock);
    struct corps **at = &corps__rt.corps_list;
    while (*at != NULL && *at != corps) {
        at = &(*at)->next;
    }
    bool found = *at == corps;
    if (found) {
        *at = corps->next;
    }
    pthread_mutex_unlock(&corps__rt.lock);
    if (found) {
        corps__corps_unref(corps);
    }
}

struct corps *corps__corps_find(uint64_t corps_id) {
    pthread_mutex_lock(&corps__rt.lock);
    struct corps *corps = corps__rt.corps_list;
    while (corps != NULL && corps->id != corps_id) {
        corps = corps->next;
    }
    if (corps != NULL) {
        (void)corps__corps_ref(corps); /* while the list still holds it */
    }
    pthread_mutex_unlock(&corps__rt.lock);
    return corps;
}

/* ---- holding ---- */

struct corps *corps__corps_ref(struct corps *corps) {
    atomic_fetch_add_explicit(&corps->holders, 1, memory_order_relaxed);
    return corps;
}

void corps__corps_unref(struct corps *corps) {
    if (atomic_fetch_sub(&corps->holders, 1) != 1) {
        return;
    }
    pthread_mutex_lock(&corps__rt.lock);
    corps->next = unheld;
    unheld = corps;
    pthread_mutex_unlock(&corps__rt.lock);
    atomic_store(&corps__rt.check_unused, true);
    if (corps__lead_try()) { /* else who leads sees to it at the next step */
        corps__corps_reap();
        corps__lead_release();
    }
}

static void free_corps(struct corps *corps) {
    for (unsigned i = 0; i < corps->settings.env_count; i++) {
        corps__peer_free(atomic_load(&corps->envs[i].peer));
        corps__peer_free(atomic_load(&corps->envs[i].data_peer));
    }
    free(corps->envs);
    free(corps->boot_failure);
    free(corps->lost_text);
    free(corps->creator);
    free(corps);
    atomic_fetch_sub(&count, 1);
}

void corps__corps_reap(void) {
    pthread_mutex_lock(&corps__rt.lock);
    struct corps *first = unheld;
    unheld = NULL;
    pthread_mutex_unlock(&corps__rt.lock);
    while (first != NULL) {
        struct corps *next = first->next;
        free_corps(first);
        first = next;
    }
}
