/* What is to be started again when it has ended, and how often: what options say, for those who do it (care/supervise.h
 * says what the words mean). */
#ifndef CORPS_POLICY_H
#define CORPS_POLICY_H

#include <corps.h>

struct corps__policy {
    enum corps_restart restart;
    enum corps_strategy strategy;
    uint32_t intensity; /* so many restarts … */
    int64_t period_ns;  /* … within this time are borne */
    int64_t backoff_ns; /* before the second restart in a row; 0: never any wait */
    int64_t backoff_max_ns;
    int64_t start_ns;    /* a start that takes longer has failed, and is killed; INT64_MAX: any time */
    int64_t shutdown_ns; /* between STOP and KILL; INT64_MAX: it is never killed */
};

enum { CORPS__INTENSITY_MAX = 100 };

/* Does it make sense? Errors: INVALID; the detail says what does not, and what would. */
enum corps_err corps__policy_check(const struct corps__policy *policy) CORPS_CHECKED;

/* The same of one in which a 0 stands for the default; fills these in. */
enum corps_err corps__policy_decide(struct corps__policy *policy) CORPS_CHECKED;

#endif
