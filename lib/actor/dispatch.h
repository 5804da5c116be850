/* What comes in, with the lead: events of transports become messages, answers and room. */
#ifndef CORPS_DISPATCH_H
#define CORPS_DISPATCH_H

#include <corps/transport.h>

/* An event of an endpoint: takes and releases it. A link that broke the protocol is closed. With the lead. */
void corps__dispatch(struct corps_endpoint *endpoint, struct corps_event *event);

#endif
