#include "link/grant.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_SLOTS = 16,
    KEEP_SLOTS = 1024, /* up to so many, Workers that have nothing outstanding stay listed */
    SPARE_COUNT = 64,  /* beyond the window, see fits_grant */
};

/* ---- the table ---- */

static struct corps__grant **slot_of(const struct corps__grants *grants, uint32_t conc) {
    size_t at = (conc * UINT32_C(2654435769)) & (grants->slot_count - 1); /* Knuth's multiplicative hash */
    while (grants->slots[at] != NULL && grants->slots[at]->conc != conc) {
        at = (at + 1) & (grants->slot_count - 1);
    }
    return &grants->slots[at];
}

static uint64_t three_quarters(void) {
    return corps__own()->settings.mailbox_bytes / 4 * 3;
}

/* Looks at what is settled. Is everything? */
static bool look_up(struct corps__grant *grant) {
    uint64_t bytes = atomic_load_explicit(&grant->settled_bytes, memory_order_relaxed);
    /* Acquire: pairs with the release in corps__grant_settle, so that a grant seen as settled is in nobody's hands. */
    uint64_t count = atomic_load_explicit(&grant->settled_count, memory_order_acquire);
    grant->bytes_limit = bytes + three_quarters();
    grant->count_limit = count + corps__own()->settings.mailbox_count + SPARE_COUNT;
    return count == grant->count;
}

/* Moves everything to a table of `slot_count` slots, except for what has nothing outstanding. */
static bool rebuild_table(struct corps__grants *grants, size_t slot_count) {
    struct corps__grants old = *grants;
    struct corps__grant **slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    grants->slots = slots;
    grants->slot_count = slot_count;
    grants->used = 0;
    grants->last = NULL;
    for (size_t i = 0; i < old.slot_count; i++) {
        struct corps__grant *grant = old.slots[i];
        if (grant == NULL) {
            continue;
        }
        if (look_up(grant)) {
            corps__link_floor->ops->on_counted(grant->conc, grant->count);
            grant->next_spare = grants->spare;
            grants->spare = grant;
        } else {
            *slot_of(grants, grant->conc) = grant;
            grants->used++;
        }
    }
    free(old.slots);
    return true;
}

static bool make_room(struct corps__grants *grants) {
    if (2 * (grants->used + 1) <= grants->slot_count) {
        return true;
    }
    if (grants->slot_count < KEEP_SLOTS) {
        return rebuild_table(grants, grants->slot_count == 0 ? FIRST_SLOTS : 2 * grants->slot_count);
    }
    return rebuild_table(grants, grants->slot_count) &&
           (4 * grants->used <= grants->slot_count || rebuild_table(grants, 2 * grants->slot_count));
}

static struct corps__grant *grant_of(struct corps__grants *grants, uint32_t conc) {
    struct corps__grant *grant = grants->slot_count > 0 ? *slot_of(grants, conc) : NULL;
    if (grant != NULL || !make_room(grants)) {
        return grant;
    }
    grant = grants->spare;
    if (grant != NULL) {
        grants->spare = grant->next_spare;
    } else {
        grant = aligned_alloc(64, sizeof *grant);
    }
    if (grant != NULL) {
        memset(grant, 0, sizeof *grant);
        grant->conc = conc;
        (void)look_up(grant); /* nothing is settled: the limits are the window */
        *slot_of(grants, conc) = grant;
        grants->used++;
    }
    return grant;
}

void corps__grants_free(struct corps__grants *grants) {
    for (size_t i = 0; i < grants->slot_count; i++) {
        if (grants->slots[i] != NULL) {
            corps__link_floor->ops->on_counted(grants->slots[i]->conc, grants->slots[i]->count);
            free(grants->slots[i]);
        }
    }
    while (grants->spare != NULL) {
        struct corps__grant *next = grants->spare->next_spare;
        free(grants->spare);
        grants->spare = next;
    }
    free(grants->slots);
    free(grants->nobody);
    memset(grants, 0, sizeof *grants);
}

/* ---- counting ---- */

/* May an honest sender have sent this now? It lets a request of any size pass when at most a quarter of the window is
 * outstanding; then that one alone takes up three quarters and more. What it had counted before may come after it.
 *
 * A sender whose link was closed and made anew begins to count from nothing, and may have counted a few requests before
 * that which it sends afterwards, one for each of its threads: so there are some to spare, and a large one leaves the
 * window to others. */
static bool fits_grant(struct corps__grant *grant, size_t bytes) {
    uint64_t window = corps__own()->settings.mailbox_bytes;
    uint64_t outstanding = grant->bytes + three_quarters() - grant->bytes_limit;
    if (grant->count >= grant->count_limit) {
        return false;
    }
    if (outstanding + bytes <= window || outstanding <= window / 4) {
        return true;
    }
    grant->large_bytes = outstanding < grant->large_bytes ? 0 : grant->large_bytes; /* it is settled */
    return grant->large_bytes > 0 && outstanding - grant->large_bytes + bytes <= window;
}

enum corps_err corps__grant_find(struct corps__grants *grants, uint32_t conc, size_t bytes) {
    struct corps__grant *grant = grants->last;
    if (grant == NULL || grant->conc != conc) {
        grant = grant_of(grants, conc);
        if (grant == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a peer's grant");
        }
        grants->last = grant;
    }
    (void)look_up(grant);
    if (!fits_grant(grant, bytes)) {
        return corps_error_set(CORPS_ERR_PROTOCOL,
                               "a peer sent more requests than Worker %u had room for (%u, or %zu bytes, unanswered)",
                               conc, corps__own()->settings.mailbox_count, corps__own()->settings.mailbox_bytes);
    }
    if (bytes > three_quarters()) {
        grant->large_bytes = bytes;
    }
    return CORPS_OK;
}

enum corps_err corps__grant_refused(struct corps__grants *grants, size_t bytes, struct corps__grant **grant) {
    struct corps__grant *nobody = grants->nobody;
    if (nobody == NULL) {
        nobody = aligned_alloc(64, sizeof *nobody);
        if (nobody == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a peer's grant");
        }
        memset(nobody, 0, sizeof *nobody);
        grants->nobody = nobody;
    }
    uint64_t settled = atomic_load_explicit(&nobody->settled_count, memory_order_acquire);
    if (nobody->count - settled >= CORPS__REFUSED_MAX) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer has not read %u refusals of its requests",
                               CORPS__REFUSED_MAX);
    }
    nobody->count++;
    nobody->bytes += bytes;
    *grant = nobody;
    return CORPS_OK;
}

void corps__grant_settle(struct corps__grant *grant, uint64_t count, uint64_t bytes) {
    if (grant != NULL) {
        uint64_t now_bytes = atomic_load_explicit(&grant->settled_bytes, memory_order_relaxed) + bytes;
        uint64_t now_count = atomic_load_explicit(&grant->settled_count, memory_order_relaxed) + count;
        atomic_store_explicit(&grant->settled_bytes, now_bytes, memory_order_relaxed);
        atomic_store_explicit(&grant->settled_count, now_count, memory_order_release);
    }
}
