#include "actor/deadlock.h"

#include "actor/conc.h"
#include "base/clock.h"
#include "link/peer.h"

#include <stdio.h>
#include <string.h>

#define LAST_INTERVAL_NS 16000000000
#define PATIENT_NS 10000000000
enum { HOPS_MAX = 256, PATH_BYTES = 1200 };

/* A long wait, on the stack of the thread that corps__actors->waits. */
struct corps__long_wait {
    const struct corps_context *context;
    struct corps_future *future;
    int64_t start_ns;
    struct corps__long_wait *next;
};

/* What travels. */
struct probe {
    uint64_t corps_id; /* of who asks */
    uint32_t env;
    uint32_t conc;
    int64_t start_ns;  /* of its wait; with the address, what tells it */
    int64_t latest_ns; /* the latest start of a wait on the way */
    int64_t hops;
    char path[PATH_BYTES];
};

/* ---- under the lock ---- */

static bool is_on_stack(const struct corps__long_wait *wait, uint32_t conc) {
    for (const struct corps_context *context = wait->context; context != NULL; context = context->outer) {
        if (context->conc->id == conc) {
            return true;
        }
    }
    return false;
}

/* The wait that keeps a Conc from going on: the innermost of the thread that runs it. */
static struct corps__long_wait *wait_of(uint32_t conc) {
    struct corps__long_wait *found = NULL;
    for (struct corps__long_wait *wait = corps__actors->waits.first; wait != NULL; wait = wait->next) {
        if (is_on_stack(wait, conc) && (found == NULL || wait->context->depth > found->context->depth)) {
            found = wait;
        }
    }
    return found;
}

/* The wait that asked, if the probe has come back to it. */
static struct corps__long_wait *asking_wait(const struct probe *probe, uint32_t conc) {
    if (probe->corps_id != corps__own_id() || probe->env != corps__own_env()) {
        return NULL;
    }
    for (struct corps__long_wait *wait = corps__actors->waits.first; wait != NULL; wait = wait->next) {
        if (wait->start_ns == probe->start_ns && wait->context->conc->id == probe->conc && is_on_stack(wait, conc)) {
            return wait;
        }
    }
    return NULL;
}

/* ---- following ---- */

static void add_to_path(struct probe *probe, const struct corps__conc *conc) {
    size_t used = strlen(probe->path);
    snprintf(probe->path + used, sizeof probe->path - used, "%sL%u:M%u.%u %s", used > 0 ? " waits for " : "",
             corps__own_env(), corps__own_env(), conc->id, corps__conc_class(conc));
}

static void send_probe(const struct probe *probe, struct corps__peer *peer, uint32_t conc) {
    struct corps_value items[] = {
        corps_int((int64_t)probe->corps_id), corps_int(probe->env),  corps_int(probe->conc), corps_int(probe->start_ns),
        corps_int(probe->latest_ns),         corps_int(probe->hops), corps_str(probe->path)};
    struct corps_value array = corps_array(items, sizeof items / sizeof items[0]);
    const struct corps_serializer *msgpack;
    struct corps_encoding encoding;
    corps_encoding_init(&encoding);
    if (corps_serializer_find("msgpack", &msgpack) == CORPS_OK && msgpack->encode(&array, &encoding) == CORPS_OK) {
        struct iovec segment = {.iov_base = encoding.stream, .iov_len = encoding.stream_bytes};
        struct corps__outgoing out = {.header = {.kind = CORPS__PROBE,
                                                 .serializer = msgpack->wire_id,
                                                 .segment_count = 1,
                                                 .source_env = corps__own_env(),
                                                 .destination = conc},
                                      .segments = &segment};
        corps__peer_try_post(peer, &out);
    } /* without memory or room there will be another probe */
    corps_encoding_finish(&encoding);
}

static void closed_circle(const struct probe *probe, struct corps_future *future) {
    char text[PATH_BYTES + 128];
    snprintf(text, sizeof text, "the wait could never end: %s waits for the first again", probe->path);
    corps__future_fail(future, CORPS_ERR_DEADLOCK, text);
    corps__future_unref(future);
}

/* Follows the probe from a Conc of this Env as far as it stays here. With the lead. */
static void follow_probe(struct probe *probe, uint32_t conc) {
    struct corps__peer *peer = NULL;
    struct corps_future *caught = NULL;
    pthread_mutex_lock(&corps__actors->waits.lock);
    while (probe->hops++ < HOPS_MAX) {
        const struct corps__conc *here = corps__conc_find(conc);
        const struct corps__long_wait *asked = here != NULL ? asking_wait(probe, conc) : NULL;
        if (asked != NULL) {
            /* Others of the circle ask too: the one whose wait began last gives way. */
            caught = probe->latest_ns <= asked->start_ns ? corps__future_ref(asked->future) : NULL;
            break;
        }
        const struct corps__long_wait *wait = here != NULL ? wait_of(conc) : NULL;
        if (wait == NULL) {
            break; /* it goes on, or is only queued: no circle now */
        }
        add_to_path(probe, here);
        probe->latest_ns = wait->start_ns > probe->latest_ns ? wait->start_ns : probe->latest_ns;
        if (wait->future->local == NULL) {
            peer = corps__calls_awaits(wait->future) ? wait->future->peer : NULL;
            conc = wait->future->remote_conc;
            break;
        }
        conc = wait->future->local->id;
    }
    pthread_mutex_unlock(&corps__actors->waits.lock);
    if (caught != NULL) {
        closed_circle(probe, caught);
    } else if (peer != NULL) {
        send_probe(probe, peer, conc);
    }
}

