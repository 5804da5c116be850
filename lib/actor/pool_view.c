#include "actor/pool_view.h"

#include "actor/future.h"
#include "actor/state.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { REFRESH_NS = 50 * 1000 * 1000 }; /* a table in use is asked for again when it is older */

/* ---- the list ---- */

static void free_view(struct corps__pool_view *view) {
    corps__replicas_unref(view->table);
    corps__replicas_unref(view->question.known);
    corps__future_unref(view->question.future);
    corps_name_unref(view->own);
    free(view);
}

static void let_go(struct corps__held *held) {
    struct corps__pool_view *view = (struct corps__pool_view *)held;
    pthread_mutex_lock(&corps__actors->pool_views.lock);
    bool last = --view->refs == 0;
    struct corps__pool_view **at = &corps__actors->pool_views.first;
    while (last && *at != view) {
        at = &(*at)->next;
    }
    if (last) {
        *at = view->next;
    }
    pthread_mutex_unlock(&corps__actors->pool_views.lock);
    if (last) {
        free_view(view);
    }
}

static enum corps_err create_view(const struct corps_name *pool, struct corps__pool_view **out) {
    struct corps__pool_view *view = calloc(1, sizeof *view);
    if (view == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for what is known of a pool");
    }
    enum corps_err err = corps__name_create(pool->corps_id, pool->env, pool->conc, pool->class_name,
                                            strlen(pool->class_name), &view->own);
    if (err != CORPS_OK) {
        free(view);
        return err;
    }
    corps__name_not_pool(view->own); /* a call by it goes to the pool's own Conc */
    view->held.let_go = let_go;
    view->refs = 1;
    view->corps_id = pool->corps_id;
    view->class_name = view->own->class_name + CORPS__POOL_PREFIX_BYTES;
    pthread_mutex_init(&view->lock, NULL);
    uint64_t seed;
    randombytes_buf(&seed, sizeof seed); /* so that no two processes choose alike */
    atomic_store(&view->random, seed);
    *out = view;
    return CORPS_OK;
}

/* Under the lock of the list. */
static struct corps__pool_view *find_view(const struct corps_name *pool) {
    struct corps__pool_view *view = corps__actors->pool_views.first;
    while (view != NULL && !corps_name_equal(view->own, pool)) {
        view = view->next;
    }
    return view;
}

/* Gives a reference. */
static enum corps_err hold_view(const struct corps_name *pool, struct corps__pool_view **out) {
    enum corps_err err = CORPS_OK;
    pthread_mutex_lock(&corps__actors->pool_views.lock);
    struct corps__pool_view *found = find_view(pool);
    if (found != NULL) {
        found->refs++;
        *out = found;
    } else {
        err = create_view(pool, out);
    }
    if (found == NULL && err == CORPS_OK) {
        (*out)->next = corps__actors->pool_views.first;
        corps__actors->pool_views.first = *out;
    }
    pthread_mutex_unlock(&corps__actors->pool_views.lock);
    return err;
}

enum corps_err corps__pool_view_of(const struct corps_name *pool, struct corps__pool_view **view) {
    struct corps__held *_Atomic *slot = &((struct corps_name *)(uintptr_t)pool)->pool;
    struct corps__held *before = atomic_load_explicit(slot, memory_order_acquire);
    if (before != &corps__pool_unknown) {
        *view = (struct corps__pool_view *)before;
        return CORPS_OK;
    }
    enum corps_err err = hold_view(pool, view);
    if (err == CORPS_OK && !atomic_compare_exchange_strong(slot, &before, &(*view)->held)) {
        let_go(&(*view)->held); /* another thread's call came first */
        *view = (struct corps__pool_view *)before;
    }
    return err;
}

unsigned corps__pool_views_count(void) {
    unsigned count = 0;
    pthread_mutex_lock(&corps__actors->pool_views.lock);
    for (const struct corps__pool_view *view = corps__actors->pool_views.first; view != NULL; view = view->next) {
        count++;
    }
    pthread_mutex_unlock(&corps__actors->pool_views.lock);
    return count;
}

/* ---- one view ---- */

static int64_t after(int64_t now_ns, int64_t time_ns) {
    return now_ns > INT64_MAX - time_ns ? INT64_MAX : now_ns + time_ns;
}

struct corps__replicas *corps__pool_view_table(struct corps__pool_view *view) {
    pthread_mutex_lock(&view->lock);
    struct corps__replicas *table = view->table != NULL ? corps__replicas_ref(view->table) : NULL;
    pthread_mutex_unlock(&view->lock);
    return table;
}

void corps__pool_view_look(struct corps__pool_view *view, int64_t now_ns, bool waits, struct corps__pool_look *look) {
    *look = (struct corps__pool_look){0};
    pthread_mutex_lock(&view->lock);
    look->until_ns = after(view->asked_ns, view->valid_ns);
    if (view->question.future != NULL && corps__future_is_ready(view->question.future)) {
        look->answered = view->question;
        view->question = (struct corps__members_question){0};
    } else {
        bool usable = view->table != NULL && now_ns < look->until_ns;
        bool wanted = usable ? now_ns - view->asked_ns > REFRESH_NS : !waits;
        look->table = usable ? corps__replicas_ref(view->table) : NULL;
        look->should_ask = wanted && view->question.future == NULL && !view->asking && now_ns >= view->ask_at_ns;
        view->asking = view->asking || look->should_ask;
    }
    pthread_mutex_unlock(&view->lock);
}

void corps__pool_view_asked(struct corps__pool_view *view, const struct corps__members_question *question,
                            int64_t now_ns) {
    pthread_mutex_lock(&view->lock);
    view->asking = false;
    view->question = *question;
    view->ask_at_ns = after(now_ns, REFRESH_NS / 10);
    pthread_mutex_unlock(&view->lock);
}

void corps__pool_view_put(struct corps__pool_view *view, struct corps__replicas *table, int64_t asked_ns,
                          int64_t valid_ns) {
    struct corps__replicas *former = NULL;
    pthread_mutex_lock(&view->lock);
    if (view->table == NULL || asked_ns >= view->asked_ns) {
        former = view->table;
        view->table = corps__replicas_ref(table);
        view->asked_ns = asked_ns;
        view->valid_ns = valid_ns;
    }
    pthread_mutex_unlock(&view->lock);
    corps__replicas_unref(former);
}

uint64_t corps__pool_view_random(struct corps__pool_view *view) {
    return corps__mix(atomic_fetch_add_explicit(&view->random, 1, memory_order_relaxed));
}

/* ---- after a fork ---- */

void corps__pool_views_forked(void) {
    pthread_mutex_init(&corps__actors->pool_views.lock, NULL);
    for (struct corps__pool_view *view = corps__actors->pool_views.first; view != NULL; view = view->next) {
        pthread_mutex_init(&view->lock, NULL);
        view->asking = false;
    }
}
