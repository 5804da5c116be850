/* Cells as text: the table of keys, and what the command line, matrices and results files need of it beyond lab.h.
 *
 * Threads: any; nothing here has state.
 */
#ifndef CELL_H
#define CELL_H

#include "lab.h"

enum {
    LAB_CELL_VALUE_BYTES = 1024, /* longest value, with its NUL */
    LAB_CELL_KEY_BYTES = 4096,   /* longest text of lab_cell_key */
};

/* In the environment: the file of hosts that cells with hosts=N use, instead of hosts made for each trial. */
#define LAB_HOSTS_VARIABLE "CORPS_LAB_HOSTS"

enum {
    LAB_KEY_AXIS = 1,  /* tells cells apart; the others only say how long a trial lasts */
    LAB_KEY_NEWER = 2, /* an axis that the first results files and programs do not have: 0 there */
};

/* One key, from keys.json. */
struct lab_cell_field {
    const char *name;
    const char *fallback; /* default, as text for people */
    const char *summary;
    bool axis;
    bool newer;
    bool number;       /* otherwise text */
    unsigned min, max; /* of numbers; max 0: no bound of its own */
};

/* The i-th word that a key may be, and what it means; NULL past the end, or where the words are not listed. */
const char *lab_cell_word_at(const char *key, unsigned index, const char **meaning);

/* The i-th key, NULL past the end. */
const struct lab_cell_field *lab_cell_field_at(unsigned index);

/* The value of a key as text that lab_cell_set takes back. False when there is no such key. */
bool lab_cell_get(const struct lab_cell *cell, const char *key, char out[LAB_CELL_VALUE_BYTES]);

/* Sets a key from "key=value". */
bool lab_cell_set_pair(struct lab_cell *cell, const char *pair, char error[LAB_ERROR_BYTES]);

/* Are all axes the same? Then it is the same cell, however long its trials last. */
bool lab_cell_same(const struct lab_cell *a, const struct lab_cell *b);

bool lab_cell_is_raw(const struct lab_cell *cell);

/* Neither a raw control nor a peer: its transport carries messages of Concs. */
bool lab_cell_is_ours(const struct lab_cell *cell);

/* Is its transport one of ours with this capability (corps/transport.h)? */
bool lab_cell_has(const struct lab_cell *cell, uint32_t capability);

/* Do its messages stay within one Env, where values pass by reference? */
bool lab_cell_is_intra(const struct lab_cell *cell);

/* For people: the axes that differ from the default, in one short line. */
void lab_cell_describe(const struct lab_cell *cell, char *out, size_t out_bytes);

/* How long the trial lasts, as an object. New reference. */
json_t *lab_cell_length_json(const struct lab_cell *cell);

/* Reads what lab_cell_json wrote. False with one line when a key or value is unknown to this program. */
bool lab_cell_from_json(struct lab_cell *cell, const json_t *object, char error[LAB_ERROR_BYTES]);

/* The line of a trial: kind, cell and every field of `fields`, which is taken. run is "cell", block and order are 0
 * until lab_line_place says otherwise. New reference. */
json_t *lab_line(const struct lab_cell *cell, json_t *fields);
/* Puts this cell into the line of a trial that another program ran: it may know fewer keys. */
void lab_line_cell(json_t *line, const struct lab_cell *cell);
void lab_line_place(json_t *line, const char *run, const char *family, unsigned block, unsigned order);

/* One line of JSON with its newline, malloc'd; NULL when out of memory. */
char *lab_line_text(const json_t *line);

/* Now, as "2025-01-31T12:00:00Z". */
void lab_time_text(char out[32]);

#endif
