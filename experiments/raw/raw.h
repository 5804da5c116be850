/* Raw controls: bare ping-pongs between two processes, without the core. They are the physical limit on this machine
 * of what the core's transports can reach.
 *
 * A mechanism is a table of four operations over a *channel* that is opened before the fork, so that both processes
 * have it. Side 0 is the process that measures, side 1 answers. common.c has the loop, the checks and the figures.
 *
 * A message is `bytes` bytes; its first 8 are a sequence number in this machine's byte order, and always differ from
 * those of the message before in the same direction. That lets the shared-memory mechanisms use it as their flag.
 *
 * Adding a mechanism takes one file here and its name in meson.build.
 */
#ifndef RAW_H
#define RAW_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    RAW_BYTES_MIN = 8,
    RAW_BYTES_MAX = 65536,
    RAW_ERROR_BYTES = 256,
};

/* One direction in memory that both processes share. `number` and `rest` are one message, so that a message of 64 bytes
 * is one cache line. */
struct raw_slot {
    _Alignas(64) _Atomic uint64_t number;
    uint8_t rest[RAW_BYTES_MAX - sizeof(uint64_t)];
    _Alignas(64) _Atomic uint32_t bell; /* futex */
};

struct raw_shared {
    struct raw_slot slots[2]; /* slots[i] is written by side i */
};

struct lab_net;
struct raw_tls_pair;

/* Both ends of the connection. Mechanisms use what they need. */
struct raw_channel {
    const struct lab_net *net; /* side 0 is in host 1, side 1 in host 2; NULL: one host */
    size_t bytes;              /* of a message */
    bool spin;                 /* receive by polling; otherwise sleep in the kernel */
    int side;                  /* 0 or 1: whose end this process uses */
    int read_fd[2];            /* by side; -1 when there is none */
    int write_fd[2];
    struct raw_shared *shared;
    struct raw_tls_pair *tls; /* raw:tls */
    uint64_t seen;            /* number of the last message received through shared memory */
    uint32_t bell_seen;
    char error[RAW_ERROR_BYTES]; /* one line, after an operation failed */
};

struct raw_mechanism {
    const char *name; /* "raw:pipe" */
    const char *summary;
    bool can_block;
    bool can_spin;
    bool can_stream;     /* messages may follow each other without an answer between */
    bool alone;          /* one process does all, and nothing comes back */
    bool threads;        /* two threads of one process, not two processes */
    bool baseline;       /* measured beside whatever cells there are: what the machine itself does */
    bool shared_ends;    /* both processes keep all descriptors */
    bool python;         /* experiments/python/raw.py performs it: no operations here */
    bool remote;         /* can join two hosts */
    const char *plain;   /* of one that seals: what it seals */
    bool seals;          /* nobody on the way can read or change what it carries */
    bool starts;         /* kills and starts processes, and carries no messages: no operations here either */
    const char *limit;   /* a file with the largest message that the kernel allows; NULL: RAW_BYTES_MAX */
    const char *instead; /* what to choose for the wake policy that it cannot do; NULL when it does both */

    /* Opens both ends, before the fork; `bytes` and `spin` are set, descriptors are -1, `shared` is mapped and zero.
     * False with a line in `error`; what was opened so far is closed by the caller. */
    bool (*open)(struct raw_channel *channel);

    /* Sends one message from this side. Blocks until it is on its way. False when the other side is gone or at a fault.
     */
    bool (*send)(struct raw_channel *channel, const uint8_t *message);

    /* Waits for one message. False when the other side is gone, at a fault, or when raw_must_stop says so. */
    bool (*receive)(struct raw_channel *channel, uint8_t *message);

    /* Gives back what open made besides descriptors. NULL: nothing. In the process that measures. */
    void (*close)(struct raw_channel *channel);
};

/* The mechanisms that were built, those in Python last; NULL past the end. */
const struct raw_mechanism *raw_at(unsigned index);

/* By name; NULL when there is none. */
const struct raw_mechanism *raw_find(const char *name);

/* What a Python program without the core would use, between processes or between threads. */
const struct raw_mechanism *raw_of_python(bool threads);

/* What bounds a sealed link. */
const struct raw_mechanism *raw_that_seals(void);

/* What starts processes, of this program or of Python. */
const struct raw_mechanism *raw_that_starts(bool python);

/* Is the waiting process to give up: the other side has died, or its time is over? Cheap enough for a spinning loop,
 * since it reads a flag that a timer's signal sets; that signal also ends a sleeping system call with EINTR. Sets the
 * error. */
bool raw_must_stop(struct raw_channel *channel);

/* Sets the error from errno and returns false. */
bool raw_fail(struct raw_channel *channel, const char *what);

/* Send and receive for descriptors, whole messages, resuming after short counts. */
bool raw_stream_send(struct raw_channel *channel, const uint8_t *message);
bool raw_stream_receive(struct raw_channel *channel, uint8_t *message);

/* Opens both ends of a TCP connection, between the hosts of channel->net if there are any. As `open`. */
bool raw_tcp_open(struct raw_channel *channel);

/* Makes every descriptor of the channel non-blocking. */
bool raw_stream_nonblocking(struct raw_channel *channel);

#endif
