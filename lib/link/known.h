/* The Corps that this process knows, and who holds them.
 *
 * A struct corps is an Env's own Corps, which stays as long as the process; one that this process created; or one of
 * others that it has called. It is held by its handle, from corps_create until corps_exit; by the list, until it has
 * ended; and by every Name that was called by. A Name finds its Corps at the first call and keeps it: so a call borrows
 * the Corps, its peers and routes from its Name, and counts nothing. A call under way whose Name is gone refers to its
 * peer only until all calls to that peer have been failed, which comes before the list lets go.
 *
 * Any thread may let go of a Corps; the leader frees it, with its peers: with the lead, a peer that a call under way
 * refers to is there.
 */
#ifndef CORPS_KNOWN_H
#define CORPS_KNOWN_H

#include "codec/config.h"
#include "link/state.h"

#define CORPS__KNOWN_FILE "corps" /* in its directory: the word that it lives, for others; see foreign.h */

struct corps__control;
struct corps__failure;
struct creator;

/* One Env of a Corps, as this process knows it. It is there; or its process has ended and it is *restarting*: calls
 * wait for it; or it is lost, and nothing comes of it any more. While it is *leaving* it is there, and answers what it
 * was asked, but nobody makes Concs in it; then it is *taken*: lost, until another one is added under its number.
 * Changed with the lead. */
enum corps__env_state {
    CORPS__ENV_UP,
    CORPS__ENV_RESTARTING,
    CORPS__ENV_LOST,
    CORPS__ENV_LEAVING,
    CORPS__ENV_TAKEN,
    CORPS__ENV_STATES
};

struct corps__env {
    char address[CORPS_ADDRESS_BYTES];        /* of the system transport */
    char data_address[CORPS_ADDRESS_BYTES];   /* of the data transport, when that is another one */
    _Atomic uint32_t host;                    /* its host's number; 0: the Corps is on one */
    char remote_address[CORPS_ADDRESS_BYTES]; /* where processes on other hosts reach it, "": nowhere */
    char host_name[64];
    _Atomic int pid;
    _Atomic bool lost;
    _Atomic bool restarting;               /* not lost */
    _Atomic bool leaving, taken;           /* taken: lost too */
    _Atomic uint64_t incarnation;          /* which of its processes this tells of; the first is 1, 0: none yet */
    char lost_text[512];                   /* how it ended: read once `lost` is set, by the leader before that too */
    struct corps__peer *_Atomic peer;      /* where calls go */
    struct corps__peer *_Atomic data_peer; /* where measured sends go when the data transport discards */
};

/* A Corps, as this process sees it: the creator's handle, or an Env's view of its own Corps. */
struct corps {
    struct corps__held held; /* by Names; first */
    uint64_t id;
    struct corps__settings settings;
    char directory[80];
    char remote_bind[128]; /* "address" or "address:FIRST-LAST": where this process is reached from other hosts; "":
                              nowhere */
    uint8_t secret[CORPS_SECRET_BYTES];
    /* There is room for CORPS__ENVS_MAX of them, so that none ever moves. Those that are known are the first
     * settings.env_count: a number that grows, with the lead, when the row is whole. */
    struct corps__env *envs;
    struct corps_name *front;
    char front_class[256];      /* "": it has none, or that is not known */
    unsigned attached;          /* how many handles corps_attach has given; under the lock of the list */
    _Atomic unsigned next_auto; /* round robin of create_concs */
    _Atomic bool exited;
    int lock_fd;
    _Atomic unsigned holders;
    _Atomic bool gone;          /* of one that roams (far.h): it has ended, as the agent of this host has said … */
    _Atomic bool far_asked;     /* … who is being asked just now … */
    _Atomic int64_t far_due_ns; /* … and not again before */
    bool far_down;              /* he has said that it has no Env 0; with the lead */
    uint64_t look;           /* of others: which of the leader's looks (look.h) has read its file; with the lead … */
    _Atomic bool unreadable; /* … and that could not be done */
    struct corps *next;      /* of those listed, or of those that nobody holds */
    /* The creator's side of boot and exit: the process floor's. */
    struct creator *creator; /* NULL where this process did not create it */
    struct corps__control *control;
    struct corps_value boot_data;        /* BIN, lent by the caller of corps_create or the boot record; NIL for none */
    enum corps_err boot_result;          /* PENDING until Env 0 has answered */
    struct corps__failure *boot_failure; /* what Env 0 said then */
    char *lost_text;                     /* how an Env ended before its time, for corps_exit */
};

/* A struct with room for its Envs, held once. NULL when out of memory. */
struct corps *corps__corps_create(const struct corps__settings *settings);

/* Holds it once more; lets go of it. Any thread; never waits. */
struct corps *corps__corps_ref(struct corps *corps);
void corps__corps_unref(struct corps *corps);

/* Puts it on the list, which holds it; takes it off, if it is on it. */
void corps__corps_list(struct corps *corps);
void corps__corps_unlist(struct corps *corps);

/* The one with this number, held once more; NULL when there is none on the list. */
struct corps *corps__corps_find(uint64_t corps_id);

/* Calls each(corps, arg) for those on the list, under a lock: it must not wait, list or unlist. */
void corps__corps_each(void (*each)(struct corps *corps, void *arg), void *arg);

/* Does it have this Env, and may Concs be made there? A lost one counts: whoever asks for it is told. */
static inline bool corps__env_is_there(const struct corps *corps, unsigned env) {
    return env < corps->settings.env_count && !atomic_load(&corps->envs[env].taken) &&
           !atomic_load(&corps->envs[env].leaving);
}

/* Is it neither this process's own nor made by it, or owned by an agent? Of such a Corps nobody sends news: its file is
 * read again. */
bool corps__is_foreign(const struct corps *corps);

/* Has it ended, as far as its directory, or an agent, tells? False of those that this process created, or is part of.
 */
bool corps__corps_has_ended(struct corps *corps);

/* Which of the own Env's processes this is; 0 in a program. With the lead. */
uint64_t corps__own_incarnation(void);

/* Incarnations go on counting when the Corps is started anew, without anybody who has to know them all: the upper half
 * says how often it was. The `nth` process of an Env in such a life, the first being 1. */
static inline uint64_t corps__incarnation(uint32_t life, uint32_t nth) {
    return (uint64_t)life << 32 | nth;
}
static inline uint32_t corps__life_of(uint64_t incarnation) {
    return (uint32_t)(incarnation >> 32);
}

/* The number of this process's host, as it concerns a Corps (NULL: the own one); 0: there is but one. */
uint32_t corps__host_here(const struct corps *corps);

/* Is it a host, and another one than ours? */
static inline bool corps__hosts_differ(uint32_t here, uint32_t there) {
    return here != 0 && there != 0 && here != there;
}

/* Frees what nobody holds. With the lead. */
void corps__corps_reap(void);

/* How many there are; for tests. */
unsigned corps__corps_count(void);

/* In the child of a fork: locks that others held are free again. */
void corps__known_forked(void);

#endif
