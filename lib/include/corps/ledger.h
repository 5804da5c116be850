/** @file
 * The ledger contract, version 2: for those who write a ledger. (Users of the library include corps.h alone.)
 *
 * A ledger remembers who owns a Corps: which host, and in which of its lives (*epoch*), and what another host needs to
 * begin its next life (*record*). It is the only thing of a Corps that may need an engine beside it; calls never pass
 * through it. Its promise: at any time at most one holds a Corps, no epoch is given twice, of two Corps with one
 * singleton name only one is ever given, and an epoch that was given is remembered by whatever the ledger's summary
 * says it survives. A *book* is a ledger opened by one process, in the name of one host. Everything that a book holds
 * hangs from one *lease*: it is renewed for all of it, and lost for all of it.
 *
 * Times are on CLOCK_BOOTTIME of the host of the book, in ns, and are given: no promise here depends on a clock that an
 * operation reads. Answers can be lost: an operation that says TIMEOUT may have been done, or may be done still. Then
 * it is asked again; a claim that is repeated through the same book, under the same lease, is answered as it was done.
 *
 * Threads: one at a time for one book. Every operation but `watch` may wait for a disk or an engine, for 5 s at most:
 * they are for a thread that may.
 *
 * Lifecycle: open → renew → claim … renew … → end (the Corps has ended) or give (another host is to have it) → close. A
 * process that dies gives up what it holds, at the latest when its lease is over.
 */
#ifndef CORPS_LEDGER_H
#define CORPS_LEDGER_H

#include <corps/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct corps_ledger;

enum {
    CORPS_LEDGER_NAME_BYTES = 64,        /**< longest singleton name, with its NUL */
    CORPS_LEDGER_ABOUT_BYTES = 4096,     /**< longest `about`, with its NUL */
    CORPS_LEDGER_CLUSTER_BYTES = 17,     /**< `cluster`, with its NUL */
    CORPS_LEDGER_RECORD_BYTES = 1 << 20, /**< longest record */
    CORPS_LEDGER_ADDRESS_BYTES = 96,     /**< longest address of a host's agent, with its NUL */
    CORPS_LEDGER_ENDPOINTS_MAX = 16,     /**< most endpoints of an engine */
};

/** What a book is opened with. Borrowed until `open` returns. What a ledger does not need it does not look at. */
struct corps_ledger_options {
    const char *directory; /**< file, hosts: the ledger's own on this host, made (0700) if it is not there */
    uint32_t host;         /**< in whose name; 0: the only one */
    uint64_t boot;         /**< random: this process of the host, and no other one before or after */
    uint32_t slots;        /**< how many Envs the host takes; for `list` */
    const char *address;   /**< where the host's agent listens, for `list`; NULL: "" */
    const char *endpoints; /**< etcd: "http://10.0.0.1:2379 https://…", separated by spaces */
    const char *ca_file;   /**< etcd, https: who signs its certificates; NULL: whom the system trusts */
    const char *user;      /**< etcd: whose password it is; NULL: none is asked for */
    const char *password;  /**< goes with user */
    const char *cluster;   /**< etcd: 16 hex digits (from the cluster key); keys of other clusters are never seen */
};

/** Base of every ledger's book: the first member of its private struct, which the ledger allocates. */
struct corps_ledger_book {
    const struct corps_ledger *ledger;
};

/** What is claimed. Borrowed until `claim` returns. The last three are looked at for epoch 1 only. */
struct corps_ledger_request {
    uint64_t corps_id, epoch;
    const char *name;   /**< singleton: visible ASCII without '/', at most 63 bytes; NULL or "": none */
    const char *about;  /**< text for `list`, at most 4095 bytes; NULL: "" */
    const void *record; /**< for `read`: opaque, at most 1 MiB */
    size_t record_bytes;
};

/** A right to own, for as long as the book's lease runs. Its holder begins nothing before `from_ns`: others may still
 * act by what this host granted in a former life. (What another host granted is over when that host's lease has been
 * gone for long enough: whoever claims waits before he does. See hosts/lease.h.) */
struct corps_ledger_claim {
    uint64_t corps_id, epoch;
    int64_t from_ns;
};

/** What is known of a Corps' owner. */
struct corps_ledger_owner {
    uint64_t epoch; /**< the last that was given; 0: unknown here, ask on `host` */
    uint32_t host;  /**< of that epoch */
    bool is_held;   /**< now */
    bool is_given;  /**< its owner has ended it in order, so that it may be claimed at once */
};

/** What `list` tells of a Corps. Lent until the callback returns. */
struct corps_ledger_corps {
    uint64_t corps_id, epoch; /**< the last epoch that was given */
    uint32_t host;            /**< who holds it now; 0: nobody, see `last_host` */
    uint32_t last_host;       /**< of the last epoch, whether it is held or not */
    uint64_t last_boot;       /**< which process of that host; 0: not known */
    bool is_mine;             /**< held under this book's lease */
    bool is_given;            /**< nobody holds it, and it may be claimed at once */
    const char *name;         /**< singleton; "": none */
    const char *about;
};

/** What `list` tells of a host whose lease runs. Lent until the callback returns. */
struct corps_ledger_host {
    uint32_t number, slots;
    uint64_t boot;
    bool is_drained;
    const char *address;
};

