#include "care/scale.h"

#include "base/plant.h"

#include <string.h>

enum { WHOLE = 1000, ONE_IN_TWENTY = CORPS__SCALE_STEPS * WHOLE / 20 }; /* of the shares of all steps */

#define RETRY_NS INT64_C(100000000)
#define RETRY_MAX_NS INT64_C(10000000000)

void corps__scale_init(struct corps__scale *scale, const struct corps__scale_options *options,
                       struct corps__member *members, uint32_t places, int64_t now_ns) {
    *scale = (struct corps__scale){.options = *options,
                                   .members = members,
                                   .places = places,
                                   .wanted = options->min,
                                   .changed_ns = now_ns,
                                   .quiet_ns = now_ns,
                                   .calm_ns = now_ns,
                                   .called_ns = now_ns};
    memset(members, 0, places * sizeof *members);
}

void corps__scale_bounds(struct corps__scale *scale, uint32_t min, uint32_t max) {
    scale->options.min = min;
    scale->options.max = max;
    scale->wanted = scale->wanted < min ? min : scale->wanted;
    scale->wanted = scale->wanted > max ? max : scale->wanted;
}

uint32_t corps__scale_count(const struct corps__scale *scale, enum corps__member_state state) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < scale->places; i++) {
        count += scale->members[i].state == state ? 1 : 0;
    }
    return count;
}

int64_t corps__scale_wait_ns(const struct corps__scale *scale) {
    int64_t longest_ns = 0;
    for (uint32_t i = 0; i < scale->places; i++) {
        const struct corps__member *member = &scale->members[i];
        bool counts = member->state == CORPS__MEMBER_ACTIVE && member->wait_ns > longest_ns;
        longest_ns = counts ? member->wait_ns : longest_ns;
    }
    return longest_ns;
}

/* ---- events ---- */

static void enter(struct corps__member *member, enum corps__member_state state, int64_t now_ns) {
    member->state = state;
    member->since_ns = now_ns;
}

/* What was seen so far was seen of another pool. */
static void begin_window(struct corps__scale *scale) {
    memset(scale->over, 0, sizeof scale->over);
}

void corps__scale_started(struct corps__scale *scale, uint32_t place, int64_t now_ns) {
    struct corps__member *member = &scale->members[place];
    if (member->state == CORPS__MEMBER_STARTING) {
        enter(member, CORPS__MEMBER_ACTIVE, now_ns);
        scale->changed_ns = now_ns;
        begin_window(scale);
    }
}

/* What fails together counts once. */
static void start_later(struct corps__scale *scale, int64_t now_ns) {
    if (now_ns < scale->retry_ns) {
        return;
    }
    int64_t wait_ns = RETRY_NS;
    for (uint32_t i = 0; i < scale->failures && wait_ns < RETRY_MAX_NS; i++) {
        wait_ns = 2 * wait_ns < RETRY_MAX_NS ? 2 * wait_ns : RETRY_MAX_NS;
    }
    scale->failures++;
    scale->retry_ns = now_ns + wait_ns;
}

void corps__scale_start_failed(struct corps__scale *scale, uint32_t place, int64_t now_ns) {
    struct corps__member *member = &scale->members[place];
    if (member->state == CORPS__MEMBER_STARTING || member->state == CORPS__MEMBER_ENDING) {
        enter(member, CORPS__MEMBER_GONE, now_ns);
        start_later(scale, now_ns);
    }
}

void corps__scale_lost(struct corps__scale *scale, uint32_t place, int64_t now_ns) {
    struct corps__member *member = &scale->members[place];
    if (member->state == CORPS__MEMBER_ACTIVE && now_ns - member->since_ns < RETRY_MAX_NS) {
        start_later(scale, now_ns); /* it may be what it was made with */
    }
    enter(member, CORPS__MEMBER_GONE, now_ns);
}

bool corps__scale_take_out(struct corps__scale *scale, uint32_t place, int64_t now_ns) {
    bool is_active = scale->members[place].state == CORPS__MEMBER_ACTIVE;
    if (is_active) {
        enter(&scale->members[place], CORPS__MEMBER_LEAVING, now_ns);
    }
    return is_active;
}

void corps__scale_waits(struct corps__scale *scale, uint32_t place, int64_t wait_ns, int64_t probed_ns) {
    scale->members[place].wait_ns = wait_ns;
    scale->members[place].probed_ns = probed_ns;
}

