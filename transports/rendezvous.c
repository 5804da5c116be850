#include "rendezvous.h"

#include "base/log.h"
#include "lobby.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A hello on the wire: magic, number of bytes, number of descriptors, then always CORPS__HELLO_BYTES_MAX bytes. Both
 * sides are programs of one host and build: native byte order. */
struct wire {
    uint32_t magic;
    uint32_t bytes;
    uint32_t fd_count;
    uint8_t data[CORPS__HELLO_BYTES_MAX];
};
#define MAGIC 0x31565243u       /* "CRV1" */
#define TURNED_AWAY 0x30565243u /* "CRV0", in place of an answer, with nothing behind it */
enum {
    BACKLOG = 1024,
    LEFT_AFTER_S = 10, /* far longer than from bind to listen, between which nobody listens either */
    LOOKS_MAX = 64,    /* each is a connection that a living program has to accept */
};

struct corps__rendezvous {
    struct corps__lobby *lobby; /* accepted, no hello yet: nobody's but ours */
    uv_loop_t *loop;
    int fd;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    const struct corps__rendezvous_ops *ops;
    void *owner;
};

struct corps__session {
    uv_poll_t poll;
    int fd;
    struct corps__rendezvous *rendezvous;
    void *user;
    bool accepted, established, reported;
    struct wire in;
    size_t in_bytes;
    int fds[CORPS__HELLO_FDS_MAX];
    uint32_t fd_count;
    struct corps__guest guest; /* until it has said hello */
};

/* ---- messages with descriptors ---- */

static enum corps_err send_hello(int fd, const struct corps__hello *hello) {
    struct wire wire = {.magic = MAGIC, .bytes = hello->bytes, .fd_count = hello->fd_count};
    memcpy(wire.data, hello->data, hello->bytes);
    struct iovec segment = {.iov_base = &wire, .iov_len = sizeof wire};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * CORPS__HELLO_FDS_MAX)];
    } control = {0};
    struct msghdr message = {.msg_iov = &segment, .msg_iovlen = 1};
    if (hello->fd_count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * hello->fd_count);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * hello->fd_count);
        memcpy(CMSG_DATA(head), hello->fds, sizeof(int) * hello->fd_count);
    }
    /* The first bytes on a fresh connection: the kernel's buffer takes them whole. */
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)sizeof wire) {
        return CORPS_OK;
    }
    return sent < 0 && (errno == EPIPE || errno == ECONNRESET)
               ? corps_error_set(CORPS_ERR_CLOSED, "the peer hung up during the rendezvous")
               : corps_error_system("cannot say hello to a peer");
}

static void close_handed_fds(const int *fds, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static void take_fds(struct corps__session *session, struct msghdr *message) {
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        uint32_t count = (uint32_t)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (uint32_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
            if (session->fd_count < CORPS__HELLO_FDS_MAX) {
                session->fds[session->fd_count++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

/* OK when the hello is whole, AGAIN when more must come, CLOSED, PROTOCOL. */
static enum corps_err receive_hello(struct corps__session *session) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * 16)];
    } control;
    struct iovec segment = {.iov_base = (char *)&session->in + session->in_bytes,
                            .iov_len = sizeof session->in - session->in_bytes};
    struct msghdr message = {
        .msg_iov = &segment, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(session->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? CORPS_ERR_AGAIN : CORPS_ERR_CLOSED;
    }
    if (got == 0) {
        return CORPS_ERR_CLOSED;
    }
    take_fds(session, &message);
    if ((message.msg_flags & MSG_CTRUNC) != 0 && session->fd_count < CORPS__HELLO_FDS_MAX) {
        return corps_error_set(CORPS_ERR_LIMIT, "no descriptors are left for a peer's link; raise ulimit -n");
    }
    session->in_bytes += (size_t)got;
    const struct wire *in = &session->in;
    if (session->in_bytes == sizeof in->magic && in->magic == TURNED_AWAY && !session->accepted) {
        return corps_error_set(CORPS_ERR_LIMIT,
                               "the process that was called has no descriptor left for a link; raise its "
                               "ulimit -n, or have it close some");
    }
    /* Wrong from the first word on: no need to wait for the rest. */
    bool foreign = session->in_bytes >= sizeof in->magic && in->magic != MAGIC;
    if (session->in_bytes < sizeof *in && !foreign) {
        return CORPS_ERR_AGAIN;
    }
    if (foreign || in->bytes > CORPS__HELLO_BYTES_MAX || in->fd_count != session->fd_count) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer said something at the rendezvous that is no hello");
    }
    return CORPS_OK;
}

static enum corps_err check_user(int fd) {
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) {
        return corps_error_system("cannot ask who the peer is");
    }
    return peer.uid == geteuid() || peer.uid == 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_DENIED, "user %u is not allowed here", peer.uid);
}

