#include "hosts/owners.h"

#include "hosts/owners_own.h"

#include <stddef.h>
#include <string.h>

/* ---- rows ---- */

void corps__owned_clear(struct corps__owned *row) {
    memset(row, 0, offsetof(struct corps__owned, failures));
}

static struct corps__owned *row_of(const struct corps__owners *owners, uint64_t corps_id) {
    for (uint32_t i = 0; i < owners->used; i++) {
        if (owners->rows[i].corps_id == corps_id) {
            return &owners->rows[i];
        }
    }
    return NULL;
}

/* NULL: all are in use. */
static struct corps__owned *new_row(struct corps__owners *owners, uint64_t corps_id) {
    struct corps__owned *row = row_of(owners, 0);
    if (row == NULL && owners->used < owners->count) {
        row = &owners->rows[owners->used++];
    }
    if (row != NULL) {
        corps__owned_clear(row);
        row->corps_id = corps_id;
    }
    return row;
}

void corps__owners_init(struct corps__owners *owners, uint32_t own, struct corps__owned *rows, uint32_t count) {
    *owners = (struct corps__owners){.rows = rows, .count = count, .own = own};
}

const struct corps__owned *corps__owners_find(const struct corps__owners *owners, uint64_t corps_id) {
    const struct corps__owned *row = corps_id != 0 ? row_of(owners, corps_id) : NULL;
    return row != NULL && row->goal != CORPS__OWNED_WATCH ? row : NULL;
}

uint32_t corps__owners_count(const struct corps__owners *owners) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < owners->used; i++) {
        const struct corps__owned *row = &owners->rows[i];
        count += row->corps_id != 0 && row->goal != CORPS__OWNED_WATCH ? 1 : 0;
    }
    return count;
}

/* A number of this host for this Corps: splitmix64's last step (Steele, Lea, Flood, "Fast splittable pseudorandom
 * number generators", OOPSLA 2014). Ranks are those of highest random weight (Thaler, Ravishankar 1998): the Corps of a
 * host that is lost go to all others. */
static uint64_t weight(uint64_t corps_id, uint32_t host) {
    uint64_t z = corps_id + host * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t corps__owners_rank(uint64_t corps_id, uint32_t own, const uint32_t *hosts, uint32_t count) {
    uint64_t mine = weight(corps_id, own);
    uint32_t rank = 0;
    bool is_one = false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t other = weight(corps_id, hosts[i]);
        is_one = is_one || hosts[i] == own;
        rank += other > mine || (other == mine && hosts[i] < own) ? 1 : 0;
    }
    return is_one ? rank : CORPS__OWNERS_NO_RANK;
}

/* ---- the lease ---- */

static void lose_row(struct corps__owned *row) {
    row->held = false;
    if (!corps__owned_stays(row) && !CORPS__PLANTED(FORGETS_LOSS)) {
        corps__owned_doom(row, true);
    }
}

/* Everything that hung from it ends; the next renewal begins another one. */
static void lose(struct corps__owners *owners, int64_t now_ns) {
    owners->until_ns = 0;
    owners->renew_ns = now_ns;
    owners->hinted = true;
    for (uint32_t i = 0; i < owners->used; i++) {
        if (owners->rows[i].held) {
            lose_row(&owners->rows[i]);
        }
    }
}

void corps__owners_renewed(struct corps__owners *owners, enum corps_err err, int64_t until_ns, int64_t now_ns) {
    owners->busy = false;
    if (err == CORPS_ERR_CLOSED) {
        lose(owners, now_ns);
    } else if (err == CORPS_OK) {
        int64_t from_ns = CORPS__PLANTED(LEASE_FROM_ANSWER) ? now_ns : owners->asked_ns;
        int64_t longest_ns = until_ns == INT64_MAX ? INT64_MAX : from_ns + CORPS__OWNERS_LEASE_NS;
        until_ns = until_ns < longest_ns && !CORPS__PLANTED(LEASE_FROM_ANSWER) ? until_ns : longest_ns;
        owners->until_ns = corps__owners_later(owners->until_ns, until_ns);
    }
}

