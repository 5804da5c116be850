/* Records in order, each exactly once, over connections that come and go.
 *
 * Each side numbers its records from 1 on and keeps them until the other side says that it has taken them. A new
 * connection begins with what each side has taken; what comes behind that is written again. Pure: bytes and numbers,
 * without descriptors or time.
 *
 * Threads: one at a time.
 */
#ifndef CORPS_HOSTS_RESUME_H
#define CORPS_HOSTS_RESUME_H

#include <corps/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct corps__resume_item {
    struct corps__resume_item *next;
    uint64_t number;
    size_t bytes;
    uint8_t data[];
};

/* Zeroed: nothing was sent or taken yet. */
struct corps__resume {
    struct corps__resume_item *first, *last; /* kept: not known to be taken */
    struct corps__resume_item *unsent;       /* the first that was not written to the present connection */
    uint64_t queued;                         /* the number of the last record of this side */
    uint64_t acked;                          /* … that the other side is known to have taken */
    uint64_t taken;                          /* the number of the last record of the other side that was taken */
    size_t bytes;                            /* that are kept */
};

void corps__resume_free(struct corps__resume *resume); /* what is kept; then as zeroed */

/* Copies a record behind the others. Errors: NO_MEMORY. */
enum corps_err corps__resume_queue(struct corps__resume *resume, const uint8_t *data, size_t bytes) CORPS_CHECKED;

/* The other side says that it has taken all up to `number`. False: it cannot have. */
bool corps__resume_ack(struct corps__resume *resume, uint64_t number);

/* There is a new connection, and the other side has taken all up to `number`: what is behind it is to be written.
 * False: it cannot have, or has forgotten what it took. */
bool corps__resume_begin(struct corps__resume *resume, uint64_t number);

/* The next record to be written to this connection; NULL: none. Lent until it is acknowledged. */
const struct corps__resume_item *corps__resume_next(struct corps__resume *resume);

/* A record of the other side has come. */
enum corps__resume_news {
    CORPS__RESUME_NEW,
    CORPS__RESUME_KNOWN /* taken before */,
    CORPS__RESUME_GAP /* some are missing */
};
enum corps__resume_news corps__resume_take(struct corps__resume *resume, uint64_t number);

#endif
