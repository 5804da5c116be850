/* The runtime: what one process knows and does. There is one per process, `corps__rt`.
 *
 * In an Env it serves Concs with a pool of threads; in a program (a *guest*) it only calls. Both wait the same way:
 *   reactor.c  who waits, polls: the lead, sleeping, waking       wake.c   how long to spin
 *   sched.c    threads, run queues                                 conc.c   Workers, their mailboxes
 *   peer.c     links, ordered sending                              call.c   requests out
 *   dispatch.c frames in                                           future.c answers
 *   boot.c, env.c, corps.c, control.c: processes and their life
 *
 * Data flows one way: call → peer → transport … transport → reactor → dispatch → mailbox → conc → reply → peer.
 */
#ifndef CORPS_RUNTIME_H
#define CORPS_RUNTIME_H

#include "codec/wire.h"

#include <corps.h>
#include <corps/serializer.h>
#include <corps/transport.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#define CORPS__GUEST_ENV UINT32_MAX /* a program's Env number: nothing can be addressed there */
#define CORPS__ENVS_MAX 1024u
#define CORPS__ENDPOINTS_MAX 64u
#define CORPS__MANAGER 0u    /* Conc 0 of every Env makes and ends Concs */
#define CORPS__FRONT_CONC 1u /* the first Conc made in Env 0: the Corps' own, if it has one */

struct corps__conc;
struct corps__failure;
struct corps__grant;
struct corps__message;
struct corps__peer;
struct corps__symbol;
struct corps__waiter;
struct corps__control;
struct creator;

/* One open endpoint of this process. */
struct corps__port {
    const struct corps_transport *transport;
    const struct corps *corps; /* whose directory and secret it uses */
    struct corps_endpoint *endpoint;
    char address[CORPS_ADDRESS_BYTES];
};

/* One Env of a Corps, as this process knows it. */
struct corps__env {
    char address[CORPS_ADDRESS_BYTES];      /* of the system transport */
    char data_address[CORPS_ADDRESS_BYTES]; /* of the data transport, when that is another one */
    _Atomic int pid;
    _Atomic bool lost;
    char lost_text[128];                   /* written before `lost` is set */
    struct corps__peer *_Atomic peer;      /* where calls go */
    struct corps__peer *_Atomic data_peer; /* where measured sends go when the data transport discards */
};

/* Every option, with its value decided. */
struct corps__settings {
    char tag[64];
    unsigned env_count;
    const struct corps_transport *transport;
    const struct corps_transport *system_transport; /* the same, or unix where that cannot carry everything */
    const struct corps_serializer *serializer;
    enum corps_wake wake;
    enum corps_wake client_wake;
    enum corps_placement placement;
    unsigned thread_count;
    unsigned thread_count_max;
    unsigned mailbox_count;
    size_t mailbox_bytes;
    size_t buffer_bytes;
    size_t queue_count;
    char bind[128];
    char module[256];
    enum corps_keep keep_objects;
    bool detached;
    int64_t boot_timeout_ns;
};

/* A Corps, as this process sees it: the creator's handle, or an Env's view of its own Corps. */
struct corps {
    uint64_t id;
    struct corps__settings settings;
    char directory[80];
    uint8_t secret[CORPS_SECRET_BYTES];
    struct corps__env *envs; /* settings.env_count of them */
    struct corps_name *front;
    _Atomic unsigned next_auto; /* round robin of create_concs */
    _Atomic bool exited;
    int lock_fd;
    _Atomic unsigned holders; /* see known.h */
    struct corps *next;       /* in corps__rt.corps_list, or of those that nobody holds */
    /* The creator's side of boot and exit; see corps.c. */
    struct creator *creator; /* NULL where this process did not create it */
    struct corps__control *control;
    struct corps_value boot_data;        /* BIN, lent by the caller of corps_create or the boot record; NIL for none */
    enum corps_err boot_result;          /* PENDING until Env 0 has answered */
    struct corps__failure *boot_failure; /* what Env 0 said then */
    char *lost_text;                     /* how an Env ended before its time, for corps_exit */
};

struct corps__runtime {
    bool started;

    /* identity */
    bool is_env;
    uint64_t corps_id; /* of the own Corps; a guest has a random one */
    uint32_t env;
    struct corps *own; /* an Env's Corps */
    const struct corps_class *const *classes;

    /* reactor.c */
    uv_loop_t loop;
    bool loop_dirty;  /* handles changed since uv_run: epoll does not know yet */
    _Atomic int lead; /* 1 while a thread leads */
    _Atomic int sleeping;
    _Atomic int kicked;
    _Atomic int yield;       /* an idle leader should hand over to a waiting thread */
    _Atomic int leader_idle; /* the leader is a pool thread with nothing to run */
    _Atomic uint32_t polls;
    int wake_fd;
    enum corps_wake wake;
    struct corps__port *ports[CORPS__ENDPOINTS_MAX]; /* changed with the lead */
    unsigned port_count;
    _Atomic bool check_links;   /* see corps__links_tend */
    _Atomic bool check_unused;  /* a peer or a Corps may be freed: see corps__peers_sweep, corps__corps_reap */
    _Atomic bool check_foreign; /* a link to a Corps of others has closed: see corps__foreign_sweep */

    pthread_mutex_t lock; /* corps_list, rare things */
    struct corps *corps_list;
};

extern struct corps__runtime corps__rt;

/* Monotonic time in ns. */
int64_t corps__now_ns(void);

/* now + timeout, saturating. */
int64_t corps__deadline_ns(int64_t timeout_ns);

/* Starts the runtime of this process once: guest, or Env `env` of Corps `corps_id`. (After a fork once more, see
 * fork.h.) */
enum corps_err corps__runtime_start(bool is_env, uint64_t corps_id, uint32_t env) CORPS_CHECKED;

/* The endpoint of this transport for this Corps, opened at first use. With the lead. */
enum corps_err corps__port_open(const struct corps_transport *transport, const struct corps *corps,
                                struct corps__port **port) CORPS_CHECKED;

/* Closes every endpoint of a Corps (NULL: all). With the lead; its links are disconnected already. */
void corps__ports_close(const struct corps *corps);

/* ---- symbols: names of methods ---- */
struct corps__symbol {
    const char *name;
    uint32_t number; /* on the wire: 0, 1, 2, … of the process that calls, or CORPS__UNNUMBERED */
    uint32_t bytes;
};

/* Is it a name of a method or class? Errors: INVALID (empty, longer than CORPS__METHOD_BYTES_MAX, or with a NUL). */
enum corps_err corps__symbol_check(const char *name, size_t bytes) CORPS_CHECKED;

/* The symbol of a name that this process calls by; equal names give the same pointer, for ever. There are
 * CORPS__METHODS_MAX of them: what others send, and what is called by after that, is nobody's for ever. Errors:
 * INVALID, LIMIT (no more), NO_MEMORY. */
enum corps_err corps__symbol_of(const char *name, size_t bytes, const struct corps__symbol **symbol) CORPS_CHECKED;

/* A symbol of its own, to be freed by `free`. NULL when out of memory. */
struct corps__symbol *corps__symbol_create(const char *name, size_t bytes, uint32_t number);

#endif
