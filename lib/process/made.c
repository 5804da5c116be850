#include "process/made.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

void corps__made_keep(struct corps__life_child *child, const struct corps_value *record) {
    const struct corps_value *order = corps_value_item(record, 1);
    const struct corps_value *numbers = corps_value_item(record, 2);
    if (order == NULL || numbers == NULL || numbers->kind != CORPS_ARRAY) {
        return;
    }
    struct corps__made *made = calloc(1, sizeof *made + numbers->count * sizeof made->numbers[0]);
    if (made == NULL || corps_box_of(order, &made->order) != CORPS_OK) {
        corps__log(CORPS_LOG_WARN, "no_memory", CORPS__LOG_FIELDS(CORPS__LOG_INT("of", child->env)),
                   "no memory to make Concs of Env %u again if it must be started again", child->env);
        free(made);
        return;
    }
    made->count = numbers->count;
    for (size_t i = 0; i < made->count; i++) {
        made->numbers[i] = corps_int(corps_value_item(numbers, i)->integer);
    }
    *child->last_made = made;
    child->last_made = &made->next;
}

static void free_made(struct corps__made *made) {
    corps_box_unref(made->order);
    free(made);
}

void corps__made_free(struct corps__life_child *child) {
    while (child->made != NULL) {
        struct corps__made *made = child->made;
        child->made = made->next;
        free_made(made);
    }
    child->last_made = &child->made;
}

static bool take_number(struct corps__made *made, int64_t number) {
    for (size_t i = 0; i < made->count; i++) {
        if (made->numbers[i].integer == number) {
            made->count--;
            memmove(&made->numbers[i], &made->numbers[i + 1], (made->count - i) * sizeof made->numbers[0]);
            return true;
        }
    }
    return false;
}

void corps__made_drop(struct corps__life_child *child, int64_t number) {
    for (struct corps__made **at = &child->made; *at != NULL; at = &(*at)->next) {
        struct corps__made *made = *at;
        if (take_number(made, number)) {
            if (made->count == 0) {
                *at = made->next;
                child->last_made = child->last_made == &made->next ? at : child->last_made;
                free_made(made);
            }
            return;
        }
    }
}
