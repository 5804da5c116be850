/* The thread that speaks with the ledger: its operations may wait for an engine, and the loop never does.
 *
 * It has one book (corps/ledger.h), which it opens by itself, again each second while that fails. What it is asked goes
 * into a queue, renewals before the rest; each question is answered once, on the loop, in the order in which they were
 * done. What the book's watch hints is told likewise, once until the next list begins.
 *
 * Threads: everything here on the loop's.
 */
#ifndef CORPS_AGENT_ENGINE_H
#define CORPS_AGENT_ENGINE_H

#include "about.h"

#include <corps/ledger.h>

enum agent_engine_do {
    AGENT_ENGINE_RENEW,
    AGENT_ENGINE_LIST,
    AGENT_ENGINE_CLAIM,
    AGENT_ENGINE_READ,
    AGENT_ENGINE_GIVE,
    AGENT_ENGINE_END,
    AGENT_ENGINE_NOTE,  /* what its `about` is from now on */
    AGENT_ENGINE_DRAIN, /* whether this host is drained */
};

/* A host, and a Corps, of a list: as the ledger tells them. */
struct agent_seen_host {
    uint32_t number, slots;
    uint64_t boot;
    bool is_drained;
};
struct agent_seen_corps {
    uint64_t corps_id, epoch;
    uint32_t host; /* who holds it now; 0: nobody */
    bool is_mine, is_given;
    bool is_known; /* what it says of itself is of this version: `about` */
    struct agent_about about;
    char name[CORPS_LEDGER_NAME_BYTES];
};
struct agent_seen {
    unsigned host_count, corps_count;
    struct agent_seen_host *hosts;
    struct agent_seen_corps *corps;
};

struct agent_engine_question {
    enum agent_engine_do what;
    uint64_t corps_id, epoch;
    bool is_drained;    /* DRAIN */
    const char *name;   /* CLAIM of epoch 1; copied, as what follows. NULL: none */
    const char *about;  /* CLAIM of epoch 1, NOTE */
    const void *record; /* CLAIM of epoch 1 */
    size_t record_bytes;
};

struct agent_engine_answer {
    enum agent_engine_do what;
    uint64_t corps_id, epoch;
    enum corps_err err;
    char detail[400];      /* of err, "" */
    int64_t asked_ns;      /* when the ledger was asked, of CLOCK_BOOTTIME */
    int64_t until_ns;      /* RENEW */
    const uint8_t *record; /* READ; lent until the callback returns */
    size_t record_bytes;
    struct agent_seen *seen; /* LIST: gives it, for agent_seen_free */
};

struct agent_engine_ops {
    void (*answered)(const struct agent_engine_answer *answer);
    void (*hinted)(void); /* the ledger may have changed */
};

/* Starts the thread. `ledger`, `options` and what these lead to are borrowed until close. Errors: NO_MEMORY, SYSTEM. */
enum corps_err agent_engine_open(const struct corps_ledger *ledger, const struct corps_ledger_options *options,
                                 const struct agent_engine_ops *ops) CORPS_CHECKED;

/* Puts it into the queue. False: there is no memory, and nothing was asked. */
bool agent_engine_ask(const struct agent_engine_question *question) CORPS_CHECKED;

/* Is everything answered? */
bool agent_engine_is_idle(void);

/* Nothing is answered any more. Waits for the operation that is under way, and closes the book, which gives up what it
 * holds: for the end of the agent. Also where it was not opened. */
void agent_engine_close(void);

/* Accepts NULL. */
void agent_seen_free(struct agent_seen *seen);

/* A Corps of it, NULL: there is none. Lent. */
const struct agent_seen_corps *agent_seen_find(const struct agent_seen *seen, uint64_t corps_id);

#endif
