#include "codec/policy.h"

#define SECOND_NS INT64_C(1000000000)

static enum corps_err check_times(const struct corps__policy *policy) {
    if (policy->period_ns <= 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the period of a restart policy is %lld ns; it must be positive",
                               (long long)policy->period_ns);
    }
    if (policy->backoff_ns < 0 || policy->backoff_max_ns < policy->backoff_ns) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "the backoff of a restart policy is %lld ns, its limit %lld ns; the first must be 0 or "
                               "more, and at most the second",
                               (long long)policy->backoff_ns, (long long)policy->backoff_max_ns);
    }
    if (policy->start_ns <= 0 || policy->shutdown_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "a restart policy gives %lld ns to start and %lld ns to shut down; the first must be "
                               "positive, the second 0 or more",
                               (long long)policy->start_ns, (long long)policy->shutdown_ns);
    }
    return CORPS_OK;
}

enum corps_err corps__policy_check(const struct corps__policy *policy) {
    if ((unsigned)policy->restart > CORPS_RESTART_ALWAYS) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no restart policy %d", (int)policy->restart);
    }
    if ((unsigned)policy->strategy > CORPS_REST_FOR_ONE) {
        return corps_error_set(CORPS_ERR_INVALID, "there is no restart strategy %d", (int)policy->strategy);
    }
    if (policy->intensity > CORPS__INTENSITY_MAX) {
        return corps_error_set(CORPS_ERR_INVALID, "the intensity of a restart policy is %u; at most %d is possible",
                               policy->intensity, CORPS__INTENSITY_MAX);
    }
    if (policy->intensity == 0 && policy->restart != CORPS_RESTART_NEVER) {
        return corps_error_set(CORPS_ERR_INVALID, "a restart policy with intensity 0 never restarts anything: set an "
                                                  "intensity of 1 or more, or restart never");
    }
    return check_times(policy);
}

enum corps_err corps__policy_decide(struct corps__policy *policy) {
    bool sets_more = policy->intensity != 0 || policy->period_ns != 0 || policy->backoff_ns != 0 ||
                     policy->backoff_max_ns != 0 || policy->strategy != CORPS_ONE_FOR_ONE;
    if (policy->restart == CORPS_RESTART_NEVER && sets_more) {
        return corps_error_set(CORPS_ERR_INVALID, "intensity, period, backoff and strategy are for what is started "
                                                  "again: set restart too, or leave them out");
    }
    policy->intensity = policy->intensity != 0 ? policy->intensity : 5;
    policy->period_ns = policy->period_ns != 0 ? policy->period_ns : 10 * SECOND_NS;
    policy->backoff_ns = policy->backoff_ns != 0 ? policy->backoff_ns : SECOND_NS / 10;
    policy->backoff_max_ns = policy->backoff_max_ns != 0 ? policy->backoff_max_ns : 10 * SECOND_NS;
    policy->start_ns = policy->start_ns != 0 ? policy->start_ns : INT64_MAX;
    policy->shutdown_ns = policy->shutdown_ns != 0 ? policy->shutdown_ns : INT64_MAX;
    return corps__policy_check(policy);
}
