#include "hosts/owners.h"

#include "hosts/owners_own.h"

/* ---- operations of the ledger ---- */

#define NEVER INT64_MAX

/* Each of these: which operation this row wants, and from when on. NEVER: none now. */

static int64_t want_watched(const struct corps__owners *owners, const struct corps__owned *row,
                            struct corps__owners_action *action) {
    if (row->gone_ns == 0 || row->unfit || owners->drained || row->rank == CORPS__OWNERS_NO_RANK) {
        return NEVER;
    }
    action->what = CORPS__OWNERS_CLAIM;
    action->epoch = row->epoch + 1;
    return corps__owners_later(row->due_ns, row->gone_ns + row->rank * CORPS__OWNERS_RANK_NS);
}

static int64_t want_running(const struct corps__owned *row, struct corps__owners_action *action) {
    bool lives = corps__owned_lives(row);
    bool wants_life = !lives && (row->start_wanted || !row->known);
    bool lives_on = row->life == CORPS__LIFE_ACTS && row->stays && !row->doomed;
    action->what = CORPS__OWNERS_CLAIM;
    action->epoch = row->epoch + 1;
    if (row->ordered) {
        return row->epoch == 0 || row->gone_ns != 0 ? row->due_ns : NEVER;
    }
    if (!row->held) {
        return row->gone_ns != 0 && (wants_life || lives_on) ? row->due_ns : NEVER;
    }
    if (!lives && !row->known) {
        action->what = CORPS__OWNERS_READ;
        action->epoch = row->epoch;
        return row->due_ns;
    }
    bool is_used = row->life_epoch >= row->epoch;
    return wants_life && is_used && !CORPS__PLANTED(NEVER_RECLAIMS) ? row->due_ns : NEVER;
}

static int64_t want_over(const struct corps__owned *row, struct corps__owners_action *action) {
    if (corps__owned_lives(row)) {
        return NEVER;
    }
    bool ends = row->goal == CORPS__OWNED_END;
    /* Lost with the lease: nobody else can have had a life since, as long as the ledger knows of no later one. */
    bool was_last = ends && row->epoch != 0 && row->epoch == row->own_epoch && !row->end_refused;
    action->what = ends ? CORPS__OWNERS_END : CORPS__OWNERS_GIVE;
    action->epoch = row->epoch;
    if (row->held || was_last) {
        int64_t over_ns = corps__owners_later(row->from_ns, row->over_ns);
        return corps__owners_later(row->due_ns, CORPS__PLANTED(GIVES_UNWAITED) ? 0 : over_ns);
    }
    action->what = CORPS__OWNERS_CLAIM; /* who is to end it must have it */
    action->epoch = row->epoch + 1;
    return ends && row->epoch != 0 && row->gone_ns != 0 ? row->due_ns : NEVER;
}

static int64_t want(const struct corps__owners *owners, const struct corps__owned *row,
                    struct corps__owners_action *action) {
    *action = (struct corps__owners_action){.corps_id = row->corps_id};
    if (row->confirm != 0 && row->goal != CORPS__OWNED_LEAVE && row->err == CORPS_OK) {
        action->what = CORPS__OWNERS_CLAIM;
        action->epoch = row->confirm;
        return row->due_ns;
    }
    switch (row->goal) {
    case CORPS__OWNED_WATCH:
        return want_watched(owners, row, action);
    case CORPS__OWNED_RUN:
        return row->err == CORPS_OK ? want_running(row, action) : NEVER;
    case CORPS__OWNED_GIVE:
    case CORPS__OWNED_END:
        return want_over(row, action);
    case CORPS__OWNED_LEAVE:
        break;
    }
    return NEVER;
}

/* The row that wants one first, and what; NULL: none does. */
static struct corps__owned *first_want(const struct corps__owners *owners, int64_t *at_ns,
                                       struct corps__owners_action *action) {
    struct corps__owned *first = NULL;
    *at_ns = INT64_MAX;
    for (uint32_t i = 0; i < owners->used; i++) {
        struct corps__owned *row = &owners->rows[i];
        struct corps__owners_action its;
        int64_t its_ns = row->corps_id != 0 ? want(owners, row, &its) : INT64_MAX;
        if (its_ns < *at_ns) {
            *at_ns = its_ns;
            *action = its;
            first = row;
        }
    }
    return first;
}

