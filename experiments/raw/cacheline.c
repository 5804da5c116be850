/* Shared memory and two spinning processes: the message is its own flag. With 64 bytes a round trip moves two cache
 * lines, which is the least that two processors can exchange. */
#include "raw/raw.h"

#include <string.h>

static bool nothing_to_open(struct raw_channel *channel) {
    (void)channel;
    return true;
}

static bool store_message(struct raw_channel *channel, const uint8_t *message) {
    struct raw_slot *slot = &channel->shared->slots[channel->side];
    uint64_t number;
    memcpy(&number, message, sizeof number);
    memcpy(slot->rest, message + sizeof number, channel->bytes - sizeof number);
    /* Pairs with the acquire below: whoever sees the number sees the rest. The slot is free, since the other side
     * answers only what it has read. */
    atomic_store_explicit(&slot->number, number, memory_order_release);
    return true;
}

static bool await_message(struct raw_channel *channel, uint8_t *message) {
    struct raw_slot *slot = &channel->shared->slots[1 - channel->side];
    uint64_t number;
    while ((number = atomic_load_explicit(&slot->number, memory_order_acquire)) == channel->seen) {
        if (raw_must_stop(channel)) {
            return false;
        }
    }
    channel->seen = number;
    memcpy(message, &number, sizeof number);
    memcpy(message + sizeof number, slot->rest, channel->bytes - sizeof number);
    return true;
}

const struct raw_mechanism raw_cacheline = {
    .name = "raw:cacheline",
    .summary = "one cache line of shared memory each way, both sides spin",
    .can_spin = true,
    .baseline = true,
    .instead = "raw:futex",
    .open = nothing_to_open,
    .send = store_message,
    .receive = await_message,
};
