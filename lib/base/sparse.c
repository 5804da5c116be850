#include "base/sparse.h"

#include <sys/mman.h>

void *corps__sparse_create(size_t bytes) {
    void *made = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return made != MAP_FAILED ? made : NULL;
}

void corps__sparse_destroy(void *memory, size_t bytes) {
    if (memory != NULL) {
        munmap(memory, bytes);
    }
}
