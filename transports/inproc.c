#include "inproc.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { OBJECT = 1, FRAME = 2 };  /* heads of messages */
enum { MESSAGES_WANTED = 4096 }; /* the library's own queue */

enum corps_err corps__inproc_open(struct corps__inproc *inproc, const struct corps__pair_library *library,
                                  const struct corps_endpoint_options *options, char address[CORPS_ADDRESS_BYTES]) {
    static _Atomic unsigned number;
    char url[64];
    snprintf(url, sizeof url, "inproc://corps-%u", atomic_fetch_add(&number, 1));
    inproc->library = library;
    inproc->bound = options->queue_count < UINT32_MAX ? (uint32_t)options->queue_count : UINT32_MAX;
    inproc->link = (struct corps_link){.transport = inproc->base.transport, .endpoint = &inproc->base};
    enum corps_err err = library->start();
    if (err != CORPS_OK) {
        return err;
    }
    unsigned unused, opened = 0;
    err = library->open(inproc->in, MESSAGES_WANTED);
    opened += err == CORPS_OK;
    err = err == CORPS_OK ? library->open(inproc->out, MESSAGES_WANTED) : err;
    opened += err == CORPS_OK;
    err = err == CORPS_OK ? library->listen(inproc->in, url, &unused) : err;
    err = err == CORPS_OK ? library->dial(inproc->out, url) : err;
    if (err != CORPS_OK) {
        if (opened > 1) {
            library->close(inproc->out, true, NULL);
        }
        if (opened > 0) {
            library->close(inproc->in, true, NULL);
        }
        library->stop();
        return err;
    }
    strcpy(address, "inproc");
    return CORPS_OK;
}

enum corps_err corps__inproc_connect(struct corps_endpoint *base, const char *address, struct corps_link **link) {
    (void)address;
    *link = &((struct corps__inproc *)base)->link;
    return CORPS_OK;
}

void corps__inproc_disconnect(struct corps_link *link) {
    (void)link; /* it is part of the endpoint */
}

enum corps_err corps__inproc_send(struct corps_link *link, const struct corps_parcel *parcel, unsigned flags) {
    (void)flags; /* nothing is held back */
    struct corps__inproc *inproc = (struct corps__inproc *)link->endpoint;
    if (parcel->object == NULL && parcel->segment_count == 0) {
        return CORPS_OK;
    }
    if (atomic_fetch_add(&inproc->count, 1) >= inproc->bound && inproc->bound != 0) {
        atomic_fetch_sub(&inproc->count, 1);
        return CORPS_ERR_FULL;
    }
    struct iovec segment = {.iov_base = (void *)(uintptr_t)&parcel->object, .iov_len = sizeof parcel->object};
    const struct corps_parcel address = {.segments = &segment, .segment_count = 1, .bytes = segment.iov_len};
    const struct corps_parcel *what = parcel->object != NULL ? &address : parcel;
    const struct corps__head head = {.what = parcel->object != NULL ? OBJECT : FRAME};
    enum corps_err err = inproc->library->put(inproc->out, &head, what, 0, what->bytes);
    if (err != CORPS_OK) {
        atomic_fetch_sub(&inproc->count, 1);
    }
    return err;
}

enum corps_err corps__inproc_poll(struct corps_endpoint *base, struct corps_event *event) {
    struct corps__inproc *inproc = (struct corps__inproc *)base;
    const uint8_t *data;
    size_t bytes;
    enum corps_err err = inproc->library->take(inproc->in, &data, &bytes);
    if (err != CORPS_OK) {
        return err == CORPS_ERR_AGAIN ? CORPS_ERR_EMPTY : err;
    }
    atomic_fetch_sub(&inproc->count, 1);
    struct corps__head head;
    memcpy(&head, data, sizeof head);
    event->kind = CORPS_EVENT_MESSAGE;
    if (head.what == OBJECT) {
        memcpy(&event->object, data + sizeof head, sizeof event->object);
        inproc->library->drop(inproc->in);
        return CORPS_OK;
    }
    event->data = data + sizeof head;
    event->bytes = bytes - sizeof head;
    inproc->lends = true;
    return CORPS_OK;
}

void corps__inproc_release(struct corps_endpoint *base, struct corps_event *event) {
    (void)event;
    struct corps__inproc *inproc = (struct corps__inproc *)base;
    if (inproc->lends) {
        inproc->library->drop(inproc->in);
        inproc->lends = false;
    }
}

enum corps_err corps__inproc_arm(struct corps_endpoint *base, struct pollfd *fds, size_t capacity, size_t *count) {
    (void)fds;
    (void)capacity;
    *count = 0;
    /* Sequentially consistent, as in queue.c: the core marks the receiver idle before this, and a sender looks for that
     * mark after it has counted. What is counted may still be on its way through the library. */
    return atomic_load(&((struct corps__inproc *)base)->count) == 0 ? CORPS_OK : CORPS_ERR_AGAIN;
}

void corps__inproc_close(struct corps_endpoint *base) {
    struct corps__inproc *inproc = (struct corps__inproc *)base;
    inproc->library->close(inproc->out, true, NULL);
    inproc->library->close(inproc->in, true, NULL);
    inproc->library->stop();
}
