/** @file
 * The ledger contract: for those who write a ledger. (Users of the library include corps.h alone.)
 *
 * A ledger remembers who owns a Corps: which host, and in which of its lives (*epoch*). It is the only thing of a Corps
 * that may need an engine beside it; calls never pass through it. Its promise: at any time at most one holds a Corps,
 * no epoch is given twice, and an epoch that was given is remembered by whatever the ledger's summary says it survives.
 * A *book* is a ledger opened by one process, in the name of one host.
 *
 * Times are on CLOCK_BOOTTIME of the host of the book, in ns, and are given: no operation reads a clock. Answers can be
 * lost: an operation that says TIMEOUT may have been done. Then it is asked again; a claim that is repeated through the
 * same book is answered as it was the first time.
 *
 * Threads: one at a time for one book. `open`, `claim`, `renew` and `end` may wait for a disk or an engine, for 5 s at
 * most: they are for a thread that may.
 *
 * Lifecycle: open → claim → renew … → end (the Corps has ended) → close. A process that dies gives up what it holds, at
 * the latest when the claim's time is over.
 */
#ifndef CORPS_LEDGER_H
#define CORPS_LEDGER_H

#include <corps/error.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct corps_ledger;

/** What a book is opened with. Borrowed until `open` returns. */
struct corps_ledger_options {
    const char *directory; /**< the ledger's own on this host, made (0700) if it is not there */
    uint32_t host;         /**< in whose name; 0: the only one */
};

/** Base of every ledger's book: the first member of its private struct, which the ledger allocates. */
struct corps_ledger_book {
    const struct corps_ledger *ledger;
};

/** A right to own. Its holder begins nothing before `from_ns` (others may still act by what the last owner granted) and
 * nothing from `until_ns` on (INT64_MAX: as long as the book is open). */
struct corps_ledger_claim {
    uint64_t corps_id, epoch;
    int64_t from_ns, until_ns;
};

/** What is known of a Corps' owner. */
struct corps_ledger_owner {
    uint64_t epoch; /**< the last that was given; 0: unknown here, ask on `host` */
    uint32_t host;
    bool is_held; /**< now */
};

struct corps_ledger {
    const char *name;    /**< "file"; as in configuration */
    const char *summary; /**< one line: what it survives, and what not */
    int64_t wait_ns;     /**< so long after its claim a later life than the first may begin, at the soonest */

    /** Mandatory. Opens a book. May block. Ownership: gives the book, until `close`.
     * Errors: INVALID, DENIED (the directory is not private to this user), SYSTEM, NO_MEMORY. */
    enum corps_err (*open)(const struct corps_ledger_options *options, struct corps_ledger_book **book);

    /** Mandatory. Claims a Corps, in its epoch-th life: the first is 1. It succeeds only if the last epoch given is
     * epoch − 1 and nobody else holds the Corps; then both are remembered before it returns. (Who holds it and begins
     * it anew claims the next epoch.) May block.
     * Errors: INVALID (epoch 0), AGAIN (somebody holds it), MOVED (another epoch is the next one: see `find`), DENIED
     * (this host may not own it), CORRUPT, TIMEOUT, SYSTEM, NO_MEMORY. */
    enum corps_err (*claim)(struct corps_ledger_book *book, uint64_t corps_id, uint64_t epoch, int64_t now_ns,
                            struct corps_ledger_claim *claim);

    /** Mandatory. Asks for more time; writes claim->until_ns. A claim in TIMEOUT runs on until its time is over. May
     * block. Errors: CLOSED (it is lost: whatever hangs from it must end), TIMEOUT, SYSTEM. */
    enum corps_err (*renew)(struct corps_ledger_book *book, struct corps_ledger_claim *claim, int64_t now_ns);

    /** Mandatory. Who owns it? May block.
     * Errors: UNKNOWN (nobody ever did, or it has ended), CORRUPT, TIMEOUT, SYSTEM, NO_MEMORY. */
    enum corps_err (*find)(struct corps_ledger_book *book, uint64_t corps_id, struct corps_ledger_owner *owner);

    /** Optional. A descriptor that becomes readable when something may have changed since the last `find`; that is a
     * hint, and who must know asks every second as well. Lent until `close`. −1: there is none now. */
    int (*watch)(struct corps_ledger_book *book);

    /** Mandatory. The Corps that this book holds has ended for good: nothing of it is remembered. What it does not hold
     * stays. May block. */
    void (*end)(struct corps_ledger_book *book, uint64_t corps_id);

    /** Mandatory. Gives up what the book holds, and frees it. The epochs stay. Accepts NULL. */
    void (*close)(struct corps_ledger_book *book);
};

#ifdef __cplusplus
}
#endif
#endif
