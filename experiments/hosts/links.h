/* Interfaces of network namespaces, made by rtnetlink (rtnetlink(7)). Each function works in the namespace in which the
 * calling thread is. False with errno. */
#ifndef LAB_LINKS_H
#define LAB_LINKS_H

#include <netinet/in.h>
#include <stdbool.h>

/* A bridge. */
bool lab_links_bridge(const char *name);

/* A pair of interfaces: `name` here, `there` in the namespace of that descriptor with the hardware address
 * 02:00:00:00:00:`last`. */
bool lab_links_pair(const char *name, const char *there, int namespace_fd, unsigned char last);

/* Makes the bridge the interface's master. */
bool lab_links_join(const char *name, const char *bridge);

bool lab_links_up(const char *name);
bool lab_links_address(const char *name, struct in_addr address, unsigned prefix);

#endif
