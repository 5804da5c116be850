/* What the conformance suite drives a transport with: the smallest core that keeps the contract.
 *
 * A *side* is an open endpoint. All sides of a process share one libuv loop. `side_next` runs the loop and polls once;
 * `sides_sleep` arms and sleeps in ppoll, and fails when nothing wakes it: a wake-up that is lost shows as a failure,
 * never as a slow success. A *flow* is a stream of numbered frames in one direction, each checked for order, length and
 * content; `flows_run` drives any number of them until all have arrived.
 *
 * One thread per process unless a test says otherwise. `check` ends the test case in the test's own process, and the
 * whole process in a child.
 */
#ifndef TRANSPORT_DRIVER_H
#define TRANSPORT_DRIVER_H

#include "../content.h"

#include <corps/transport.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#define check(condition) check_that((condition), #condition, __FILE__, __LINE__)
void check_that(bool holds, const char *text, const char *file, int line);

enum { ACCEPTED_MAX = 16, SIDES_MAX = 4 };

/* A wake-up that is lost shows after this long. On a crowded machine, under a sanitizer, looking through 256 MiB takes
 * the other side half a minute. */
enum { PATIENCE_MS = 100000 };

struct side {
    struct corps_endpoint *endpoint;
    char address[CORPS_ADDRESS_BYTES];
    struct corps_link *accepted[ACCEPTED_MAX];
    unsigned accepted_count;
    struct pollfd fds[CORPS_ARM_FDS_MAX]; /* of the last arm; they stay until the next one */
    size_t fd_count;
};

extern const struct corps_transport *transport; /* under test */
extern uv_loop_t loop;
extern char directory[64];
extern uint8_t secret[CORPS_SECRET_BYTES];

bool has(uint32_t capability);

/* Is this a run in which every link is sealed? */
bool is_sealed(void);

/* Standard options: the shared loop, directory and secret; frames of up to 1 GiB and a little more. */
struct corps_endpoint_options default_options(const char *name);

void side_open(struct side *side, const struct corps_endpoint_options *options);
enum corps_err side_try_open(struct side *side, const struct corps_endpoint_options *options);
void side_close(struct side *side); /* and lets the loop free its handles */

/* Runs the loop and polls: true when `event` was filled; release it with side_done. */
bool side_next(struct side *side, struct corps_event *event);
void side_done(struct side *side, struct corps_event *event);

/* Arms; false when the transport said AGAIN. */
bool side_arm(struct side *side);

/* Sleeps on what side_arm gave and on the loop. */
void sides_sleep_armed(struct side *const *sides, unsigned count);

/* Arms all sides and sleeps until something wakes; at once when arm says AGAIN. */
void sides_sleep(struct side *const *sides, unsigned count);

/* Waits for the side's next event, asleep. The caller releases it. */
void side_wait(struct side *side, struct corps_event *event);

/* Waits for an event of this kind, which must be the next one. Releases it. */
struct corps_event side_expect(struct side *side, enum corps_event_kind kind);

/* Waits until the link is CLOSED and gives the reason; frames and WRITABLE before that are passed over. */
enum corps_err side_expect_closed(struct side *side, const struct corps_link *link);

/* Connects `from` to `to`, both of this process, and waits for both events. INTRA: one link, from == to. */
void sides_connect(struct side *from, struct side *to, struct corps_link **at_from, struct corps_link **at_to);

/* Two sides "a" and "b" with a link between them; INTRA: one side that sends to itself. */
struct pair {
    struct side a, b;
    struct side *to;             /* a */
    struct side *from;           /* b, or a for INTRA */
    struct corps_link *in, *out; /* the link at `to` (NULL for INTRA) and at `from` */
};
void pair_open(struct pair *pair, const struct corps_endpoint_options *options);
void pair_close(struct pair *pair);

/* ---- frames and flows ---- */

/* Lengths of frames, for flows. */
size_t about_thousand(unsigned k);
size_t below_300(unsigned k);

/* Is the event a frame of this length and content, wherever its parts lie? */
bool event_is(const struct corps_event *event, size_t bytes, uint64_t seed);

/* One segment; gives what send says. */
enum corps_err send_bytes(struct corps_link *link, const void *data, size_t bytes, unsigned flags);
enum corps_err flush(struct corps_link *link);

struct flow {
    struct side *from; /* NULL: this process does not send it */
    struct corps_link *out;
    struct side *to;       /* NULL: this process does not receive it */
    struct corps_link *in; /* NULL for INTRA */
    unsigned count;
    size_t (*bytes_of)(unsigned k);
    unsigned segments;    /* per frame; 0 = one */
    unsigned flush_every; /* 0: no SEND_MORE; n: every n-th frame goes without MORE */
    uint64_t seed;
    bool may_be_closed; /* by the other side, while this one sends */

    unsigned sent, received;
    unsigned full_count, partial_count;
    bool blocked, flushed;
    uint8_t *frame; /* the one under way */
    struct iovec *iov;
    bool closed; /* CLOSED was seen at `to` */
};

/* A flow over a pair's link, and one the other way. */
struct flow pair_flow(const struct pair *pair, unsigned count, size_t (*bytes_of)(unsigned k));
struct flow pair_flow_back(const struct pair *pair, unsigned count, size_t (*bytes_of)(unsigned k));

/* Tries once to send the next frame, or to flush when all are sent: what send says. */
enum corps_err flow_attempt(struct flow *flow);

/* Sends frames until the link says FULL or PARTIAL, or all are sent, without polling anything. */
void flow_send_until_blocked(struct flow *flow);

/* Drives all flows until every frame is sent and received. */
void flows_run(struct flow *flows, unsigned count);

/* Drives one flow until its receiver has seen the link end, or has got so many frames. */
void flow_run_until_closed(struct flow *flow);
void flow_run_until_received(struct flow *flow, unsigned count);

/* One round: true when something moved. Frames that belong to no flow fail the test. */
bool flows_step(struct flow *flows, unsigned count);
void flow_finish(struct flow *flow);

/* ---- a second process ---- */

struct child {
    pid_t pid;
    int channel; /* a socket to it, for addresses and go-aheads */
};

/* Forks; `run` gets the channel, and its return ends the process with success. */
struct child child_start(void (*run)(int channel));
void child_join(struct child *child); /* must have ended well */
void child_kill(struct child *child);

/* Starts a child, and opens a side "a" that it connects to; gives the link once it has. */
struct child child_start_met(void (*run)(int channel), struct side *a, struct corps_link **link);

/* In that child: opens its side "b" and connects it. */
struct corps_link *child_meet(int channel, struct side *b);

/* In a child: does nothing more, until it is killed. */
void child_hold(void) __attribute__((noreturn));

void channel_put(int channel, const void *data, size_t bytes);
void channel_get(int channel, void *data, size_t bytes);

#endif
