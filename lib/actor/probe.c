#include "actor/probe.h"

#include "base/clock.h"

#include <stdlib.h>

/* What is known of one Conc. All of it under the lock. */
struct corps__probed {
    struct corps__probed *next;
    uint32_t conc;
    bool under_way;
    bool forgotten;       /* and the one under way is the last that needs it */
    int64_t sent_ns;      /* the one under way … */
    int64_t last_sent_ns; /* … and the last that has passed, 0: none has; what it found: */
    int64_t wait_ns;
    bool idle, ended;
    bool gone; /* likewise, as somebody else has said */
};

static struct corps__probed **find(uint32_t conc) {
    struct corps__probed **at = &corps__actors->probes.first;
    while (*at != NULL && (*at)->conc != conc) {
        at = &(*at)->next;
    }
    return at;
}

static void see(const struct corps__conc *conc, const struct corps__probed *probed, struct corps__probe_seen *seen) {
    int64_t now_ns = corps__now_ns();
    bool waits = probed->under_way && now_ns - probed->sent_ns > probed->wait_ns;
    int64_t sent_ns = waits ? probed->sent_ns : probed->last_sent_ns;
    bool ended = probed->gone || (probed->ended && !probed->under_way);
    *seen = (struct corps__probe_seen){
        .is = atomic_load(&conc->down) ? CORPS__PROBE_RESTARTS
              : conc->lost || ended    ? CORPS__PROBE_ENDED
                                       : CORPS__PROBE_ALIVE,
        .wait_ns = waits ? now_ns - probed->sent_ns : probed->wait_ns,
        .age_ns = sent_ns > 0 ? now_ns - sent_ns : -1,
        .idle = probed->idle && !waits,
    };
}

static enum corps_err send_probe(struct corps__conc *conc, struct corps__probed *probed) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a probe");
    }
    message->mail.kind = CORPS__MAIL_PROBE;
    message->header.id = (uintptr_t)probed;
    probed->under_way = true;
    probed->sent_ns = corps__now_ns();
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return CORPS_OK;
}

enum corps_err corps__probe(uint32_t number, struct corps__probe_seen *seen) {
    struct corps__conc *conc = corps__conc_find(number);
    *seen = (struct corps__probe_seen){.is = CORPS__PROBE_ENDED, .age_ns = -1};
    if (conc == NULL) {
        return CORPS_OK;
    }
    enum corps_err err = CORPS_OK;
    pthread_mutex_lock(&corps__actors->probes.lock);
    struct corps__probed **at = find(number);
    struct corps__probed *probed = *at;
    if (probed == NULL && (probed = calloc(1, sizeof *probed)) != NULL) {
        probed->conc = number;
        *at = probed;
    }
    if (probed == NULL) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a probe");
    } else {
        see(conc, probed, seen);
        err = probed->under_way ? CORPS_OK : send_probe(conc, probed);
    }
    pthread_mutex_unlock(&corps__actors->probes.lock);
    return err;
}

void corps__probe_gone(uint32_t number) {
    pthread_mutex_lock(&corps__actors->probes.lock);
    struct corps__probed *probed = *find(number);
    if (probed != NULL) {
        probed->gone = true;
    }
    pthread_mutex_unlock(&corps__actors->probes.lock);
}

void corps__probe_forget(uint32_t number) {
    pthread_mutex_lock(&corps__actors->probes.lock);
    struct corps__probed **at = find(number);
    struct corps__probed *probed = *at;
    if (probed != NULL) {
        *at = probed->next;
        probed->forgotten = true;
        if (!probed->under_way) {
            free(probed);
        }
    }
    pthread_mutex_unlock(&corps__actors->probes.lock);
}

void corps__probe_passes(struct corps__conc *conc, struct corps__message *message, bool alive) {
    struct corps__probed *probed = (struct corps__probed *)(uintptr_t)message->header.id;
    corps__message_free(message);
    conc->is_probed = true; /* from now on it counts what it holds */
    pthread_mutex_lock(&corps__actors->probes.lock);
    probed->under_way = false;
    probed->last_sent_ns = probed->sent_ns;
    probed->wait_ns = corps__now_ns() - probed->sent_ns;
    probed->idle = conc->deferred_count == 0 && atomic_load(&conc->held_count) == 0;
    probed->ended = !alive && !atomic_load(&conc->down);
    if (probed->forgotten) {
        free(probed);
    }
    pthread_mutex_unlock(&corps__actors->probes.lock);
}

void corps__probes_free(void) {
    while (corps__actors->probes.first != NULL) {
        struct corps__probed *next = corps__actors->probes.first->next;
        free(corps__actors->probes.first);
        corps__actors->probes.first = next;
    }
}
