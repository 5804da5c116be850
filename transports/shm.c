#include "ring_links.h"

/* Shared memory: links over rings (ring_links.h), and nothing else. */

static enum corps_err shm_open_endpoint(struct corps_endpoint *base, const struct corps_endpoint_options *options,
                                        char address[CORPS_ADDRESS_BYTES]) {
    static const struct corps__ring_kind kind = {
        .link_bytes = sizeof(struct corps__ring_link),
        .has_room = corps__ring_link_has_room,
    };
    return corps__ring_links_open((struct corps__ring_endpoint *)base, &kind, options, address);
}

const struct corps_transport corps_transport_shm = {
    .name = "shm",
    .summary = "rings in shared memory between Envs of one host",
    .capabilities = CORPS_TRANSPORT_LOAN | CORPS_TRANSPORT_DEFAULT,
    .endpoint_bytes = sizeof(struct corps__ring_endpoint),
    .control_block = "raw:futex",
    .control_spin = "raw:cacheline",
    .open = shm_open_endpoint,
    .disconnect = corps__ring_links_disconnect,
    .send = corps__ring_links_send,
    .loan = corps__ring_links_loan,
    .forget = corps__ring_links_forget,
    CORPS__RING_LINKS_OPERATIONS,
};
