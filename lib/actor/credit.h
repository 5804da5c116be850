/* Room of remote senders, on the side of the Conc that they send to. By the thread that runs it. */
#ifndef CORPS_CREDIT_H
#define CORPS_CREDIT_H

#include "actor/conc.h"
#include "link/peer.h"

/* Where the thread that runs the Conc keeps what concerns a peer that calls it. NULL when out of memory. */
struct corps__route *corps__conc_route(struct corps__conc *conc, struct corps__peer *peer);

/* Requests without reply have been handled: gives their room back, a quarter of the window at a time. */
void corps__conc_credit(struct corps__conc *conc, struct corps__peer *peer, struct corps__grant *grant, uint32_t count,
                        size_t bytes);

/* A request without reply, or a batch of them, is over. */
void corps__conc_let_go(struct corps__conc *conc, struct corps__peer *peer);

#endif
