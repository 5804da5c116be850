/* Links whose peers meet at a rendezvous (rendezvous.h). The meeting stays in the link as the sign of life, and is
 * closed by the transport when it destroys the link; or the transport takes its connection over, and sets it to NULL.
 *
 * The owner of such a rendezvous is the endpoint, which keeps it in `rendezvous`, and the user of a meeting is the
 * link. */
#ifndef CORPS_LINKS_MEET_H
#define CORPS_LINKS_MEET_H

#include "links.h"
#include "rendezvous.h"

/* The end of every `connect`: has the link meet its peer, unless `err` says that it could not be made ready for that.
 * On any error the link is disconnected; otherwise it is given to the caller. */
enum corps_err corps__link_meet(struct corps__link *link, enum corps_err err, const char *address,
                                const struct corps__hello *hello, struct corps_link **out) CORPS_CHECKED;

/* In on_hello, when the link is ready: it meets its peer here. */
void corps__link_met(struct corps__link *link, struct corps__meeting *meeting);

/* In on_answer, when the answer is no good: the link ends, and the meeting is closed by the error. */
void corps__link_refuse(struct corps__link *link, enum corps_err err);

#endif
