#include "process/owned.h"

#include "base/log.h"
#include "codec/record.h"
#include "link/far.h"
#include "link/peer.h"
#include "process/fleet.h"
#include "process/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what the agent says ---- */

/* ["restarts", text] */
static void take_restarts(struct corps *corps, const struct corps_value *record) {
    char text[400];
    corps__record_text(record, 1, text, sizeof text);
    corps->far_down = true; /* the next life may be known already: then the agent says so */
    for (unsigned i = 0; i < corps->settings.env_count; i++) {
        corps__env_restarts(corps, i, text);
    }
}

/* ["over", in order, text] */
static void take_over(struct creator *creator, const struct corps_value *record) {
    char text[480];
    corps__record_text(record, 2, text, sizeof text);
    bool in_order = corps__record_int(record, 1, 0) != 0;
    bool has_said = creator->failure[0] != '\0';
    corps__creator_boot_fails(creator->corps, CORPS_ERR_WORKER_LOST, text);
    atomic_store(&creator->corps->gone, true);
    corps__check_foreign(); /* who waits for it waits no more */
    corps__creator_is_over(creator, in_order ? NULL : has_said ? creator->failure : text);
}

/* The agent has ended, or this was the last that it said. */
static void take_end(struct creator *creator) {
    struct corps *corps = creator->corps;
    corps__control_close(corps->control);
    corps->control = NULL;
    corps__creator_boot_fails(corps, CORPS_ERR_WORKER_LOST, "the agent of this host ended before the Corps was ready");
    corps__far_want(corps);
}

static void on_record(void *arg, const struct corps_value *record) {
    struct creator *creator = arg;
    struct corps *corps = creator->corps;
    bool has_booted = corps->boot_result != CORPS_ERR_PENDING;
    if (record == NULL) {
        take_end(creator);
    } else if (corps__record_is(record, "ready")) {
        corps__creator_ready(creator, record);
    } else if (corps__record_is(record, "failed")) {
        corps__creator_failed(creator, record);
    } else if (corps__record_is(record, "row")) {
        (void)corps__take_row(corps, record);
    } else if (corps__record_is(record, "restarts") && has_booted) {
        take_restarts(corps, record);
    } else if (corps__record_is(record, "moved")) {
        corps__far_want(corps);
    } else if (corps__record_is(record, "exiting")) {
        atomic_store(&corps->exited, true);
    } else if (corps__record_is(record, "over")) {
        take_over(creator, record);
    }
}

/* ---- beginning and ending ---- */

struct opening {
    struct creator *creator;
    int fd;
};

static enum corps_err open_control(void *arg) {
    const struct opening *opening = arg;
    return corps__control_open(opening->fd, on_record, opening->creator, &opening->creator->corps->control);
}

/* In words that a caller can tell apart: the name is taken. */
static enum corps_err say_refusal(const struct corps *corps, enum corps_err err) {
    if (err != CORPS_ERR_AGAIN || corps->settings.singleton[0] == '\0') {
        return err;
    }
    char text[400];
    snprintf(text, sizeof text, "%s", corps_error_detail());
    return corps_error_set(CORPS_ERR_LIMIT, "the singleton '%s' is there already: %s", corps->settings.singleton, text);
}

enum corps_err corps__owned_begin(struct creator *creator, const struct corps__start *start) {
    struct corps *corps = creator->corps;
    struct opening opening = {.creator = creator, .fd = -1};
    uint8_t *frame = NULL;
    size_t bytes = 0;
    enum corps_err err = corps__boot_encode(corps, 0, start, &frame, &bytes);
    err = err == CORPS_OK ? corps__fleet()->own(corps, frame, bytes, &opening.fd) : err;
    free(frame);
    if (err == CORPS_OK) {
        creator->is_owned = true;
        err = corps__with_lead(open_control, &opening);
        if (err != CORPS_OK) {
            close(opening.fd);
        }
    }
    if (!creator->is_owned) {
        atomic_store(&creator->env_0_ended, true);
    }
    return say_refusal(corps, err);
}

void corps__owned_end(struct creator *creator) {
    struct corps *corps = creator->corps;
    bool is_heard = corps->control != NULL; /* then the word has gone there */
    if (!creator->is_owned || is_heard || atomic_load(&creator->env_0_ended) || corps__far() == NULL) {
        return;
    }
    if (corps__far()->end(corps->id) != CORPS_OK) {
        corps__log(CORPS_LOG_WARN, "end_unheard", NULL, "the Corps %016llx may not hear that it is to end: %s",
                   (unsigned long long)corps->id, corps_error_detail());
    }
}
