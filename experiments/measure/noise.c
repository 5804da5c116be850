#include "measure/noise.h"

#include "measure/usage.h"

void lab_noise_begin(struct lab_noise *noise) {
    noise->lost_count = lab_usage_sentinel(noise->lost, LAB_NOISE_CPUS_MAX);
    noise->steal_ns = lab_usage_steal_ns();
}

json_t *lab_noise_end(const struct lab_noise *noise, json_t *flags) {
    const double lost_too_much = 0.02;
    bool noisy = false;
    json_t *lost = json_array();
    for (size_t i = 0; i < noise->lost_count; i++) {
        json_array_append_new(lost, json_real(noise->lost[i]));
        noisy = noisy || noise->lost[i] > lost_too_much;
    }
    if (noisy) {
        json_array_append_new(flags, json_string("sentinel"));
    }
    uint64_t steal_ns = lab_usage_steal_ns();
    double stolen_ms = steal_ns > noise->steal_ns ? (double)(steal_ns - noise->steal_ns) / 1e6 : 0;
    return json_pack("{s:f, s:o}", "steal_ms", stolen_ms, "sentinel_lost", lost);
}
