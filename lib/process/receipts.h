/* Receipts: what an Env on another host has told its Env 0, and waits to hear that it came.
 *
 * What was written into the control channel of an Env of the same host is read also if the Env dies the next moment.
 * That of an Env on another host may be lost with its host, or on the way: so who must not answer before Env 0 has a
 * record draws a ticket, sends it with the record, and waits for the Future, which is ready once Env 0 has said
 * ["stored", ticket].
 *
 * Threads: any; corps__receipt_came with the lead.
 */
#ifndef CORPS_RECEIPTS_H
#define CORPS_RECEIPTS_H

#include <corps.h>

struct corps__receipt {
    int64_t ticket;
    struct corps_future *came; /* NULL: none was drawn */
};

/* Before the record is sent: its answer may come at once. Errors: NO_MEMORY. */
enum corps_err corps__receipt_draw(struct corps__receipt *receipt) CORPS_CHECKED;

/* Nobody waits for it any more, whether it came or not. Accepts one that was not drawn. */
void corps__receipt_drop(struct corps__receipt *receipt);

/* Env 0 has said so. */
void corps__receipt_came(int64_t ticket);

#endif
