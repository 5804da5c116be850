/* What the files of session.h share: session.c is its life, session_records.c what passes between it and its owner. */
#ifndef CORPS_AGENT_SESSION_OWN_H
#define CORPS_AGENT_SESSION_OWN_H

#include "page.h"
#include "session.h"

#include "base/dir.h"
#include "codec/config.h"
#include "hosts/lease.h"
#include "hosts/resume.h"

struct agent_session {
    struct agent_session *next;
    uint64_t corps_id;
    uint64_t number;
    struct agent_visit *visit; /* NULL: cut */
    struct corps__resume resume;
    struct corps__lease lease;
    agent_page *page; /* the end of the lease, as its Envs see it */
    int page_fd;
    int64_t quiet_ns;  /* since when there is neither a connection nor an Env */
    int64_t end_by_ns; /* of one that is over: then what still runs is killed */
    bool over;         /* ends with its last Env; nothing is told any more */
    bool expired;      /* there is no grant, and its Envs were ended */
    int lock_fd;       /* of the directory; -1: not made yet */
    char directory[CORPS__DIR_BYTES];
    uint32_t life;                    /* of its Corps: the newest that has ordered */
    uint64_t newest[CORPS__ENVS_MAX]; /* incarnations that were ordered */
};

/* ---- session.c ---- */

/* Closes its connection: the owner may come again. */
void agent_session_disconnect(struct agent_session *session);

/* Nobody listens to it any more. */
void agent_session_end(struct agent_session *session, bool in_order, const char *reason);

/* Ends what has no time left. */
void agent_session_check_time(struct agent_session *session, int64_t now);

/* Two owners may order where one runs on that is cut off from its ledger: then the one of the later life has the host,
 * and what the other one has here ends. False: that is this one. */
bool agent_session_is_latest(struct agent_session *session, uint32_t life);

/* ---- session_records.c ---- */

/* That this host lives, and how it is; and so it asks for time. */
void agent_session_say_alive(struct agent_session *session);

#endif
