/* What comes in, with the lead: events of transports become messages, answers and room. */
#ifndef CORPS_DISPATCH_H
#define CORPS_DISPATCH_H

#include "wait/runtime.h"

/* A frame. Takes over event->block. After an error the link must be closed, once the event is released. With the lead.
 */
enum corps_err corps__dispatch_message(struct corps_event *event) CORPS_CHECKED;

/* The lead is given away: what comes for a Conc from now on comes after what others may send it. With the lead. */
void corps__dispatch_end_stream(void);

/* News of a link, after the event was released. With the lead. */
void corps__dispatch_link(const struct corps_event *event);

#endif
