/* What the workloads share. A workload measures from inside: its *driver*, a Conc in Env 0, sends and takes the time;
 * its *servers* live in the other Envs (with one Env, all in that). The program only creates them, waits, and hands the
 * driver's result on, so that it never disturbs what is measured.
 *
 *   program.c  the program's side: servers, the driver, waiting     params.c   what the driver is told
 *   driver.c   the driver's side: timing, usage, the result         message.c  numbered messages and their checks
 *
 * What the program tells the driver and what it gets back are maps that travel as msgpack whatever the cell's
 * serializer is; only measured messages use that. Inside one Env nothing is serialized, whatever the serializer.
 *
 * A message has a number, which counts from 0 without a gap. Where the serializer carries bytes alone, the number is
 * the first 8 bytes of the payload, little-endian; otherwise the message is an array of number and payload.
 *
 * Threads: each struct belongs to one Conc, or to the program's one thread.
 */
#ifndef WORKLOADS_COMMON_H
#define WORKLOADS_COMMON_H

#include "measure/histogram.h"
#include "measure/steps.h"
#include "measure/system_calls.h"
#include "measure/usage.h"
#include "payload/payloads.h"

#include <corps.h>

enum {
    LAB_FULL_CHECK_EVERY = 64, /* the content of every so many messages is compared; numbers always */
    LAB_COUNTED_MESSAGES = 256,
    LAB_STEPPED_MESSAGES = 16,
    LAB_PIDS_MAX = 1024,
    LAB_TEXT_BYTES = 256,
};
#define LAB_PATIENCE_NS (60 * INT64_C(1000000000)) /* for one answer; after that the message counts as lost */

uint64_t lab_now_ns(void);

/* ---- params.c ---- */

struct lab_params {
    struct lab_cell cell;
    bool spin;                /* wake policy */
    bool by_reference;        /* within one Env: nothing goes over a wire */
    bool discards;            /* nothing arrives */
    unsigned slowdown;        /* percent by which echo is slowed down on purpose, to test that it is found */
    unsigned index;           /* among `names`, for Concs that are told apart */
    pid_t pids[LAB_PIDS_MAX]; /* of the Envs, whose use of the machine counts */
    size_t pid_count;
    const struct corps_value *names; /* array of Names; lent by the map */
};

/* CORPS_LAB_SLOWDOWN=TRANSPORT:PERCENT in the environment slows echo over that transport down on purpose: each round
 * trip lasts so much longer. It is there to prove that compare finds what is slower, and its trials are flagged.
 *
 * Writes a map for lab_params_read into `box` as its root. `names` are borrowed until the box goes. */
enum corps_err lab_params_write(const struct lab_cell *cell, struct corps *corps, struct corps_name *const *names,
                                size_t name_count, unsigned index, struct corps_box *box) CORPS_CHECKED;
enum corps_err lab_params_read(const struct corps_value *map, struct lab_params *params) CORPS_CHECKED;

/* The Name number `i`, lent by the map; NULL when there is none. */
const struct corps_name *lab_params_name(const struct lab_params *params, size_t i);

/* ---- usage of this process ---- */

/* What this process holds in memory now, pages that it shares included; 0 when unknown. */
uint64_t lab_resident_bytes(void);

/* ---- message.c ---- */

struct lab_message {
    struct lab_payload payload;
    const struct corps_serializer *serializer;
    bool bare;     /* bytes alone, without an array around */
    bool numbered; /* false for bare messages of less than 8 bytes */
    struct corps_value items[2];
    struct corps_value value;
    uint64_t size_bytes; /* of the payload as encoded; bytes:N counts N */
    uint64_t wire_bytes; /* of the whole message as encoded, without headers; 0 where nothing is encoded */
};

enum corps_err lab_message_open(struct lab_message *message, const struct lab_params *params) CORPS_CHECKED;
void lab_message_close(struct lab_message *message);

/* The message with this number, lent until the next call. */
const struct corps_value *lab_message_with(struct lab_message *message, uint64_t number);

/* The same with its payload written into memory lent for the Worker `to`: the whole of it, each time. `*block` holds
 * it: drop it once the message is sent. NULL when out of memory. */
const struct corps_value *lab_message_lent(struct lab_message *message, const struct corps_name *to, uint64_t number,
                                           struct corps_block **block);

/* Is `got` the message with this number? Compares the content too when `whole`. False with one line in `error`. */
bool lab_message_check(const struct lab_message *message, uint64_t number, const struct corps_value *got, bool whole,
                       char error[LAB_TEXT_BYTES]);

/* The plain value that an object of another language stands for; anything else as it is. `*box` (NULL: none) holds its
 * memory: unref it. NULL when the object is not made of plain values. */
const struct corps_value *lab_plain(const struct corps_value *value, struct corps_box **box);

/* ---- driver.c ---- */

