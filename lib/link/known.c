#include "link/known.h"

#include "base/sparse.h"
#include "link/far.h"
#include "link/peer.h"
#include "wait/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void let_go(struct corps__held *held) {
    corps__corps_unref((struct corps *)held);
}

#define ENVS_BYTES (CORPS__ENVS_MAX * sizeof(struct corps__env))

struct corps *corps__corps_create(const struct corps__settings *settings) {
    struct corps *corps = calloc(1, sizeof *corps);
    struct corps__env *envs = corps__sparse_create(ENVS_BYTES);
    if (corps == NULL || envs == NULL) {
        free(corps);
        corps__sparse_destroy(envs, ENVS_BYTES);
        return NULL;
    }
    corps->held.let_go = let_go;
    corps->settings = *settings;
    corps->envs = envs;
    corps->lock_fd = -1;
    corps->boot_result = CORPS_ERR_PENDING;
    atomic_store(&corps->holders, 1);
    atomic_fetch_add(&corps__link_floor->corps_count, 1);
    return corps;
}

unsigned corps__corps_count(void) {
    return atomic_load(&corps__link_floor->corps_count);
}

/* ---- the list ---- */

void corps__corps_list(struct corps *corps) {
    (void)corps__corps_ref(corps);
    pthread_mutex_lock(&corps__link_floor->lock);
    corps->next = corps__link_floor->listed;
    corps__link_floor->listed = corps;
    pthread_mutex_unlock(&corps__link_floor->lock);
}

void corps__corps_unlist(struct corps *corps) {
    pthread_mutex_lock(&corps__link_floor->lock);
    struct corps **at = &corps__link_floor->listed;
    while (*at != NULL && *at != corps) {
        at = &(*at)->next;
    }
    bool found = *at == corps;
    if (found) {
        *at = corps->next;
    }
    pthread_mutex_unlock(&corps__link_floor->lock);
    if (found) {
        corps__corps_unref(corps);
    }
}

struct corps *corps__corps_find(uint64_t corps_id) {
    pthread_mutex_lock(&corps__link_floor->lock);
    struct corps *corps = corps__link_floor->listed;
    while (corps != NULL && corps->id != corps_id) {
        corps = corps->next;
    }
    if (corps != NULL) {
        (void)corps__corps_ref(corps); /* while the list still holds it */
    }
    pthread_mutex_unlock(&corps__link_floor->lock);
    return corps;
}

void corps__corps_each(void (*each)(struct corps *corps, void *arg), void *arg) {
    pthread_mutex_lock(&corps__link_floor->lock);
    for (struct corps *corps = corps__link_floor->listed; corps != NULL; corps = corps->next) {
        each(corps, arg);
    }
    pthread_mutex_unlock(&corps__link_floor->lock);
}

bool corps__is_foreign(const struct corps *corps) {
    return corps != corps__own() && (corps->creator == NULL || corps->settings.owned);
}

bool corps__corps_has_ended(struct corps *corps) {
    bool is_begun_here = corps->creator != NULL && corps->boot_result == CORPS_ERR_PENDING;
    if (!corps__is_foreign(corps) || is_begun_here) {
        return false;
    }
    if (corps__roams(corps)) {
        return corps__far_has_ended(corps);
    }
    char path[sizeof corps->directory + sizeof CORPS__KNOWN_FILE + 1];
    snprintf(path, sizeof path, "%s/%s", corps->directory, CORPS__KNOWN_FILE);
    return access(path, F_OK) != 0;
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
    pthread_mutex_lock(&corps__link_floor->lock);
    corps->next = corps__link_floor->unheld;
    corps__link_floor->unheld = corps;
    pthread_mutex_unlock(&corps__link_floor->lock);
    corps__check_unused();
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
    corps__sparse_destroy(corps->envs, ENVS_BYTES);
    free(corps->boot_failure);
    free(corps->lost_text);
    free(corps->creator);
    free(corps);
    atomic_fetch_sub(&corps__link_floor->corps_count, 1);
}

void corps__corps_reap(void) {
    pthread_mutex_lock(&corps__link_floor->lock);
    struct corps *first = corps__link_floor->unheld;
    corps__link_floor->unheld = NULL;
    pthread_mutex_unlock(&corps__link_floor->lock);
    while (first != NULL) {
        struct corps *next = first->next;
        free_corps(first);
        first = next;
    }
}

/* ---- who this process is ---- */

struct corps *corps_own(void) {
    return corps__own();
}

unsigned corps_own_env(void) {
    return corps__own_env();
}

bool corps_name_is_here(const struct corps_name *name) {
    return corps__own() != NULL && name->corps_id == corps__own()->id && name->env == corps__own_env();
}

uint64_t corps__own_incarnation(void) {
    return corps__own() != NULL ? atomic_load(&corps__own()->envs[corps__own_env()].incarnation) : 0;
}

uint32_t corps__host_here(const struct corps *corps) {
    const struct corps *own = corps__own();
    return own != NULL && own->settings.host != 0 ? own->settings.host : corps != NULL ? corps->settings.host : 0;
}

void corps__known_forked(void) {
    pthread_mutex_init(&corps__link_floor->lock, NULL);
}
