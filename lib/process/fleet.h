/* Envs on other hosts: what the floor above does for a Corps that lives on several, through a table of operations.
 *
 * A Corps with the option `hosts` has a *fleet*: the hosts that its Envs may be on, each with an agent that starts
 * processes there. Its creator and its Env 0 are on one of them, their own; processes of that host are started as those
 * of any Corps. Of an Env on another host Env 0 holds the same two things: a descriptor that is its control channel,
 * and a child (child.h) whose end is told. Where a host is silent for too long its Envs have ended, as far as anybody
 * here is concerned: its agent has ended them by then.
 *
 * A Corps without that option, or a program without such a table, has none of this. Everything with the lead, but for
 * what says otherwise. */
#ifndef CORPS_FLEET_H
#define CORPS_FLEET_H

#include "link/known.h"
#include "process/child.h"

enum { CORPS__WHERE_BYTES = 64 }; /* of a host's name, number or label, with its NUL */

/* One of the hosts of a Corps, as its Env 0 knows it. */
struct corps__fleet_host {
    uint32_t number;
    char name[64], address[64];
    char labels[192]; /* separated by spaces */
    uint32_t slots;   /* so many Envs it is meant to have room for */
    uint32_t envs;    /* … and so many of this Corps it has */
    bool is_heard;    /* its agent answers */
};

struct corps__fleet_ops {
    /* So long after the end of an Env 0 Envs on other hosts may act that it has had started: a next life of the Corps
     * begins nothing before. */
    int64_t settle_ns;
    /* In the creator, without the lead: the Corps is about to be created, with settings that name hosts. Fills in what
     * depends on them: settings.host, settings.owned, remote_bind, the secret, and the upper 16 bits of the id. May
     * take 2 s. Errors: SYSTEM (no agent runs here), UNKNOWN (such a host is not in the list), UNSUPPORTED (the agents
     * have no ledger for what is asked), LIMIT (this host is drained). */
    enum corps_err (*create)(struct corps *corps);
    /* In the creator, without the lead, of a Corps whose settings.owned `create` has set: has the agent of this host
     * own it, and start its Env 0 with this boot record (boot.h). Gives the descriptor of its control channel. Takes
     * 15 s at most. Errors: AGAIN (the singleton is there), and what else the agent says. */
    enum corps_err (*own)(const struct corps *corps, const uint8_t *boot, size_t bytes, int *control_fd);
    /* In Env 0, before the first other Env is started. Errors: likewise. */
    enum corps_err (*begin)(struct corps *corps);
    /* Where Env `env` goes: `where` is "" (any), or a host's name, number or label. Counts as there from now on, until
     * it is placed anew or `leave`. Errors: LIMIT (all that are meant are full), WORKER_LOST (none of them is heard),
     * UNKNOWN. */
    enum corps_err (*place)(unsigned env, const char *where, uint32_t *host);
    /* It is not there any more, and not to come back. */
    void (*leave)(unsigned env);
    /* Starts it on another host; the boot record is still to be written to `control_fd`, which the caller takes. What
     * is wrong there shows by its end. Errors: SYSTEM, NO_MEMORY. */
    enum corps_err (*start)(unsigned env, uint32_t host, uint64_t incarnation, corps__child_fn on_end, void *arg,
                            int *control_fd, struct corps__child **child);
    /* The numbers of the Corps' hosts that `where` means ("": all), in the list's order: as many as there is room for.
     * Errors: UNKNOWN, with what there is. */
    enum corps_err (*find)(const char *where, uint32_t *hosts, unsigned room, unsigned *count);
    /* What is known of one; lent until the end, NULL when there is no such host. */
    const struct corps__fleet_host *(*host)(uint32_t number);
    /* What an Env on another host is told as its boot data; lent until the end. NULL: the Corps' own. */
    const struct corps_value *(*boot_data)(void);
    /* Env 0 ends: nothing is started any more, and its agents hear that. */
    void (*end)(void);
};

/* Before any Corps is created, and before an Env's main begins. */
void corps__fleet_set(const struct corps__fleet_ops *ops);

/* The table, NULL: there is none. */
const struct corps__fleet_ops *corps__fleet(void);

/* Of the own Corps, in its Env 0; NULL when it lives on one host. */
const struct corps__fleet_ops *corps__own_fleet(void);

/* Does the Corps live on several hosts? */
static inline bool corps__has_fleet(const struct corps *corps) {
    return corps->settings.hosts[0] != '\0';
}

/* How this program describes the start of an Env of it on another host, as the map that an agent is sent: "program"
 * (absolute path), "hash" (BLAKE2b-256 of that file), "argv", "cwd", "environ" (a map), "files" ([[path, hash], …]);
 * and, which stays here, "boot_data" (bytes, for Envs on other hosts instead of corps_options.boot_data). All of it in
 * `box`. NULL: the program itself, started again. Runs in Env 0, with the lead: it must not wait, for an
 * interpreter's lock neither, so whatever takes that is found out before. */
typedef enum corps_err (*corps__launch_describe_fn)(void *arg, struct corps_box *box, struct corps_value *launch);
void corps__launch_describe_set(corps__launch_describe_fn describe, void *arg);
corps__launch_describe_fn corps__launch_describe(void **arg);

#endif
