/* When is a TCP connection to another host dead? Nothing says so when a cable is cut, or the host at its other end
 * stops: the kernel goes on for a quarter of an hour. TCP_USER_TIMEOUT would end it, but ends as well what goes to a
 * process that only does not read for a while (Linux counts the time for which a window is closed, although each probe
 * is answered; tried on 6.18). So the kernel is asked four times a second what it knows:
 *
 *   dead   three tries in a row (data sent again, keepalives, probes of a closed window) were unanswered, over four
 *          round trips, and nothing at all has come for 1.2 s
 *
 * Three, since a network may lose one. An idle connection is asked each second (keepalive), and at each look once that
 * was not answered. So a dead one is noticed after 1.2 to 1.75 s, unless round trips are long; a stopped process is not
 * dead, since its kernel answers. Only behind a closed window, of which the kernel asks more and more rarely, it takes
 * longer. A connection within a host is not watched: the kernel ends it with its process.
 *
 * Threads: the polling thread. */
#ifndef CORPS_TCP_WATCH_H
#define CORPS_TCP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum { CORPS__TCP_LOOK_MS = 250, CORPS__TCP_SILENCE_MS = 1200 };

/* What the kernel knows at one look. */
struct corps__tcp_signs {
    unsigned tries;     /* in a row without an answer; 0: nothing waits for one */
    uint32_t silent_ms; /* since anything came */
    uint32_t rtt_us;    /* smoothed round trip */
};

struct corps__tcp_watch {
    bool was_unanswered;    /* at the last look … */
    uint32_t unanswered_ms; /* … and for so long before it, at least */
};

enum corps__tcp_verdict { CORPS__TCP_ALIVE, CORPS__TCP_ASK, CORPS__TCP_DEAD };

/* Decides, at one look; pure. ASK: corps__tcp_watch_ask would tell sooner. */
enum corps__tcp_verdict corps__tcp_watch_look(struct corps__tcp_watch *watch, const struct corps__tcp_signs *signs);

/* Has the kernel ask an idle peer each second, … */
void corps__tcp_watch_begin(int fd);

/* … and once more now, if it has asked before. */
void corps__tcp_watch_ask(int fd);

/* False: it is no TCP socket any more. */
bool corps__tcp_watch_signs(int fd, struct corps__tcp_signs *signs);

#endif
