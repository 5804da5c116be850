/* Rendezvous: how endpoints of one host find each other and hand over descriptors.
 *
 * Every endpoint listens on a UNIX socket in its Corps' directory. A peer connects and says hello: a few bytes and up
 * to four descriptors; the listener checks who it is (same user, by the kernel's word), and answers with a hello of its
 * own. Then the two have a *session*. Its connection stays open as the sign of life: a peer that closes, or whose
 * process dies in whatever way, shows by end of file at once. A transport whose data flows over the connection itself
 * takes the descriptor over instead.
 *
 * Threads: the polling thread alone (callbacks run inside its uv_run). Lifecycle: open → connect, or others do →
 * close or take every session → close. Memory of handles is freed by libuv's close callbacks, after the next uv_run.
 */
#ifndef CORPS_RENDEZVOUS_H
#define CORPS_RENDEZVOUS_H

#include <corps/transport.h>

#include <uv.h>

#define CORPS__HELLO_BYTES_MAX 256u
#define CORPS__HELLO_FDS_MAX 4u

struct corps__rendezvous;
struct corps__session;

struct corps__hello {
    uint8_t data[CORPS__HELLO_BYTES_MAX];
    uint32_t bytes;
    int fds[CORPS__HELLO_FDS_MAX]; /* given to whoever receives the hello; close-on-exec */
    uint32_t fd_count;
};

struct corps__rendezvous_ops {
    /* A peer said hello. Fill `answer` (its fds are duplicated by sending: they stay the caller's) and keep what is
     * needed of `theirs`, its descriptors included. Any error refuses the peer: the session is closed, on_closed does
     * not follow, and descriptors in `theirs` that were not set to −1 are closed. */
    enum corps_err (*on_hello)(void *owner, struct corps__session *session, struct corps__hello *theirs,
                               struct corps__hello *answer);
    /* Optional. The answer has left: a transport whose data flows over the connection takes it here. */
    void (*on_established)(void *owner, struct corps__session *session);
    /* A peer that we connected to has answered. Same rules, without an answer; on error on_closed does not follow. */
    enum corps_err (*on_answer)(void *owner, struct corps__session *session, struct corps__hello *theirs);
    /* The peer has closed or died, or broke the protocol, or refused us: also between on_hello and on_established. The
     * session is still to be closed by the owner. */
    void (*on_closed)(void *owner, struct corps__session *session, enum corps_err reason);
};

/* Listens on <directory>/<name>.sock, and writes that path as the address. A file that a killed owner left there is
 * replaced, and a program removes those of other programs. Errors: INVALID (path too long, or in use by a living
 * endpoint), SYSTEM. */
enum corps_err corps__rendezvous_open(const struct corps_endpoint_options *options,
                                      const struct corps__rendezvous_ops *ops, void *owner,
                                      char address[CORPS_ADDRESS_BYTES],
                                      struct corps__rendezvous **rendezvous) CORPS_CHECKED;

/* Stops listening and removes the socket. Accepts NULL. */
void corps__rendezvous_close(struct corps__rendezvous *rendezvous);

/* In the child of a fork: closes the descriptor that the loop does not know of. */
void corps__rendezvous_forget(const struct corps__rendezvous *rendezvous);

/* Connects and says hello (borrowed). `user` is the session's. Errors: CLOSED (nobody listens there), DENIED, SYSTEM.
 */
enum corps_err corps__rendezvous_connect(struct corps__rendezvous *rendezvous, const char *address,
                                         const struct corps__hello *hello, void *user,
                                         struct corps__session **session) CORPS_CHECKED;

/* What the owner keeps with a session; NULL in on_hello until it is set. */
void *corps__session_user(const struct corps__session *session);
void corps__session_set_user(struct corps__session *session, void *user);

/* The process at the other end, by the kernel's word: the one that connected, or that began to listen. Gives a pidfd,
 * the caller's, that is that process's for certain; −1: not known (an old kernel, or it has ended). */
int corps__session_process(const struct corps__session *session, pid_t *pid);

/* Ends the session; no callback follows. Accepts NULL. */
void corps__session_close(struct corps__session *session);

/* Takes the connection's descriptor over (non-blocking) and ends the session. In on_established or on_answer. */
int corps__session_take(struct corps__session *session);

#endif
