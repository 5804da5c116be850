/* When is a TCP connection to another host dead? Nothing says so when a cable is cut, or the host at its other end
 * stops: the kernel goes on for a quarter of an hour. TCP_USER_TIMEOUT would end it, but ends as well what goes to a
 * process that only does not read for a while (Linux counts the time for which a window is closed, although each probe
 * is answered; tried on 6.18). So the kernel is asked twice a second what it knows:
 *
 *   dead   something that wants an answer (data, a keepalive, a probe of a closed window) was unanswered at two looks
 * in a row, and nothing at all has come for 1.5 s
 *
 * An idle connection is asked each second (keepalive). So a dead one is noticed after 1.5 to 2.5 s; a stopped process
 * is not dead, since its kernel answers. A connection within a host is not watched: the kernel ends it with its
 * process.
 *
 * Threads: the polling thread. */
#ifndef CORPS_TCP_WATCH_H
#define CORPS_TCP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum { CORPS__TCP_LOOK_MS = 500, CORPS__TCP_SILENCE_MS = 1500 };

/* What the kernel knows at one look. */
struct corps__tcp_signs {
    bool unanswered;    /* retransmitted or asked, without an answer yet */
    uint32_t silent_ms; /* since anything came */
    uint32_t rtt_us;    /* smoothed round trip */
};

struct corps__tcp_watch {
    bool was_unanswered; /* at the last look */
};

/* Decides, at one look; pure. True: it is dead. */
bool corps__tcp_watch_look(struct corps__tcp_watch *watch, const struct corps__tcp_signs *signs);

/* Asks the kernel. False: it is no TCP socket any more. */
bool corps__tcp_watch_ask(int fd, struct corps__tcp_signs *signs);

/* Has the kernel ask an idle peer each second. */
void corps__tcp_watch_begin(int fd);

#endif
