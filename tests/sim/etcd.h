/* The world of `sim-etcd`: hosts with clocks of their own, whose agents own Corps by leases at an etcd; programs that
 * order singletons; their Env 0, and for each an Env on another host that acts by what Env 0 grants.
 *
 * The shipped code decides for agents (hosts/owners.h, care/supervise.h), and on both sides of a grant (hosts/lease.h).
 * The world does what the agent and Env 0 do with it; etcd is a model, with what its majority, its leases, its watches
 * and the way to it can do to whoever asks (etcd_engine.c).
 *
 * A *line* is what one program wants: a singleton, which may be ordered again when it has ended; each of its Corps is a
 * generation. Whatever acts in a line acts under a number, generation and epoch; nothing may act under a number, or
 * could, once something has acted under a higher one (unless it stays).
 */
#ifndef SIM_ETCD_H
#define SIM_ETCD_H

#include "hosts/owners.h"
#include "sim.h"

enum { LINES_MAX = 3, GENERATIONS_MAX = 6, HOSTS_MAX = 8, ROWS_MAX = LINES_MAX * GENERATIONS_MAX };

#define NOBODY UINT32_MAX
#define BACKOFF_MAX_NS SIM_S
#define BOOT_MAX_NS (800 * SIM_MS)
#define START_NS (4 * SIM_S)
#define ORDER_NS (8 * SIM_S) /* an order's deadline */

enum event_kind {
    EVENT_PUMP,
    EVENT_REQUEST,
    EVENT_ANSWER,
    EVENT_GIVE_UP,
    EVENT_EXPIRE_LEASES,
    EVENT_HINT,
    EVENT_BOOTED,
    EVENT_ACT,
    EVENT_DIES,
    EVENT_REAPED,
    EVENT_FAR_ORDER,
    EVENT_FAR_END,
    EVENT_FAR_ENDED,
    EVENT_ASK,
    EVENT_QUESTION,
    EVENT_GRANT,
    EVENT_LEAVING,
    EVENT_FAULT,
    EVENT_AGENT,
    EVENT_CLOSE,
    EVENT_PROGRAM,
    EVENT_UNDRAIN,
    EVENT_PASSED_ON,
};

/* A Corps, as etcd knows it. */
struct kept {
    bool exists, given;
    uint64_t epoch;
    uint32_t owner, lease;         /* 0: none */
    uint32_t last_host, last_boot; /* who has claimed it last */
    /* Its program wants it to end, and the agent of that host, in that life of its own, knows it; 0: not. */
    uint32_t wished_host, wished_boot;
};

struct line {
    enum corps_restart restart;
    bool stays;
    uint32_t generations; /* made so far */
    bool means[HOSTS_MAX], unfit[HOSTS_MAX];
    uint64_t newest;      /* the highest number that has acted */
    uint32_t newest_life; /* the Env 0 of it */
    bool waits;           /* its program waits for an answer … */
    int64_t waits_ns;     /* … since */
    struct kept kept[GENERATIONS_MAX];
};

struct lease {
    uint32_t host;
    int64_t expires_ns;
    bool is_alive;
};

/* An operation on its way. */
struct request {
    bool in_use, is_over; /* over: who asked has an answer, or waits no more */
    uint32_t host, boot, stage;
    uint32_t refs; /* events that name it */
    struct corps__owners_action action;
    int64_t sent_ns, asked_ns; /* asked: on the host's clock */
    uint32_t lease;            /* the book's when it was asked; of a new one: that */
    uint64_t held;             /* the epoch that the book holds, or has lost; 0: none */
    bool drained;
    enum corps_err err;
    uint32_t seen_count;
    struct corps__owners_seen seen[ROWS_MAX];
};

