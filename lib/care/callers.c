#include "care/callers.h"

#include <stdlib.h>

static struct corps__caller *row_for(struct corps__callers *callers, uint64_t number) {
    for (size_t i = 0; i < callers->count; i++) {
        if (callers->rows[i].number == number) {
            return &callers->rows[i];
        }
    }
    if (callers->count == callers->room && callers->room < CORPS__CALLERS_MAX) {
        size_t room = callers->room > 0 ? 2 * callers->room : 8;
        struct corps__caller *rows = realloc(callers->rows, room * sizeof *rows);
        callers->rows = rows != NULL ? rows : callers->rows;
        callers->room = rows != NULL ? room : callers->room;
    }
    return callers->count < callers->room ? &callers->rows[callers->count++] : NULL;
}

void corps__callers_say(struct corps__callers *callers, uint64_t number, uint64_t under_way, int64_t now_ns) {
    struct corps__caller *row = row_for(callers, number);
    if (row != NULL) {
        *row = (struct corps__caller){.number = number, .under_way = under_way, .said_ns = now_ns};
    }
}

uint32_t corps__callers_count(struct corps__callers *callers, int64_t now_ns) {
    uint32_t calling = 0;
    for (size_t i = callers->count; i > 0; i--) {
        if (now_ns - callers->rows[i - 1].said_ns > CORPS__CALLERS_FRESH_NS) {
            callers->rows[i - 1] = callers->rows[--callers->count];
        } else {
            calling += callers->rows[i - 1].under_way > 0 ? 1 : 0;
        }
    }
    return calling;
}
