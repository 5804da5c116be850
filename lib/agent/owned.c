#include "owned.h"

#include "agent.h"
#include "boot_record.h"
#include "creators.h"
#include "engine.h"
#include "folder.h"
#include "launch.h"
#include "line.h"
#include "page.h"
#include "session.h"

#include "actor/state.h"
#include "base/clock.h"
#include "base/dir.h"
#include "codec/record.h"
#include "link/known.h"
#include "link/rows.h"
#include "process/child.h"
#include "process/others.h"
#include "value/failure.h"
#include "wait/lead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOOK_MS = 5,        /* between looks at whether the former processes have gone … */
    PATIENCE_MS = 2000, /* … which have so long before they are killed */
    /* Numbers that an Env may have given after the last that was heard of: it tells of each page beforehand, but what
     * it told a dying Env 0 is lost, and on another host it goes on for as long as its grant runs. */
    SPARE = 132 * CORPS__CONC_PAGE,
    /* So far ahead of what was given is what is noted at the ledger, and with so little left it is noted anew. */
    LOW = SPARE + 8 * CORPS__CONC_PAGE,
    AHEAD = 2 * LOW,
};

enum stage { NOTHING, WAITS /* for the word */, ACTS };

struct agent_owned {
    struct agent_owned *next;
    uint64_t corps_id, epoch;
    struct agent_order *order;
    agent_page *page;
    int page_fd;
    struct agent_folder folder;
    enum stage stage;
    bool serves;
    bool moves;      /* was told to end here, for another host */
    bool is_due;     /* it may act, once the former ones have gone … */
    int64_t kill_ns; /* … which are killed then */
    int pid;
    struct corps__child *child;
    struct agent_line *line;
    struct corps__others others; /* its Envs on this host, but for 0 */
    uint32_t numbers;            /* no Conc of it had this number or a higher one, as far as its Env 0 has said */
    uint32_t noted;              /* … and as the ledger says */
    uint32_t notes;              /* what it was asked to say instead; 0: nothing */
    bool ended_in_order;
    char how[700];     /* its last life has ended, "" */
    char failure[480]; /* what Env 0 has said before it ended, "" */
    char reason[160];  /* why it was killed here, "" */
};

static struct agent_owned *owneds;
static const struct agent_owned_ops *ops;
static uv_timer_t looker;
static bool looks;

void agent_owneds_begin(const struct agent_owned_ops *given) {
    ops = given;
    uv_timer_init(corps__loop(), &looker);
}

struct agent_owned *agent_owned_find(uint64_t corps_id) {
    struct agent_owned *at = owneds;
    while (at != NULL && at->corps_id != corps_id) {
        at = at->next;
    }
    return at;
}

const struct agent_order *agent_owned_order(const struct agent_owned *owned) {
    return owned->order;
}

const char *agent_owned_how(const struct agent_owned *owned, bool *in_order) {
    *in_order = owned->ended_in_order;
    return owned->how;
}

uint64_t agent_owned_serves(const struct agent_owned *owned) {
    return owned->serves ? owned->epoch : 0;
}

const char *agent_owned_directory(const struct agent_owned *owned) {
    return owned->folder.path;
}

void agent_owned_show(struct agent_owned *owned, int64_t until_ns) {
    atomic_store(owned->page, until_ns);
}

void agent_owneds_each(void (*fn)(struct agent_owned *owned)) {
    for (struct agent_owned *at = owneds; at != NULL; at = at->next) {
        fn(at);
    }
}

unsigned agent_owneds_env_count(void) {
    unsigned count = 0;
    for (const struct agent_owned *at = owneds; at != NULL; at = at->next) {
        count += (at->child != NULL ? 1 : 0) + corps__others_count(&at->others);
    }
    return count;
}

struct agent_owned *agent_owneds_first(void) {
    return owneds;
}

/* ---- numbers ---- */

static void write_about(const struct agent_owned *owned, uint32_t numbers, char *out) {
    struct agent_about about = owned->order->about;
    about.numbers = numbers;
    agent_about_write(&about, out);
}

static uint32_t ahead_of(uint32_t numbers) {
    return numbers <= UINT32_MAX - AHEAD ? numbers + AHEAD : UINT32_MAX;
}

