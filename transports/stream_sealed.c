#include "stream_sealed.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { RECORD_BYTES = 16384 }; /* what corps__seal_write takes whole or not at all */

struct sealed {
    struct corps__seal *seal;
    pthread_mutex_t lock;
    uint8_t staged[RECORD_BYTES]; /* small pieces of what is sent, put together; under the core's lock of the link */
};

static struct sealed *sealed_of(const struct corps__stream_link *link) {
    return link->cipher_data;
}

/* ---- receiving ---- */

static enum corps_err open_some(struct sealed *sealed, uint8_t *out, size_t bytes, size_t *done) {
    pthread_mutex_lock(&sealed->lock);
    enum corps_err err = corps__seal_read(sealed->seal, out, bytes, done);
    pthread_mutex_unlock(&sealed->lock);
    return err;
}

/* Reads what the socket has into the seal. OK; AGAIN; CLOSED at its end. `*more`: there may be more there. */
static enum corps_err refill(const struct corps__stream_link *link, bool *more) {
    struct sealed *sealed = sealed_of(link);
    size_t room;
    uint8_t *space = corps__seal_space(sealed->seal, &room); /* what came is the reader's alone */
    ssize_t got;
    do {
        got = recv(link->read_fd, space, room, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) {
        return CORPS_ERR_AGAIN;
    }
    if (got <= 0) {
        (void)corps__seal_cut(sealed->seal); /* the detail says whether there was a goodbye */
        return CORPS_ERR_CLOSED;
    }
    *more = (size_t)got == room;
    pthread_mutex_lock(&sealed->lock);
    enum corps_err err = corps__seal_took(sealed->seal, (size_t)got);
    pthread_mutex_unlock(&sealed->lock);
    return err;
}

/* As readv: bytes, 0 at the end, −1 with EAGAIN; or −1 with EPROTO and a detail. */
static ssize_t sealed_read(struct corps__stream_link *link, const struct iovec *to, int count) {
    struct sealed *sealed = sealed_of(link);
    size_t total = 0;
    bool more = true;
    for (int i = 0; i < count; i++) {
        size_t filled = 0;
        while (filled < to[i].iov_len) {
            size_t done;
            enum corps_err err = open_some(sealed, (uint8_t *)to[i].iov_base + filled, to[i].iov_len - filled, &done);
            filled += done;
            total += done;
            if (err == CORPS_ERR_AGAIN) {
                err = more ? refill(link, &more) : CORPS_ERR_AGAIN;
            }
            if (err != CORPS_OK && total > 0) {
                return (ssize_t)total; /* the next read says it again */
            }
            if (err != CORPS_OK) {
                errno = err == CORPS_ERR_AGAIN ? EAGAIN : EPROTO;
                return err == CORPS_ERR_CLOSED ? 0 : -1;
            }
        }
    }
    return (ssize_t)total;
}

static bool sealed_holds(const struct corps__stream_link *link) {
    struct sealed *sealed = sealed_of(link);
    pthread_mutex_lock(&sealed->lock);
    bool holds = corps__seal_holds(sealed->seal);
    pthread_mutex_unlock(&sealed->lock);
    return holds;
}

/* ---- sending ---- */

/* What is sealed goes to the kernel. OK: all; FULL; CLOSED. */
static enum corps_err send_pending(const struct corps__stream_link *link) {
    struct sealed *sealed = sealed_of(link);
    for (;;) {
        size_t bytes;
        pthread_mutex_lock(&sealed->lock);
        const uint8_t *pending = corps__seal_pending(sealed->seal, &bytes);
        pthread_mutex_unlock(&sealed->lock); /* who reads may append to it, and moves nothing */
        if (bytes == 0) {
            return CORPS_OK;
        }
        ssize_t done = send(link->write_fd, pending, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno != EINTR) {
            return errno == EAGAIN || errno == ENOBUFS ? CORPS_ERR_FULL : CORPS_ERR_CLOSED;
        }
        if (done > 0) {
            pthread_mutex_lock(&sealed->lock);
            corps__seal_sent(sealed->seal, (size_t)done);
            pthread_mutex_unlock(&sealed->lock);
        }
    }
}

/* Plain bytes on their way into records. */
struct taking {
    struct sealed *sealed;
    size_t skip;   /* taken before */
    size_t staged; /* in sealed->staged */
    size_t taken;  /* sealed now */
};

static enum corps_err seal_bytes(struct taking *taking, const uint8_t *data, size_t bytes) {
    size_t done = 0;
    pthread_mutex_lock(&taking->sealed->lock);
    enum corps_err err = corps__seal_write(taking->sealed->seal, data, bytes, &done);
    pthread_mutex_unlock(&taking->sealed->lock);
    taking->taken += done;
    return err;
}

static enum corps_err seal_staged(struct taking *taking) {
    enum corps_err err = taking->staged > 0 ? seal_bytes(taking, taking->sealed->staged, taking->staged) : CORPS_OK;
    taking->staged = err == CORPS_OK ? 0 : taking->staged;
    return err;
}

/* OK: taken or staged; AGAIN: what is sealed must be sent first. */
static enum corps_err take_piece(struct taking *taking, const void *from, size_t bytes) {
    if (taking->skip >= bytes) {
        taking->skip -= bytes;
        return CORPS_OK;
    }
    const uint8_t *data = (const uint8_t *)from + taking->skip;
    bytes -= taking->skip;
    taking->skip = 0;
    enum corps_err err = CORPS_OK;
    while (bytes > 0 && err == CORPS_OK) {
        size_t part;
        if (taking->staged == 0 && bytes >= RECORD_BYTES) {
            part = RECORD_BYTES;
            err = seal_bytes(taking, data, part);
        } else {
            part = bytes < RECORD_BYTES - taking->staged ? bytes : RECORD_BYTES - taking->staged;
            memcpy(taking->sealed->staged + taking->staged, data, part);
            taking->staged += part;
            err = taking->staged == RECORD_BYTES ? seal_staged(taking) : CORPS_OK;
        }
        data += part;
        bytes -= part;
    }
    return err;
}

/* Seals of what is held back and of the frame as much as may pile up, and counts it. OK, AGAIN, or a fault. */
static enum corps_err seal_some(struct corps__stream_link *link, const struct corps_parcel *parcel) {
    uint64_t length = htole64(parcel->bytes);
    size_t held = link->out_end - link->out_start;
    struct taking taking = {.sealed = sealed_of(link)};
    enum corps_err err = held > 0 ? take_piece(&taking, link->out + link->out_start, held) : CORPS_OK;
    if (parcel->segment_count > 0 && err == CORPS_OK) {
        taking.skip = link->sent;
        err = take_piece(&taking, &length, sizeof length);
        for (unsigned i = 0; i < parcel->segment_count && err == CORPS_OK; i++) {
            err = take_piece(&taking, parcel->segments[i].iov_base, parcel->segments[i].iov_len);
        }
    }
    err = err == CORPS_OK ? seal_staged(&taking) : err;
    size_t of_held = taking.taken < held ? taking.taken : held;
    link->out_start += of_held;
    link->sent += taking.taken - of_held;
    return err;
}

static enum corps_err sealed_write(struct corps__stream_link *link, const struct corps_parcel *parcel) {
    size_t whole = parcel->segment_count > 0 ? CORPS__STREAM_LENGTH_BYTES + parcel->bytes : 0;
    for (;;) {
        enum corps_err err = send_pending(link);
        if (err != CORPS_OK) {
            return err == CORPS_ERR_FULL ? corps__stream_full(link) : err;
        }
        if (link->out_start == link->out_end && (whole == 0 || link->sent == whole)) {
            link->out_start = link->out_end = 0;
            link->sent = whole > 0 ? 0 : link->sent; /* a frame that is half sent stays so over a flush */
            return CORPS_OK;
        }
        err = seal_some(link, parcel);
        if (err != CORPS_OK && err != CORPS_ERR_AGAIN) {
            return CORPS_ERR_CLOSED; /* who reads finds the same fault, and says it */
        }
    }
}

/* ---- the end ---- */

static void sealed_close(struct corps__stream_link *link) {
    struct sealed *sealed = sealed_of(link);
    if (link->write_fd >= 0) {
        corps__seal_end(sealed->seal);
        (void)send_pending(link);
    }
    corps__seal_free(sealed->seal);
    pthread_mutex_destroy(&sealed->lock);
    free(sealed);
}

enum corps_err corps__stream_seal(struct corps__stream_link *link, struct corps__seal *seal) {
    static const struct corps__stream_cipher cipher = {
        .read = sealed_read, .holds = sealed_holds, .write = sealed_write, .close = sealed_close};
    struct sealed *sealed = malloc(sizeof *sealed);
    if (sealed == NULL || pthread_mutex_init(&sealed->lock, NULL) != 0) {
        free(sealed);
        corps__seal_free(seal);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a sealed link");
    }
    sealed->seal = seal;
    link->cipher = &cipher;
    link->cipher_data = sealed;
    return CORPS_OK;
}