/* ---- sessions ---- */

static void free_session(uv_handle_t *handle) {
    free(handle->data);
}

static void end_session(struct corps__session *session, bool close_fd) {
    corps__lobby_leave(&session->guest);
    if (!session->established) {
        close_handed_fds(session->fds, session->fd_count);
    }
    uv_close((uv_handle_t *)&session->poll, free_session); /* first: it still needs the descriptor's number */
    if (close_fd) {
        close(session->fd);
    }
}

void corps__session_close(struct corps__session *session) {
    if (session != NULL) {
        end_session(session, true);
    }
}

int corps__session_take(struct corps__session *session) {
    int fd = session->fd;
    end_session(session, false);
    return fd;
}

int corps__session_process(const struct corps__session *session, pid_t *pid) {
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (getsockopt(session->fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) {
        return -1;
    }
    int pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0); /* close-on-exec by itself */
    /* Had the process ended before, and its number been given to another, its end of the connection would be closed. */
    struct pollfd end = {.fd = session->fd, .events = POLLRDHUP};
    if (pidfd >= 0 && poll(&end, 1, 0) != 0) {
        close(pidfd);
        pidfd = -1;
    }
    *pid = peer.pid;
    return pidfd;
}

void *corps__session_user(const struct corps__session *session) {
    return session->user;
}

void corps__session_set_user(struct corps__session *session, void *user) {
    session->user = user;
}

/* The peer on a connection hears that this process has no descriptor for its link. */
static void turn_away(int fd) {
    const uint32_t word = TURNED_AWAY;
    struct wire said;
    (void)recv(fd, &said, sizeof said, MSG_DONTWAIT); /* closed with something unread, it would reset the connection */
    (void)send(fd, &word, sizeof word, MSG_NOSIGNAL | MSG_DONTWAIT); /* lost: the end of file says enough */
}

/* One who connects is not taken. For a reason of this process the log says so: nobody here has heard of him, and he
 * sees an end, or that descriptors are lacking. */
static void not_taken(const struct corps__session *session, enum corps_err reason) {
    if (reason == CORPS_ERR_LIMIT || reason == CORPS_ERR_SYSTEM || reason == CORPS_ERR_NO_MEMORY) {
        corps__log(CORPS_LOG_WARN, "link_closed", NULL, "a link to this process is closed: %s", corps_error_detail());
    }
    if (reason == CORPS_ERR_LIMIT) {
        turn_away(session->fd);
    }
}

static void session_closed(struct corps__session *session, enum corps_err reason) {
    if (session->reported) {
        return;
    }
    session->reported = true;
    uv_poll_stop(&session->poll);
    if (session->accepted && !session->established) {
        not_taken(session, reason);
        corps__session_close(session); /* the owner has never heard of it */
    } else {
        session->rendezvous->ops->on_closed(session->rendezvous->owner, session, reason);
    }
}

static void take_hello(struct corps__session *session) {
    const struct corps__rendezvous_ops *ops = session->rendezvous->ops;
    void *owner = session->rendezvous->owner;
    struct corps__hello theirs = {.bytes = session->in.bytes, .fd_count = session->fd_count};
    memcpy(theirs.data, session->in.data, session->in.bytes);
    memcpy(theirs.fds, session->fds, sizeof theirs.fds);
    struct corps__hello answer = {0};
    session->established = true; /* the descriptors are the owner's now */
    corps__lobby_leave(&session->guest);
    enum corps_err err;
    if (session->accepted) {
        err = ops->on_hello(owner, session, &theirs, &answer);
        if (err == CORPS_OK && send_hello(session->fd, &answer) != CORPS_OK) {
            session_closed(session, CORPS_ERR_CLOSED);
            return;
        }
        if (err == CORPS_OK && ops->on_established != NULL) {
            ops->on_established(owner, session);
            return;
        }
    } else {
        err = ops->on_answer(owner, session, &theirs);
    }
    if (err != CORPS_OK) {
        if (session->accepted) {
            not_taken(session, err);
        }
        close_handed_fds(theirs.fds, theirs.fd_count);
        corps__session_close(session);
    }
}

