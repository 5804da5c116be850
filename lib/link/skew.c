#include "link/skew.h"

/* What is known now counts until another series is through; the first answers count at once. */

static int64_t worse_by(int64_t error_ns, int64_t age_ns) {
    return error_ns + (age_ns > 0 ? age_ns / (1000000 / CORPS__DRIFT_PPM) : 0);
}

int64_t corps__skew_error_ns(const struct corps__skew *skew, int64_t now_ns) {
    return skew->has_estimate ? worse_by(skew->error_ns, now_ns - skew->at_ns) : INT64_MAX;
}

bool corps__skew_is_known(const struct corps__skew *skew, int64_t now_ns) {
    return corps__skew_error_ns(skew, now_ns) < CORPS__SKEW_KNOWN_NS;
}

/* ---- asking ---- */

static bool is_whole(const struct corps__skew *skew) {
    return skew->left == 0 && skew->told;
}

int64_t corps__skew_next_ns(const struct corps__skew *skew) {
    if (skew->sent_ns == 0) {
        return 0;
    }
    bool waits = skew->asked_ns != 0;
    if (!waits && !is_whole(skew)) {
        return skew->sent_ns; /* at once */
    }
    return skew->told ? skew->series_ns + CORPS__SKEW_AGAIN_NS : skew->sent_ns + CORPS__SKEW_PATIENCE_NS;
}

bool corps__skew_asks(struct corps__skew *skew, int64_t now_ns) {
    if (now_ns < corps__skew_next_ns(skew)) {
        return false;
    }
    bool begins = skew->sent_ns == 0 || now_ns >= skew->series_ns + CORPS__SKEW_AGAIN_NS;
    if (begins) {
        skew->series_ns = now_ns;
        skew->left = CORPS__SKEW_ROUNDS;
        skew->has_best = false;
    }
    skew->left -= skew->left > 0 ? 1 : 0;
    skew->asked_ns = skew->sent_ns = now_ns;
    skew->told = skew->told || corps__skew_is_known(skew, now_ns);
    return true;
}

/* ---- answers ---- */

static void adopt(struct corps__skew *skew) {
    skew->difference_ns = skew->best_difference_ns;
    skew->error_ns = skew->best_error_ns;
    skew->at_ns = skew->best_at_ns;
    skew->has_estimate = true;
}

static int64_t distance(int64_t a, int64_t b) {
    int64_t difference;
    bool overflows = __builtin_sub_overflow(a, b, &difference);
    return overflows || difference == INT64_MIN ? INT64_MAX : difference < 0 ? -difference : difference;
}

/* Can what was known not be true any more, if this series is? Or is it worse by now? */
static bool is_better(const struct corps__skew *skew) {
    int64_t known_ns = corps__skew_error_ns(skew, skew->best_at_ns);
    return skew->best_error_ns <= known_ns ||
           distance(skew->best_difference_ns, skew->difference_ns) > known_ns + skew->best_error_ns;
}

void corps__skew_answered(struct corps__skew *skew, int64_t asked_ns, int64_t theirs_ns, int64_t now_ns) {
    if (asked_ns == 0 || asked_ns != skew->asked_ns || now_ns < asked_ns) {
        return;
    }
    skew->asked_ns = 0;
    int64_t error_ns = (now_ns - asked_ns) / 2 + 1; /* whole nanoseconds: the middle may lie between two */
    int64_t difference_ns;
    if (__builtin_sub_overflow(theirs_ns, asked_ns + (now_ns - asked_ns) / 2, &difference_ns)) {
        return; /* no clock says that */
    }
    if (!skew->has_best || error_ns < skew->best_error_ns) {
        skew->has_best = true;
        skew->best_difference_ns = difference_ns;
        skew->best_error_ns = error_ns;
        skew->best_at_ns = now_ns;
    }
    bool is_first = !skew->has_estimate;
    if (is_first || (skew->left == 0 && is_better(skew)) || !skew->told) {
        adopt(skew);
    }
}

int64_t corps__skew_here_ns(const struct corps__skew *skew, uint64_t theirs_ns) {
    int64_t theirs = theirs_ns < INT64_MAX ? (int64_t)theirs_ns : INT64_MAX;
    int64_t here;
    if (__builtin_sub_overflow(theirs, skew->difference_ns, &here)) {
        return skew->difference_ns < 0 ? INT64_MAX : 1;
    }
    return here > 0 ? here : 1;
}
