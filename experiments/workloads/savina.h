/* What the programs of the Savina suite share (Imam and Sarkar, "Savina – An Actor Benchmark Suite", 2014). A program
 * is a *referee* in Env 0, which begins, ends and checks it, and `concs` Workers over all Envs, from Env 1 on in turn.
 * All know each other's Names: the referee's is number 0, the Workers' are 1, 2, … A trial is one run of the whole
 * program; `scale` is the percentage of the suite's amounts of work.
 *
 * Threads: each struct belongs to one Conc.
 */
#ifndef WORKLOADS_SAVINA_H
#define WORKLOADS_SAVINA_H

#include "workloads/common.h"

/* The first member of every Conc here. */
struct savina {
    struct corps_name **names;
    size_t count;           /* of names */
    unsigned index;         /* of this one among them */
    unsigned scale;         /* percent */
    struct savina_run *run; /* of the referee, while the program runs */
};

/* Methods that every class here has: "link" takes the Names, "fault" (of a referee) fails the program; and cleanup. */
enum corps_err savina_link(struct corps_context *context, void *self, const struct corps_value *args,
                           struct corps_value *result);
enum corps_err savina_fault(struct corps_context *context, void *self, const struct corps_value *args,
                            struct corps_value *result);
void savina_leave(struct corps_context *context, void *self);

#define SAVINA_WORKER_METHODS                                                                                          \
    {"link", savina_link}, {                                                                                           \
        NULL, NULL                                                                                                     \
    }
#define SAVINA_REFEREE_METHODS {"fault", savina_fault}, SAVINA_WORKER_METHODS

size_t savina_workers(const struct savina *savina);                   /* how many there are */
uint64_t savina_scaled(const struct savina *savina, uint64_t amount); /* 1 at least */

/* The suite's random numbers, below 65536. */
unsigned savina_random(unsigned *state);

/* Sends a method's call to number `to`; a fault of sending is the program's. */
void savina_send(struct savina *savina, unsigned to, const char *method, const struct corps_value *args);
/* The same with an array of numbers. */
void savina_send_ints(struct savina *savina, unsigned to, const char *method, const int64_t *numbers, size_t count);

/* Number `i` of an array, or the argument itself; INT64_MIN where there is none. */
int64_t savina_int(const struct corps_value *args, size_t i);

/* The program is at fault: from any of its Concs. The text is one line. */
void savina_wrong(struct savina *savina, const char *format, ...) CORPS_PRINTF(2, 3);

/* A referee's "run" begins with it: on OK the time runs, and the answer is put off (return CORPS_ERR_PENDING), until
 * savina_end tells how many messages the program was; a message is what `note` says. */
enum corps_err savina_begin(struct savina *savina, struct corps_context *context, const struct corps_value *args,
                            bool with_message) CORPS_CHECKED;
void savina_stop(struct savina *savina); /* the time ends here, and not with savina_end */
void savina_end(struct savina *savina, struct corps_context *context, uint64_t messages, const char *note);
struct lab_driver *savina_driver(struct savina *savina); /* lent until savina_end */

/* Asks every Worker for a number by `method`, waits, and adds up. False after a fault. */
bool savina_sum(struct savina *savina, const char *method, uint64_t expected_each, uint64_t *sum);

/* A workload's `impossible` and the body of its `run`. */
const char *savina_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]);
enum corps_err savina_perform(struct corps *corps, const struct lab_cell *cell, const char *referee_class,
                              const char *worker_class, struct corps_box **box) CORPS_CHECKED;

#endif
