/* The world of `sim-hosts`: hosts with clocks of their own, agents, Envs, and owners of Corps that order them; what
 * lies between is a net that delays, and cuts in one direction or both.
 *
 * The shipped code decides for owners (hosts/fleet_plan.h, care/supervise.h) and on both sides of a grant
 * (hosts/lease.h). The world does what docs/design.md has agents and Envs do with it.
 */
#ifndef SIM_HOSTS_H
#define SIM_HOSTS_H

#include "care/supervise.h"
#include "hosts/fleet_plan.h"
#include "sim.h"

enum { CORPS_MAX = 3, ENVS_MAX = 1000, HOSTS_MAX = 2000, INTENSITY = 5 };

enum event_kind {
    EVENT_MESSAGE,
    EVENT_OWNER,
    EVENT_ASK,
    EVENT_EXPIRE,
    EVENT_BOOTED,
    EVENT_ACT,
    EVENT_DIES,
    EVENT_FAULT,
    EVENT_AGENT,
    EVENT_SUCCESSOR
};

enum message_kind { OPEN, ORDER, KILL, GRANT, CLOSE, ALIVE, BEGUN, REFUSED, ENDED, GONE };

struct message {
    enum message_kind kind;
    uint32_t corps, host, env, session;
    uint64_t incarnation;
    bool displaced; /* ENDED: because of its host */
    int64_t asked_ns, length_ns;
};

/* An agent's part for one Corps. */
struct serving {
    uint32_t session; /* 0: none */
    struct corps__lease lease;
    uint32_t asks; /* numbers its timer */
};

/* One direction between an owner and an agent: what is sent later arrives later. */
struct lane {
    int64_t last_ns;
};

struct host {
    char name[12], label[4];
    int64_t drift_ppm, offset_ns;
    bool is_down, is_down_for_good, agent_runs;
    int64_t cut_in_ns, cut_out_ns; /* nothing comes in, goes out before this */
    int64_t hold_ns;               /* so long the next grant is on its way; nothing comes out meanwhile */
    int64_t agent_stopped_ns;      /* until when */
    struct serving serving[CORPS_MAX];
    struct lane in[CORPS_MAX], out[CORPS_MAX];
};

/* A process of an Env. */
struct process {
    uint32_t corps, env, host, session;
    uint64_t incarnation;
    bool is_alive, is_booted, dies, is_local, displaced;
    int64_t stopped_ns;
};

struct owner {
    uint32_t host, life;
    bool is_alive, ended_for_good;
    int64_t ended_ns, stopped_ns, timer_ns;
    struct corps__plan plan;
    struct corps__plan_host *plan_hosts; /* of world.host_count */
    struct corps__plan_env plan_envs[ENVS_MAX];
    struct corps__supervisor supervisor;
    struct corps__unit units[ENVS_MAX];
    struct corps__care_failure failures[INTENSITY + 1];
    uint32_t *sessions; /* of each host: the newest */
    uint32_t env_count;
    char where[ENVS_MAX][12];
    uint64_t newest[ENVS_MAX]; /* that has acted */
    uint32_t placed[ENVS_MAX]; /* on which host, NOBODY: none */
};

#define NOBODY UINT32_MAX

struct world {
    struct sim *sim;
    struct host *hosts;
    uint32_t host_count, corps_count;
    struct owner owners[CORPS_MAX];
    struct process *processes;
    uint32_t process_count, process_capacity;
    struct message *messages;
    uint32_t message_count, message_capacity;
    uint32_t *free_messages, free_count;
    int64_t *until_ns; /* of each session: what its agent shows its Envs */
    uint32_t session_count, session_capacity;
    int64_t delay_ns; /* longest */
    int64_t calm_ns;  /* the end of the last fault */
};

/* ---- net: hosts_net.c ---- */

/* The clock of a host; how long it takes until it shows this. */
int64_t host_clock(const struct world *world, uint32_t host);
int64_t until_clock(const struct world *world, uint32_t host, int64_t at_ns);

/* From the owner to the agent of message.host, or back, by its kind; leaves after so long. */
void net_send(struct world *world, const struct message *message, int64_t after_ns);

uint32_t net_session(struct world *world);

/* A message's time has come: true where it has arrived, and is written; else it comes later. */
bool net_arrives(struct world *world, uint32_t number, struct message *message);

/* ---- agents and Envs: hosts_agent.c ---- */

void agent_take(struct world *world, const struct message *message);
void agent_ask(struct world *world, uint32_t host, uint32_t corps, uint32_t asks);
void agent_expire(struct world *world, uint32_t host, uint32_t corps);
void agent_ends(struct world *world, uint32_t host, int64_t back_ns); /* 0: it does not come back */
void agent_begins(struct world *world, uint32_t host);

uint32_t process_begin(struct world *world, const struct process *process);
void process_kill(struct world *world, uint32_t number, int64_t longest_ns);
void process_booted(struct world *world, uint32_t number);
void process_acts(struct world *world, uint32_t number);
void process_dies(struct world *world, uint32_t number);

/* ---- owners: hosts_owner.c ---- */

void owner_begin(struct world *world, uint32_t corps);
void owner_pump(struct world *world, uint32_t corps);
void owner_take(struct world *world, const struct message *message);
void owner_ends(struct world *world, uint32_t corps, bool for_good);

/* What its own host's processes tell. */
void owner_local(struct world *world, uint32_t corps, uint32_t env, uint64_t incarnation, bool ended);

#endif