static int64_t list_due(const struct corps__owners *owners) {
    int64_t regular_ns = CORPS__PLANTED(NEVER_LISTS) && owners->listed_ns != 0 ? INT64_MAX : owners->list_ns;
    int64_t soon_ns = owners->listed_ns + CORPS__OWNERS_HINT_NS;
    int64_t hint_ns = owners->hinted         ? soon_ns
                      : owners->hint_ns != 0 ? corps__owners_later(soon_ns, owners->hint_ns)
                                             : INT64_MAX;
    return regular_ns < hint_ns ? regular_ns : hint_ns;
}

static bool ask(struct corps__owners *owners, int64_t now_ns, struct corps__owners_action *action) {
    owners->busy = true;
    owners->asked = *action;
    owners->asked_ns = now_ns;
    owners->list_last =
        action->what == CORPS__OWNERS_LIST || (action->what == CORPS__OWNERS_RENEW && owners->list_last);
    return true;
}

/* Lists and what rows want by turns, so that neither waits for long. */
static bool next_other(struct corps__owners *owners, int64_t now_ns, struct corps__owners_action *action) {
    int64_t at_ns;
    struct corps__owned *row = first_want(owners, &at_ns, action);
    bool has_lease = corps__owners_has_lease(owners, now_ns);
    bool wants = has_lease && row != NULL && at_ns <= now_ns;
    if (list_due(owners) <= now_ns && !(owners->list_last && wants)) {
        owners->hinted = false;
        owners->hint_ns = 0;
        owners->listed_ns = now_ns;
        owners->list_ns = now_ns + CORPS__OWNERS_LIST_NS;
        *action = (struct corps__owners_action){.what = CORPS__OWNERS_LIST};
        return ask(owners, now_ns, action);
    }
    if (!wants) {
        return false;
    }
    return ask(owners, now_ns, action);
}

static bool next_operation(struct corps__owners *owners, int64_t now_ns, struct corps__owners_action *action) {
    if (owners->busy) {
        return false;
    }
    bool is_due = owners->renew_ns <= now_ns;
    bool can_wait = owners->asked.what == CORPS__OWNERS_RENEW && owners->until_ns - now_ns >= CORPS__OWNERS_SLACK_NS;
    if ((!is_due || can_wait) && next_other(owners, now_ns, action)) {
        return true;
    }
    if (!is_due) {
        return false;
    }
    owners->renew_ns = now_ns + CORPS__OWNERS_RENEW_NS;
    *action = (struct corps__owners_action){.what = CORPS__OWNERS_RENEW};
    return ask(owners, now_ns, action);
}

/* ---- a Corps here ---- */

static bool tell(const struct corps__owned *row, enum corps__owners_do what, struct corps__owners_action *action) {
    *action = (struct corps__owners_action){
        .what = what, .corps_id = row->corps_id, .epoch = row->life_epoch, .from_ns = row->from_ns};
    return true;
}

/* The row is free again, or watched; true if somebody is to be told. */
static bool forget(struct corps__owned *row, struct corps__owners_action *action) {
    bool told = row->here;
    bool unfit = row->unfit;
    uint64_t corps_id = row->corps_id;
    *action = (struct corps__owners_action){.what = CORPS__OWNERS_FORGET, .corps_id = corps_id, .why = row->why};
    corps__owned_clear(row);
    if (unfit) {
        row->corps_id = corps_id;
        row->unfit = true;
    }
    return told;
}

/* What may have been done all the same is listed then, and ended. */
static bool tell_refusal(struct corps__owned *row, struct corps__owners_action *action) {
    *action = (struct corps__owners_action){
        .what = CORPS__OWNERS_FORGET, .corps_id = row->corps_id, .why = CORPS__OWNERS_REFUSED, .err = row->err};
    if (row->epoch != 0) {
        row->goal = CORPS__OWNED_END;
        row->ordered = false;
        row->here = false;
        row->err = CORPS_OK;
    } else {
        corps__owned_clear(row);
    }
    return true;
}

