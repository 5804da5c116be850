/* What processes tell each other of the Envs of a Corps: a row each, in a table. */
#ifndef CORPS_ROWS_H
#define CORPS_ROWS_H

#include "link/known.h"

/* One of its Envs as the items of an array; borrowed, as long as nothing changes. */
enum { CORPS__ROW_ITEMS = 9 };
void corps__row_items(const struct corps *corps, unsigned env, struct corps_value items[CORPS__ROW_ITEMS]);

/* What somebody has said of one, into the table: links and calls to what has ended end too. With the lead. Errors:
 * PROTOCOL. */
enum corps_err corps__row_take(struct corps *corps, unsigned env, const struct corps_value *row) CORPS_CHECKED;

/* The table of its Envs as a value in `box`, and back into corps->envs: of as many as there are in it. With the lead,
 * or before others know of the Corps. Errors: NO_MEMORY; PROTOCOL. */
enum corps_err corps__table_encode(const struct corps *corps, struct corps_box *box,
                                   struct corps_value *value) CORPS_CHECKED;
enum corps_err corps__table_decode(const struct corps_value *value, struct corps *corps) CORPS_CHECKED;

/* The same table, but that no Env is there just now: each that is not lost is being started again, as `text` says. */
enum corps_err corps__table_encode_down(const struct corps *corps, const char *text, struct corps_box *box,
                                        struct corps_value *value) CORPS_CHECKED;

/* Of which process a row tells, 0: none now. */
int corps__row_pid(const struct corps_value *row);

/* Does it tell of a process that is there, and is it this one? */
bool corps__row_is_up(const struct corps_value *row, uint64_t incarnation);

/* This Env is known from now on: with the lead, when its row is whole. */
void corps__row_known(struct corps *corps, unsigned env);

#endif