/* Asks for a listed wait of the thread that this is done for. */
static enum corps_err ask_job(void *arg) {
    const struct corps__long_wait *wait = arg;
    struct probe probe = {.corps_id = corps__own_id(),
                          .env = corps__own_env(),
                          .conc = wait->context->conc->id,
                          .start_ns = wait->start_ns,
                          .latest_ns = wait->start_ns};
    add_to_path(&probe, wait->context->conc);
    if (wait->future->local != NULL) {
        follow_probe(&probe, wait->future->local->id);
    } else if (corps__calls_awaits(wait->future)) {
        send_probe(&probe, wait->future->peer, wait->future->remote_conc);
    }
    return CORPS_OK;
}

static int64_t int_at(const struct corps_value *probe, size_t index) {
    const struct corps_value *item = corps_value_item(probe, index);
    return item != NULL && item->kind == CORPS_INT ? item->integer : 0;
}

enum corps_err corps__deadlock_probe(uint32_t conc, const struct corps_value *value) {
    const struct corps_value *path = corps_value_item(value, 6);
    if (path == NULL || path->kind != CORPS_STR) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a PROBE does not say where it comes from");
    }
    struct probe probe = {.corps_id = (uint64_t)int_at(value, 0),
                          .env = (uint32_t)int_at(value, 1),
                          .conc = (uint32_t)int_at(value, 2),
                          .start_ns = int_at(value, 3),
                          .latest_ns = int_at(value, 4),
                          .hops = int_at(value, 5)};
    snprintf(probe.path, sizeof probe.path, "%.*s", (int)(path->count < PATH_BYTES ? path->count : PATH_BYTES - 1),
             path->str);
    follow_probe(&probe, conc);
    return CORPS_OK;
}

/* ---- waiting ---- */

bool corps__is_patient(int64_t deadline_ns) {
    return deadline_ns == CORPS_FOREVER || deadline_ns - corps__now_ns() >= PATIENT_NS;
}

bool corps__may_run_inline(int64_t timeout_ns) {
    const struct corps_context *context = corps__context();
    return context == NULL || (context->depth < CORPS__NESTED_MAX && timeout_ns >= PATIENT_NS);
}

static void list_wait(struct corps__long_wait *wait) {
    pthread_mutex_lock(&corps__actors->waits.lock);
    wait->next = corps__actors->waits.first;
    corps__actors->waits.first = wait;
    pthread_mutex_unlock(&corps__actors->waits.lock);
}

static void unlist_wait(const struct corps__long_wait *wait) {
    pthread_mutex_lock(&corps__actors->waits.lock);
    struct corps__long_wait **at = &corps__actors->waits.first;
    while (*at != wait) {
        at = &(*at)->next;
    }
    *at = wait->next;
    pthread_mutex_unlock(&corps__actors->waits.lock);
}

enum corps_err corps__deadlock_wait(struct corps_future *future, struct corps__waiter *waiter, bool (*done)(void *arg),
                                    int64_t start_ns, int64_t deadline_ns) {
    struct corps__long_wait wait = {.context = corps__context(), .future = future, .start_ns = start_ns};
    struct corps__conc *local = future->local != NULL && corps__is_patient(deadline_ns) ? future->local : NULL;
    int64_t interval = CORPS__DEADLOCK_ASKS_NS;
    bool listed = false;
    enum corps_err err;
    for (;;) {
        int64_t until = listed ? corps__deadline_ns(interval) : start_ns + interval;
        until = until < deadline_ns ? until : deadline_ns;
        err = corps__wait(waiter, done, future, until, local);
        if (err != CORPS_ERR_TIMEOUT || until == deadline_ns) {
            break;
        }
        if (!listed) {
            list_wait(&wait);
            listed = true;
        } else {
            interval = interval * 2 < LAST_INTERVAL_NS ? interval * 2 : LAST_INTERVAL_NS;
        }
        (void)!corps__with_lead(ask_job, &wait); /* so that the peers that it goes to are not freed meanwhile */
    }
    if (listed) {
        unlist_wait(&wait);
    }
    return err;
}

void corps__deadlock_forked(void) {
    pthread_mutex_init(&corps__actors->waits.lock, NULL);
    corps__actors->waits.first = NULL;
}
