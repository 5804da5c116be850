/* Ten times the load in one step, on a pool: how long until its callers wait no longer than its target again.
 *
 * Members are in Env 1, and each request takes one of them SERVICE_US, in which it sleeps: so the machine's processors
 * are not what limits them. The driver, in Env 0, sends open-loop, in even intervals: CALM_PER_S requests a second for
 * CALM_MS, half of what one member can do, and from then on STEP times as many. It never waits for an answer.
 *
 * A request's *wait* is from when it was due until a member's method begins, by the clock that all processes of a host
 * share: also what it waited in the driver, which may be late, counts. The requests after the step are put into
 * *windows* by when they were due, of WINDOW_MS each. A window is over when the wait of more than one in twenty of its
 * requests (its 95th percentile) is longer than the pool's target. The waits are *back* at the end of the first of
 * BACK_WINDOWS windows in a row none of which is over. Afterwards the load lasts AFTER_MS more. A trial in which they
 * are not back after PATIENCE_MS has failed, and so has one in which a request is lost: it has no answer of its own. */
#include "workloads/surge_watch.h"

#include "workloads/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SERVICE_US = 2000,
    CALM_PER_S = 250,
    CALM_MS = 500,
    STEP = 10,
    STEP_PER_S = STEP * CALM_PER_S,
    WINDOW_MS = 50,
    BACK_WINDOWS = 4,
    AFTER_MS = 1500,
    PATIENCE_MS = 30000,
    MEMBERS_MAX = 64,
    CALM_COUNT = CALM_PER_S * CALM_MS / 1000,
    WINDOW_COUNT = STEP_PER_S * WINDOW_MS / 1000, /* requests of a window */
    REQUESTS_MAX = CALM_COUNT + STEP_PER_S / 1000 * (PATIENCE_MS + AFTER_MS) + STEP_PER_S,
    MS_NS = 1000000,
};
#define TARGET_NS (10 * INT64_C(1000000))
#define QUIET_NS (500 * INT64_C(1000000)) /* short, so that a pool that goes to and fro does so within the trial */
#define SECOND_NS UINT64_C(1000000000)

/* ---- A member ---- */

static void sleep_until(uint64_t end_ns) {
    const struct timespec end = {(time_t)(end_ns / SECOND_NS), (long)(end_ns % SECOND_NS)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0) {
    }
}

/* number → [number, when it began, when it ended]. */
static enum corps_err work(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result) {
    uint64_t begin_ns = lab_now_ns();
    struct corps_value *items = corps_context_alloc(context, 3 * sizeof *items);
    (void)self;
    if (items == NULL) {
        return corps_fail(context, "NO_MEMORY", "no memory for the answer");
    }
    sleep_until(begin_ns + SERVICE_US * UINT64_C(1000));
    items[0] = *args;
    items[1] = corps_int((int64_t)begin_ns);
    items[2] = corps_int((int64_t)lab_now_ns());
    *result = corps_array(items, 3);
    return CORPS_OK;
}

/* ---- The driver ---- */

struct surge {
    struct lab_driver driver;
    struct corps_name *pool;
    struct surge_watch watch;
    struct corps_future **futures; /* one for each request; NULL once it has landed */
    uint64_t begin_ns;             /* when the first was due */
    uint64_t landed;               /* answers are taken in the order of the requests */
    unsigned in_window, over;      /* of the window that is being filled: requests, and those that waited too long */
    unsigned windows;              /* that are full … */
    unsigned in_row;               /* … the last of them that are not over … */
    unsigned windows_over;         /* … and those that are, after the waits were back */
    uint64_t back_ns;              /* from the step; 0: not yet */
    uint64_t longest_ns;           /* wait after the step */
    uint64_t service_ns;           /* of all that landed */
    uint64_t members_before;       /* at the step */
    uint64_t lost, moved;
    char first_lost[LAB_TEXT_BYTES];
};

static uint64_t step_ns(const struct surge *surge) {
    return surge->begin_ns + CALM_COUNT * (SECOND_NS / CALM_PER_S);
}

static uint64_t due_ns(const struct surge *surge, uint64_t number) {
    return number < CALM_COUNT ? surge->begin_ns + number * (SECOND_NS / CALM_PER_S)
                               : step_ns(surge) + (number - CALM_COUNT) * (SECOND_NS / STEP_PER_S);
}

static enum corps_err launch(struct surge *surge, uint64_t number) {
    const struct corps_call_options options = {.serializer = "msgpack"};
    const struct corps_value args = corps_int((int64_t)number);
    enum corps_err err = corps_call(surge->pool, "work", &args, &options, &surge->futures[number]);
    if (err != CORPS_OK) {
        surge->futures[number] = NULL;
        return lab_fail(surge->driver.context, err);
    }
    return CORPS_OK;
}

