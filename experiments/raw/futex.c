/* Shared memory and a futex: what waking a sleeping process costs when nothing else is done. */
#include "raw/raw.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool nothing_to_open(struct raw_channel *channel) {
    (void)channel;
    return true;
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value) {
    return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static bool ring(struct raw_channel *channel, const uint8_t *message) {
    struct raw_slot *slot = &channel->shared->slots[channel->side];
    uint64_t number;
    memcpy(&number, message, sizeof number);
    memcpy(slot->rest, message + sizeof number, channel->bytes - sizeof number);
    atomic_store_explicit(&slot->number, number, memory_order_relaxed);
    /* Pairs with the acquire below: whoever sees the bell's new count sees the message. */
    atomic_fetch_add_explicit(&slot->bell, 1, memory_order_release);
    return futex(&slot->bell, FUTEX_WAKE, 1) >= 0 || raw_fail(channel, "futex wake");
}

static bool await_bell(struct raw_channel *channel, uint8_t *message) {
    struct raw_slot *slot = &channel->shared->slots[1 - channel->side];
    while (atomic_load_explicit(&slot->bell, memory_order_acquire) == channel->bell_seen) {
        /* EAGAIN: the bell rang before we slept. EINTR: the watchdog's timer. */
        if (futex(&slot->bell, FUTEX_WAIT, channel->bell_seen) != 0 && errno != EAGAIN && errno != EINTR) {
            return raw_fail(channel, "futex wait");
        }
        if (raw_must_stop(channel)) {
            return false;
        }
    }
    channel->bell_seen++;
    uint64_t number = atomic_load_explicit(&slot->number, memory_order_relaxed);
    memcpy(message, &number, sizeof number);
    memcpy(message + sizeof number, slot->rest, channel->bytes - sizeof number);
    return true;
}

const struct raw_mechanism raw_futex = {
    .name = "raw:futex",
    .summary = "shared memory and a futex to sleep on",
    .can_block = true,
    .instead = "raw:cacheline",
    .open = nothing_to_open,
    .send = ring,
    .receive = await_bell,
};
