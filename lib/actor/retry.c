#include "actor/retry.h"

#include "base/plant.h"

#include <stddef.h>

enum corps_err corps__retry_timeout(int64_t timeout_ns, int64_t ttl_ns, int64_t *out_ns) {
    if (timeout_ns > ttl_ns) {
        return corps_error_set(
            CORPS_ERR_INVALID,
            "a retry call may take at most %lld ms, for which its result is kept, and this one has a "
            "timeout of %lld ms",
            (long long)(ttl_ns / 1000000), (long long)(timeout_ns / 1000000));
    }
    *out_ns = timeout_ns > 0 ? timeout_ns : ttl_ns;
    return CORPS_OK;
}

void corps__retries_init(struct corps__retries *retries, struct corps__retry *entries, uint32_t capacity) {
    *retries = (struct corps__retries){.entries = entries, .capacity = capacity};
}

static struct corps__retry *entry_at(const struct corps__retries *retries, uint32_t nth) {
    return &retries->entries[(retries->first + nth) % retries->capacity];
}

/* What is over at the beginning leaves. */
static void leave(struct corps__retries *retries) {
    while (retries->count > 0 && entry_at(retries, 0)->over) {
        retries->first = (retries->first + 1) % retries->capacity;
        retries->count--;
        retries->sent -= retries->sent > 0 ? 1 : 0;
    }
}

/* What is over behind one that is not. */
static void close_up(struct corps__retries *retries) {
    uint32_t left = 0;
    uint32_t sent = 0;
    for (uint32_t i = 0; i < retries->count; i++) {
        if (!entry_at(retries, i)->over) {
            *entry_at(retries, left++) = *entry_at(retries, i);
            sent += i < retries->sent ? 1 : 0;
        }
    }
    retries->count = left;
    retries->sent = sent;
}

enum corps_err corps__retries_add(struct corps__retries *retries, uint64_t id, int64_t deadline_ns) {
    if (retries->count == retries->capacity) {
        close_up(retries);
    }
    if (retries->count == retries->capacity) {
        return corps_error_set(CORPS_ERR_FULL, "%u retry calls to one Worker are under way", retries->count);
    }
    *entry_at(retries, retries->count++) = (struct corps__retry){.id = id, .deadline_ns = deadline_ns};
    return CORPS_OK;
}

bool corps__retries_next(struct corps__retries *retries, uint64_t link, int64_t now_ns, uint64_t *id) {
    if (retries->link != link) {
        retries->link = link;
        retries->sent = 0;
    }
    while (retries->sent < retries->count) {
        uint32_t nth = CORPS__PLANTED(SENDS_NEWEST_FIRST) ? retries->count - 1 - retries->sent : retries->sent;
        struct corps__retry *entry = entry_at(retries, nth);
        retries->sent++;
        if (!entry->over && entry->deadline_ns > now_ns && entry->link != link) {
            entry->link = link;
            *id = entry->id;
            return true;
        }
    }
    return false;
}

static struct corps__retry *find(const struct corps__retries *retries, uint64_t id) {
    uint32_t low = 0;
    uint32_t high = retries->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry_at(retries, middle)->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    struct corps__retry *found = low < retries->count ? entry_at(retries, low) : NULL;
    return found != NULL && found->id == id && !found->over ? found : NULL;
}

bool corps__retries_expects(const struct corps__retries *retries, uint64_t id, uint64_t link) {
    const struct corps__retry *entry = find(retries, id);
    return entry != NULL && entry->link == link;
}

void corps__retries_end(struct corps__retries *retries, uint64_t id) {
    struct corps__retry *entry = find(retries, id);
    if (entry != NULL) {
        entry->over = true;
        leave(retries);
    }
}

bool corps__retries_oldest(const struct corps__retries *retries, uint64_t *id) {
    if (retries->count > 0) { /* what is over has left */
        *id = entry_at(retries, 0)->id;
    }
    return retries->count > 0;
}
