#include "golden.h"
#include "stream.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What pipe, unix and tcp put in front of every frame. Written to a file, read from a pipe. */

enum { FRAMES_MAX = 3, FILL = 0x5a };

/* Frames by their lengths. `held`: collected first, and sent with one call. */
static const struct {
    const char *name;
    size_t lengths[FRAMES_MAX];
    unsigned count;
    bool held;
} streams[] = {
    {"stream:small", {5}, 1, false},
    {"stream:largest-small", {504}, 1, false},
    {"stream:gathered", {505}, 1, false},
    {"stream:larger-than-buffers", {0x012345}, 1, false},
    {"stream:held", {7, 258, 0x0102}, 3, true},
};

struct ends {
    struct corps__stream stream;
    struct corps__stream_link *link;
    int feed_fd; /* what is written here, the link reads */
};

static void open_ends(struct ends *ends, int write_fd) {
    int fds[2];
    struct corps_event event = {0};
    memset(ends, 0, sizeof *ends);
    struct corps_endpoint_options options = {.frame_bytes_max = (size_t)1 << 30};
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0 || corps__stream_open(&ends->stream, &options) != CORPS_OK) {
        die("cannot open a stream: %s", corps_error_detail());
    }
    ends->feed_fd = fds[1];
    ends->link = corps__stream_link_create(&ends->stream);
    if (ends->link == NULL || corps__stream_link_start(ends->link, fds[0], write_fd, false, false) != CORPS_OK ||
        corps__stream_poll(&ends->stream.links.base, &event) != CORPS_OK || event.kind != CORPS_EVENT_CONNECTED) {
        die("a stream's link does not start: %s", corps_error_detail());
    }
    corps__stream_release(&ends->stream.links.base, &event);
}

static void close_ends(struct ends *ends) {
    corps__stream_disconnect(&ends->link->base.base);
    corps__stream_close(&ends->stream);
    close(ends->feed_fd);
}

static size_t streams_count(void) {
    return sizeof streams / sizeof streams[0];
}

static const char *stream_name(size_t index) {
    return streams[index].name;
}

static void send_frame(struct ends *ends, size_t bytes, unsigned flags) {
    uint8_t *frame = malloc(bytes);
    if (frame == NULL) {
        die("no memory for a frame");
    }
    memset(frame, FILL, bytes);
    struct iovec halves[] = {{.iov_base = frame, .iov_len = bytes / 2},
                             {.iov_base = frame + bytes / 2, .iov_len = bytes - bytes / 2}};
    struct corps_parcel parcel = {.segments = halves, .segment_count = 2, .bytes = bytes};
    if (corps__stream_send(&ends->link->base.base, &parcel, flags) != CORPS_OK) {
        die("a frame of %zu bytes is not sent", bytes);
    }
    free(frame);
}

static void stream_write(size_t index, struct segments *out) {
    FILE *file = tmpfile();
    int write_fd = file != NULL ? dup(fileno(file)) : -1;
    if (write_fd < 0) {
        die("cannot make a temporary file");
    }
    struct ends ends;
    open_ends(&ends, write_fd);
    for (unsigned i = 0; i < streams[index].count; i++) {
        send_frame(&ends, streams[index].lengths[i], streams[index].held ? CORPS_SEND_MORE : 0);
    }
    static const struct corps_parcel nothing;
    if (corps__stream_send(&ends.link->base.base, &nothing, 0) != CORPS_OK) {
        die("what a stream held is not sent");
    }
    close_ends(&ends);
    fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(bytes);
    if (data == NULL || fread(data, 1, bytes, file) != bytes) {
        die("cannot read a temporary file");
    }
    segments_add(out, data, bytes);
    free(data);
    fclose(file);
}

/* Is it the frame of this length? */
static bool is_frame(const char *name, const struct corps_event *event, size_t bytes) {
    if (event->kind != CORPS_EVENT_MESSAGE || event->bytes != bytes) {
        return differs(name, "a frame of %zu bytes is read as %zu bytes (event %d)", bytes, event->bytes,
                       (int)event->kind);
    }
    for (size_t i = 0; i < bytes; i++) {
        if (event->data[i] != FILL) {
            return differs(name, "byte %zu of a frame is read as %02x", i, event->data[i]);
        }
    }
    return true;
}

/* Writes what the pipe takes now and polls; false when there is nothing more to write and nothing to read. */
static bool next_event(struct ends *ends, const uint8_t **at, size_t *left, struct corps_event *event) {
    for (;;) {
        if (corps__stream_poll(&ends->stream.links.base, event) == CORPS_OK) {
            return true;
        }
        if (*left == 0) {
            return corps__stream_poll(&ends->stream.links.base, event) == CORPS_OK;
        }
        ssize_t done = write(ends->feed_fd, *at, *left < 4096 ? *left : 4096);
        if (done > 0) {
            *at += done;
            *left -= (size_t)done;
        }
    }
}

static bool stream_read(size_t index, const struct segments *in) {
    const char *name = streams[index].name;
    if (in->count != 1) {
        return differs(name, "%zu segments, not one stream", in->count);
    }
    struct ends ends;
    open_ends(&ends, dup(STDOUT_FILENO)); /* nothing is sent */
    const uint8_t *at = in->parts[0].iov_base;
    size_t left = in->parts[0].iov_len;
    struct corps_event event = {0};
    bool well = true;
    for (unsigned i = 0; well && i < streams[index].count; i++) {
        well = next_event(&ends, &at, &left, &event) || differs(name, "frame %u never comes", i);
        well = well && is_frame(name, &event, streams[index].lengths[i]);
        corps__stream_release(&ends.stream.links.base, &event);
        corps_block_unref(event.block);
        event = (struct corps_event){0};
    }
    well = well && (left == 0 || differs(name, "%zu bytes were not read", left));
    close_ends(&ends);
    return well;
}

const struct family golden_streams = {streams_count, stream_name, stream_write, stream_read};
