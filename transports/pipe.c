#include "reopen.h"
#include "stream_rendezvous.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Anonymous pipes, one in each direction of a link. The connector makes both and hands an end of each over at the
 * rendezvous, whose connection stays open as the sign of life. Either side opens its ends again (reopen.h).
 *
 * Each side opens the pipe that it writes for reading too. It never reads there, but a pipe with a reader never raises
 * SIGPIPE: a library must neither die of that nor change the program's signal handling. That the peer has closed shows
 * at the rendezvous connection, and as end of file of the pipe that the peer alone writes. */

enum { DEFAULT_BYTES = 256 * 1024 };

/* What a link has besides its descriptors. */
struct extra {
    bool accepted;
    int in, out; /* ours, until the link starts; −1 then */
};

static void close_fd(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

static void destroy_pipe_link(struct corps__stream_link *link) {
    struct extra *extra = link->transport_data;
    corps__session_close(link->base.session);
    close_fd(extra->in);
    close_fd(extra->out);
    free(extra);
}

static struct corps__stream_link *create_pipe_link(struct corps__stream *stream) {
    struct corps__stream_link *link = corps__stream_link_create(stream);
    if (link == NULL) {
        return NULL;
    }
    struct extra *extra = malloc(sizeof *extra);
    if (extra == NULL) {
        (void)corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a link");
        corps__stream_disconnect(&link->base.base);
        return NULL;
    }
    *extra = (struct extra){.in = -1, .out = -1};
    link->transport_data = extra;
    link->destroy = destroy_pipe_link;
    return link;
}

static enum corps_err start_pipe_link(struct corps__stream_link *link, bool accepted) {
    struct extra *extra = link->transport_data;
    int in = extra->in;
    int out = extra->out;
    extra->in = extra->out = -1; /* the link's from now on, whatever happens */
    return corps__stream_link_start(link, in, out, false, accepted);
}

/* ---- rendezvous: hello carries [read end for the peer, write end for the peer] ---- */

static bool is_pipe(int fd, int access) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == access && fcntl(fd, F_GETPIPE_SZ) > 0;
}

/* Descriptions of our own of the ends that we use. */
static enum corps_err take_ends(struct extra *extra, int in, int out) {
    enum corps_err err = corps__reopen(in, O_RDONLY, &extra->in);
    return err == CORPS_OK ? corps__reopen(out, O_RDWR, &extra->out) : err;
}

static enum corps_err on_pipe_hello(void *owner, struct corps__session *session, struct corps__hello *theirs,
                                    struct corps__hello *answer) {
    (void)answer;
    if (theirs->fd_count != 2 || !is_pipe(theirs->fds[0], O_RDONLY) || !is_pipe(theirs->fds[1], O_WRONLY)) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a peer did not bring its pipes");
    }
    struct corps__stream_link *link = create_pipe_link(owner);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    struct extra *extra = link->transport_data;
    enum corps_err err = take_ends(extra, theirs->fds[0], theirs->fds[1]);
    if (err != CORPS_OK) {
        corps__stream_disconnect(&link->base.base);
        return err;
    }
    close(theirs->fds[0]);
    close(theirs->fds[1]);
    theirs->fd_count = 0;
    extra->accepted = true;
    corps__link_set_session(&link->base, session);
    return CORPS_OK;
}

static void on_pipe_established(void *owner, struct corps__session *session) {
    (void)owner;
    struct corps__stream_link *link = corps__session_user(session);
    if (start_pipe_link(link, true) != CORPS_OK) {
        corps__stream_disconnect(&link->base.base); /* the core has not heard of it yet */
    }
}

static enum corps_err on_pipe_answer(void *owner, struct corps__session *session, struct corps__hello *theirs) {
    (void)owner;
    (void)theirs;
    struct corps__stream_link *link = corps__session_user(session);
    enum corps_err err = start_pipe_link(link, false);
    if (err != CORPS_OK) {
        corps__stream_link_end(link, err);
    }
    return CORPS_OK;
}

static void on_pipe_closed(void *owner, struct corps__session *session, enum corps_err reason) {
    (void)owner;
    struct corps__stream_link *link = corps__session_user(session);
    const struct extra *extra = link->transport_data;
    if (link->read_fd < 0 && extra->accepted) {
        corps__stream_disconnect(&link->base.base); /* it came and went: the core has not heard of it */
    } else if (link->read_fd < 0) {
        corps__stream_link_end(link, reason); /* no pipe yet whose end of file would tell */
    } else {
        /* What the pipe still holds is read, and that is the end: also where the peer lives and keeps its end open. */
        atomic_store(&link->base.shut, true);
        link->drained = false;
        link->ready = true;
    }
}

/* ---- operations ---- */

static enum corps_err pipe_open(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                char address[CORPS_ADDRESS_BYTES]) {
    static const struct corps__rendezvous_ops ops = {.on_hello = on_pipe_hello,
                                                     .on_established = on_pipe_established,
                                                     .on_answer = on_pipe_answer,
                                                     .on_closed = on_pipe_closed};
    return corps__stream_rendezvous_open((struct corps__stream *)base, options, &ops, address);
}

/* What it could make on an error is the caller's to close. */
static enum corps_err make_pipes(const struct corps__stream *stream, int in[2], int out[2]) {
    int bytes = stream->buffer_bytes > 0 ? stream->buffer_bytes : DEFAULT_BYTES;
    if (pipe2(in, O_CLOEXEC | O_NONBLOCK) != 0) {
        return corps_error_system("cannot make a pipe");
    }
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) != 0) {
        return corps_error_system("cannot make a pipe");
    }
    /* Refused beyond the user's share (pipe-user-pages-soft): then the kernel's default size must do. */
    (void)fcntl(in[1], F_SETPIPE_SZ, bytes);
    (void)fcntl(out[1], F_SETPIPE_SZ, bytes);
    corps__reopen_allow(in[1]);
    corps__reopen_allow(out[0]);
    return CORPS_OK;
}

static enum corps_err pipe_connect(struct corps_endpoint *base, const char *address, struct corps_link **out_link) {
    struct corps__stream *stream = (struct corps__stream *)base;
    struct corps__stream_link *link = create_pipe_link(stream);
    if (link == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    enum corps_err err = make_pipes(stream, in, out);
    err = err == CORPS_OK ? take_ends(link->transport_data, in[0], out[1]) : err;
    struct corps__hello hello = {.fds = {out[0], in[1]}, .fd_count = 2};
    err = corps__link_connect(&link->base, err, address, &hello, out_link);
    for (int i = 0; i < 2; i++) { /* the peer's alone: its end must be the end of the file */
        close_fd(in[i]);
        close_fd(out[i]);
    }
    return err;
}

static void pipe_forget(struct corps_endpoint *base) {
    for (struct corps__link *link = ((struct corps__links *)base)->first; link != NULL; link = link->next) {
        const struct extra *extra = ((struct corps__stream_link *)link)->transport_data;
        if (extra != NULL) {
            close_fd(extra->in);
            close_fd(extra->out);
        }
    }
    corps__stream_rendezvous_forget(base);
}

const struct corps_transport corps_transport_pipe = {
    .name = "pipe",
    .summary = "anonymous pipes between Envs of one host",
    .endpoint_bytes = sizeof(struct corps__stream),
    .control_block = "raw:pipe",
    .control_spin = "raw:pipe",
    .open = pipe_open,
    .connect = pipe_connect,
    .forget = pipe_forget,
    CORPS__STREAM_RENDEZVOUS_OPERATIONS,
};
