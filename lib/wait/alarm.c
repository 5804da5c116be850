#include "wait/alarm.h"

#include <corps.h>

#include <stddef.h>

void corps__alarms_init(struct corps__alarms *alarms) {
    pthread_mutex_init(&alarms->lock, NULL);
    alarms->first = NULL;
    atomic_store(&alarms->first_ns, CORPS_FOREVER);
}

/* One heap of two, each of which may be NULL; neither has anything beside it. */
static struct corps__alarm *meld(struct corps__alarm *a, struct corps__alarm *b) {
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    struct corps__alarm *above = b->at_ns < a->at_ns ? b : a, *below = above == a ? b : a;
    below->next = above->child;
    below->link = &above->child;
    if (below->next != NULL) {
        below->next->link = &below->next;
    }
    above->child = below;
    return above;
}

/* One heap of those below the same one: in pairs, then all of those from the last on, which keeps it shallow. */
static struct corps__alarm *meld_all(struct corps__alarm *one) {
    struct corps__alarm *pairs = NULL, *all = NULL;
    while (one != NULL) {
        struct corps__alarm *other = one->next, *rest = other != NULL ? other->next : NULL;
        one->next = NULL;
        if (other != NULL) {
            other->next = NULL;
        }
        struct corps__alarm *pair = meld(one, other);
        pair->next = pairs;
        pairs = pair;
        one = rest;
    }
    while (pairs != NULL) {
        struct corps__alarm *pair = pairs;
        pairs = pair->next;
        pair->next = NULL;
        all = meld(all, pair);
    }
    return all;
}

static void put_first(struct corps__alarms *alarms, struct corps__alarm *first) {
    alarms->first = first;
    if (first != NULL) {
        first->link = &alarms->first;
    }
    atomic_store(&alarms->first_ns, first != NULL ? first->at_ns : CORPS_FOREVER);
}

static void take_out(struct corps__alarms *alarms, struct corps__alarm *alarm) {
    struct corps__alarm *below = meld_all(alarm->child);
    if (alarms->first == alarm) {
        put_first(alarms, below);
    } else {
        *alarm->link = alarm->next;
        if (alarm->next != NULL) {
            alarm->next->link = alarm->link;
        }
        put_first(alarms, meld(alarms->first, below));
    }
    alarm->child = alarm->next = NULL;
    alarm->link = NULL;
}

bool corps__alarm_set(struct corps__alarms *alarms, struct corps__alarm *alarm, int64_t at_ns,
                      void (*ring)(struct corps__alarm *alarm)) {
    pthread_mutex_lock(&alarms->lock);
    *alarm = (struct corps__alarm){.at_ns = at_ns, .ring = ring};
    put_first(alarms, meld(alarms->first, alarm));
    bool is_first = alarms->first == alarm;
    pthread_mutex_unlock(&alarms->lock);
    return is_first;
}

bool corps__alarm_clear(struct corps__alarms *alarms, struct corps__alarm *alarm) {
    pthread_mutex_lock(&alarms->lock);
    bool was_set = alarm->link != NULL;
    if (was_set) {
        take_out(alarms, alarm);
    }
    pthread_mutex_unlock(&alarms->lock);
    return was_set;
}

void corps__alarms_ring(struct corps__alarms *alarms, int64_t now_ns) {
    while (corps__alarms_first_ns(alarms) <= now_ns) {
        pthread_mutex_lock(&alarms->lock);
        struct corps__alarm *due = alarms->first != NULL && alarms->first->at_ns <= now_ns ? alarms->first : NULL;
        if (due != NULL) {
            take_out(alarms, due);
        }
        pthread_mutex_unlock(&alarms->lock);
        if (due != NULL) {
            due->ring(due);
        }
    }
}