/* Of a message, and of both ends; -1: not known. */
struct lab_counted {
    double system_calls;
    double instructions;
    double caller_instructions; /* of these, the Env's in which the driver is; not where it is the only one */
    double bytes;               /* that system calls moved */
};

struct lab_driver {
    struct corps_context *context; /* of the method that runs; set anew in each */
    struct lab_params params;
    struct lab_message message;
    struct lab_histogram *histogram;
    const struct corps_call_options *options; /* of echo's calls; NULL: none */
    uint64_t most;                            /* so many messages in all, those of the warm-up too; 0: any number */
    uint64_t next;                            /* number of the next message */
    uint64_t messages;                        /* in the timed section */
    uint64_t total_ns;                        /* what counts as seconds */
    uint64_t begin_ns;                        /* of the timed section; of the warm-up before */
    struct lab_usage before;
    struct lab_usage used;
    bool usage_known;
    struct lab_calls *calls; /* the counter, while it runs: this one, or with counts=1 the other */
    struct lab_steps *steps;
    uint64_t calls_from; /* number of its first message */
    uint64_t calls_begin_ns;
    struct lab_counted counted;
};

/* Reads the parameters and, when `with_message`, builds the message. After an error (the request has failed: return
 * what this gives) nothing is open. */
enum corps_err lab_driver_open(struct lab_driver *driver, struct corps_context *context, const struct corps_value *args,
                               bool with_message) CORPS_CHECKED;
void lab_driver_close(struct lab_driver *driver);

/* The same for a driver that answers later: its request is held, in *request. */
enum corps_err lab_driver_hold(struct lab_driver *driver, struct corps_request **request, struct corps_context *context,
                               const struct corps_value *args, bool with_message) CORPS_CHECKED;

/* The warm-up begins; has it lasted long enough, in messages or in time? */
void lab_driver_warm_begin(struct lab_driver *driver);
bool lab_driver_warm_enough(const struct lab_driver *driver);

/* The timed section begins; has it lasted long enough; it is over. */
void lab_driver_begin(struct lab_driver *driver);
bool lab_driver_enough(const struct lab_driver *driver);
void lab_driver_end(struct lab_driver *driver);

/* System calls are counted apart, so that counting costs the timed section nothing: after it, `begin` counts those of
 * all Envs, the workload sends LAB_COUNTED_MESSAGES further messages or fewer (`enough`, asked before each: also after
 * 20 ms), and `end` takes the count. With counts=1 instructions are counted, too, of one of
 * LAB_STEPPED_MESSAGES (fewer after 40 s; see measure/steps.h). Where the system does not let us count, or nothing
 * repeats itself, there is no count. */
void lab_driver_calls_begin(struct lab_driver *driver);
bool lab_driver_calls_enough(const struct lab_driver *driver);
void lab_driver_calls_end(struct lab_driver *driver);

/* Slows a round trip that began then down by the cell's slowdown; see lab_params_write. */
void lab_driver_slow(const struct lab_driver *driver, uint64_t begin_ns);

/* Sleeps (spins, where the wake policy is to spin) the cell's idle gap. */
void lab_driver_gap(const struct lab_driver *driver);

/* Fails the request with the calling thread's error detail, or with what a Future says. */
enum corps_err lab_fail(struct corps_context *context, enum corps_err err);
enum corps_err lab_fail_future(struct corps_context *context, enum corps_err err, struct corps_future *future,
                               const char *what);

/* The map that the program gets. `notes` says what the figures mean where that is not plain; entries of `extra` are
 * added. Memory is the context's. */
enum corps_err lab_driver_result(struct lab_driver *driver, const char *const *notes, const struct corps_entry *extra,
                                 size_t extra_count, struct corps_value *result);

/* ---- program.c ---- */

/* Creates `count` Concs of a class over the Envs from `first_env` on, in turn (all in Env 0 when there is no other).
 * Gives the Names in malloc'd memory; free with lab_release. */
enum corps_err lab_spread(struct corps *corps, const char *class_name, unsigned count, unsigned first_env,
                          struct corps_name ***names) CORPS_CHECKED;
void lab_release(struct corps_name **names, size_t count);

/* Calls `method` with the parameters and waits, watching the Envs. `box` (may be NULL) gets the result. */
enum corps_err lab_tell(struct corps *corps, const struct lab_cell *cell, const struct corps_name *to,
                        const char *method, struct corps_name *const *names, size_t name_count, unsigned index,
                        struct corps_box **box) CORPS_CHECKED;

/* Creates a Conc of the driver's class in Env 0 and tells it to run. */
enum corps_err lab_drive(struct corps *corps, const struct lab_cell *cell, const char *driver_class,
                         struct corps_name *const *names, size_t name_count, struct corps_box **box) CORPS_CHECKED;

/* A cell's answer when a workload needs answers and the transport discards everything; NULL otherwise. */
const char *lab_needs_delivery(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]);

#endif
