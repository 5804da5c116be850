#include "inquiry.h"

#include "agent.h"
#include "asking.h"
#include "owner.h"

#include "base/clock.h"
#include "codec/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS INT64_C(6000000000) /* less than who asks waits */

enum { FRONT_ITEMS = 4 };

struct agent_inquiry {
    struct agent_inquiry *next;
    enum agent_inquiry_kind kind;
    uint64_t corps_id;
    char text[CORPS_LEDGER_NAME_BYTES]; /* a tag, or a name */
    int64_t since_ns, deadline_ns;
    struct agent_asking *asking; /* NULL: no other host is asked */
    uint32_t host;               /* … or which */
    agent_inquiry_fn give;       /* NULL: nobody listens */
    void *arg;
    bool done; /* to be freed: whoever walks along the list goes on */
};

static struct agent_inquiry *inquiries;

static const char *const words[] = {"known", "fronts", "named", "end"};

bool agent_inquiry_is(const struct corps_value *record, enum agent_inquiry_kind *kind) {
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (corps__record_is(record, words[i])) {
            *kind = (enum agent_inquiry_kind)i;
            return true;
        }
    }
    return false;
}

static void sweep(void) {
    for (struct agent_inquiry **at = &inquiries; *at != NULL;) {
        struct agent_inquiry *inquiry = *at;
        if (!inquiry->done) {
            at = &inquiry->next;
            continue;
        }
        *at = inquiry->next;
        free(inquiry);
    }
}

/* ---- answers ---- */

static void answer(struct agent_inquiry *inquiry, const struct corps_value *items, size_t count) {
    const struct corps_value record = corps_array(items, count);
    if (inquiry->give != NULL && !inquiry->done) {
        inquiry->give(inquiry->arg, &record);
    }
    inquiry->done = true;
}

static void fail(struct agent_inquiry *inquiry, enum corps_err err, const char *text) {
    const struct corps_value items[] = {corps_str("failed"), corps_int(err), corps_str(text)};
    answer(inquiry, items, 3);
}

static void fail_ended(struct agent_inquiry *inquiry) {
    char text[96];
    snprintf(text, sizeof text, "there is no Corps %016" PRIx64 "; it has ended, or never was", inquiry->corps_id);
    fail(inquiry, CORPS_ERR_EXITED, text);
}

/* `bytes`: nil: it does not serve now, and will. */
static void answer_known(struct agent_inquiry *inquiry, uint32_t host, uint64_t epoch, struct corps_value bytes) {
    const struct corps_value items[] = {corps_str("known"), corps_int(host), corps_int((int64_t)epoch), bytes};
    answer(inquiry, items, 4);
}

static void answer_end(struct agent_inquiry *inquiry) {
    const struct corps_value word = corps_str("end");
    answer(inquiry, &word, 1);
}

static void answer_fronts(struct agent_inquiry *inquiry, const struct agent_seen *seen) {
    size_t count = 0, room = seen != NULL ? seen->corps_count : 0;
    struct corps_value *rows = calloc(room + 1, (1 + FRONT_ITEMS) * sizeof *rows);
    if (rows == NULL) {
        fail(inquiry, CORPS_ERR_NO_MEMORY, "the agent has no memory to list Corps");
        return;
    }
    struct corps_value *items = rows + room;
    for (size_t i = 0; i < room; i++) {
        const struct agent_seen_corps *corps = &seen->corps[i];
        bool is_meant = inquiry->text[0] == '\0' || strcmp(inquiry->text, corps->about.tag) == 0;
        if (corps->is_known && is_meant && corps->about.front[0] != '\0') {
            items[0] = corps_int((int64_t)corps->corps_id);
            items[1] = corps_int(corps->host);
            items[2] = corps_str(corps->about.tag);
            items[3] = corps_str(corps->about.front);
            rows[count++] = corps_array(items, FRONT_ITEMS);
            items += FRONT_ITEMS;
        }
    }
    const struct corps_value told[] = {corps_str("fronts"), corps_array(rows, count)};
    answer(inquiry, told, 2);
    free(rows);
}

/* ---- other hosts ---- */

