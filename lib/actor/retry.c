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

void corps__retries_add(struct corps__retries *retries, struct corps__retry *retry, int64_t deadline_ns) {
    *retry = (struct corps__retry){.deadline_ns = deadline_ns, .previous = retries->last};
    *(retries->last != NULL ? &retries->last->next : &retries->first) = retry;
    retries->last = retry;
    retries->unsent = retries->unsent != NULL ? retries->unsent : retry;
}

static struct corps__retry *after(const struct corps__retry *retry) {
    return CORPS__PLANTED(SENDS_NEWEST_FIRST) ? retry->previous : retry->next;
}

struct corps__retry *corps__retries_next(struct corps__retries *retries, uint64_t link, int64_t now_ns) {
    if (retries->link != link) {
        retries->link = link;
        retries->unsent = CORPS__PLANTED(SENDS_NEWEST_FIRST) ? retries->last : retries->first;
    }
    while (retries->unsent != NULL) {
        struct corps__retry *retry = retries->unsent;
        retries->unsent = after(retry);
        if (retry->deadline_ns > now_ns && retry->link != link) {
            retry->link = link;
            return retry;
        }
    }
    return NULL;
}

struct corps__retry *corps__retries_late(const struct corps__retries *retries, uint64_t link, int64_t now_ns) {
    struct corps__retry *retry = retries->first;
    while (retry != NULL && (retry->deadline_ns > now_ns || (link != 0 && retry->link == link))) {
        retry = retry->next;
    }
    return retry;
}

void corps__retries_end(struct corps__retries *retries, struct corps__retry *retry) {
    *(retry->previous != NULL ? &retry->previous->next : &retries->first) = retry->next;
    *(retry->next != NULL ? &retry->next->previous : &retries->last) = retry->previous;
    if (retries->unsent == retry) {
        retries->unsent = after(retry);
    }
}
