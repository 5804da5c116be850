#include "actor/runtime.h"
#include "base/clock.h"
#include "base/hooks.h"
#include "link/far.h"
#include "link/foreign.h"
#include "process/find.h"
#include "value/name.h"

#include <corps.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Fronts of other Corps: of those of this user on this host, and of those that agents own, wherever they are. */

/* Those that have the tag. */
struct numbers {
    const char *tag; /* NULL: any */
    uint64_t *numbers;
    size_t count, room;
    bool short_of_memory;
};

static void note(struct numbers *list, uint64_t corps_id) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->numbers[i] == corps_id) {
            return; /* it is here, and an agent has said so too */
        }
    }
    if (list->count == list->room) {
        size_t room = 2 * list->room + 16;
        uint64_t *grown = realloc(list->numbers, room * sizeof *grown);
        if (grown == NULL) {
            list->short_of_memory = true;
            return;
        }
        list->numbers = grown;
        list->room = room;
    }
    list->numbers[list->count++] = corps_id;
}

static void note_here(uint64_t corps_id, const struct corps__settings *settings, int pid, void *arg) {
    struct numbers *list = arg;
    (void)pid;
    if (list->tag == NULL || strcmp(settings->tag, list->tag) == 0) {
        note(list, corps_id);
    }
}

static void note_owned(uint64_t corps_id, void *arg) {
    note(arg, corps_id);
}

/* Where no agent runs, or it has no ledger that knows, there are none. */
static void note_far(const char *tag, struct numbers *list) {
    void *given_up = corps__give_up(); /* it may take a while */
    if (corps__far() != NULL) {
        (void)!corps__far()->fronts(tag, note_owned, list);
    }
    corps__take_back(given_up);
}

static int64_t time_left(int64_t deadline_ns) {
    int64_t left_ns = deadline_ns == CORPS_FOREVER ? 0 : deadline_ns - corps__now_ns();
    return deadline_ns == CORPS_FOREVER ? 0 : left_ns > 0 ? left_ns : 1; /* 0 is for ever */
}

/* What cannot be asked, or does not answer, is none. */
static void find_one(uint64_t corps_id, int64_t deadline_ns, struct corps_name **names, size_t room, size_t *count) {
    struct corps *corps = NULL;
    struct corps_name *front = NULL;
    if (corps__foreign_await(corps_id, false, false, deadline_ns, &corps) != CORPS_OK) {
        return; /* it has just ended, is just beginning, or is of another version */
    }
    if (corps__find_front(corps, time_left(deadline_ns), &front) == CORPS_OK) {
        if (*count < room) {
            names[*count] = corps_name_ref(front);
        }
        ++*count;
    }
    corps_name_unref(front);
    corps__corps_unref(corps);
}

enum corps_err corps_find_fronts(const char *tag, int64_t timeout_ns, struct corps_name **names, size_t room,
                                 size_t *count) {
    if (timeout_ns <= 0) {
        return corps_error_set(CORPS_ERR_INVALID, "it takes some time to look for Corps, not %lld ns",
                               (long long)timeout_ns);
    }
    enum corps_err err = corps__runtime_ensure();
    struct numbers list = {.tag = tag};
    err = err == CORPS_OK ? corps__foreign_list(note_here, &list) : err;
    if (err == CORPS_OK) {
        note_far(tag, &list);
    }
    if (err == CORPS_OK && list.short_of_memory) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to list Corps");
    }
    size_t found = 0;
    for (size_t i = 0; err == CORPS_OK && i < list.count; i++) { /* each has the time for itself */
        find_one(list.numbers[i], corps__deadline_ns(timeout_ns), names, room, &found);
    }
    free(list.numbers);
    if (err == CORPS_OK) {
        *count = found;
    }
    return err;
}

/* ---- a singleton ---- */

static enum corps_err id_of(const char *name, uint64_t *corps_id) {
    if (corps__far() == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "singletons are looked for by programs that have called corps_start");
    }
    void *given_up = corps__give_up();
    enum corps_err err = corps__far()->named(name, corps_id);
    corps__take_back(given_up);
    return err;
}

/* One that ends while it is looked for is looked for once more: there may be another one by then. */
static bool is_over(enum corps_err err) {
    return err == CORPS_ERR_EXITED || err == CORPS_ERR_WORKER_LOST;
}

static enum corps_err find_named(const char *name, int64_t deadline_ns, struct corps_name **front) {
    uint64_t corps_id;
    struct corps *corps = NULL;
    enum corps_err err = id_of(name, &corps_id);
    err = err == CORPS_OK ? corps__foreign_await(corps_id, false, false, deadline_ns, &corps) : err;
    if (err == CORPS_OK) {
        err = corps__find_front(corps, time_left(deadline_ns), front);
        corps__corps_unref(corps);
    }
    return err;
}

enum { AGAIN_MS = 200 };

enum corps_err corps_find_singleton(const char *name, int64_t timeout_ns, struct corps_name **front) {
    enum corps_err err = corps__singleton_check(name);
    if (err == CORPS_OK && timeout_ns <= 0) {
        err = corps_error_set(CORPS_ERR_INVALID, "it takes some time to look for a singleton, not %lld ns",
                              (long long)timeout_ns);
    }
    err = err == CORPS_OK ? corps__runtime_ensure() : err;
    if (err != CORPS_OK) {
        return err;
    }
    int64_t deadline_ns = timeout_ns == CORPS_FOREVER ? CORPS_FOREVER : corps__deadline_ns(timeout_ns);
    err = find_named(name, deadline_ns, front);
    while (is_over(err) && corps__now_ns() < deadline_ns) {
        void *given_up = corps__give_up();
        (void)poll(NULL, 0, AGAIN_MS);
        corps__take_back(given_up);
        err = find_named(name, deadline_ns, front);
    }
    return err;
}