static void on_session_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct corps__session *session = poll->data;
    if (status < 0) {
        session_closed(session, CORPS_ERR_CLOSED);
        return;
    }
    if (!session->established) {
        enum corps_err err = receive_hello(session);
        if (err == CORPS_OK) {
            take_hello(session);
        } else if (err != CORPS_ERR_AGAIN) {
            session_closed(session, err);
        }
        return;
    }
    char nothing;
    ssize_t got = recv(session->fd, &nothing, 1, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        session_closed(session, CORPS_ERR_CLOSED);
    } else if (got > 0) {
        session_closed(session, CORPS_ERR_PROTOCOL); /* nothing is ever said after the hellos */
    }
}

static struct corps__session *watch_session(struct corps__rendezvous *rendezvous, int fd, bool accepted, void *user) {
    struct corps__session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->fd = fd;
    session->rendezvous = rendezvous;
    session->accepted = accepted;
    session->user = user;
    session->poll.data = session;
    if (uv_poll_init(rendezvous->loop, &session->poll, fd) != 0) {
        free(session);
        return NULL;
    }
    uv_poll_start(&session->poll, UV_READABLE | UV_DISCONNECT, on_session_readable);
    if (accepted) {
        corps__lobby_enter(rendezvous->lobby, &session->guest);
    }
    return session;
}

/* ---- listening and connecting ---- */

static void on_rendezvous_connection(void *owner, int fd) {
    enum corps_err err = check_user(fd);
    if (err == CORPS_ERR_DENIED) {
        corps__log_refusal(corps_error_detail());
    }
    if (err != CORPS_OK || watch_session(owner, fd, true, NULL) == NULL) {
        close(fd);
    }
}

static struct corps__session *session_of(struct corps__guest *guest) {
    return (struct corps__session *)((char *)guest - offsetof(struct corps__session, guest));
}

static void on_session_expired(void *owner, struct corps__guest *guest) {
    (void)owner;
    corps__session_close(session_of(guest)); /* nobody has heard of it */
}

static void on_connection_turned_away(void *owner, int fd) {
    (void)owner;
    turn_away(fd);
}

static const struct corps__lobby_ops lobby_ops = {.on_connection = on_rendezvous_connection,
                                                  .on_expired = on_session_expired,
                                                  .on_turned_away = on_connection_turned_away};

/* Does nobody listen there any more? Then its owner was killed. */
static bool is_stale(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool stale =
        fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return stale;
}

static enum corps_err bind_and_listen(int fd, const struct sockaddr_un *address) {
    /* On Linux the mode of an unbound socket becomes that of its file. (umask would be the whole process's.) */
    if (fchmod(fd, 0600) != 0) {
        return corps_error_system("cannot restrict a socket to its user");
    }
    int failed = bind(fd, (const struct sockaddr *)address, sizeof *address);
    if (failed != 0 && errno == EADDRINUSE) {
        if (!is_stale(address)) {
            return corps_error_set(CORPS_ERR_INVALID, "%s is in use by another endpoint; choose another name",
                                   address->sun_path);
        }
        unlink(address->sun_path);
        failed = bind(fd, (const struct sockaddr *)address, sizeof *address);
    }
    return failed == 0 && listen(fd, BACKLOG) == 0 ? CORPS_OK
                                                   : corps_error_system("cannot listen on %s", address->sun_path);
}

static bool is_of_program(const char *name) {
    const char *end = strrchr(name, '.');
    return end != NULL && strcmp(end, ".sock") == 0 && strncmp(name, "env-", 4) != 0;
}

/* A program that ends leaves its socket, whose name no other one will have: without this, who looks at a Corps every
 * few seconds would fill the directory. What an Env leaves its next life replaces. */