static bool is_to_die(struct corps__owners *owners, struct corps__owned *row, int64_t now_ns) {
    bool acts = row->life == CORPS__LIFE_ACTS || row->life == CORPS__LIFE_STOPPED;
    if (acts && !corps__owned_stays(row) && !corps__owners_has_lease(owners, now_ns)) {
        corps__owned_doom(row, true);
    }
    if (acts && row->kill_ns != 0 && now_ns >= row->kill_ns) {
        corps__owned_doom(row, false);
    }
    struct corps__care_action care;
    if (row->goal == CORPS__OWNED_RUN && !row->doomed && corps__supervise(&row->supervisor, now_ns, &care) &&
        care.what == CORPS__CARE_KILL) {
        corps__owned_doom(row, false); /* it takes too long to start */
    }
    return row->doomed;
}

static bool next_of_life(struct corps__owners *owners, struct corps__owned *row, int64_t now_ns,
                         struct corps__owners_action *action) {
    if (row->life == CORPS__LIFE_KILLED) {
        return false;
    }
    if (is_to_die(owners, row, now_ns)) {
        row->doomed = false;
        row->life = CORPS__LIFE_KILLED;
        return tell(row, CORPS__OWNERS_KILL, action);
    }
    if (row->life == CORPS__LIFE_STARTED && row->held && row->from_ns <= now_ns &&
        corps__owners_has_lease(owners, now_ns)) {
        row->life = CORPS__LIFE_ACTS;
        return tell(row, CORPS__OWNERS_GO, action);
    }
    if (row->life == CORPS__LIFE_ACTS && row->stop) {
        int64_t shutdown_ns = row->supervisor.policy.shutdown_ns;
        shutdown_ns = shutdown_ns < CORPS__OWNERS_DRAIN_NS ? shutdown_ns : CORPS__OWNERS_DRAIN_NS;
        row->life = CORPS__LIFE_STOPPED;
        row->kill_ns = row->kill_ns == 0 ? now_ns + shutdown_ns : row->kill_ns;
        return tell(row, CORPS__OWNERS_STOP, action);
    }
    return false;
}

/* Does the supervisor want another life? */
static void ask_supervisor(struct corps__owned *row, int64_t now_ns) {
    struct corps__care_action care;
    while (!row->start_wanted && row->goal == CORPS__OWNED_RUN && corps__supervise(&row->supervisor, now_ns, &care)) {
        if (care.what == CORPS__CARE_START) {
            row->start_wanted = true;
            row->incarnation = care.incarnation;
        } else if (care.what == CORPS__CARE_GONE) {
            row->goal = CORPS__OWNED_END;
        }
    }
}

static bool start(struct corps__owned *row, int64_t now_ns, struct corps__owners_action *action) {
    int64_t over_ns = CORPS__PLANTED(RESTARTS_AT_ONCE) ? 0 : row->over_ns;
    row->from_ns = corps__owners_later(corps__owners_later(row->from_ns, over_ns), now_ns);
    row->life = CORPS__LIFE_STARTED;
    row->life_epoch = row->epoch;
    row->start_wanted = false;
    row->kill_ns = 0;
    /* The claim and the wait are not its fault: its time to start begins now. */
    row->unit.due_ns = corps__owners_after(row->from_ns, row->supervisor.policy.start_ns);
    return tell(row, CORPS__OWNERS_START, action);
}

static bool next_without_life(struct corps__owners *owners, struct corps__owned *row, int64_t now_ns,
                              struct corps__owners_action *action) {
    if (row->goal == CORPS__OWNED_RUN && row->known) {
        ask_supervisor(row, now_ns);
    }
    if (row->goal == CORPS__OWNED_RUN && row->start_wanted && row->held && row->epoch > row->life_epoch &&
        corps__owners_has_lease(owners, now_ns)) {
        return start(row, now_ns, action);
    }
    if (row->goal == CORPS__OWNED_END && row->here) {
        row->here = false; /* what is left to do is between the ledger and this */
        *action = (struct corps__owners_action){
            .what = CORPS__OWNERS_FORGET, .corps_id = row->corps_id, .why = CORPS__OWNERS_ENDED};
        return true;
    }
    if (row->goal == CORPS__OWNED_END && row->pass_on) {
        row->pass_on = false;
        *action = (struct corps__owners_action){
            .what = CORPS__OWNERS_PASS_ON, .corps_id = row->corps_id, .epoch = row->epoch};
        return true;
    }
    if (row->goal == CORPS__OWNED_GIVE && !row->held) {
        corps__owned_leave(row, CORPS__OWNERS_GIVEN);
    }
    if (row->goal == CORPS__OWNED_END && row->epoch == 0) {
        corps__owned_leave(row, CORPS__OWNERS_ENDED);
    }
    return row->goal == CORPS__OWNED_LEAVE && forget(row, action);
}

