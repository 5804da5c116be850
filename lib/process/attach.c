#include "actor/conc.h"
#include "actor/runtime.h"
#include "link/foreign.h"
#include "link/known.h"
#include "value/name.h"

#include <corps/stats.h>

#include <stdlib.h>
#include <string.h>

/* Corps that this process has neither created nor is part of: which there are, and handles on them. */

/* ---- listing ---- */

struct list {
    struct corps_running *items;
    size_t count, room;
    bool is_short; /* of memory */
};

static void take_running(uint64_t corps_id, const struct corps__settings *settings, int pid, void *arg) {
    struct list *list = arg;
    if (list->count == list->room) {
        size_t room = 2 * list->room + 16;
        struct corps_running *grown = realloc(list->items, room * sizeof *grown);
        if (grown == NULL) {
            list->is_short = true;
            return;
        }
        list->items = grown;
        list->room = room;
    }
    struct corps_running *item = &list->items[list->count++];
    *item = (struct corps_running){.id = corps_id, .pid = pid, .env_count = settings->env_count};
    _Static_assert(sizeof item->tag == sizeof settings->tag, "a tag fits");
    memcpy(item->tag, settings->tag, sizeof item->tag);
}

static int by_id(const void *a, const void *b) {
    const struct corps_running *one = a, *other = b;
    return (one->id > other->id) - (one->id < other->id);
}

enum corps_err corps_find_running(struct corps_running *out, size_t capacity, size_t *count) {
    struct list list = {0};
    enum corps_err err = corps__foreign_list(take_running, &list);
    if (err == CORPS_OK && list.is_short) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a list of Corps");
    }
    if (err == CORPS_OK) {
        size_t written = list.count < capacity ? list.count : capacity;
        if (written > 0) { /* else there may be no memory on either side */
            qsort(list.items, list.count, sizeof *list.items, by_id);
            memcpy(out, list.items, written * sizeof *out);
        }
        *count = list.count;
    }
    free(list.items);
    return err;
}

/* ---- handles ---- */

/* Has it a front of which nobody else here keeps the Name? Its creator does. */
static bool wants_front(const struct corps *corps) {
    return corps->creator == NULL && corps->front == NULL && corps->front_class[0] != '\0';
}

enum corps_err corps_attach(uint64_t id, struct corps **out) {
    struct corps *corps = NULL;
    enum corps_err err = corps__runtime_ensure(); /* this may be the first thing that a program does */
    err = err == CORPS_OK ? corps__foreign_look(id, &corps) : err;
    if (err != CORPS_OK) {
        return err;
    }
    pthread_mutex_lock(&corps__link_floor->lock);
    if (wants_front(corps)) {
        err =
            corps__name_create(id, 0, CORPS__FRONT_CONC, corps->front_class, strlen(corps->front_class), &corps->front);
    }
    corps->attached += err == CORPS_OK ? 1 : 0;
    pthread_mutex_unlock(&corps__link_floor->lock);
    if (err != CORPS_OK) {
        corps__corps_unref(corps);
        return err;
    }
    *out = corps;
    return CORPS_OK;
}

void corps_detach(struct corps *corps) {
    if (corps == NULL) {
        return;
    }
    pthread_mutex_lock(&corps__link_floor->lock);
    struct corps_name *front = NULL;
    if (--corps->attached == 0 && corps->creator == NULL) {
        front = corps->front; /* it may hold the Corps */
        corps->front = NULL;
    }
    pthread_mutex_unlock(&corps__link_floor->lock);
    corps_name_unref(front);
    corps__corps_unref(corps);
}
