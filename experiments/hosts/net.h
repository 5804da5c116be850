/* Hosts on this machine: network namespaces that a trial makes for itself, joined by a switch.
 *
 * A host is a network namespace without a name, so it is gone when no process and no descriptor is left in it, however
 * they ended. Each has an interface `eth0` with the address lab_net_address and a loopback interface of its own. What
 * joins them is a bridge of the kernel, in a namespace of its own, or, where a delay or a rate is asked for, a process
 * that passes the frames on (wire.h). Who is not root gets a user namespace first, in which nothing but its own number
 * is known; where the system allows neither, the error says so.
 *
 * lab_net_open leaves the calling process in host 1. Threads: one, and before the process has others.
 */
#ifndef LAB_NET_H
#define LAB_NET_H

#include "lab.h"

#include <netinet/in.h>
#include <sys/types.h>

enum { LAB_NET_HOSTS_MAX = 16 };

struct lab_net {
    unsigned count;                     /* hosts, numbered from 1 */
    int home_fd;                        /* the namespace in which the caller was; -1: none was made */
    int host_fd[LAB_NET_HOSTS_MAX + 1]; /* by number; [0] is the switch's */
    pid_t wire;                         /* the process that passes frames on; 0: a bridge does */
};

/* Makes `hosts` hosts whose frames take `delay_us` from one to another, each host sending at `rate_mbit` (0: as fast as
 * it goes). False with a line in `error`, and nothing is left. */
bool lab_net_open(struct lab_net *net, unsigned hosts, unsigned delay_us, unsigned rate_mbit,
                  char error[LAB_ERROR_BYTES]);

/* Ends the wire, goes back where the process was, gives the hosts back. After a failed open too. */
void lab_net_close(struct lab_net *net);

/* The calling thread goes to that host: sockets that it makes from now on are there. False with errno. */
bool lab_net_enter(const struct lab_net *net, unsigned host);

/* The address of a host, in network byte order, and as text. */
struct in_addr lab_net_address(unsigned host);
const char *lab_net_address_text(unsigned host, char out[INET_ADDRSTRLEN]);

#endif