static bool next_of_row(struct corps__owners *owners, struct corps__owned *row, int64_t now_ns,
                        struct corps__owners_action *action) {
    if (row->ordered && (row->err != CORPS_OK || row->deadline_ns <= now_ns || row->goal == CORPS__OWNED_LEAVE)) {
        bool is_taken = row->goal == CORPS__OWNED_LEAVE;
        row->err = row->err != CORPS_OK ? row->err : is_taken ? CORPS_ERR_AGAIN : CORPS_ERR_TIMEOUT;
        return tell_refusal(row, action);
    }
    return corps__owned_lives(row) ? next_of_life(owners, row, now_ns, action)
                                   : next_without_life(owners, row, now_ns, action);
}

bool corps__owners_next(struct corps__owners *owners, int64_t now_ns, struct corps__owners_action *action) {
    owners->now_ns = now_ns;
    for (uint32_t i = 0; i < owners->used; i++) {
        struct corps__owned *row = &owners->rows[i];
        if (row->corps_id != 0 && row->goal != CORPS__OWNED_WATCH && next_of_row(owners, row, now_ns, action)) {
            return true;
        }
    }
    return next_operation(owners, now_ns, action);
}

/* ---- when ---- */

static int64_t row_due(const struct corps__owners *owners, const struct corps__owned *row) {
    if (row->life == CORPS__LIFE_KILLED) {
        return INT64_MAX;
    }
    bool has_lease = corps__owners_has_lease(owners, owners->now_ns);
    int64_t due_ns = row->ordered ? row->deadline_ns : INT64_MAX;
    if (row->goal == CORPS__OWNED_RUN && row->known && !row->start_wanted) {
        int64_t care_ns = corps__supervise_due(&row->supervisor);
        due_ns = care_ns < due_ns ? care_ns : due_ns;
    }
    bool acts = row->life == CORPS__LIFE_ACTS || row->life == CORPS__LIFE_STOPPED;
    int64_t its_ns = row->life == CORPS__LIFE_STARTED && row->held && has_lease ? row->from_ns
                     : acts && !row->stays                                      ? owners->until_ns
                                                                                : INT64_MAX;
    if (acts && row->kill_ns != 0 && row->kill_ns < its_ns) {
        its_ns = row->kill_ns;
    }
    return its_ns < due_ns ? its_ns : due_ns;
}

int64_t corps__owners_due(const struct corps__owners *owners) {
    int64_t due_ns = INT64_MAX;
    for (uint32_t i = 0; i < owners->used; i++) {
        const struct corps__owned *row = &owners->rows[i];
        int64_t its_ns = row->corps_id != 0 && row->goal != CORPS__OWNED_WATCH ? row_due(owners, row) : INT64_MAX;
        due_ns = its_ns < due_ns ? its_ns : due_ns;
    }
    if (owners->busy) {
        return due_ns;
    }
    int64_t at_ns;
    struct corps__owners_action action;
    struct corps__owned *row = first_want(owners, &at_ns, &action);
    at_ns = row != NULL && corps__owners_has_lease(owners, owners->now_ns) ? at_ns : INT64_MAX;
    int64_t list_ns = list_due(owners);
    at_ns = list_ns < at_ns ? list_ns : at_ns;
    at_ns = owners->renew_ns < at_ns ? owners->renew_ns : at_ns;
    return at_ns < due_ns ? at_ns : due_ns;
}

int64_t corps__owners_until(const struct corps__owners *owners, uint64_t corps_id) {
    const struct corps__owned *row = corps__owners_find(owners, corps_id);
    bool acts = row != NULL && (row->life == CORPS__LIFE_ACTS || row->life == CORPS__LIFE_STOPPED) && !row->doomed;
    if (!acts) {
        return 0;
    }
    return row->stays ? INT64_MAX : row->held || CORPS__PLANTED(FORGETS_LOSS) ? owners->until_ns : 0;
}
