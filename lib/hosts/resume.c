#include "hosts/resume.h"

#include <stdlib.h>
#include <string.h>

void corps__resume_free(struct corps__resume *resume) {
    while (resume->first != NULL) {
        struct corps__resume_item *next = resume->first->next;
        free(resume->first);
        resume->first = next;
    }
    *resume = (struct corps__resume){0};
}

enum corps_err corps__resume_queue(struct corps__resume *resume, const uint8_t *data, size_t bytes) {
    struct corps__resume_item *item = malloc(sizeof *item + bytes);
    if (item == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a record to another host");
    }
    *item = (struct corps__resume_item){.number = ++resume->queued, .bytes = bytes};
    memcpy(item->data, data, bytes);
    if (resume->first == NULL) {
        resume->first = item;
    } else {
        resume->last->next = item;
    }
    resume->last = item;
    resume->unsent = resume->unsent != NULL ? resume->unsent : item;
    resume->bytes += bytes;
    return CORPS_OK;
}

bool corps__resume_ack(struct corps__resume *resume, uint64_t number) {
    if (number > resume->queued || (resume->unsent != NULL && number >= resume->unsent->number)) {
        return false; /* what was never written */
    }
    while (resume->first != NULL && resume->first->number <= number) {
        struct corps__resume_item *item = resume->first;
        resume->first = item->next;
        resume->bytes -= item->bytes;
        free(item);
    }
    resume->acked = number > resume->acked ? number : resume->acked;
    return true;
}

bool corps__resume_begin(struct corps__resume *resume, uint64_t number) {
    if (number < resume->acked || number > resume->queued) {
        return false;
    }
    resume->unsent = NULL;
    if (!corps__resume_ack(resume, number)) {
        return false;
    }
    resume->unsent = resume->first;
    return true;
}

const struct corps__resume_item *corps__resume_next(struct corps__resume *resume) {
    const struct corps__resume_item *item = resume->unsent;
    if (item != NULL) {
        resume->unsent = item->next;
    }
    return item;
}

enum corps__resume_news corps__resume_take(struct corps__resume *resume, uint64_t number) {
    if (number <= resume->taken) {
        return CORPS__RESUME_KNOWN;
    }
    if (number != resume->taken + 1) {
        return CORPS__RESUME_GAP;
    }
    resume->taken = number;
    return CORPS__RESUME_NEW;
}
