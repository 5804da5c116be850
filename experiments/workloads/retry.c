/* The echo, with calls that may be sent again: what CORPS_CALL_RETRY costs while nothing fails. The driver stops before
 * the Env that is called refuses, because it holds as many results as it may. */
#include "workloads/retry.h"

#include "workloads/echo.h"

#include <stdio.h>

enum {
    AFTERWARDS = LAB_COUNTED_MESSAGES + LAB_STEPPED_MESSAGES, /* calls behind the timed section */
    BESIDE_BYTES = 512,                                       /* more than a result's header takes */
};

static uint64_t most_calls(uint64_t wire_bytes) {
    uint64_t fitting = LAB_RETRY_RESULTS_BYTES / (wire_bytes + BESIDE_BYTES);
    uint64_t calls = fitting < LAB_RETRY_RESULTS_COUNT ? fitting : LAB_RETRY_RESULTS_COUNT;
    /* Of very large ones there are few afterwards, since their time is limited too. */
    return calls > 2 * AFTERWARDS ? calls - AFTERWARDS : calls / 2 + 1;
}

static enum corps_err drive_retry(struct corps_context *context, void *self, const struct corps_value *args,
                                  struct corps_value *result) {
    static const struct corps_call_options retry = {.flags = CORPS_CALL_RETRY, .timeout_ns = LAB_PATIENCE_NS};
    static const struct lab_echo_calls calls = {.options = &retry, .most = most_calls};
    (void)self;
    return lab_echo_drive(context, args, &calls, result);
}

static const struct corps_class retry_driver = {
    .name = "LabRetryDriver",
    .methods = (const struct corps_method[]){{"run", drive_retry}, {NULL, NULL}},
};

static const char *retry_impossible(const struct lab_cell *cell, char why[LAB_ERROR_BYTES]) {
    if (cell->envs < 2) {
        snprintf(why, LAB_ERROR_BYTES,
                 "within one Env a retry call is a plain call, and transport %s was to stay within one; choose "
                 "workload=echo, or envs=2 and a transport between Envs",
                 cell->transport);
        return why;
    }
    return lab_needs_delivery(cell, why);
}

static enum corps_err run_retry(struct corps *corps, const struct lab_cell *cell, struct corps_box **box) {
    return lab_echo_run(corps, cell, retry_driver.name, box);
}

const struct lab_workload lab_workload_retry = {
    .name = "retry",
    .summary = "the echo, with calls that may be sent again (CORPS_CALL_RETRY), while nothing fails",
    .traits = LAB_WORKLOAD_RETRIES,
    .classes = {&retry_driver, NULL},
    .impossible = retry_impossible,
    .run = run_retry,
};
