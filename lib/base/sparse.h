/* Large tables of which most is never touched. */
#ifndef CORPS_SPARSE_H
#define CORPS_SPARSE_H

#include <stddef.h>

/* Zeroed memory that takes up pages only where it is touched, which that of calloc may not: what was freed before is
 * cleared whole. NULL: no memory. Any thread. */
void *corps__sparse_create(size_t bytes);

/* Accepts NULL. `bytes` as when it was made. */
void corps__sparse_destroy(void *memory, size_t bytes);

#endif
