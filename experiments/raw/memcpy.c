/* One process copies the message within its caches: what a transport can reach at best that copies once. */
#include "raw/raw.h"

#include <string.h>

static bool nothing_to_open(struct raw_channel *channel) {
    (void)channel;
    return true;
}

static bool copy_there(struct raw_channel *channel, const uint8_t *message) {
    struct raw_slot *slot = &channel->shared->slots[0];
    uint64_t number;
    memcpy(&number, message, sizeof number);
    memcpy(slot->rest, message + sizeof number, channel->bytes - sizeof number);
    atomic_store_explicit(&slot->number, number, memory_order_release);
    return true;
}

static bool copy_back(struct raw_channel *channel, uint8_t *message) {
    const struct raw_slot *slot = &channel->shared->slots[0];
    uint64_t number = atomic_load_explicit(&slot->number, memory_order_acquire);
    memcpy(message, &number, sizeof number);
    memcpy(message + sizeof number, slot->rest, channel->bytes - sizeof number);
    return true;
}

const struct raw_mechanism raw_memcpy = {
    .name = "raw:memcpy",
    .summary = "one process copies within its caches (workload=oneway)",
    .can_spin = true,
    .can_stream = true,
    .alone = true,
    .open = nothing_to_open,
    .send = copy_there,
    .receive = copy_back,
};