static void on_answer(void *arg, const struct corps_value *record) {
    struct agent_inquiry *inquiry = arg;
    inquiry->asking = NULL;
    if (inquiry->kind == AGENT_INQUIRY_END && record != NULL) {
        answer_end(inquiry);
    } else if (inquiry->kind == AGENT_INQUIRY_END) {
        char text[480];
        snprintf(text, sizeof text, "it is not known whether the Corps ends: %s", corps_error_detail());
        fail(inquiry, CORPS_ERR_AGAIN, text);
    } else {
        const struct corps_value *bytes = corps_value_item(record, 2);
        bool has = record != NULL && bytes != NULL && bytes->kind == CORPS_BIN;
        answer_known(inquiry, inquiry->host, (uint64_t)(record != NULL ? corps__record_int(record, 1, 0) : 0),
                     has ? *bytes : corps_nil());
    }
    sweep();
}

/* False: that host is not in the file, or cannot be asked now. */
static bool ask_host(struct agent_inquiry *inquiry, uint32_t number) {
    const struct corps__host *host = corps__hosts_find(agent.hosts, number);
    inquiry->host = number;
    return host != NULL &&
           agent_ask(host, words[inquiry->kind], inquiry->corps_id, on_answer, inquiry, &inquiry->asking) == CORPS_OK;
}

/* ---- what can be answered now ---- */

static void try_known_here(struct agent_inquiry *inquiry) {
    uint64_t epoch = 0;
    uint8_t *data = NULL;
    size_t bytes = 0;
    enum corps_err err = agent_owner_published(inquiry->corps_id, &epoch, &data, &bytes);
    if (err == CORPS_ERR_EXITED) {
        fail_ended(inquiry);
        return;
    }
    answer_known(inquiry, agent.own->number, epoch, err == CORPS_OK ? corps_bin(data, bytes) : corps_nil());
    free(data);
}

static void try_corps(struct agent_inquiry *inquiry, const struct agent_seen *seen, bool is_new) {
    const struct agent_seen_corps *corps = agent_seen_find(seen, inquiry->corps_id);
    bool ends = inquiry->kind == AGENT_INQUIRY_END;
    if (agent_owner_is_here(inquiry->corps_id) && ends) {
        (void)agent_owner_exit(inquiry->corps_id, 0);
        answer_end(inquiry);
    } else if (agent_owner_is_here(inquiry->corps_id)) {
        try_known_here(inquiry);
    } else if (corps == NULL && is_new && ends) {
        answer_end(inquiry);
    } else if (corps == NULL && is_new) {
        fail_ended(inquiry);
    } else if (corps == NULL) {
        return; /* it may be younger than the list */
    } else if (corps->host != 0 && corps->host != agent.own->number && ask_host(inquiry, corps->host)) {
        return;
    } else if (ends) {
        fail(inquiry, CORPS_ERR_AGAIN, "the Corps has no owner now, since its host was lost; ask again");
    } else {
        answer_known(inquiry, corps->host, corps->epoch, corps_nil());
    }
}

static void try_named(struct agent_inquiry *inquiry, const struct agent_seen *seen, bool is_new) {
    for (unsigned i = 0; seen != NULL && i < seen->corps_count; i++) {
        const struct agent_seen_corps *corps = &seen->corps[i];
        if (corps->is_known && strcmp(corps->name, inquiry->text) == 0) {
            const struct corps_value items[] = {corps_str("named"), corps_int((int64_t)corps->corps_id),
                                                corps_int(corps->host), corps_str(corps->about.front)};
            answer(inquiry, items, 4);
            return;
        }
    }
    if (is_new) {
        char text[160];
        snprintf(text, sizeof text, "there is no singleton '%s'", inquiry->text);
        fail(inquiry, CORPS_ERR_UNKNOWN, text);
    }
}