/* ---- claims ---- */

static void give(struct corps__owned *row) {
    row->goal = row->restart == CORPS_RESTART_NEVER ? CORPS__OWNED_END : CORPS__OWNED_GIVE;
    row->stop = true;
    if (row->life == CORPS__LIFE_STARTED) { /* it has not acted, and need not clean up */
        corps__owned_doom(row, true);
    }
}

/* From when on the next life may act, as far as lives on other hosts matter. */
static int64_t others_over(const struct corps__owned *row, uint64_t epoch, int64_t now_ns) {
    if (epoch == 1 || row->own_epoch >= epoch - 1) {
        return 0;
    }
    bool is_seen = row->epoch == epoch - 1;
    if (is_seen && row->given) {
        return 0; /* who gave it has waited */
    }
    int64_t wait_ns = CORPS__PLANTED(CLAIMS_EARLY) ? CORPS__OWNERS_GONE_NS / 2 : CORPS__OWNERS_GONE_NS;
    return (is_seen && row->gone_ns != 0 ? row->gone_ns : now_ns) + wait_ns;
}

/* The ledger says that this epoch is the present lease's. */
static void claimed(struct corps__owners *owners, struct corps__owned *row, uint64_t epoch, int64_t now_ns) {
    row->from_ns = corps__owners_later(row->from_ns, others_over(row, epoch, now_ns));
    row->epoch = epoch;
    row->own_epoch = epoch;
    row->held = true;
    row->here = row->here || row->goal != CORPS__OWNED_END; /* else that has been told */
    row->confirm = 0;
    row->end_refused = false;
    row->ordered = false;
    row->given = false;
    row->gone_ns = 0;
    row->due_ns = 0;
    if (row->goal != CORPS__OWNED_WATCH) {
        return;
    }
    row->goal = row->restart == CORPS_RESTART_NEVER ? CORPS__OWNED_END : CORPS__OWNED_RUN;
    if (row->unfit || owners->drained) {
        give(row);
    }
}

static void refuse(struct corps__owned *row, enum corps_err err) {
    row->err = err;
}

/* Does it say that the claim was not done, and why? */
static bool is_refusal(enum corps_err err) {
    return err == CORPS_ERR_AGAIN || err == CORPS_ERR_MOVED || err == CORPS_ERR_UNKNOWN || err == CORPS_ERR_LIMIT ||
           err == CORPS_ERR_INVALID || err == CORPS_ERR_UNSUPPORTED || err == CORPS_ERR_TOO_LARGE;
}

static bool may_pass(enum corps_err err) {
    return err == CORPS_ERR_TIMEOUT || err == CORPS_ERR_SYSTEM || err == CORPS_ERR_NO_MEMORY || err == CORPS_ERR_CLOSED;
}

static void answer_claim(struct corps__owners *owners, struct corps__owned *row, enum corps_err err, int64_t now_ns) {
    if (err == CORPS_OK || (err == CORPS_ERR_TIMEOUT && CORPS__PLANTED(DOUBT_IS_DONE))) {
        claimed(owners, row, owners->asked.epoch, now_ns);
        return;
    }
    row->due_ns = now_ns + CORPS__OWNERS_RETRY_NS;
    if (is_refusal(err)) {
        row->confirm = 0;
        row->gone_ns = CORPS__PLANTED(OLD_EPOCH_GONE) ? row->gone_ns : 0; /* the next list says how it is */
        owners->hinted = true;
    }
    if (row->ordered && !may_pass(err)) {
        refuse(row, err);
    }
    if (err == CORPS_ERR_CLOSED) {
        lose(owners, now_ns);
    }
}

