#include "cma_read.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

/* The word: the number, and the outcome in the lowest two bits. The peer can write anything there: it can have its own
 * frames lost, no more. */
bool corps__cma_decide(struct corps__cma_shared *shared, uint64_t number, enum corps__cma_outcome outcome) {
    uint64_t before = atomic_load(&shared->decided);
    return before >> 2 < number && atomic_compare_exchange_strong(&shared->decided, &before, number << 2 | outcome);
}

enum corps__cma_outcome corps__cma_outcome_of(const struct corps__cma_shared *shared, uint64_t number) {
    uint64_t word = atomic_load(&shared->decided);
    return word >> 2 >= number ? (enum corps__cma_outcome)(word & 3) : CORPS__CMA_OPEN;
}

static bool is_known(const struct corps__cma_peer *peer) {
    return peer->pid != 0 && peer->pidfd >= 0;
}

void corps__cma_peer_close(struct corps__cma_peer *peer) {
    if (is_known(peer)) {
        close(peer->pidfd);
    }
    *peer = (struct corps__cma_peer){.pidfd = -1};
}

/* A number that was given to another process meanwhile would show here: its first owner has ended. */
static bool has_ended(const struct corps__cma_peer *peer) {
    struct pollfd fd = {.fd = peer->pidfd, .events = POLLIN};
    return poll(&fd, 1, 0) != 0;
}

enum corps_err corps__cma_read(const struct corps__cma_peer *peer, const struct corps__remote *remote, void *to) {
    if (!is_known(peer)) {
        return CORPS_ERR_UNSUPPORTED;
    }
    uint8_t *at = to;
    uint64_t done = 0;
    while (done < remote->bytes) {
        struct iovec here = {.iov_base = at + done, .iov_len = (size_t)(remote->bytes - done)};
        struct iovec there = {.iov_base = (void *)(uintptr_t)(remote->address + done), .iov_len = here.iov_len};
        ssize_t got = process_vm_readv(peer->pid, &here, 1, &there, 1, 0);
        int fault = got < 0 ? errno : got == 0 ? EFAULT : 0;
        if (fault != 0 && (has_ended(peer) || fault == ESRCH)) {
            return corps_error_set(CORPS_ERR_CLOSED, "a peer ended while its memory was read");
        }
        if (fault != 0) {
            return fault == EPERM || fault == ENOSYS ? CORPS_ERR_UNSUPPORTED
                   : fault == ENOMEM
                       ? corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to read a peer's")
                       : corps_error_set(CORPS_ERR_PROTOCOL, "a peer says that a frame lies where it has no memory");
        }
        done += (uint64_t)got;
    }
    return has_ended(peer) ? corps_error_set(CORPS_ERR_CLOSED, "a peer ended while its memory was read") : CORPS_OK;
}