/** Whom `list` tells. Both may be called any number of times: all hosts by number, then all Corps by id. */
struct corps_ledger_each {
    void (*host)(void *arg, const struct corps_ledger_host *host);
    void (*corps)(void *arg, const struct corps_ledger_corps *corps);
};

struct corps_ledger {
    const char *name;    /**< "file"; as in configuration */
    const char *summary; /**< one line: what it survives, and what not */
    int64_t wait_ns;     /**< so long after its claim a later life on the same host may begin, at the soonest */
    bool moves;          /**< another host may claim what is not held any more, and names are singletons */

    /** Mandatory. Opens a book; asks no engine anything yet, so it succeeds while that is away. Ownership: gives the
     * book, until `close`.
     * Errors: INVALID, DENIED (the directory is not private to this user), SYSTEM, NO_MEMORY. */
    enum corps_err (*open)(const struct corps_ledger_options *options, struct corps_ledger_book **book);

    /** Mandatory. Begins the book's lease, or asks more time for it, as of `now_ns`, when this was asked; `*until_ns`:
     * the book holds what it holds until then (INT64_MAX: as long as it is open). Without an answer the lease runs on
     * until the last `until_ns` that was said.
     * Errors: CLOSED (the lease is lost: the book holds nothing any more, whatever hung from it must end; the next
     * renewal begins a new one), TIMEOUT (nobody answered; the detail says who did not, and why), DENIED (password,
     * permission, certificate), VERSION (an engine too old), MOVED (the engine behind the endpoints is another one than
     * before), FULL (the engine has no space), PROTOCOL, SYSTEM, NO_MEMORY. */
    enum corps_err (*renew)(struct corps_ledger_book *book, int64_t now_ns, int64_t *until_ns);

    /** Mandatory. Says in `list` from now on that the host takes nothing new, or that it does again. Before the first
     * renewal: from that on. Errors: CLOSED (there is no lease), and those of `renew`. */
    enum corps_err (*drain)(struct corps_ledger_book *book, bool is_drained);

    /** Mandatory. Claims a Corps, in its epoch-th life: the first is 1. It succeeds only if the last epoch given is
     * epoch − 1 and nobody else holds the Corps, and of a first life the name is free; then all of it is remembered
     * before it returns, or nothing is. (Who holds it and begins it anew claims the next epoch.) A claim that fails
     * changes nothing.
     * Errors: INVALID (epoch 0, a name that is none), TOO_LARGE (the record, or about), UNSUPPORTED (a name, where
     * `moves` is false), AGAIN (somebody holds it), MOVED (another epoch is the next one: see `find`), LIMIT (another
     * Corps has the name; the detail has its id), DENIED (this host may not own it), CLOSED (the book has no lease, or
     * it is lost: renew), CORRUPT, and those of `renew`. */
    enum corps_err (*claim)(struct corps_ledger_book *book, const struct corps_ledger_request *request, int64_t now_ns,
                            struct corps_ledger_claim *claim);

    /** Mandatory. What `list` says about a Corps that this book holds is `about` from now on (NULL: ""; borrowed until
     * it returns). Errors: CLOSED (the book does not hold it), TOO_LARGE, and those of `renew`. */
    enum corps_err (*note)(struct corps_ledger_book *book, uint64_t corps_id, const char *about);

    /** Mandatory. Who owns it? Errors: UNKNOWN (nobody ever did, or it has ended), CORRUPT, and those of `renew`, but
     * CLOSED. */
    enum corps_err (*find)(struct corps_ledger_book *book, uint64_t corps_id, struct corps_ledger_owner *owner);

    /** Mandatory. Tells of every host and every Corps, as of one moment after the call began (without an engine: each
     * as of one). All, or after an error none. Errors: those of `find`, but UNKNOWN. */
    enum corps_err (*list)(struct corps_ledger_book *book, const struct corps_ledger_each *each, void *arg);

    /** Mandatory. The record of a Corps. Ownership: gives what malloc gave. Errors: UNKNOWN, and those of `find`. */
    enum corps_err (*read)(struct corps_ledger_book *book, uint64_t corps_id, uint8_t **record, size_t *bytes);

    /** Optional. A descriptor that becomes readable when something may have changed since the last `find` or `list`
     * began; that is a hint, and who must know asks every second as well. Any thread. Lent until `close`. −1: there is
     * none now. */
    int (*watch)(struct corps_ledger_book *book);

    /** Mandatory. The Corps that this book holds has ended here in order, with every process and every grant: another
     * host may claim its next epoch at once. Errors: CLOSED (the book does not hold it), and those of `renew`. */
    enum corps_err (*give)(struct corps_ledger_book *book, uint64_t corps_id);

    /** Mandatory. The Corps that this book holds has ended for good: nothing of it is remembered. Where `moves`, also
     * one that it has held until its lease was lost, if nobody has claimed it since. What is another's stays. Errors:
     * CLOSED (it is, or was never this book's, or has ended), and those of `renew`. */
    enum corps_err (*end)(struct corps_ledger_book *book, uint64_t corps_id);

    /** Mandatory. Gives up what the book holds, and frees it: nothing that hung from it runs any more. The epochs stay.
     * Accepts NULL. */
    void (*close)(struct corps_ledger_book *book);
};

#ifdef __cplusplus
}
#endif
#endif
