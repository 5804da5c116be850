/* A mailbox over a messaging library (ZeroMQ, nng), for comparison with `queue`: two pair sockets of one process joined
 * by the library's inproc. An object goes as a message that holds its address; a frame as a copy of its bytes.
 *
 * A transport embeds struct corps__inproc first in its endpoint and points `in` and `out` to pairs of its library's,
 * which lie in the endpoint too. Threads: as in corps/transport.h for INTRA: any thread sends, one polls.
 */
#ifndef CORPS_INPROC_H
#define CORPS_INPROC_H

#include "pairs.h"

struct corps__inproc {
    struct corps_endpoint base;
    struct corps_link link; /* one link for all senders */
    const struct corps__pair_library *library;
    struct corps__pair *in, *out;
    bool lends;             /* the last event's message */
    _Atomic uint32_t count; /* messages under way */
    uint32_t bound;         /* 0: none of ours */
};

enum corps_err corps__inproc_open(struct corps__inproc *inproc, const struct corps__pair_library *library,
                                  const struct corps_endpoint_options *options,
                                  char address[CORPS_ADDRESS_BYTES]) CORPS_CHECKED;

/* Operations for the table. */
void corps__inproc_close(struct corps_endpoint *endpoint);
enum corps_err corps__inproc_connect(struct corps_endpoint *endpoint, const char *address, struct corps_link **link);
void corps__inproc_disconnect(struct corps_link *link);
enum corps_err corps__inproc_send(struct corps_link *link, const struct corps_parcel *parcel, unsigned flags);
enum corps_err corps__inproc_poll(struct corps_endpoint *endpoint, struct corps_event *event);
void corps__inproc_release(struct corps_endpoint *endpoint, struct corps_event *event);
enum corps_err corps__inproc_arm(struct corps_endpoint *endpoint, struct pollfd *fds, size_t capacity, size_t *count);

/* The tables of a library `NAME`: NAME-ipc, NAME-tcp, NAME-inproc; what it calls its sockets is `SOCKETS`. After struct
 * pair, `library` and `describe_NAME`, its version as text. */
#define CORPS__PAIR_TRANSPORTS(NAME, SOCKETS)                                                                          \
    struct inproc {                                                                                                    \
        struct corps__inproc base; /* first */                                                                         \
        struct pair in, out;                                                                                           \
    };                                                                                                                 \
    static enum corps_err NAME##_ipc_open(struct corps_endpoint *endpoint,                                             \
                                          const struct corps_endpoint_options *options,                                \
                                          char address[CORPS_ADDRESS_BYTES]) {                                         \
        return corps__pairs_open((struct corps__pairs *)endpoint, &library, false, options, address);                  \
    }                                                                                                                  \
    static enum corps_err NAME##_tcp_open(struct corps_endpoint *endpoint,                                             \
                                          const struct corps_endpoint_options *options,                                \
                                          char address[CORPS_ADDRESS_BYTES]) {                                         \
        return corps__pairs_open((struct corps__pairs *)endpoint, &library, true, options, address);                   \
    }                                                                                                                  \
    static enum corps_err NAME##_inproc_open(struct corps_endpoint *endpoint,                                          \
                                             const struct corps_endpoint_options *options,                             \
                                             char address[CORPS_ADDRESS_BYTES]) {                                      \
        struct inproc *inproc = (struct inproc *)endpoint;                                                             \
        inproc->base.in = &inproc->in.base;                                                                            \
        inproc->base.out = &inproc->out.base;                                                                          \
        return corps__inproc_open(&inproc->base, &library, options, address);                                          \
    }                                                                                                                  \
    const struct corps_transport corps_transport_##NAME##_ipc = {                                                      \
        .name = #NAME "-ipc",                                                                                          \
        .summary = SOCKETS " sockets over ipc between Envs of one host, for comparison",                               \
        .capabilities = CORPS_TRANSPORT_COMPARISON,                                                                    \
        .endpoint_bytes = sizeof(struct corps__pairs),                                                                 \
        .control_block = "raw:unix",                                                                                   \
        .control_spin = "raw:unix",                                                                                    \
        .open = NAME##_ipc_open,                                                                                       \
        CORPS__PAIR_OPERATIONS,                                                                                        \
        .version = describe_##NAME,                                                                                    \
    };                                                                                                                 \
    const struct corps_transport corps_transport_##NAME##_tcp = {                                                      \
        .name = #NAME "-tcp",                                                                                          \
        .summary = SOCKETS " sockets over loopback TCP between Envs of one host, for comparison",                      \
        .capabilities = CORPS_TRANSPORT_COMPARISON,                                                                    \
        .endpoint_bytes = sizeof(struct corps__pairs),                                                                 \
        .control_block = "raw:tcp",                                                                                    \
        .control_spin = "raw:tcp",                                                                                     \
        .open = NAME##_tcp_open,                                                                                       \
        CORPS__PAIR_OPERATIONS,                                                                                        \
        .version = describe_##NAME,                                                                                    \
    };                                                                                                                 \
    const struct corps_transport corps_transport_##NAME##_inproc = {                                                   \
        .name = #NAME "-inproc",                                                                                       \
        .summary = SOCKETS " sockets over inproc as mailboxes inside one Env, for comparison",                         \
        .capabilities = CORPS_TRANSPORT_COMPARISON | CORPS_TRANSPORT_INTRA | CORPS_TRANSPORT_BY_REFERENCE,             \
        .endpoint_bytes = sizeof(struct inproc),                                                                       \
        .control_block = "raw:futex",                                                                                  \
        .control_spin = "raw:cacheline",                                                                               \
        .open = NAME##_inproc_open,                                                                                    \
        .close = corps__inproc_close,                                                                                  \
        .connect = corps__inproc_connect,                                                                              \
        .disconnect = corps__inproc_disconnect,                                                                        \
        .send = corps__inproc_send,                                                                                    \
        .poll = corps__inproc_poll,                                                                                    \
        .release = corps__inproc_release,                                                                              \
        .arm = corps__inproc_arm,                                                                                      \
        .version = describe_##NAME,                                                                                    \
    };
#define CORPS__PAIR_OPERATIONS                                                                                         \
    .close = corps__pairs_close, .connect = corps__pairs_connect, .disconnect = corps__pairs_disconnect,               \
    .send = corps__pairs_send, .poll = corps__pairs_poll, .release = corps__pairs_release, .arm = corps__pairs_arm

#endif
