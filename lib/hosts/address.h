/* Addresses of hosts as sockets have them, and the options of sockets between hosts. Threads: any. */
#ifndef CORPS_HOSTS_ADDRESS_H
#define CORPS_HOSTS_ADDRESS_H

#include "hosts/hosts_file.h"

#include <sys/socket.h>

enum { CORPS__ADDRESS_BYTES = 64 }; /* of an address as text */

/* Is this an address that no other host can have? */
bool corps__address_is_loopback(const char *address);

/* Where the host's agent listens. Returns the size of what was filled. */
socklen_t corps__address_fill(const struct corps__host *host, struct sockaddr_storage *out);

/* Who is at the other end; "?" where that is not known. */
void corps__address_of_peer(int fd, char text[CORPS__ADDRESS_BYTES]);

/* Sends at once, and notices a cut within about two seconds. */
void corps__socket_tune(int fd);

#endif
