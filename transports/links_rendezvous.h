/* Links whose peers find each other at a rendezvous (rendezvous.h). The session stays in the link as the sign of life,
 * and is closed by the transport when it destroys the link; or the transport takes its connection over, and sets it to
 * NULL.
 *
 * The owner of such a rendezvous is the endpoint, which keeps it in `rendezvous`, and the user of a session is the
 * link. */
#ifndef CORPS_LINKS_RENDEZVOUS_H
#define CORPS_LINKS_RENDEZVOUS_H

#include "links.h"
#include "rendezvous.h"

/* The last step of every `connect`: begins a session with the peer, unless `err` says that the link could not be made
 * ready. Takes the link: on any error it is disconnected, otherwise it is given in `out`. Errors: `err`, CLOSED (nobody
 * listens there), DENIED, INVALID, SYSTEM, NO_MEMORY. */
enum corps_err corps__link_connect(struct corps__link *link, enum corps_err err, const char *address,
                                   const struct corps__hello *hello, struct corps_link **out) CORPS_CHECKED;

/* In on_hello, when the link is ready: this is its session. */
void corps__link_set_session(struct corps__link *link, struct corps__session *session);

/* In on_answer, when the answer is no good: the link ends. The session is closed because of the error that on_answer
 * gives. */
void corps__link_refuse(struct corps__link *link, enum corps_err err);

#endif
