#include "stream_rendezvous.h"

enum corps_err corps__stream_rendezvous_open(struct corps__stream *stream, const struct corps_endpoint_options *options,
                                             const struct corps__rendezvous_ops *ops,
                                             char address[CORPS_ADDRESS_BYTES]) {
    enum corps_err err = corps__stream_open(stream, options);
    if (err != CORPS_OK) {
        return err;
    }
    err = corps__rendezvous_open(options, ops, stream, address, &stream->links.rendezvous);
    if (err != CORPS_OK) {
        corps__stream_close(stream);
    }
    return err;
}

void corps__stream_rendezvous_forget(struct corps_endpoint *base) {
    corps__rendezvous_forget(((const struct corps__links *)base)->rendezvous);
    corps__stream_forget(base);
}

void corps__stream_rendezvous_close(struct corps_endpoint *base) {
    struct corps__stream *stream = (struct corps__stream *)base;
    corps__rendezvous_close(stream->links.rendezvous);
    corps__stream_close(stream);
}
