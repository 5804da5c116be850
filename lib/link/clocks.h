/* Clocks of processes on other hosts: who asks whom, and when; skew.h says what is made of the answers.
 *
 * Hosts that differ say so in HELLO. The side that is called asks, since deadlines come to it, and translates them to
 * its own clock as they arrive. The side that calls answers, and uses the link once a question has said that its clock
 * is known to below a second: so no request is ever on its way before. That costs a link between hosts one round trip
 * more at its beginning, and eight small ones a minute. Where the hosts are equal, or there is but one, there is no
 * CLOCK frame, and a request pays one look at a pointer.
 *
 * Threads: with the lead, all of it.
 */
#ifndef CORPS_CLOCKS_H
#define CORPS_CLOCKS_H

#include "link/peer.h"

/* A peer has said HELLO: it is on this host. Begins what is to be done about its clock. `*waits`: the link cannot be
 * used for calls yet, and corps__peer_greeted will follow. Errors: VERSION (it cannot tell its clock), NO_MEMORY. */
enum corps_err corps__clocks_greeted(struct corps__peer *peer, uint32_t host, uint64_t features,
                                     bool *waits) CORPS_CHECKED;

/* A CLOCK frame of `bytes` bytes has come. Errors: PROTOCOL. */
enum corps_err corps__clocks_take(struct corps__peer *peer, const struct corps__header *header,
                                  size_t bytes) CORPS_CHECKED;

/* The deadline of what a peer with a clock of its own has asked for, by ours. Errors: PROTOCOL (it was not told that
 * its clock is known). */
enum corps_err corps__clocks_translate(const struct corps__peer *peer, struct corps__header *header) CORPS_CHECKED;
#endif
