/* Counts what is copied within a process, preloaded: bytes of all copies of COUNTED_MIN bytes and more by memcpy and
 * memmove of the C library. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { COUNTED_MIN = 1 << 16 };

static _Atomic uint64_t copied;

uint64_t copied_bytes(void);
void *memmove(void *to, const void *from, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);

uint64_t copied_bytes(void) {
    return atomic_load(&copied);
}

typedef void *move_fn(void *to, const void *from, size_t bytes);

/* The real one, which does for memcpy, too; NULL while it is looked up, for which something may be copied. */
static move_fn *find_move(void) {
    static _Atomic uintptr_t found;
    static _Thread_local int looks;
    if (atomic_load(&found) == 0 && !looks) {
        looks = 1;
        atomic_store(&found, (uintptr_t)dlsym(RTLD_NEXT, "memmove"));
        looks = 0;
    }
    return (move_fn *)atomic_load(&found);
}

void *memmove(void *to, const void *from, size_t bytes) {
    move_fn *move = find_move();
    if (bytes >= COUNTED_MIN) {
        atomic_fetch_add(&copied, bytes);
    }
    if (move != NULL) {
        return move(to, from, bytes);
    }
    volatile uint8_t *at = to;
    const volatile uint8_t *source = from;
    for (size_t i = 0; i < bytes; i++) {
        size_t next = (uintptr_t)to < (uintptr_t)from ? i : bytes - 1 - i;
        at[next] = source[next];
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t bytes) {
    return memmove(to, from, bytes);
}