static void close_window(struct surge *surge) {
    bool is_over = surge->over > WINDOW_COUNT / 20;
    surge->windows++;
    surge->in_row = is_over ? 0 : surge->in_row + 1;
    if (surge->back_ns != 0) {
        surge->windows_over += is_over;
    } else if (surge->in_row == BACK_WINDOWS) {
        surge->back_ns = (uint64_t)(surge->windows - BACK_WINDOWS + 1) * WINDOW_MS * MS_NS;
    }
    surge->in_window = 0;
    surge->over = 0;
}

static void count_wait(struct surge *surge, uint64_t number, uint64_t begun_ns) {
    uint64_t wait_ns = begun_ns > due_ns(surge, number) ? begun_ns - due_ns(surge, number) : 0;
    if (number < CALM_COUNT) {
        return;
    }
    surge->longest_ns = wait_ns > surge->longest_ns ? wait_ns : surge->longest_ns;
    surge->over += wait_ns > (uint64_t)TARGET_NS;
    surge->in_window++;
    if (surge->in_window == WINDOW_COUNT) {
        close_window(surge);
    }
}

static bool take_answer(struct surge *surge, uint64_t number, const struct corps_value *answer) {
    int64_t times[3];
    for (size_t i = 0; i < 3; i++) {
        const struct corps_value *item = corps_value_item(answer, i);
        if (item == NULL || item->kind != CORPS_INT || item->integer < 0) {
            return false;
        }
        times[i] = item->integer;
    }
    if (times[0] != (int64_t)number || times[2] < times[1]) {
        return false;
    }
    surge->service_ns += (uint64_t)(times[2] - times[1]);
    count_wait(surge, number, (uint64_t)times[1]);
    return true;
}

static void lose(struct surge *surge, const char *why) {
    if (surge->lost++ == 0) {
        snprintf(surge->first_lost, sizeof surge->first_lost, "%s", why);
    }
}

/* The oldest that is under way. A member that had just left the pool has not run it: it is called again, and its wait
 * goes on. */
static enum corps_err land(struct surge *surge) {
    const struct corps_value *answer;
    uint64_t number = surge->landed;
    struct corps_future *future = surge->futures[number];
    enum corps_err err = corps_future_wait(future, LAB_PATIENCE_NS, &answer);
    if (err == CORPS_ERR_MOVED) {
        surge->moved++;
        corps_future_destroy(future);
        return launch(surge, number);
    }
    if (err != CORPS_OK) {
        const struct corps_error_info *info = corps_future_error(future);
        bool told = info != NULL && info->text != NULL && info->text[0] != '\0';
        lose(surge, told ? info->text : corps_error_text(err));
    } else if (!take_answer(surge, number, answer)) {
        lose(surge, "the answer is that of another request");
    }
    corps_future_destroy(future);
    surge->futures[number] = NULL;
    surge->landed++;
    return CORPS_OK;
}

static bool has_ended(const struct surge *surge, uint64_t due) {
    uint64_t limit_ns =
        surge->back_ns != 0 ? surge->back_ns + (uint64_t)AFTER_MS * MS_NS : (uint64_t)PATIENCE_MS * MS_NS;
    return due >= step_ns(surge) + limit_ns || surge->lost > 0;
}

static enum corps_err send_all(struct surge *surge) {
    struct lab_driver *driver = &surge->driver;
    enum corps_err err = CORPS_OK;
    surge->begin_ns = lab_now_ns();
    while (err == CORPS_OK && !has_ended(surge, due_ns(surge, driver->next)) && driver->next < REQUESTS_MAX) {
        if (driver->next == CALM_COUNT) {
            surge->members_before = surge_watch_members(&surge->watch);
        }
        sleep_until(due_ns(surge, driver->next));
        err = launch(surge, driver->next);
        driver->next += err == CORPS_OK;
        while (err == CORPS_OK && surge->landed < driver->next && corps_future_ready(surge->futures[surge->landed])) {
            err = land(surge);
        }
    }
    while (err == CORPS_OK && surge->landed < driver->next) {
        err = land(surge);
    }
    return err;
}

static enum corps_err judge(struct surge *surge) {
    struct corps_context *context = surge->driver.context;
    if (surge->lost > 0) {
        return corps_fail(context, "Lost", "%llu of %llu requests were lost; the first: %s",
                          (unsigned long long)surge->lost, (unsigned long long)surge->driver.next, surge->first_lost);
    }
    if (surge->back_ns == 0) {
        return corps_fail(context, "TIMEOUT",
                          "waits were not back under %lld ms within %d s of the step; the pool had %llu members",
                          (long long)(TARGET_NS / MS_NS), PATIENCE_MS / 1000, (unsigned long long)surge->watch.most);
    }
    return CORPS_OK;
}