/* Of GIVE and END. */
static void answer_end(struct corps__owners *owners, struct corps__owned *row, enum corps_err err, int64_t now_ns) {
    bool gives = owners->asked.what == CORPS__OWNERS_GIVE;
    bool not_held = err == CORPS_ERR_CLOSED || (is_refusal(err) && err != CORPS_ERR_UNKNOWN);
    row->due_ns = now_ns + CORPS__OWNERS_RETRY_NS;
    if (gives && row->goal == CORPS__OWNED_END && (err == CORPS_OK || not_held)) {
        row->held = false; /* it was to end for good while it was being given: it is claimed to be ended */
        row->end_refused = true;
        owners->hinted = true;
    } else if (err == CORPS_OK || err == CORPS_ERR_UNKNOWN || (not_held && (gives || row->epoch == 0))) {
        corps__owned_leave(row, gives ? CORPS__OWNERS_GIVEN : CORPS__OWNERS_ENDED);
    } else if (not_held) {
        row->held = false; /* the next list says whether another has it, or it is to be claimed to be ended */
        row->end_refused = true;
        owners->hinted = true;
    }
}

void corps__owners_answered(struct corps__owners *owners, enum corps_err err, int64_t now_ns) {
    owners->busy = false;
    struct corps__owned *row = row_of(owners, owners->asked.corps_id);
    if (row == NULL) {
        return; /* refused meanwhile: if it was done, it is listed */
    }
    if (owners->asked.what == CORPS__OWNERS_CLAIM) {
        answer_claim(owners, row, err, now_ns);
    } else {
        answer_end(owners, row, err, now_ns);
    }
}

static void know(struct corps__owned *row, const struct corps__policy *policy, int64_t now_ns) {
    struct corps__policy its = *policy;
    its.strategy = CORPS_ONE_FOR_ONE;
    its.intensity = its.intensity < CORPS__INTENSITY_MAX ? its.intensity : CORPS__INTENSITY_MAX;
    row->known = true;
    row->restart = its.restart;
    corps__supervisor_init(&row->supervisor, &its, &row->unit, 1, row->failures, now_ns);
}

void corps__owners_read(struct corps__owners *owners, enum corps_err err, const struct corps__policy *policy,
                        int64_t now_ns) {
    owners->busy = false;
    struct corps__owned *row = row_of(owners, owners->asked.corps_id);
    if (row == NULL || row->goal != CORPS__OWNED_RUN) {
        return;
    }
    if (err == CORPS_OK) {
        know(row, policy, now_ns);
    } else if (may_pass(err)) {
        row->due_ns = now_ns + CORPS__OWNERS_RETRY_NS;
    } else {
        row->unfit = true;
        row->goal = CORPS__OWNED_GIVE;
    }
}

/* ---- lists ---- */

static void note_gone(struct corps__owned *row, const struct corps__owners_seen *seen, int64_t at_ns) {
    bool is_new = row->gone_ns == 0 || (row->epoch != seen->epoch && !CORPS__PLANTED(OLD_EPOCH_GONE));
    row->gone_ns = is_new ? at_ns : row->gone_ns;
    row->epoch = seen->epoch;
    row->given = seen->given;
    row->rank = seen->rank;
}

/* What this host does not have. */
static void see_watched(struct corps__owners *owners, struct corps__owned *row, const struct corps__owners_seen *seen,
                        int64_t now_ns) {
    row->stays = seen->stays;
    row->restart = seen->restart;
    if (seen->mine) { /* a claim that was not answered has been done */
        row->confirm = seen->epoch;
    } else if (seen->owner == 0) {
        note_gone(row, seen, CORPS__PLANTED(SEEN_WHEN_ASKED) ? owners->asked_ns : now_ns);
    } else if (CORPS__PLANTED(OWN_NUMBER_IS_OWN) && seen->owner == owners->own) {
        row->own_epoch = row->epoch = seen->epoch;
    } else if (row->unfit || CORPS__PLANTED(OLD_EPOCH_GONE)) {
        row->gone_ns = CORPS__PLANTED(OLD_EPOCH_GONE) ? row->gone_ns : 0;
        row->epoch = seen->epoch;
    } else {
        corps__owned_clear(row);
    }
}

