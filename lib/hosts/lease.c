#include "hosts/lease.h"

/* So much of a time on another's clock is over for certain when it is over on the own one. */
static int64_t less_drift(int64_t ns) {
    return ns - ns / 1000 * CORPS__DRIFT_PER_MILLE;
}

/* ---- the holder ---- */

void corps__lease_init(struct corps__lease *lease) {
    *lease = (struct corps__lease){0};
}

void corps__lease_asked(struct corps__lease *lease, int64_t now_ns) {
    lease->asked_ns = now_ns;
}

int64_t corps__lease_ask_due(const struct corps__lease *lease) {
    return lease->asked_ns == 0 ? 0 : lease->asked_ns + CORPS__ASK_NS;
}

bool corps__lease_granted(struct corps__lease *lease, int64_t asked_ns, int64_t length_ns, int64_t now_ns) {
    if (asked_ns <= 0 || asked_ns > lease->asked_ns || length_ns <= 0) {
        return false;
    }
    int64_t longest_ns = CORPS__PLANTED(GRANT_TOO_LONG) ? 2 * CORPS__GRANT_NS : CORPS__GRANT_NS;
    length_ns = length_ns < CORPS__GRANT_NS ? length_ns : longest_ns;
    int64_t from_ns = CORPS__PLANTED(GRANT_FROM_ANSWER) ? now_ns : asked_ns;
    int64_t until_ns = from_ns + less_drift(length_ns);
    if (now_ns >= until_ns) {
        return false;
    }
    lease->until_ns = until_ns > lease->until_ns ? until_ns : lease->until_ns;
    return true;
}

bool corps__lease_expired(const struct corps__lease *lease, int64_t now_ns) {
    return now_ns >= lease->until_ns;
}

/* ---- the granter ---- */

void corps__silence_init(struct corps__silence *silence, int64_t now_ns) {
    silence->heard_ns = now_ns;
}

void corps__silence_heard(struct corps__silence *silence, int64_t now_ns) {
    silence->heard_ns = now_ns;
}

int64_t corps__silence_due(const struct corps__silence *silence) {
    int64_t wait_ns = CORPS__PLANTED(REPLACES_EARLY) ? CORPS__SILENCE_NS / 2 : CORPS__SILENCE_NS;
    return silence->heard_ns + wait_ns;
}

bool corps__silence_over(const struct corps__silence *silence, int64_t now_ns) {
    return now_ns >= corps__silence_due(silence);
}

int64_t corps__grant_length(int64_t own_until_ns, int64_t now_ns) {
    if (CORPS__PLANTED(GRANTS_PAST_OWN)) {
        return CORPS__GRANT_NS;
    }
    if (own_until_ns <= now_ns) {
        return 0;
    }
    int64_t left_ns = own_until_ns - now_ns;
    return left_ns < CORPS__GRANT_NS ? left_ns : CORPS__GRANT_NS;
}

int64_t corps__grant_successor(int64_t ended_ns) {
    return CORPS__PLANTED(SUCCEEDS_AT_ONCE) ? ended_ns : ended_ns + CORPS__SILENCE_NS;
}