static void remove_left(const char *directory) {
    DIR *dir = opendir(directory);
    if (dir == NULL) {
        return;
    }
    time_t now = time(NULL);
    unsigned looks = 0;
    for (struct dirent *entry; looks < LOOKS_MAX && (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (!is_of_program(entry->d_name) || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISSOCK(st.st_mode) || now - st.st_mtime < LEFT_AFTER_S) {
            continue;
        }
        struct sockaddr_un where = {.sun_family = AF_UNIX};
        int length = snprintf(where.sun_path, sizeof where.sun_path, "%s/%s", directory, entry->d_name);
        looks++;
        if (length > 0 && (size_t)length < sizeof where.sun_path && is_stale(&where)) {
            unlink(where.sun_path);
        }
    }
    closedir(dir);
}

enum corps_err corps__rendezvous_open(const struct corps_endpoint_options *options,
                                      const struct corps__rendezvous_ops *ops, void *owner,
                                      char address[CORPS_ADDRESS_BYTES], struct corps__rendezvous **rendezvous) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int length = snprintf(where.sun_path, sizeof where.sun_path, "%s/%s.sock", options->directory, options->name);
    if (length < 0 || (size_t)length >= sizeof where.sun_path) {
        return corps_error_set(CORPS_ERR_INVALID, "the path %s/%s.sock is longer than a socket's address may be (%zu)",
                               options->directory, options->name, sizeof where.sun_path - 1);
    }
    struct corps__rendezvous *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an endpoint");
    }
    made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    enum corps_err err = made->fd >= 0 ? bind_and_listen(made->fd, &where) : corps_error_system("cannot make a socket");
    if (err == CORPS_OK) {
        err = corps__lobby_open(options->loop, made->fd, &lobby_ops, made, &made->lobby);
        if (err != CORPS_OK) {
            unlink(where.sun_path);
        }
    }
    if (err != CORPS_OK) {
        if (made->fd >= 0) {
            close(made->fd);
        }
        free(made);
        return err;
    }
    made->loop = options->loop;
    made->ops = ops;
    made->owner = owner;
    memcpy(made->path, where.sun_path, sizeof made->path);
    snprintf(address, CORPS_ADDRESS_BYTES, "%s", made->path);
    *rendezvous = made;
    if (strncmp(options->name, "env-", 4) != 0) {
        remove_left(options->directory);
    }
    return CORPS_OK;
}

void corps__rendezvous_close(struct corps__rendezvous *rendezvous) {
    if (rendezvous == NULL) {
        return;
    }
    for (struct corps__guest *guest; (guest = corps__lobby_first(rendezvous->lobby)) != NULL;) {
        corps__session_close(session_of(guest));
    }
    unlink(rendezvous->path);
    corps__lobby_close(rendezvous->lobby);
    close(rendezvous->fd);
    free(rendezvous);
}

void corps__rendezvous_forget(const struct corps__rendezvous *rendezvous) {
    corps__lobby_forget(rendezvous->lobby);
}

enum corps_err corps__rendezvous_connect(struct corps__rendezvous *rendezvous, const char *address,
                                         const struct corps__hello *hello, void *user,
                                         struct corps__session **session) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    if (address[0] != '/' || strlen(address) >= sizeof where.sun_path) {
        return corps_error_set(CORPS_ERR_INVALID, "'%s' is no path of a socket", address);
    }
    strcpy(where.sun_path, address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return corps_error_system("cannot make a socket");
    }
    enum corps_err err = CORPS_OK;
    if (connect(fd, (const struct sockaddr *)&where, sizeof where) != 0) {
        err = errno == ECONNREFUSED || errno == ENOENT
                  ? corps_error_set(CORPS_ERR_CLOSED, "nobody listens on %s; its process has ended", address)
                  : corps_error_system("cannot connect to %s", address);
    }
    err = err == CORPS_OK ? check_user(fd) : err;
    err = err == CORPS_OK ? send_hello(fd, hello) : err;
    *session = err == CORPS_OK ? watch_session(rendezvous, fd, false, user) : NULL;
    if (err == CORPS_OK && *session == NULL) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
    }
    if (err != CORPS_OK) {
        close(fd);
    }
    return err;
}