/* What stands still in one row is spared for STALL_MAX together, and then everything counts for as long. */
static void stand_still(struct corps__scale *scale, int64_t for_ns, int64_t now_ns) {
    bool begins = scale->still_ns == 0 || now_ns - scale->still_ns >= 2 * CORPS__SCALE_STALL_MAX_NS;
    scale->still_ns = begins ? now_ns : scale->still_ns;
    int64_t last_ns = scale->still_ns + CORPS__SCALE_STALL_MAX_NS;
    int64_t long_ns = for_ns < CORPS__SCALE_STALL_MAX_NS ? CORPS__SCALE_AFTER * for_ns : CORPS__SCALE_STALL_MAX_NS;
    int64_t until_ns = now_ns + long_ns < last_ns ? now_ns + long_ns : last_ns;
    scale->spared_ns = until_ns > scale->spared_ns ? until_ns : scale->spared_ns;
}

void corps__scale_woke(struct corps__scale *scale, int64_t now_ns) {
    int64_t since_ns =
        scale->woke_ns > 0 ? now_ns - scale->woke_ns : 0; /* it may have begun a step before it is seen */
    if (since_ns >= CORPS__SCALE_STEP_NS + CORPS__SCALE_LATE_NS && !CORPS__PLANTED(STALL_IS_LOAD)) {
        stand_still(scale, since_ns, now_ns);
    }
    scale->woke_ns = now_ns;
}

void corps__scale_was_busy(struct corps__scale *scale, int64_t now_ns) {
    scale->woke_ns = now_ns;
}

void corps__scale_callers(struct corps__scale *scale, uint32_t count, int64_t now_ns) {
    scale->callers = count;
    scale->called_ns = count > 0 ? now_ns : scale->called_ns;
}

void corps__scale_emptied(struct corps__scale *scale, uint32_t place) {
    struct corps__member *member = &scale->members[place];
    member->emptied = member->state == CORPS__MEMBER_DRAINING; /* corps__scale ends it */
}

void corps__scale_ended(struct corps__scale *scale, uint32_t place, int64_t now_ns) {
    if (scale->members[place].state == CORPS__MEMBER_ENDING) {
        enter(&scale->members[place], CORPS__MEMBER_GONE, now_ns);
    }
}

void corps__scale_close(struct corps__scale *scale) {
    scale->closing = true;
    scale->wanted = 0;
}

/* ---- the size ---- */

/* What the members of the table say in this step. */
struct view {
    uint32_t active;   /* in the table */
    uint32_t starting; /* for so long that they do not hold up a decision */
    bool awaits;       /* others start */
    uint32_t known;    /* of `active`: probed since the last new member came … */
    uint32_t over;     /* … and a request waits too long there */
    uint32_t half;     /* of `active`: a request waits for half of that */
};

static struct view look(const struct corps__scale *scale, int64_t now_ns) {
    struct view view = {0};
    bool spared = now_ns < scale->spared_ns;
    for (uint32_t i = 0; i < scale->places; i++) {
        const struct corps__member *member = &scale->members[i];
        if (member->state == CORPS__MEMBER_STARTING) {
            bool late = now_ns - member->since_ns >= CORPS__SCALE_START_NS;
            view.starting += late ? 1 : 0;
            view.awaits = view.awaits || !late;
        }
        if (member->state != CORPS__MEMBER_ACTIVE) {
            continue;
        }
        view.active++;
        bool known = member->probed_ns > 0 && member->probed_ns >= scale->changed_ns;
        view.known += known ? 1 : 0;
        view.over += known && !spared && member->wait_ns > scale->options.target_ns ? 1 : 0;
        bool is_back = member->probed_ns + member->wait_ns < now_ns - CORPS__SCALE_STEP_NS;
        bool ignored = CORPS__PLANTED(UNFINISHED_IS_QUIET) && !is_back;
        view.half += !ignored && member->wait_ns > scale->options.target_ns / 2 ? 1 : 0;
    }
    return view;
}

/* Which share of requests would meet one of `over` of `known` members, in WHOLE-ths. One of several callers knows only
 * what it has sent itself, so it takes the better of two as often as the work there is its own. */
