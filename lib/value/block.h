/* Blocks, as seen from within: see corps/block.h. */
#ifndef CORPS_BLOCK_INTERNAL_H
#define CORPS_BLOCK_INTERNAL_H

#include <corps/block.h>

/* In the child of a fork: locks that others held are free again. */
void corps__blocks_forked(void);

#endif
