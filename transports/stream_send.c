#include "stream.h"

#include "base/calls.h"
#include "parcel.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sending: gathered straight from the caller's segments, or held back and sent with others. */

enum {
    OUT_BYTES = 65536,       /* of the buffer for frames held back */
    OUT_FLUSH_BYTES = 32768, /* held back at most, before they are sent anyway */
    SMALL_BYTES = 512,       /* with its length, a frame that is put together before it is written */
};

/* Writes from `iov` on. How many bytes the kernel took, 0 when it is full; −1, and CLOSED in *err, when nobody reads
 * there any more. */
static ssize_t write_some(struct corps__stream_link *link, struct iovec *iov, int count, enum corps_err *err) {
    for (;;) {
        ssize_t done;
        if (link->is_socket) {
            struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};
            done = sendmsg(link->write_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        } else {
            done = writev(link->write_fd, iov, count);
        }
        if (done >= 0) {
            return done;
        }
        if (errno == EAGAIN || errno == ENOBUFS) {
            return 0;
        }
        if (errno != EINTR) {
            *err = CORPS_ERR_CLOSED;
            return -1;
        }
    }
}

/* Everything that is to be written now, without what was written before: held-back bytes, length, segments. */
struct gather {
    struct iovec iov[IOV_MAX];
    int count;
    size_t held; /* bytes of it that are held-back frames */
    size_t bytes;
};

static void gather_add(struct gather *gather, const void *data, size_t bytes, size_t *skip) {
    if (*skip >= bytes) {
        *skip -= bytes;
        return;
    }
    if (gather->count < IOV_MAX) { /* what finds no place goes in the next round */
        gather->iov[gather->count++] =
            (struct iovec){.iov_base = (char *)(uintptr_t)data + *skip, .iov_len = bytes - *skip};
        gather->bytes += bytes - *skip;
    }
    *skip = 0;
}

static void gather_all(struct gather *gather, const struct corps__stream_link *link, const struct corps_parcel *parcel,
                       const uint64_t *length) {
    gather->count = 0;
    gather->bytes = 0;
    gather->held = link->out_end - link->out_start;
    size_t skip = 0;
    if (gather->held > 0) {
        gather_add(gather, link->out + link->out_start, gather->held, &skip);
    }
    if (parcel->segment_count == 0) {
        return;
    }
    skip = link->sent;
    gather_add(gather, length, CORPS__STREAM_LENGTH_BYTES, &skip);
    for (unsigned i = 0; i < parcel->segment_count; i++) {
        gather_add(gather, parcel->segments[i].iov_base, parcel->segments[i].iov_len, &skip);
    }
}

/* A small frame and nothing before it, put together and written as one piece: the kernel takes that faster than a list.
 * OK, or PARTIAL when it took less, which `sent` tells; then it goes on from there. */
static enum corps_err write_small(struct corps__stream_link *link, const struct corps_parcel *parcel) {
    uint8_t whole[SMALL_BYTES];
    uint64_t length = htole64(parcel->bytes);
    memcpy(whole, &length, CORPS__STREAM_LENGTH_BYTES);
    corps__parcel_copy(parcel, 0, whole + CORPS__STREAM_LENGTH_BYTES, parcel->bytes);
    size_t bytes = CORPS__STREAM_LENGTH_BYTES + parcel->bytes;
    ssize_t done;
    do {
        done = link->is_socket ? corps__send(link->write_fd, whole, bytes, MSG_NOSIGNAL | MSG_DONTWAIT)
                               : corps__write(link->write_fd, whole, bytes);
    } while (done < 0 && errno == EINTR);
    if (done == (ssize_t)bytes) {
        return CORPS_OK;
    }
    link->sent = done > 0 ? (size_t)done : 0;
    return done >= 0 || errno == EAGAIN || errno == ENOBUFS ? CORPS_ERR_PARTIAL : CORPS_ERR_CLOSED;
}

enum corps_err corps__stream_full(struct corps__stream_link *link) {
    (void)corps__link_set_blocked(&link->base, true);
    return link->sent > 0 ? CORPS_ERR_PARTIAL : CORPS_ERR_FULL;
}

static enum corps_err write_through(struct corps__stream_link *link, const struct corps_parcel *parcel) {
    if (link->cipher != NULL) {
        return link->cipher->write(link, parcel);
    }
    uint64_t length = htole64(parcel->bytes);
    size_t whole = parcel->segment_count > 0 ? CORPS__STREAM_LENGTH_BYTES + parcel->bytes : 0;
    struct gather gather;
    for (;;) {
        gather_all(&gather, link, parcel, &length);
        if (gather.bytes == 0) {
            return CORPS_OK; /* a flush with nothing held back; a frame that is half sent stays so */
        }
        enum corps_err err = CORPS_OK;
        ssize_t done = write_some(link, gather.iov, gather.count, &err);
        if (err != CORPS_OK) {
            return err;
        }
        if (done == 0) {
            return corps__stream_full(link);
        }
        size_t of_held = (size_t)done < gather.held ? (size_t)done : gather.held;
        link->out_start += of_held;
        link->sent += (size_t)done - of_held;
        if (link->out_start == link->out_end && link->sent == whole) {
            link->out_start = link->out_end = 0;
            link->sent = 0;
            return CORPS_OK;
        }
    }
}

/* Puts a small frame into the buffer; false when it does not fit. */
static bool hold_frame(struct corps__stream_link *link, const struct corps_parcel *parcel) {
    if (link->sent > 0 || parcel->bytes + CORPS__STREAM_LENGTH_BYTES > OUT_BYTES - link->out_end) {
        return false;
    }
    if (link->out == NULL) {
        link->out = malloc(OUT_BYTES);
        if (link->out == NULL) {
            return false;
        }
    }
    uint64_t length = htole64(parcel->bytes);
    memcpy(link->out + link->out_end, &length, CORPS__STREAM_LENGTH_BYTES);
    link->out_end += CORPS__STREAM_LENGTH_BYTES;
    for (unsigned i = 0; i < parcel->segment_count; i++) {
        if (parcel->segments[i].iov_len > 0) {
            memcpy(link->out + link->out_end, parcel->segments[i].iov_base, parcel->segments[i].iov_len);
            link->out_end += parcel->segments[i].iov_len;
        }
    }
    return true;
}

enum corps_err corps__stream_send(struct corps_link *base, const struct corps_parcel *parcel, unsigned flags) {
    struct corps__stream_link *link = (struct corps__stream_link *)base;
    enum corps_err err = corps__link_check(&link->base);
    if (err != CORPS_OK) {
        return err;
    }
    if ((flags & CORPS_SEND_MORE) != 0 && parcel->segment_count > 0 && hold_frame(link, parcel)) {
        if (link->out_end - link->out_start >= OUT_FLUSH_BYTES) {
            static const struct corps_parcel nothing;
            err = write_through(link, &nothing);
            return err == CORPS_ERR_FULL ? CORPS_OK : err; /* taken; WRITABLE will follow for the rest */
        }
        return CORPS_OK;
    }
    if (link->cipher == NULL && link->sent == 0 && link->out_end == link->out_start && parcel->segment_count > 0 &&
        parcel->bytes <= SMALL_BYTES - CORPS__STREAM_LENGTH_BYTES) {
        err = write_small(link, parcel);
        if (err != CORPS_ERR_PARTIAL) {
            return err;
        }
    }
    return write_through(link, parcel);
}
