/* Requests that come in, alone or as batches, on their way from a link to the mailbox of a Conc: their method's name,
 * whether there is such a Conc, and room. With the lead. */
#ifndef CORPS_REQUESTS_H
#define CORPS_REQUESTS_H

#include "codec/wire.h"
#include "link/peer.h"

/* Takes the event's block where it keeps the frame. Errors: PROTOCOL, NO_MEMORY: the link is to be closed. */
enum corps_err corps__request_take(struct corps__peer *peer, struct corps_event *event,
                                   const struct corps__header *header, const char *name) CORPS_CHECKED;
enum corps_err corps__batch_take(struct corps__peer *peer, const struct corps_event *event,
                                 const struct corps__header *header) CORPS_CHECKED;

/* In the child of a fork: nothing was begun. */
void corps__requests_forked(void);

#endif