static enum corps_err measure_surge(struct surge *surge) {
    const struct corps_pool_options options = {
        .max_count = MEMBERS_MAX, .target_ns = TARGET_NS, .quiet_ns = QUIET_NS, .location = CORPS_ENV_ID(1)};
    struct lab_driver *driver = &surge->driver;
    struct corps *corps = corps_context_corps(driver->context);
    enum corps_err err = corps_create_pool(corps, "LabSurgeMember", NULL, &options, &surge->pool);
    if (err != CORPS_OK) {
        return lab_fail(driver->context, err);
    }
    if (!surge_watch_begin(&surge->watch, corps, surge->pool)) {
        return corps_fail(driver->context, "LIMIT", "no thread can be started that looks at the pool");
    }
    lab_driver_begin(driver);
    err = send_all(surge);
    lab_driver_end(driver);
    bool seen = surge_watch_end(&surge->watch);
    if (err == CORPS_OK && !seen) {
        err = corps_fail(driver->context, "SYSTEM", "the pool could not be looked at: %s", surge->watch.error);
    }
    return err == CORPS_OK ? judge(surge) : err;
}

static enum corps_err give_result(struct surge *surge, struct corps_value *result) {
    static const char *const notes[] = {
        "a message is one step of the load; latency is from it to the end of the first of four windows of 50 ms in "
        "each of which 95 % of the requests waited no longer than the target",
        "needed: the fewest members that are not always busy, by how long they were busy with a request; overshoot: "
        "the most that there were, less those",
        "turns: how often the pool grew after it had shrunk, or shrank after it had grown", NULL};
    struct lab_driver *driver = &surge->driver;
    double busy_s = (double)surge->service_ns / (double)surge->landed / 1e9;
    int64_t needed = (int64_t)(busy_s * STEP_PER_S) + 1;
    lab_histogram_record(driver->histogram, surge->back_ns);
    driver->total_ns = surge->back_ns;
    driver->messages = 1;
    const struct corps_entry extra[] = {
        {corps_str("requests"), corps_int((int64_t)driver->next)},
        {corps_str("lost"), corps_int((int64_t)surge->lost)},
        {corps_str("moved"), corps_int((int64_t)surge->moved)},
        {corps_str("members_before"), corps_int((int64_t)surge->members_before)},
        {corps_str("members"), corps_int((int64_t)surge->watch.most)},
        {corps_str("needed"), corps_int(needed)},
        {corps_str("overshoot"), corps_int((int64_t)surge->watch.most - needed)},
        {corps_str("turns"), corps_int((int64_t)surge->watch.turns)},
        {corps_str("windows_over"), corps_int((int64_t)surge->windows_over)},
        {corps_str("longest_wait_ns"), corps_int((int64_t)surge->longest_ns)},
    };
    return lab_driver_result(driver, notes, extra, sizeof extra / sizeof extra[0], result);
}

static enum corps_err drive_surge(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    struct surge surge = {.landed = 0};
    (void)self;
    enum corps_err err = lab_driver_open(&surge.driver, context, args, false);
    if (err != CORPS_OK) {
        return err;
    }
    surge.futures = calloc(REQUESTS_MAX, sizeof(struct corps_future *));
    err = surge.futures != NULL ? measure_surge(&surge)
                                : corps_fail(context, "NO_MEMORY", "no memory for %d requests", REQUESTS_MAX);
    if (err == CORPS_OK) {
        err = give_result(&surge, result);
    }
    for (uint64_t i = surge.landed; i < surge.driver.next; i++) {
        corps_future_destroy(surge.futures[i]);
    }
    free(surge.futures);
    corps_name_unref(surge.pool);
    lab_driver_close(&surge.driver);
    return err;
}

static const struct corps_class surge_member = {
    .name = "LabSurgeMember",
    .methods = (const struct corps_method[]){{"work", work}, {NULL, NULL}},
};

static const struct corps_class surge_driver = {
    .name = "LabSurgeDriver",
    .methods = (const struct corps_method[]){{"run", drive_surge}, {NULL, NULL}},
};

static const char *surge_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->envs != 2) {
        snprintf(why, LAB_ERROR_BYTES,
                 "surge has its pool in one Env and who calls it in another, not %u; choose envs=2 and a transport "
                 "between Envs",
                 cell->envs);
        return why;
    }
    return lab_needs_delivery(cell, why);
}

static enum corps_err run_surge(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return lab_drive(corps, cell, surge_driver.name, NULL, 0, box);
}

const struct lab_workload lab_workload_surge = {
    .name = "surge",
    .summary = "ten times the load in one step, on a pool: until its callers wait no longer than its target again",
    .traits = LAB_WORKLOAD_C_ALONE | LAB_WORKLOAD_ONCE,
    .classes = {&surge_member, &surge_driver, NULL},
    .impossible = surge_impossible,
    .run = run_surge,
};
