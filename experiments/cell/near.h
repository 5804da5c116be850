/* "Did you mean …?": of the words that would have been right, the one that is nearest to the one that was written.
 *
 * Threads: any; the state is the caller's.
 */
#ifndef NEAR_H
#define NEAR_H

#include <stddef.h>

enum { LAB_NEAR_WORD_BYTES = 64, LAB_NEAR_TEXT_BYTES = LAB_NEAR_WORD_BYTES + 32 };

struct lab_near {
    const char *wrong; /* lent by the caller */
    char best[LAB_NEAR_WORD_BYTES];
    size_t distance; /* of the best; too far ones never become it */
};

/* Begins with a word that is none of those which are right. */
void lab_near_begin(struct lab_near *near, const char *wrong);

/* One of the words that are right. Only what is nearer than all before is kept, so that the first of equals stands. */
void lab_near_try(struct lab_near *near, const char *right);

/* The same with the words of a list, which one space separates. */
void lab_near_try_words(struct lab_near *near, const char *words);

/* " (did you mean 'shm'?)", or "" where no word is near. Gives `out`. */
const char *lab_near_text(const struct lab_near *near, char out[LAB_NEAR_TEXT_BYTES]);

#endif