struct host {
    int64_t drift_ppm, offset_ns;
    bool is_down, is_down_for_good, agent_runs, is_drained;
    uint32_t boot;      /* of the agent; 0 before the first */
    uint32_t lease;     /* its book's; 0: none */
    uint32_t key_lease; /* etcd: of the host key; 0: there is none */
    bool key_drained;
    uint64_t book[ROWS_MAX]; /* the epochs that its book holds, since a claim was answered so */
    uint64_t lost[ROWS_MAX]; /* … and that it held until its lease was lost */
    int64_t agent_stopped_ns;
    int64_t to_etcd_cut_ns, from_etcd_cut_ns, in_cut_ns, out_cut_ns;
    int64_t slow_ns, slow_until_ns; /* so much longer answers take, until then */
    int64_t lose_answers_ns, stale_ns, no_watch_ns;
    int64_t timer_ns;
    struct corps__owners owners;
    struct corps__owned rows[ROWS_MAX];
};

/* An Env 0, or the Env that it has on another host. */
struct life {
    uint32_t line, generation, host, boot;
    uint64_t epoch;
    bool is_far, is_alive, is_booted, gone_on, acts, ends, in_order, told;
    int64_t stopped_ns;
    int64_t until_ns;              /* Env 0: what its page shows */
    uint32_t other;                /* of an Env 0: its far Env; of that: its Env 0 */
    struct corps__lease lease;     /* far */
    struct corps__silence silence; /* Env 0: of the far one */
};

struct world {
    struct sim *sim;
    uint32_t host_count, line_count;
    uint32_t crowd; /* for so many hosts the lists that are hinted at are spread */
    struct host *hosts;
    struct line lines[LINES_MAX];
    struct life *lives;
    uint32_t life_count, life_capacity;
    struct request *requests;
    uint32_t request_count, request_capacity;
    struct lease *leases;
    uint32_t lease_count, lease_capacity;
    int64_t etcd_away_ns; /* no majority before this */
    int64_t ttl_ns;
    int64_t delay_ns; /* longest */
    int64_t calm_ns;  /* the end of the last fault */
    bool loses_leader;
    uint32_t take_overs;
};

static inline int64_t later_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* ---- the world: etcd.c ---- */

int64_t host_clock(const struct world *world, uint32_t host);
int64_t until_clock(const struct world *world, uint32_t host, int64_t at_ns);
int64_t any_delay(struct world *world);
uint64_t corps_id_of(uint32_t line, uint32_t generation);
uint64_t *book_of(struct host *host, uint64_t corps_id);
void program_answered(struct world *world, uint64_t corps_id, bool is_made);

/* ---- etcd and the way to it: etcd_engine.c ---- */

void engine_ask(struct world *world, uint32_t host, const struct corps__owners_action *action);
void engine_request(struct world *world, uint32_t number);
void engine_answer(struct world *world, uint32_t number);
void engine_give_up(struct world *world, uint32_t number);
void engine_expire(struct world *world);
void engine_away(struct world *world, int64_t length_ns);
void engine_revoke(struct world *world, uint32_t lease, const char *why);

/* ---- agents: etcd_agent.c ---- */

void agent_pump(struct world *world, uint32_t host);
void agent_begins(struct world *world, uint32_t host);
void agent_ends(struct world *world, uint32_t host);
void agent_closes(struct world *world, uint32_t host, uint32_t boot); /* the end of SIGTERM: it gives its lease up */
void agent_hear(struct world *world, const struct request *request);  /* an answer of etcd */
void agent_reaped(struct world *world, uint32_t life);
void agent_drains(struct world *world, uint32_t host, bool on);
/* The program wants its Corps to end, and its owner's agent hears it; true: it does. */
bool agent_exits(struct world *world, uint32_t line);
void agent_passed_on(struct world *world, uint32_t host, uint64_t corps_id); /* another agent says that it is to end */
struct corps__policy agent_policy(const struct line *line);

/* ---- Env 0 and the other: etcd_lives.c ---- */

uint32_t life_begin(struct world *world, const struct life *life);
void life_happens(struct world *world, const struct sim_event *event);
void life_goes_on(struct world *world, uint32_t number);
void life_leaves(struct world *world, uint32_t number); /* in order */
void life_kill(struct world *world, uint32_t number, int64_t longest_ns);
uint32_t life_of(const struct world *world, uint32_t host,
                 uint64_t corps_id); /* the living Env 0 there, of this agent */

/* ---- after the last fault: etcd_judge.c ---- */

void judge_all(struct world *world);

#endif