static uint32_t share(const struct corps__scale *scale, uint32_t over, uint32_t known) {
    if (known == 0) {
        return 0;
    }
    uint32_t any = over * WHOLE / known;
    uint32_t callers = scale->callers > 0 ? scale->callers : 1;
    return known == 1 ? any : any - any * (known - over) / (known - 1) / callers;
}

/* The same for half of the target, if there were so many members fewer, and what is to be done were left to the rest.
 */
static uint32_t half_share(const struct corps__scale *scale, const struct view *view, uint32_t rest) {
    return share(scale, view->half < rest ? view->half : rest, rest);
}

static uint32_t sum(const uint32_t *shares) {
    uint32_t total = 0;
    for (uint32_t i = 0; i < CORPS__SCALE_STEPS; i++) {
        total += shares[i];
    }
    return total;
}

static int64_t hold_ns(const struct corps__scale *scale) {
    return scale->options.quiet_ns < INT64_MAX / CORPS__SCALE_HOLD ? CORPS__SCALE_HOLD * scale->options.quiet_ns
                                                                   : INT64_MAX;
}

/* Is what was too small still to be remembered? */
static bool is_held(const struct corps__scale *scale, int64_t now_ns) {
    return scale->too_few > 0 && now_ns - scale->too_few_ns < hold_ns(scale);
}

/* Where it has shrunk a short while ago, that was a mistake, which is not made again: the new size stays. */
static void grow(struct corps__scale *scale, const struct view *view, int64_t now_ns) {
    uint32_t size = view->active + view->starting;
    uint32_t more = (view->over * size + view->known - 1) / (view->known > 0 ? view->known : 1);
    more = more > 0 ? more : 1;
    more = more < size ? more : size;
    uint32_t room = scale->options.max - scale->wanted;
    more = more < room ? more : room;
    scale->wanted += CORPS__PLANTED(GROWN_TWICE) ? 2 * more : more;
    scale->grown += more;
    bool was_held = is_held(scale, now_ns);
    uint32_t least = scale->has_shrunk && now_ns - scale->shrunk_ns < hold_ns(scale) ? scale->wanted - 1 : size;
    scale->too_few = was_held && scale->too_few > least ? scale->too_few : least;
    scale->too_few_ns = now_ns;
    begin_window(scale);
}

static bool may_shrink(const struct corps__scale *scale, int64_t now_ns) {
    bool unused = now_ns - scale->called_ns >= scale->options.quiet_ns;
    bool held = is_held(scale, now_ns) && scale->wanted - 1 <= scale->too_few;
    bool is_quiet = now_ns - scale->calm_ns >= scale->options.quiet_ns || now_ns - scale->quiet_ns >= hold_ns(scale);
    if (CORPS__PLANTED(NO_HYSTERESIS)) {
        held = false;
        is_quiet = now_ns - scale->quiet_ns >= scale->options.quiet_ns;
    }
    return scale->wanted > scale->options.min && is_quiet && (unused || !held);
}

void corps__scale_step(struct corps__scale *scale, int64_t now_ns) {
    struct view view = look(scale, now_ns);
    scale->step = (scale->step + 1) % CORPS__SCALE_STEPS;
    uint32_t fewer = view.active > 1 ? view.active - 1 : 1;
    scale->over[scale->step] = share(scale, view.over, view.known);
    scale->fewer[scale->step] = half_share(scale, &view, fewer);
    scale->quarter[scale->step] = half_share(scale, &view, view.active > 4 ? view.active / 4 : 1);
    if (now_ns - scale->retry_ns >= RETRY_MAX_NS) {
        scale->failures = 0;
    }
    bool waits = view.awaits || view.active == 0 || view.active + view.starting < scale->wanted;
    if (waits || sum(scale->fewer) >= ONE_IN_TWENTY) {
        scale->quiet_ns = now_ns;
    }
    if (waits || sum(scale->quarter) >= ONE_IN_TWENTY) {
        scale->calm_ns = now_ns;
    }
    if (scale->closing || waits) {
        return;
    }
    bool too_long = scale->over[scale->step] == WHOLE || sum(scale->over) >= ONE_IN_TWENTY;
    if (view.over > 0 && too_long && scale->wanted < scale->options.max) {
        grow(scale, &view, now_ns);
    } else if (may_shrink(scale, now_ns)) {
        scale->wanted--;
        scale->shrunk++;
        scale->has_shrunk = true;
        scale->shrunk_ns = now_ns;
        scale->quiet_ns = scale->calm_ns = now_ns;
    }
}

