#include "cell/near.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Letters that are left out, added, changed or swapped with their neighbour: the optimal string alignment distance
 * (Damerau, A technique for computer detection and correction of spelling errors, 1964), without regard to case. */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static int same(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t distance(const char *a, const char *b) {
    size_t rows[3][LAB_NEAR_WORD_BYTES];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    size_t a_bytes = strlen(a), b_bytes = strlen(b);
    for (size_t j = 0; j <= b_bytes; j++) {
        last[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a_bytes; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_bytes];
}

/* One slip in three letters, and no more: further away is another word. */
static size_t tolerated(const char *wrong) {
    size_t bytes = strlen(wrong);
    return bytes < 3 ? 0 : bytes < 6 ? 1 : bytes / 3;
}

void lab_near_begin(struct lab_near *near, const char *wrong) {
    *near = (struct lab_near){.wrong = wrong, .distance = tolerated(wrong) + 1};
}

void lab_near_try(struct lab_near *near, const char *right) {
    size_t bytes = strlen(near->wrong);
    if (bytes < 2 || bytes >= LAB_NEAR_WORD_BYTES || strlen(right) >= LAB_NEAR_WORD_BYTES || right[0] == '\0') {
        return;
    }
    size_t found = distance(near->wrong, right);
    /* The beginning of a word, or what stands behind a prefix such as "raw:", is as near as one slip. */
    const char *colon = strchr(right, ':');
    if (strncmp(near->wrong, right, bytes) == 0 || (colon != NULL && strcmp(colon + 1, near->wrong) == 0)) {
        found = least(found, 1);
        near->distance = near->best[0] == '\0' && near->distance < 2 ? 2 : near->distance; /* also of two letters */
    }
    if (found < near->distance) {
        near->distance = found;
        snprintf(near->best, sizeof near->best, "%s", right);
    }
}

void lab_near_try_words(struct lab_near *near, const char *words) {
    for (size_t length; *words != '\0'; words += length + (words[length] == ' ')) {
        char word[LAB_NEAR_WORD_BYTES];
        length = strcspn(words, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, words);
        lab_near_try(near, word);
    }
}

const char *lab_near_text(const struct lab_near *near, char out[LAB_NEAR_TEXT_BYTES]) {
    out[0] = '\0';
    if (near->best[0] != '\0') {
        snprintf(out, LAB_NEAR_TEXT_BYTES, " (did you mean '%s'?)", near->best);
    }
    return out;
}
