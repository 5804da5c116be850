/* Making a POSIX message queue within the limits of the kernel and the user, without a name that could stay behind. */
#ifndef CORPS_MQUEUE_MAKE_H
#define CORPS_MQUEUE_MAKE_H

#include <corps/error.h>

#include <mqueue.h>
#include <stddef.h>

enum { CORPS__MQUEUE_MESSAGE_BYTES_MIN = 256 }; /* a queue with shorter messages is of no use */

struct corps__mqueue {
    mqd_t queue;
    mqd_t handed; /* the same one, for writing, as peers get it: a description that is not ours to rely on */
    size_t message_bytes;
};

/* Makes a queue of `wanted_count` messages, each as long as the kernel allows; 0: of as many as are useful and allowed.
 * Both descriptors are the caller's. Errors: UNSUPPORTED (the kernel has none), LIMIT (says which), SYSTEM, PROTOCOL.
 */
enum corps_err corps__mqueue_make(size_t wanted_count, struct corps__mqueue *made) CORPS_CHECKED;

#endif
