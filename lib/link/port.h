/* Ports: the open endpoints of this process. */
#ifndef CORPS_PORT_H
#define CORPS_PORT_H

#include "link/known.h"

/* One of them; the reactor polls it. */
struct corps__port {
    const struct corps_transport *transport;
    const struct corps *corps; /* whose directory and secret it uses */
    bool is_far;               /* for links to other hosts */
    struct corps_endpoint *endpoint;
    char address[CORPS_ADDRESS_BYTES];
};

/* The endpoint of this transport for this Corps, opened at first use. With the lead. Errors: LIMIT, NO_MEMORY, and of
 * the transport. */
enum corps_err corps__port_open(const struct corps_transport *transport, const struct corps *corps,
                                struct corps__port **port) CORPS_CHECKED;

/* Its endpoint for links to other hosts, likewise: where an Env of the Corps is reached from there (remote_bind), and
 * from which every process connects there. Errors: also UNKNOWN (no transport reaches other hosts). */
enum corps_err corps__port_open_far(const struct corps *corps, struct corps__port **port) CORPS_CHECKED;

/* Closes every endpoint of a Corps (NULL: all). With the lead; its links are disconnected already. */
void corps__ports_close(const struct corps *corps);

/* In the child of a fork: the endpoints are the parent's. Their memory stays: links and peers may be in the middle of
 * anything. */
void corps__ports_forked(void);

#endif