void agent_owned_about(struct agent_owned *owned, char *out) {
    owned->noted = ahead_of(owned->numbers);
    write_about(owned, owned->noted, out);
}

static void note(struct agent_owned *owned) {
    bool is_low = owned->noted < owned->numbers || owned->noted - owned->numbers < LOW;
    if (owned->notes != 0 || owned->noted == UINT32_MAX || !is_low) {
        return;
    }
    char about[AGENT_ABOUT_BYTES];
    const struct agent_engine_question question = {
        .what = AGENT_ENGINE_NOTE, .corps_id = owned->corps_id, .about = about};
    owned->notes = ahead_of(owned->numbers);
    write_about(owned, owned->notes, about);
    if (!agent_engine_ask(&question)) {
        owned->notes = 0; /* no memory: tried again, as after any other trouble */
    }
}

void agent_owned_noted(struct agent_owned *owned, enum corps_err err) {
    owned->noted = err == CORPS_OK ? owned->notes : owned->noted;
    owned->notes = 0;
    if (err == CORPS_OK) {
        note(owned);
    }
}

void agent_owneds_note(void) {
    for (struct agent_owned *at = owneds; at != NULL; at = at->next) {
        if (at->stage != NOTHING) {
            note(at);
        }
    }
}

static void take_numbers(struct agent_owned *owned, int64_t bound) {
    if (bound > owned->numbers && bound <= UINT32_MAX) {
        owned->numbers = (uint32_t)bound;
        note(owned);
    }
}

/* ---- what Env 0 says ---- */

/* A process of this host is to be seen gone before the next life acts. */
static void take_row(struct agent_owned *owned, unsigned env, const struct corps_value *row) {
    int pid = corps__row_pid(row);
    if (env > 0 && env < CORPS__ENVS_MAX && pid > 0 && corps__record_int(row, 6, 0) == agent.own->number) {
        corps__others_watch(&owned->others, env, pid);
    }
}

static void take_table(struct agent_owned *owned, const struct corps_value *table) {
    for (unsigned i = 1; table != NULL && table->kind == CORPS_ARRAY && i < table->count; i++) {
        take_row(owned, i, corps_value_item(table, i));
    }
}

static void take_failure(struct agent_owned *owned, const struct corps_value *record) {
    char type[80], text[360];
    corps__record_text(record, 2, type, sizeof type);
    corps__record_text(record, 3, text, sizeof text);
    snprintf(owned->failure, sizeof owned->failure, "Env 0: %s%s%s", type, type[0] != '\0' ? ": " : "", text);
}

static void on_record(void *arg, const struct corps_value *record, const uint8_t *frame, size_t bytes) {
    struct agent_owned *owned = arg;
    bool is_for_creator = !owned->moves;
    if (record == NULL) {
        return; /* its end follows */
    }
    if (corps__record_is(record, "ready")) {
        owned->serves = true;
        take_table(owned, corps_value_item(record, 1));
        agent_creators_serves(owned->corps_id);
        ops->started(owned->corps_id, owned->epoch);
    } else if (corps__record_is(record, "row")) {
        take_row(owned, (unsigned)corps__record_int(record, 1, 0), corps_value_item(record, 2));
    } else if (corps__record_is(record, "failed")) {
        take_failure(owned, record);
    } else if (corps__record_is(record, "exiting") && !owned->moves) {
        ops->exits(owned->corps_id);
    } else if (corps__record_is(record, "numbers")) {
        take_numbers(owned, corps__record_int(record, 2, 0));
        is_for_creator = false;
    } else if (corps__record_is(record, "process")) {
        is_for_creator = false;
    }
    if (is_for_creator) {
        agent_creators_relay(owned->corps_id, frame, bytes);
    }
}

/* It may be freed by that. */
static void tell_end(struct agent_owned *owned, enum corps__owners_end end, const char *text) {
    owned->ended_in_order = end == CORPS__OWNERS_END_ORDER;
    snprintf(owned->how, sizeof owned->how, "%s", text);
    ops->ended(owned->corps_id, owned->epoch, end, text);
}

