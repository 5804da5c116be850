/* What the byte-stream transports share: pipe, unix and tcp.
 *
 * A frame is its length (8 bytes, little-endian) and its bytes. Sending gathers straight from the caller's segments
 * and, when the kernel takes only a part, goes on from there when the caller comes back (PARTIAL): nothing is copied
 * aside. With SEND_MORE small frames collect in a buffer of the link and leave with one system call. Receiving reads
 * many frames at a time into a buffer of the link and lends them from there; a frame larger than the buffer is read
 * straight into a block of its own.
 *
 * A transport embeds struct corps__stream as the first member of its endpoint, makes links with
 * corps__stream_link_create once it has descriptors, and puts the functions below into its table. Threads: as in
 * corps/transport.h; what send and poll both touch is atomic.
 */
#ifndef CORPS_STREAM_H
#define CORPS_STREAM_H

#include "links.h"

enum { CORPS__STREAM_LENGTH_BYTES = 8 }; /* in front of every frame */

struct corps__stream_link;

/* What stands between a stream's bytes and the socket where they do not go as they are (stream_sealed.h). */
struct corps__stream_cipher {
    /* As readv: plain bytes, 0 at the end, −1 with EAGAIN; −1 with EPROTO and a detail for what cannot be believed. */
    ssize_t (*read)(struct corps__stream_link *link, const struct iovec *to, int count);
    /* May a read give something although the socket has nothing more? */
    bool (*holds)(const struct corps__stream_link *link);
    /* What is held back, then the frame, from link->sent on: OK when the kernel has all, else corps__stream_full's. */
    enum corps_err (*write)(struct corps__stream_link *link, const struct corps_parcel *parcel);
    void (*close)(struct corps__stream_link *link); /* before the descriptors are */
};

struct corps__stream_link {
    struct corps__link base;                   /* first */
    int read_fd, write_fd;                     /* −1 until the link starts; may be the same */
    bool is_socket;                            /* sendmsg without SIGPIPE; otherwise writev */
    const struct corps__stream_cipher *cipher; /* NULL: bytes go as they are */
    void *cipher_data;

    /* Receiving. Polling thread. */
    uint8_t *in; /* what was read and is not given yet; a frame larger than that is gathered */
    size_t in_start, in_end;
    bool watched;               /* in the endpoint's epoll set */
    bool were_large;            /* the last frame was larger than `in` */
    bool drained;               /* the last read came back short: nothing more is there now */
    bool ready;                 /* the descriptor has or may have something */
    const struct pollfd *armed; /* where arm put the descriptor, until the next poll */

    /* Sending. Under the core's lock of the link. */
    uint8_t *out; /* frames held back */
    size_t out_start, out_end;
    size_t sent; /* bytes of the present frame (its length included) that the kernel has */

    void (*destroy)(struct corps__stream_link *link); /* the transport's part, before the link is freed; may be NULL */
    void *transport_data;
};

struct corps__stream {
    struct corps__links links;         /* first */
    struct corps__stream_link *hot;    /* the one that gave the last frame, … */
    unsigned streak;                   /* … and how many it gave without another between */
    unsigned looks;                    /* at that one, for looking at all links now and then */
    struct corps__stream_link *lender; /* whose `in` the last event lends, NULL for none … */
    size_t lent;                       /* … and how much of it, the length included */
    int epoll_fd;                      /* of every link's read_fd, when there are many; then used */
    bool armed;                        /* arm was the last operation: its descriptors tell what is ready */
    bool sifted;                       /* `ready` was taken from them; only such links are read until none is left */
    int buffer_bytes;                  /* wanted of a socket in each direction; 0: the kernel's choice */
};

/* Opens and closes the shared part of an endpoint. Errors: SYSTEM. */
enum corps_err corps__stream_open(struct corps__stream *stream,
                                  const struct corps_endpoint_options *options) CORPS_CHECKED;
void corps__stream_close(struct corps__stream *stream);

/* `forget` of the table, for links that have no other descriptors. */
void corps__stream_forget(struct corps_endpoint *endpoint);

/* A link without descriptors: send says FULL. NULL, with a detail, when out of memory. Polling thread. */
struct corps__stream_link *corps__stream_link_create(struct corps__stream *stream);

/* Gives the link its descriptors (takes them, also on errors; both non-blocking) and reports it as accepted or
 * connected. Errors: NO_MEMORY, SYSTEM. Polling thread. */
enum corps_err corps__stream_link_start(struct corps__stream_link *link, int read_fd, int write_fd, bool is_socket,
                                        bool accepted) CORPS_CHECKED;

/* Reports CLOSED with this reason. Polling thread. */
void corps__stream_link_end(struct corps__stream_link *link, enum corps_err reason);

/* A send finds no room: WRITABLE will follow. PARTIAL when a part of the frame was taken, else FULL. */
enum corps_err corps__stream_full(struct corps__stream_link *link);

/* Asks the kernel for the endpoint's wanted buffers, before or after a socket is connected. */
void corps__stream_set_buffers(const struct corps__stream *stream, int fd);

/* Operations for the table. */
void corps__stream_disconnect(struct corps_link *link);
enum corps_err corps__stream_send(struct corps_link *link, const struct corps_parcel *parcel, unsigned flags);
enum corps_err corps__stream_poll(struct corps_endpoint *endpoint, struct corps_event *event);
void corps__stream_release(struct corps_endpoint *endpoint, struct corps_event *event);
enum corps_err corps__stream_arm(struct corps_endpoint *endpoint, struct pollfd *fds, size_t capacity, size_t *count);

#define CORPS__STREAM_OPERATIONS                                                                                       \
    .disconnect = corps__stream_disconnect, .send = corps__stream_send, .poll = corps__stream_poll,                    \
    .release = corps__stream_release, .arm = corps__stream_arm

#endif