static void see_here(struct corps__owners *owners, struct corps__owned *row, const struct corps__owners_seen *seen,
                     int64_t now_ns) {
    if (row->goal == CORPS__OWNED_LEAVE) {
        return;
    }
    if (seen->mine) {
        bool is_new = seen->epoch > row->epoch;
        row->confirm = is_new ? seen->epoch : !row->held ? row->epoch + 1 : 0;
        return;
    }
    if (row->held) {
        lose_row(row);
    }
    /* The first epoch of what was ordered here can be nobody else's. */
    bool own_first = row->epoch == 0 && seen->epoch == 1 && seen->owner == 0;
    bool is_others = seen->owner != 0 && seen->owner != owners->own;
    if (row->goal == CORPS__OWNED_END && row->wished && is_others && !CORPS__PLANTED(FORGETS_END)) {
        corps__owned_doom(row, true);
        row->epoch = seen->epoch;
        row->gone_ns = 0;
        row->pass_on = true;
    } else if ((is_others || (seen->epoch > row->epoch && !own_first && !row->wished)) && !CORPS__PLANTED(STAYS_ON) &&
               !CORPS__PLANTED(FORGETS_LOSS)) {
        corps__owned_leave(row, CORPS__OWNERS_MOVED);
    } else if (seen->owner == 0) {
        note_gone(row, seen, now_ns);
    } else {
        row->gone_ns = 0; /* a lease of this host that was lost runs to its end */
    }
}

/* Not in the list: unclaimed still, or the ledger has forgotten it. */
static void miss(struct corps__owned *row) {
    if (row->goal == CORPS__OWNED_WATCH) {
        corps__owned_clear(row);
    } else if (row->epoch != 0 && row->goal != CORPS__OWNED_LEAVE) {
        corps__owned_leave(row, row->goal == CORPS__OWNED_END ? CORPS__OWNERS_ENDED : CORPS__OWNERS_MOVED);
    }
}

static void see(struct corps__owners *owners, const struct corps__owners_seen *seen, int64_t now_ns) {
    struct corps__owned *row = row_of(owners, seen->corps_id);
    bool is_former = CORPS__PLANTED(OWN_NUMBER_IS_OWN) && seen->owner == owners->own;
    if (row == NULL && (seen->mine || seen->owner == 0 || is_former)) {
        row = new_row(owners, seen->corps_id);
        if (row != NULL && seen->mine && seen->epoch == 1) { /* whoever ordered it was told that it failed */
            row->goal = CORPS__OWNED_END;
            row->epoch = 1;
        }
    }
    if (row == NULL) {
        return; /* another's; or there is no room to watch it now */
    }
    row->listed = true;
    row->confirm = 0;
    if (row->goal == CORPS__OWNED_WATCH) {
        see_watched(owners, row, seen, now_ns);
    } else {
        see_here(owners, row, seen, now_ns);
    }
}

void corps__owners_listed(struct corps__owners *owners, enum corps_err err, const struct corps__owners_seen *seen,
                          uint32_t count, int64_t now_ns) {
    owners->busy = false;
    if (err != CORPS_OK) {
        return;
    }
    for (uint32_t i = 0; i < owners->used; i++) {
        owners->rows[i].listed = false;
    }
    for (uint32_t i = 0; i < count; i++) {
        see(owners, &seen[i], now_ns);
    }
    for (uint32_t i = 0; i < owners->used; i++) {
        struct corps__owned *row = &owners->rows[i];
        if (row->corps_id != 0 && !row->listed) {
            miss(row);
        }
    }
}

void corps__owners_crowd(struct corps__owners *owners, uint32_t hosts) {
    owners->crowd = hosts < CORPS__OWNERS_CROWD_MAX ? hosts : CORPS__OWNERS_CROWD_MAX;
}

/* Neighbours by number are far from each other. */
static int64_t place_ns(const struct corps__owners *owners) {
    enum { PLACES = 16, STRIDE = 37 };
    return owners->crowd * CORPS__OWNERS_SPREAD_NS / PLACES * (owners->own * STRIDE % PLACES);
}

void corps__owners_hinted(struct corps__owners *owners, int64_t now_ns) {
    owners->hint_ns = owners->hint_ns == 0 ? now_ns + place_ns(owners) : owners->hint_ns;
}

