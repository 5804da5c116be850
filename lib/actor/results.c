#include "actor/results.h"

#include "base/plant.h"

void corps__results_init(struct corps__results *results, struct corps__result *entries, uint32_t capacity,
                         uint32_t *buckets, uint32_t bucket_count, size_t bytes_max, int64_t ttl_ns) {
    *results = (struct corps__results){.entries = entries,
                                       .buckets = buckets,
                                       .capacity = capacity,
                                       .bucket_count = bucket_count,
                                       .bytes_max = bytes_max,
                                       .ttl_ns = ttl_ns};
    for (uint32_t i = 0; i < capacity; i++) {
        entries[i] = (struct corps__result){.state = CORPS__RESULT_FREE, .next = i + 1};
    }
    for (uint32_t i = 0; i < bucket_count; i++) {
        buckets[i] = capacity;
    }
}

/* ---- finding ---- */

/* Identities are random, and numbers follow each other: so their sum spreads well. */
static uint32_t *bucket_of(const struct corps__results *results, const struct corps__result_key *key) {
    uint64_t spread = key->id + (CORPS__PLANTED(NO_IDENTITY) ? 0 : key->identity[0]);
    return &results->buckets[spread & (results->bucket_count - 1)];
}

static bool is_same(const struct corps__result_key *a, const struct corps__result_key *b) {
    bool same_caller = a->identity[0] == b->identity[0] && a->identity[1] == b->identity[1];
    return a->id == b->id && (same_caller || CORPS__PLANTED(NO_IDENTITY));
}

static uint32_t find(const struct corps__results *results, const struct corps__result_key *key) {
    uint32_t at = *bucket_of(results, key);
    while (at != results->capacity && !is_same(&results->entries[at].key, key)) {
        at = results->entries[at].next;
    }
    return at;
}

/* There is a free one. */
static uint32_t add(struct corps__results *results, const struct corps__result_key *key) {
    uint32_t at = results->free;
    struct corps__result *entry = &results->entries[at];
    uint32_t *bucket = bucket_of(results, key);
    results->free = entry->next;
    results->count++;
    *entry = (struct corps__result){.key = *key, .state = CORPS__RESULT_RUNNING, .next = *bucket};
    *bucket = at;
    return at;
}

static void take_out(struct corps__results *results, uint32_t at) {
    struct corps__result *entry = &results->entries[at];
    uint32_t *link = bucket_of(results, &entry->key);
    while (*link != at) {
        link = &results->entries[*link].next;
    }
    *link = entry->next;
    results->bytes -= entry->bytes;
    results->count--;
    *entry = (struct corps__result){.state = CORPS__RESULT_FREE, .next = results->free};
    results->free = at;
}

/* ---- requests ---- */

static int64_t keep_until(const struct corps__ask *ask) {
    return ask->deadline_ns + (CORPS__PLANTED(NO_MARGIN) ? 0 : CORPS__RESULT_MARGIN_NS);
}

static enum corps__admission asked_again(struct corps__result *entry, const struct corps__ask *ask) {
    if (!CORPS__PLANTED(ANSWERS_OLD_LINK)) {
        entry->link = ask->link;
    }
    if (entry->keep_until_ns < keep_until(ask)) {
        entry->keep_until_ns = keep_until(ask);
    }
    return entry->state == CORPS__RESULT_RUNNING ? CORPS__ADMIT_RUNNING : CORPS__ADMIT_ANSWERED;
}

static bool is_full(const struct corps__results *results) {
    return results->free == results->capacity || results->bytes >= results->bytes_max;
}

/* The mistake: room is made by what is needed. */
static void evict(struct corps__results *results) {
    for (uint32_t i = 0; i < results->capacity && is_full(results); i++) {
        if (results->entries[i].state == CORPS__RESULT_ANSWERED) {
            take_out(results, i);
        }
    }
}

enum corps__admission corps__results_admit(struct corps__results *results, const struct corps__ask *ask, int64_t now_ns,
                                           uint32_t *entry) {
    if (ask->deadline_ns <= now_ns) {
        return CORPS__ADMIT_LATE;
    }
    if (ask->deadline_ns - now_ns > results->ttl_ns + CORPS__CLOCK_ERROR_NS) {
        return CORPS__ADMIT_TOO_FAR;
    }
    if (ask->link < ask->newest_link && !CORPS__PLANTED(ADMITS_STALE)) {
        return CORPS__ADMIT_STALE;
    }
    uint32_t at = find(results, &ask->key);
    if (at != results->capacity) {
        *entry = at;
        return asked_again(&results->entries[at], ask);
    }
    if (CORPS__PLANTED(EVICTS)) {
        evict(results);
    }
    if (is_full(results)) {
        return CORPS__ADMIT_FULL;
    }
    *entry = add(results, &ask->key);
    results->entries[*entry].link = ask->link;
    results->entries[*entry].keep_until_ns = keep_until(ask);
    return CORPS__ADMIT_RUN;
}

uint64_t corps__results_answer(struct corps__results *results, uint32_t at, void *reply, size_t bytes) {
    struct corps__result *entry = &results->entries[at];
    entry->state = CORPS__RESULT_ANSWERED;
    entry->reply = reply;
    entry->bytes = bytes;
    results->bytes += bytes;
    return entry->link;
}

void corps__results_drop(struct corps__results *results, uint32_t entry) {
    take_out(results, entry);
}

bool corps__results_expire(struct corps__results *results, int64_t now_ns, void **reply) {
    for (uint32_t i = 0; i < results->capacity; i++) {
        uint32_t at = results->hand;
        const struct corps__result *entry = &results->entries[at];
        results->hand = at + 1 < results->capacity ? at + 1 : 0;
        bool is_over = entry->state == CORPS__RESULT_ANSWERED ||
                       (CORPS__PLANTED(DROPS_RUNNING) && entry->state == CORPS__RESULT_RUNNING);
        if (is_over && entry->keep_until_ns <= now_ns) {
            *reply = entry->reply;
            take_out(results, at);
            return true;
        }
    }
    return false;
}

bool corps__results_has(const struct corps__results *results, const struct corps__result_key *key) {
    return find(results, key) != results->capacity;
}

bool corps__results_restore(struct corps__results *results, const struct corps__result *kept, uint32_t *at) {
    if (results->free == results->capacity || find(results, &kept->key) != results->capacity) {
        return false;
    }
    *at = add(results, &kept->key);
    struct corps__result *entry = &results->entries[*at];
    entry->state = CORPS__RESULT_ANSWERED;
    entry->keep_until_ns = kept->keep_until_ns;
    entry->reply = kept->reply;
    entry->bytes = kept->bytes;
    results->bytes += kept->bytes;
    return true;
}
