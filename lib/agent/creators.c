#include "creators.h"

#include "line.h"

#include "codec/record.h"

#include <stdlib.h>
#include <unistd.h>

struct creator {
    struct creator *next;
    uint64_t corps_id;
    struct agent_line *line;
    uint32_t told_host; /* who owns its Corps, as it was told last; 0: this host, or nobody */
    bool is_down;       /* it was told that its Corps is started again */
    bool wants_end;
    bool gone; /* to be freed: whoever walks along the list goes on */
};

static struct creator *creators;
static agent_creators_exit_fn exit_asked;

void agent_creators_begin(agent_creators_exit_fn exits) {
    exit_asked = exits;
}

static void leave(struct creator *creator) {
    agent_line_close(creator->line);
    creator->line = NULL;
    creator->gone = true;
}

static void sweep(void) {
    for (struct creator **at = &creators; *at != NULL;) {
        struct creator *creator = *at;
        if (!creator->gone) {
            at = &creator->next;
            continue;
        }
        *at = creator->next;
        free(creator);
    }
}

static void on_record(void *arg, const struct corps_value *record, const uint8_t *frame, size_t bytes) {
    struct creator *creator = arg;
    (void)frame;
    (void)bytes;
    if (record == NULL) {
        leave(creator);
        sweep();
    } else if (corps__record_is(record, "exit")) {
        creator->wants_end = true;
        exit_asked(creator->corps_id, corps__record_int(record, 1, 0));
    }
}

enum corps_err agent_creators_add(uint64_t corps_id, int fd) {
    struct creator *creator = calloc(1, sizeof *creator);
    enum corps_err err = creator != NULL ? agent_line_open(fd, on_record, creator, &creator->line)
                                         : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for another Corps");
    if (err != CORPS_OK) {
        free(creator);
        close(fd);
        return err;
    }
    creator->corps_id = corps_id;
    creator->next = creators;
    creators = creator;
    return CORPS_OK;
}

/* ---- telling ---- */

void agent_creators_relay(uint64_t corps_id, const uint8_t *frame, size_t bytes) {
    for (struct creator *at = creators; at != NULL; at = at->next) {
        if (at->corps_id == corps_id && !at->gone) {
            agent_line_relay(at->line, frame, bytes);
        }
    }
}

void agent_creators_send(uint64_t corps_id, const struct corps_value *record) {
    for (struct creator *at = creators; at != NULL; at = at->next) {
        if (at->corps_id == corps_id && !at->gone) {
            agent_line_send(at->line, record);
        }
    }
}

static void tell_restarts(struct creator *creator, const char *text) {
    if (!creator->is_down) {
        const struct corps_value items[] = {corps_str("restarts"), corps_str(text)};
        const struct corps_value record = corps_array(items, 2);
        creator->is_down = true;
        agent_line_send(creator->line, &record);
    }
}

void agent_creators_restarts(uint64_t corps_id, const char *text) {
    for (struct creator *at = creators; at != NULL; at = at->next) {
        if (at->corps_id == corps_id && !at->gone) {
            at->told_host = 0;
            tell_restarts(at, text);
        }
    }
}

void agent_creators_serves(uint64_t corps_id) {
    for (struct creator *at = creators; at != NULL; at = at->next) {
        if (at->corps_id == corps_id) {
            at->is_down = false;
            at->told_host = 0;
        }
    }
}

/* The last record to those of a Corps. */
static void tell_last(uint64_t corps_id, const struct corps_value *items, size_t count) {
    const struct corps_value record = corps_array(items, count);
    for (struct creator *at = creators; at != NULL; at = at->next) {
        if (at->corps_id == corps_id && !at->gone) {
            agent_line_send(at->line, &record);
            leave(at);
        }
    }
}

void agent_creators_over(uint64_t corps_id, bool in_order, const char *how) {
    const struct corps_value items[] = {corps_str("over"), corps_int(in_order), corps_str(how)};
    tell_last(corps_id, items, 3);
    sweep();
}

void agent_creators_refuse(uint64_t corps_id, enum corps_err err, const char *text) {
    const struct corps_value items[] = {corps_str("failed"), corps_int(err), corps_str(text)};
    tell_last(corps_id, items, 3);
    sweep();
}

/* ---- Corps that are elsewhere ---- */

static void tell_moved(struct creator *creator, const struct agent_seen_corps *corps) {
    const struct corps_value items[] = {corps_str("moved"), corps_int(corps->host), corps_int((int64_t)corps->epoch)};
    const struct corps_value record = corps_array(items, 3);
    creator->told_host = corps->host;
    agent_line_send(creator->line, &record);
}

void agent_creators_seen(const struct agent_seen *seen, bool (*is_here)(uint64_t corps_id), agent_creators_fn again) {
    for (struct creator *at = creators; at != NULL; at = at->next) {
        if (at->gone || is_here(at->corps_id)) {
            continue;
        }
        const struct agent_seen_corps *corps = agent_seen_find(seen, at->corps_id);
        if (corps == NULL) {
            const struct corps_value items[] = {corps_str("over"), corps_int(1),
                                                corps_str(at->wants_end ? "has ended" : "has ended on another host")};
            tell_last(at->corps_id, items, 3);
            continue;
        }
        if (corps->host == 0) {
            at->told_host = 0;
            tell_restarts(at, "the host of its Env 0 is lost, or has given it to another one");
        } else if (corps->host != at->told_host) {
            tell_restarts(at, "it has moved to another host");
            tell_moved(at, corps);
        }
        if (at->wants_end && corps->host != 0) {
            again(at->corps_id);
        }
    }
    sweep();
}

void agent_creators_close(void) {
    for (struct creator *at = creators; at != NULL; at = at->next) {
        if (!at->gone) {
            leave(at);
        }
    }
    sweep();
}