void corps__owners_look(struct corps__owners *owners) {
    owners->hinted = true;
}

/* ---- what happens on this host ---- */

enum corps_err corps__owners_ordered(struct corps__owners *owners, uint64_t corps_id,
                                     const struct corps__policy *policy, bool stays, int64_t deadline_ns,
                                     int64_t now_ns) {
    if (owners->drained) {
        return corps_error_set(CORPS_ERR_DENIED, "this host is drained and takes no Corps; `corps hosts` says which "
                                                 "others there are");
    }
    if (corps_id == 0 || row_of(owners, corps_id) != NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "Corps %llx is known here already", (unsigned long long)corps_id);
    }
    struct corps__owned *row = new_row(owners, corps_id);
    if (row == NULL) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "this host's agent looks after %u Corps, and no more; order it on "
                               "another host",
                               owners->count);
    }
    row->goal = CORPS__OWNED_RUN;
    row->here = true;
    row->ordered = true;
    row->stays = stays;
    row->deadline_ns = deadline_ns;
    know(row, policy, now_ns);
    return CORPS_OK;
}

void corps__owners_started(struct corps__owners *owners, uint64_t corps_id, uint64_t epoch, int64_t now_ns) {
    struct corps__owned *row = row_of(owners, corps_id);
    if (row != NULL && corps__owned_lives(row) && row->life_epoch == epoch) {
        row->ran = true;
        corps__supervise_started(&row->supervisor, 0, row->incarnation, now_ns);
    }
}

void corps__owners_ended(struct corps__owners *owners, uint64_t corps_id, uint64_t epoch, enum corps__owners_end end,
                         const char *how, int64_t now_ns) {
    struct corps__owned *row = row_of(owners, corps_id);
    if (row == NULL || !corps__owned_lives(row) || row->life_epoch != epoch) {
        return;
    }
    bool blameless = row->blameless;
    bool is_first = epoch == 1 && !row->ran; /* whoever ordered it waits, and is told */
    row->life = CORPS__LIFE_NONE;
    row->doomed = false;
    row->blameless = false;
    /* One that ends before it was ready may have ordered Envs, and does not wait for them. */
    bool all_over = end == CORPS__OWNERS_END_ORDER && row->unit.state == CORPS__UNIT_RUNNING;
    row->over_ns = all_over ? 0 : corps__grant_successor(now_ns);
    if (row->goal != CORPS__OWNED_RUN) {
        return;
    }
    if (blameless) {
        corps__supervise_displaced(&row->supervisor, 0, row->incarnation, how, now_ns);
    } else if (is_first) {
        row->goal = CORPS__OWNED_END;
    } else if (end == CORPS__OWNERS_END_UNFIT) {
        row->unfit = true;
        row->goal = CORPS__OWNED_GIVE;
    } else {
        corps__supervise_ended(&row->supervisor, 0, row->incarnation, end == CORPS__OWNERS_END_ORDER, how, now_ns);
    }
}

bool corps__owners_exits(struct corps__owners *owners, uint64_t corps_id, int64_t within_ns, int64_t now_ns) {
    struct corps__owned *row = row_of(owners, corps_id);
    if (row == NULL || row->goal == CORPS__OWNED_WATCH || row->goal == CORPS__OWNED_LEAVE) {
        return false;
    }
    row->goal = CORPS__OWNED_END;
    row->wished = true;
    row->ordered = false;
    row->kill_ns = row->kill_ns == 0 ? corps__owners_after(now_ns, within_ns) : row->kill_ns;
    if (row->life == CORPS__LIFE_STARTED) {
        corps__owned_doom(row, true);
    }
    return true;
}

void corps__owners_drain(struct corps__owners *owners, bool on) {
    owners->drained = on;
    for (uint32_t i = 0; on && i < owners->used; i++) {
        struct corps__owned *row = &owners->rows[i];
        if (row->corps_id == 0 || row->goal != CORPS__OWNED_RUN) {
            continue;
        }
        if (row->ordered) {
            refuse(row, CORPS_ERR_DENIED);
        } else {
            give(row);
        }
    }
}