static void on_end(void *arg, const char *how, enum corps__end end) {
    struct agent_owned *owned = arg;
    agent_line_drain(owned->line);
    agent_line_close(owned->line);
    owned->line = NULL;
    struct corps__child *child = owned->child;
    owned->child = NULL;
    corps__child_close(child);
    owned->stage = NOTHING;
    owned->serves = owned->is_due = false;
    char text[sizeof owned->how];
    const char *why = owned->failure[0] != '\0' ? owned->failure : owned->reason;
    snprintf(text, sizeof text, "Env 0 %s on host %u (%s)%s%s", how, agent.own->number, agent.own->name,
             why[0] != '\0' ? ": " : "", why);
    tell_end(owned, end == CORPS__END_IN_ORDER ? CORPS__OWNERS_END_ORDER : CORPS__OWNERS_END_FAILED, text);
}

/* ---- starting ---- */

/* The number from which on this life's Envs give Concs theirs. */
static enum corps_err next_numbers(struct agent_owned *owned) {
    uint64_t page = ((uint64_t)owned->numbers + CORPS__CONC_PAGE - 1) / CORPS__CONC_PAGE;
    uint64_t first = (page > 0 ? page : 1) * CORPS__CONC_PAGE + SPARE;
    if (first > UINT32_MAX) {
        return corps_error_set(CORPS_ERR_LIMIT, "the numbers of its Workers are used up");
    }
    take_numbers(owned, (int64_t)first);
    return CORPS_OK;
}

static enum corps_err send_boot_record(struct agent_owned *owned) {
    const struct agent_order *order = owned->order;
    struct agent_life life = {.incarnation = corps__incarnation((uint32_t)owned->epoch - 1, 1)};
    bool again = owned->epoch > 1;
    enum corps_err err = again ? next_numbers(owned) : CORPS_OK;
    life.numbers = owned->numbers;
    uint8_t *record = NULL;
    size_t bytes = 0;
    err = err == CORPS_OK ? agent_boot_record_life(order->boot, order->boot_bytes, owned->corps_id, owned->folder.path,
                                                   again ? &life : NULL, &record, &bytes)
                          : err;
    if (err == CORPS_OK) {
        agent_line_relay(owned->line, record, bytes);
        explicit_bzero(record, bytes);
        free(record);
    }
    return err;
}

static enum corps_err open_line(struct agent_owned *owned, int *child_fd) {
    int own_fd;
    enum corps_err err = agent_launch_channel(&own_fd, child_fd);
    if (err != CORPS_OK) {
        return err;
    }
    err = agent_line_open(own_fd, on_record, owned, &owned->line);
    if (err != CORPS_OK) {
        close(own_fd);
        close(*child_fd);
    }
    return err;
}

static enum corps_err launch(struct agent_owned *owned) {
    int child_fd = -1;
    enum corps_err err = open_line(owned, &child_fd);
    if (err != CORPS_OK) {
        return err;
    }
    err = agent_launch(owned->order->launch, child_fd, owned->page_fd, &owned->pid);
    close(child_fd);
    err = err == CORPS_OK ? corps__child_watch(owned->pid, -1, on_end, owned, &owned->child) : err;
    err = err == CORPS_OK ? send_boot_record(owned) : err;
    if (err != CORPS_OK && owned->child == NULL) {
        agent_line_close(owned->line); /* if there is a process, it sees that, and ends */
        owned->line = NULL;
    }
    return err;
}

/* It could not be started, and its program may wait to hear that. */
static void tell_failure(const struct agent_owned *owned, enum corps_err err, const char *text) {
    const struct corps_error_info info = {.code = err, .text = text};
    struct corps_value items[1 + CORPS__FAILURE_ITEMS] = {corps_str("failed")};
    corps__failure_items(&info, items + 1);
    const struct corps_value record = corps_array(items, 1 + CORPS__FAILURE_ITEMS);
    agent_creators_send(owned->corps_id, &record);
}

