/* Structs that callers fill: of an older or a newer layout than ours, and read as ours (docs/abi.md).
 *
 * A description says where things lie in one such struct. `take` gives the struct as it came where that is of our
 * layout, so that nothing is copied in the usual case. */
#ifndef CORPS_BASE_SIZED_H
#define CORPS_BASE_SIZED_H

#include <corps/error.h>

#include <stddef.h>

struct corps__sized {
    const char *name;   /* for texts */
    size_t bytes;       /* of our layout; at most CORPS__SIZED_BYTES_MAX */
    size_t base_bytes;  /* of the layout that a `size` of 0 stands for: what 0.1.0 was released with */
    size_t size_at;     /* where `size` is */
    size_t reserved_at; /* where `reserved` begins, which ends at `bytes` */
};

#define CORPS__SIZED_BYTES_MAX 4096u /* a larger `size` is memory that nobody has set */

#define CORPS__SIZED(type, base)                                                                                       \
    { "struct " #type, sizeof(struct type), (base), offsetof(struct type, size), offsetof(struct type, reserved) }

/* `given` as our layout: itself, or a copy in `own` (room for `bytes`), whose missing rest is zero. NULL, with an
 * INVALID's detail, when it holds something that this version does not know. */
const void *corps__sized_take(const struct corps__sized *kind, const void *given, void *own);

#endif
