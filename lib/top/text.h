/* Text that grows: what a whole screen, or a whole answer, is composed in before it goes out in one piece. Zeroed
 * memory is an empty one; give its memory back by top_text_free. For one thread. */
#ifndef CORPS_TOP_TEXT_H
#define CORPS_TOP_TEXT_H

#include <corps.h>

struct top_text {
    char *bytes; /* NULL while empty; no NUL at the end */
    size_t used, room;
    bool failed; /* no memory: nothing more is added */
};

void top_add(struct top_text *text, const char *format, ...) CORPS_PRINTF(2, 3);
void top_add_bytes(struct top_text *text, const char *bytes, size_t count);

/* For people: what a terminal could take for a command is "?", and no more than `width` characters are added; then
 * spaces up to `width`, if `pad`. */
void top_add_plain(struct top_text *text, const char *bytes, size_t count, unsigned width, bool pad);

void top_text_free(struct top_text *text);

/* All of it to standard output. False: the detail says what is wrong. */
bool top_put(const struct top_text *text);

#endif
