/* What transports over a messaging library share (ZeroMQ, nng): one *pair socket* of the library per link.
 *
 * The peers find each other at a rendezvous: the connector says hello, the listener opens a pair socket of its own for
 * this link and answers where that listens, and a random token. The connector dials there; its first message brings the
 * token, so that no stranger's bytes are taken for a frame. Every further message is a frame or, where a frame is
 * longer than CORPS__PIECE_BYTES, a piece of one. The session stays open as the sign of life.
 *
 * Flow control is ours, in bytes: a sender may have a window of them under way, and the receiver grants credit for more
 * as it takes them. The libraries' own bounds count messages, whatever their length; and ZeroMQ drops what a connection
 * still holds when it closes while such a bound has stopped its receiver.
 *
 * Nor do the libraries say what became of a link. So whoever disconnects says BYE as its last message, which arrives
 * after everything else; when the session ends without one, the peer has died, and the link ends once nothing more has
 * arrived for a while.
 *
 * A transport gives its library as a struct corps__pair_library, embeds struct corps__pair first in its pairs, and puts
 * the functions below into its table. Threads: as in corps/transport.h; `put` runs on any thread beside all the others.
 */
#ifndef CORPS_PAIRS_H
#define CORPS_PAIRS_H

#include "links.h"

struct corps__pair;
struct uv_timer_s;

enum {
    CORPS__PIECE_BYTES = 68 * 1024, /* 64 KiB of payload and the headers of it go as one message */
    CORPS__TOKEN_BYTES = 32,
    CORPS__CONTROL_MESSAGES = 64,  /* HELLO, BYE and CREDIT, beside what the window counts */
    CORPS__WINDOW_BYTES = 8 << 20, /* under way per link and direction, unless buffer_bytes asks for another bound */
};

/* In front of every message. The tag is a part of the token, so that whoever comes to the socket after the peer is not
 * taken for it. */
struct corps__head {
    uint64_t tag;
    uint64_t what;
};
enum { CORPS__HEAD_BYTES = sizeof(struct corps__head) };

struct corps__pair_library {
    size_t pair_bytes;          /* sizeof the library's pair */
    size_t message_bytes;       /* what a message counts for in the window, however short it is */
    unsigned message_count_max; /* that `open` grants; 0: any. The window is bounded so that it holds no more */

    /* Starts the library for one more endpoint, and ends it with the last one. Errors: SYSTEM, UNSUPPORTED. */
    enum corps_err (*start)(void);
    void (*stop)(void);

    /* Makes the pair's socket, which queues `message_count` messages each way at least. Errors: SYSTEM, LIMIT. */
    enum corps_err (*open)(struct corps__pair *pair, unsigned message_count);

    /* Listens for the one peer, and gives the port for TCP; or dials. Not waiting. Errors: SYSTEM. */
    enum corps_err (*listen)(struct corps__pair *pair, const char *url, unsigned *port);
    enum corps_err (*dial)(struct corps__pair *pair, const char *url);

    /* Queues one message: `head`, then `bytes` bytes of the parcel from `from` on. Any thread. Errors: FULL, NO_MEMORY,
     * SYSTEM. */
    enum corps_err (*put)(struct corps__pair *pair, const struct corps__head *head, const struct corps_parcel *parcel,
                          size_t from, size_t bytes);

    /* Takes the next message, lent until `drop`; or `keep` makes a block of it, without its head (NULL: no memory).
     * Errors: EMPTY, AGAIN (a sender is at it), SYSTEM. */
    enum corps_err (*take)(struct corps__pair *pair, const uint8_t **data, size_t *bytes);
    void (*drop)(struct corps__pair *pair);
    struct corps_block *(*keep)(struct corps__pair *pair);

    /* Is there a message to take, of which `fd` does not tell? */
    bool (*holds)(struct corps__pair *pair);
    int (*fd)(struct corps__pair *pair); /* readable when a message may have come */

    /* Closes the socket. What it has queued is still sent, `bye` after it; `lost`: nobody is there to send it to. */
    void (*close)(struct corps__pair *pair, bool lost, const struct corps__head *bye);
};

struct corps__pair {
    struct corps__link base; /* first */
    uint8_t token[CORPS__TOKEN_BYTES];
    uint64_t tag;                   /* its first bytes */
    char path[CORPS_ADDRESS_BYTES]; /* of the listening socket, until the peer has come */

    bool is_listener, opened;
    bool expired;         /* the peer has closed, and nothing has come for a while since */
    int64_t last_news_ns; /* when something last came since */

    _Atomic bool ready;       /* may have a message */
    _Atomic size_t under_way; /* of the window */
    size_t taken;             /* of the peer's window, for which it has no credit yet */
    size_t sent;              /* of the present frame; under the core's lock of the link */
    bool is_partial;          /* a part of it was sent; under that lock too */
};

struct corps__pairs {
    struct corps__links links; /* first */
    const struct corps__pair_library *library;
    struct uv_timer_s *grace; /* allocated: freed by its close callback */
    char directory[CORPS_ADDRESS_BYTES];
    struct corps__pair *lender; /* whose message the last event lends */
    unsigned looks;
    size_t window_bytes;
    _Atomic bool armed; /* the polling thread sleeps or is about to */
    int epoll_fd;       /* of every pair, and of: */
    int doorbell_fd;    /* a sender has found what no descriptor tells */
    bool over_tcp;
};

/* `over_tcp`: the pairs' sockets use TCP over the loopback interface; else the library's ipc. The session is a UNIX
 * socket in both cases, so that the token is the proof of knowing what only the user's own processes can know. */
enum corps_err corps__pairs_open(struct corps__pairs *pairs, const struct corps__pair_library *library, bool over_tcp,
                                 const struct corps_endpoint_options *options,
                                 char address[CORPS_ADDRESS_BYTES]) CORPS_CHECKED;

/* Operations for the table. */
void corps__pairs_close(struct corps_endpoint *endpoint);
enum corps_err corps__pairs_connect(struct corps_endpoint *endpoint, const char *address, struct corps_link **link);
void corps__pairs_disconnect(struct corps_link *link);
enum corps_err corps__pairs_send(struct corps_link *link, const struct corps_parcel *parcel, unsigned flags);
enum corps_err corps__pairs_poll(struct corps_endpoint *endpoint, struct corps_event *event);
void corps__pairs_release(struct corps_endpoint *endpoint, struct corps_event *event);
enum corps_err corps__pairs_arm(struct corps_endpoint *endpoint, struct pollfd *fds, size_t capacity, size_t *count);

#endif