/* ---- actions ---- */

static bool act(struct corps__scale_action *action, enum corps__scale_do what, uint32_t place) {
    *action = (struct corps__scale_action){what, place};
    return true;
}

static uint32_t count_in_group(const struct corps__scale *scale, uint32_t group) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < scale->places; i++) {
        count += scale->members[i].state == CORPS__MEMBER_ACTIVE && scale->members[i].group == group ? 1 : 0;
    }
    return count;
}

/* Is `a` rather to go than `b`? Who has less to do, from where there are most, who came last. */
static bool goes_before(const struct corps__scale *scale, const struct corps__member *a,
                        const struct corps__member *b) {
    bool a_waits = a->wait_ns > scale->options.target_ns / 2;
    bool b_waits = b->wait_ns > scale->options.target_ns / 2;
    if (a_waits != b_waits) {
        return b_waits;
    }
    uint32_t at_a = count_in_group(scale, a->group);
    uint32_t at_b = count_in_group(scale, b->group);
    return at_a != at_b ? at_a > at_b : a->since_ns >= b->since_ns;
}

static bool take_out(struct corps__scale *scale, int64_t now_ns, struct corps__scale_action *action) {
    uint32_t found = scale->places;
    for (uint32_t i = 0; i < scale->places; i++) {
        const struct corps__member *member = &scale->members[i];
        if (member->state == CORPS__MEMBER_ACTIVE &&
            (found == scale->places || goes_before(scale, member, &scale->members[found]))) {
            found = i;
        }
    }
    if (found == scale->places) {
        return false;
    }
    enter(&scale->members[found], CORPS__MEMBER_LEAVING, now_ns);
    return act(action, CORPS__SCALE_LEAVE, found);
}

static bool start_one(struct corps__scale *scale, int64_t now_ns, struct corps__scale_action *action) {
    for (uint32_t i = 0; i < scale->places; i++) {
        if (scale->members[i].state == CORPS__MEMBER_GONE) {
            scale->members[i] = (struct corps__member){.state = CORPS__MEMBER_STARTING, .since_ns = now_ns};
            return act(action, CORPS__SCALE_START, i);
        }
    }
    return false; /* all that drain must go first */
}

/* What one of those that go has to do next. */
static bool go_on(struct corps__scale *scale, uint32_t place, int64_t now_ns, struct corps__scale_action *action) {
    struct corps__member *member = &scale->members[place];
    int64_t leave_ns = CORPS__PLANTED(DRAINS_AT_ONCE) ? 0 : scale->options.leave_ns;
    if (member->state == CORPS__MEMBER_LEAVING && now_ns - member->since_ns >= leave_ns) {
        enter(member, CORPS__MEMBER_DRAINING, now_ns);
        member->emptied = false;
        return act(action, CORPS__SCALE_DRAIN, place);
    }
    if (member->state == CORPS__MEMBER_DRAINING && (member->emptied || CORPS__PLANTED(ENDS_UNEMPTIED))) {
        enter(member, CORPS__MEMBER_ENDING, now_ns);
        return act(action, CORPS__SCALE_END, place);
    }
    return false;
}

bool corps__scale(struct corps__scale *scale, int64_t now_ns, struct corps__scale_action *action) {
    uint32_t active = 0, starting = 0, left = 0;
    for (uint32_t i = 0; i < scale->places; i++) {
        if (go_on(scale, i, now_ns, action)) {
            return true;
        }
        active += scale->members[i].state == CORPS__MEMBER_ACTIVE ? 1 : 0;
        starting += scale->members[i].state == CORPS__MEMBER_STARTING ? 1 : 0;
        left += scale->members[i].state != CORPS__MEMBER_GONE ? 1 : 0;
    }
    if (scale->closing && left == 0 && !scale->closed_told) {
        scale->closed_told = true;
        return act(action, CORPS__SCALE_CLOSED, 0);
    }
    if (active > scale->wanted) {
        return take_out(scale, now_ns, action);
    }
    return active + starting < scale->wanted && now_ns >= scale->retry_ns && start_one(scale, now_ns, action);
}
