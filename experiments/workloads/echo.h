/* What echo shares with workloads that differ from it only in how they call: its driver and its server, the class
 * LabEcho. So what is measured of the others is the difference of the calls alone.
 */
#ifndef WORKLOADS_ECHO_H
#define WORKLOADS_ECHO_H

#include "workloads/common.h"

struct lab_echo_calls {
    const struct corps_call_options *options; /* of every call; NULL: none. Lent for ever */
    /* How many calls there may be in one trial, of messages of so many bytes; NULL: any number. */
    uint64_t (*most)(uint64_t wire_bytes);
};

/* The method `run` of a driver's class. */
enum corps_err lab_echo_drive(struct corps_context *context, const struct corps_value *args,
                              const struct lab_echo_calls *calls, struct corps_value *result) CORPS_CHECKED;

/* Runs the trial with a driver of this class; see struct lab_workload. */
enum corps_err lab_echo_run(struct corps *corps, const struct lab_cell *cell, const char *driver_class,
                            struct corps_box **box) CORPS_CHECKED;

#endif