/* By what the ledger has said up to now. */
static void try_it(struct agent_inquiry *inquiry) {
    int64_t seen_ns;
    const struct agent_seen *seen = agent_owner_seen(&seen_ns);
    bool is_new = seen != NULL && seen_ns >= inquiry->since_ns;
    if (inquiry->done || inquiry->asking != NULL) {
        return;
    }
    if (!agent_owner_is_on()) { /* there is nothing that may move */
        seen = NULL;
        is_new = true;
    }
    if (inquiry->kind == AGENT_INQUIRY_NAMED && !agent_owner_is_on()) {
        fail(inquiry, CORPS_ERR_UNSUPPORTED,
             "the hosts file names no ledger etcd, and without it no host knows of a Corps by its name alone");
    } else if (inquiry->kind == AGENT_INQUIRY_NAMED) {
        try_named(inquiry, seen, is_new);
    } else if (inquiry->kind != AGENT_INQUIRY_FRONTS) {
        try_corps(inquiry, seen, is_new);
    } else if (is_new) {
        answer_fronts(inquiry, seen);
    }
}

/* ---- asking ---- */

static struct agent_inquiry *make(enum agent_inquiry_kind kind, uint64_t corps_id, agent_inquiry_fn give, void *arg) {
    struct agent_inquiry *inquiry = calloc(1, sizeof *inquiry);
    if (inquiry != NULL) {
        int64_t now_ns = corps__boottime_ns();
        *inquiry = (struct agent_inquiry){.kind = kind,
                                          .corps_id = corps_id,
                                          .give = give,
                                          .arg = arg,
                                          .since_ns = now_ns,
                                          .deadline_ns = now_ns + PATIENCE_NS};
    }
    return inquiry;
}

struct agent_inquiry *agent_inquire(enum agent_inquiry_kind kind, const struct corps_value *record,
                                    agent_inquiry_fn give, void *arg) {
    struct agent_inquiry *inquiry = make(kind, (uint64_t)corps__record_int(record, 1, 0), give, arg);
    if (inquiry == NULL) {
        const struct corps_value items[] = {corps_str("failed"), corps_int(CORPS_ERR_NO_MEMORY),
                                            corps_str("the agent has no memory for a question")};
        const struct corps_value failed = corps_array(items, 3);
        give(arg, &failed);
        return NULL;
    }
    corps__record_text(record, 1, inquiry->text, sizeof inquiry->text);
    try_it(inquiry);
    if (inquiry->done) {
        free(inquiry);
        return NULL;
    }
    inquiry->next = inquiries;
    inquiries = inquiry;
    if (inquiry->asking == NULL) {
        agent_owner_look();
    }
    return inquiry;
}

void agent_inquiry_cancel(struct agent_inquiry *inquiry) {
    if (inquiry != NULL) {
        agent_asking_cancel(inquiry->asking);
        inquiry->asking = NULL;
        inquiry->give = NULL;
        inquiry->done = true; /* freed with the next tick */
    }
}

void agent_inquiry_end(uint64_t corps_id) {
    int64_t unused;
    const struct agent_seen_corps *corps = agent_seen_find(agent_owner_seen(&unused), corps_id);
    for (const struct agent_inquiry *at = inquiries; at != NULL; at = at->next) {
        if (at->kind == AGENT_INQUIRY_END && at->corps_id == corps_id && !at->done) {
            return; /* it is being told */
        }
    }
    if (corps == NULL || corps->host == 0 || corps->host == agent.own->number) {
        return;
    }
    struct agent_inquiry *inquiry = make(AGENT_INQUIRY_END, corps_id, NULL, NULL);
    if (inquiry == NULL || !ask_host(inquiry, corps->host)) {
        free(inquiry);
        return;
    }
    inquiry->next = inquiries;
    inquiries = inquiry;
}

void agent_inquiries_seen(void) {
    for (struct agent_inquiry *at = inquiries; at != NULL; at = at->next) {
        try_it(at);
    }
    sweep();
}

void agent_inquiries_tick(int64_t now_ns) {
    for (struct agent_inquiry *at = inquiries; at != NULL; at = at->next) {
        if (!at->done && now_ns >= at->deadline_ns) {
            char text[480];
            const char *trouble = agent_owner_trouble();
            snprintf(text, sizeof text, "the ledger has not answered within 6 s%s%s", trouble[0] != '\0' ? ": " : "",
                     trouble);
            agent_asking_cancel(at->asking);
            at->asking = NULL;
            fail(at, CORPS_ERR_TIMEOUT, text);
        }
    }
    sweep();
}
