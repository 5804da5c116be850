/* A reading as a table for people. */
#ifndef CORPS_TOP_TABLE_H
#define CORPS_TOP_TABLE_H

#include "reading.h"
#include "text.h"

enum top_sort { TOP_SERVED, TOP_QUEUED, TOP_WAIT, TOP_SERVICE, TOP_CPU };

struct top_layout {
    enum top_sort sort;
    unsigned columns;  /* of a line; longer ones are cut */
    unsigned lines;    /* of the whole; 0: as many as there are */
    bool to_line_ends; /* for a terminal: what stood there before is wiped, and titles are bold */
};

/* Adds the table of a compared reading, which it puts in order. */
void top_table(struct top_reading *reading, const struct top_layout *layout, struct top_text *text);

/* Corps that run, to choose from. */
void top_table_running(const struct corps_running *list, size_t count, struct top_text *text);

#endif