void agent_owned_start(struct agent_owned *owned, uint64_t epoch) {
    owned->epoch = epoch;
    owned->moves = owned->serves = owned->is_due = false;
    owned->failure[0] = owned->reason[0] = '\0';
    agent_sessions_end_former(owned->corps_id);
    enum corps_err err = agent_launch_check(owned->order->launch);
    bool is_unfit = err != CORPS_OK;
    err = err == CORPS_OK ? agent_folder_enter(&owned->folder, owned->corps_id) : err;
    err = err == CORPS_OK ? launch(owned) : err;
    if (err == CORPS_OK) {
        owned->stage = epoch > 1 ? WAITS : ACTS;
        return;
    }
    char text[512];
    snprintf(text, sizeof text, "Env 0 could not be started on host %u (%s): %s", agent.own->number, agent.own->name,
             corps_error_detail());
    tell_failure(owned, err, text);
    if (owned->child != NULL) {
        snprintf(owned->reason, sizeof owned->reason, "%s", corps_error_detail());
        corps__child_kill(owned->child); /* its end is told */
        return;
    }
    tell_end(owned, is_unfit ? CORPS__OWNERS_END_UNFIT : CORPS__OWNERS_END_FAILED, text);
}

/* ---- the word ---- */

static void say(struct agent_owned *owned, const char *word) {
    const struct corps_value item = corps_str(word);
    const struct corps_value record = corps_array(&item, 1);
    if (owned->line != NULL) {
        agent_line_send(owned->line, &record);
    }
}

/* Has all that a former life had on this host ended? */
static bool all_have_gone(struct agent_owned *owned, int64_t now) {
    agent_sessions_end_former(owned->corps_id); /* also what a former owner, which ran on, has begun since the start */
    if (agent_sessions_are_gone(owned->corps_id) && corps__others_are_gone(&owned->others) &&
        corps__dir_is_deserted(owned->folder.path)) {
        return true;
    }
    if (now >= owned->kill_ns) {
        corps__others_kill(&owned->others);
    }
    return false;
}

static void look(uv_timer_t *unused) {
    (void)unused;
    int64_t now = corps__now_ns();
    bool wait = false;
    for (struct agent_owned *at = owneds; at != NULL; at = at->next) {
        if (at->is_due && all_have_gone(at, now)) {
            at->is_due = false;
            at->stage = ACTS;
            say(at, "go");
        }
        wait = wait || at->is_due;
    }
    if (!wait) {
        looks = false;
        uv_timer_stop(&looker);
    }
}

void agent_owned_go(struct agent_owned *owned) {
    if (owned->stage != WAITS) {
        return; /* the first life needs no word */
    }
    owned->is_due = true;
    owned->kill_ns = corps__deadline_ns(PATIENCE_MS * INT64_C(1000000));
    if (!looks) {
        looks = true;
        corps__timer_start(&looker, look, 0, LOOK_MS);
    }
}

void agent_owned_move(struct agent_owned *owned) {
    owned->moves = true;
    say(owned, "move");
}

void agent_owned_exit(struct agent_owned *owned) {
    if (owned->stage == WAITS && owned->line != NULL) {
        agent_owned_kill(owned, "its Corps ends"); /* it has not begun */
    } else {
        say(owned, "exit");
    }
}

void agent_owned_kill(struct agent_owned *owned, const char *reason) {
    if (owned->reason[0] == '\0') {
        snprintf(owned->reason, sizeof owned->reason, "%s", reason);
    }
    corps__child_kill(owned->child);
    corps__others_kill(&owned->others);
}

/* ---- the beginning and the end ---- */

enum corps_err agent_owned_create(struct agent_order *order, struct agent_owned **out) {
    struct agent_owned *owned = calloc(1, sizeof *owned);
    if (owned == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another Corps");
    }
    enum corps_err err = agent_page_make(&owned->page_fd, &owned->page);
    if (err != CORPS_OK) {
        free(owned);
        return err;
    }
    owned->corps_id = order->corps_id;
    owned->order = order;
    owned->numbers = owned->noted = order->about.numbers;
    owned->folder.keeper_fd = -1;
    owned->others.count = CORPS__ENVS_MAX;
    owned->next = owneds;
    owneds = owned;
    *out = owned;
    return CORPS_OK;
}

void agent_owned_free(struct agent_owned *owned) {
    for (struct agent_owned **at = &owneds; *at != NULL; at = &(*at)->next) {
        if (*at == owned) {
            *at = owned->next;
            break;
        }
    }
    agent_line_close(owned->line);
    corps__child_kill(owned->child);
    corps__child_close(owned->child);
    corps__others_kill(&owned->others);
    corps__others_forget(&owned->others);
    free(owned->others.pidfds);
    agent_folder_leave(&owned->folder);
    agent_page_free(owned->page_fd, owned->page);
    agent_order_free(owned->order);
    free(owned);
}
