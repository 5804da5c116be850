#include "hosts/net.h"
#include "measure/histogram.h"
#include "measure/noise.h"
#include "measure/steps.h"
#include "raw/process.h"
#include "raw/raw.h"
#include "raw/responder.h"
#include "trial/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One trial of a raw control: the side that measures. */

struct trial {
    const struct lab_cell *cell;
    const struct raw_mechanism *mechanism;
    struct raw_channel channel;
    struct raw_responder responder;
    struct lab_histogram *histogram;
    uint64_t next;     /* number of the next message */
    uint64_t messages; /* timed */
    uint64_t total_ns; /* of timed round trips */
    bool one_way;      /* workload oneway */
    bool counted;      /* and what it was follows */
    struct lab_step_counts counts;
    uint8_t out[RAW_BYTES_MAX];
    uint8_t in[RAW_BYTES_MAX];
};

const char *lab_raw_at(unsigned index, const char **summary) {
    const struct raw_mechanism *mechanism = raw_at(index);
    if (mechanism == NULL) {
        return NULL;
    }
    *summary = mechanism->summary;
    return mechanism->name;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The content is from the seed, so that a message that was cut or mixed up cannot pass for another. */
static void fill(uint8_t *message, size_t bytes, uint64_t seed) {
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX generator */
        message[i] = (uint8_t)(seed >> 56);
    }
}

static bool fault(struct trial *trial, const char *what, uint64_t number) {
    snprintf(trial->channel.error, sizeof trial->channel.error, "the answer to message %llu %s",
             (unsigned long long)number, what);
    return false;
}

/* One round trip of message `number`; the time that it took goes to *took_ns. */
static bool round_trip(struct trial *trial, uint64_t number, uint64_t *took_ns) {
    memcpy(trial->out, &number, sizeof number);
    uint64_t begin = now_ns();
    if (!trial->mechanism->send(&trial->channel, trial->out) ||
        !trial->mechanism->receive(&trial->channel, trial->in)) {
        return false;
    }
    *took_ns = now_ns() - begin;
    uint64_t answered;
    memcpy(&answered, trial->in, sizeof answered);
    return answered == number || fault(trial, "carries another number: lost, doubled or reordered", number);
}

static bool check_content(struct trial *trial) {
    return memcmp(trial->out, trial->in, trial->channel.bytes) == 0 ||
           fault(trial, "has other content: corrupted", trial->next - 1);
}

static void idle_gap(const struct trial *trial) {
    struct timespec gap = {trial->cell->gap_us / 1000000u, (long)(trial->cell->gap_us % 1000000u) * 1000};
    if (trial->cell->gap_us == 0) {
        return;
    }
    if (trial->channel.spin) {
        uint64_t end = now_ns() + (uint64_t)trial->cell->gap_us * 1000u;
        while (now_ns() < end) {
        }
    } else {
        while (nanosleep(&gap, &gap) != 0) {
        }
    }
}

static bool warm_up(struct trial *trial) {
    uint64_t end = now_ns() + (uint64_t)trial->cell->max_ms * 1000000u;
    for (unsigned i = 0; i < trial->cell->warmup_count && now_ns() < end; i++) {
        uint64_t took_ns;
        if (!round_trip(trial, trial->next++, &took_ns) || !check_content(trial)) {
            return false;
        }
    }
    return true;
}

static bool enough(const struct trial *trial, uint64_t begin) {
    uint64_t passed_ns = now_ns() - begin;
    return passed_ns >= (uint64_t)trial->cell->max_ms * 1000000u ||
           (trial->messages >= trial->cell->min_count && passed_ns >= (uint64_t)trial->cell->min_ms * 1000000u);
}

static bool timed_section(struct trial *trial) {
    enum { FULL_CHECK_EVERY = 64 };
    uint64_t begin = now_ns();
    do {
        uint64_t took_ns;
        idle_gap(trial);
        if (!round_trip(trial, trial->next++, &took_ns)) {
            return false;
        }
        lab_histogram_record(trial->histogram, took_ns);
        trial->total_ns += took_ns;
        if (trial->messages++ % FULL_CHECK_EVERY == 0 && !check_content(trial)) {
            return false;
        }
    } while (!enough(trial, begin));
    return check_content(trial);
}

/* A stream of messages in one direction. A message that is answered ends it: by then all others have been read. */
static bool streamed_section(struct trial *trial) {
    enum { CHUNK = 16 };
    uint64_t begin = now_ns();
    uint64_t took_ns;
    do {
        uint64_t chunk_begin = now_ns();
        for (int i = 0; i < CHUNK; i++) {
            uint64_t number = trial->next++ | RAW_ONE_WAY;
            memcpy(trial->out, &number, sizeof number);
            if (!trial->mechanism->send(&trial->channel, trial->out)) {
                return false;
            }
        }
        lab_histogram_record_many(trial->histogram, (now_ns() - chunk_begin) / CHUNK, CHUNK);
        trial->messages += CHUNK;
    } while (!enough(trial, begin));
    bool done = round_trip(trial, trial->next++, &took_ns) && check_content(trial);
    trial->total_ns = now_ns() - begin;
    return done;
}

/* Counts what both sides execute for one message, where that may be had; see measure/steps.h. */
static bool counted_section(struct trial *trial) {
    enum { COUNTED_MESSAGES = 16 };
    const pid_t pids[] = {getpid(), trial->responder.pid};
    uint64_t took_ns;
    bool done = true;
    struct lab_steps *steps = lab_steps_begin(pids, sizeof pids / sizeof pids[0]);
    for (int i = 0; steps != NULL && done && i < COUNTED_MESSAGES; i++) {
        lab_steps_mark(steps);
        done = round_trip(trial, trial->next++, &took_ns);
    }
    if (steps != NULL) {
        lab_steps_mark(steps);
    }
    trial->counted = lab_steps_end(steps, &trial->counts);
    return done;
}

static bool measure(struct trial *trial, struct raw_snapshot snapshots[2]) {
    uint64_t took_ns;
    /* What is stepped through is in no snapshot: the responder takes its own at the mark and at the stop. */
    if (!warm_up(trial) || (trial->cell->counts && !counted_section(trial)) || !round_trip(trial, RAW_MARK, &took_ns)) {
        return false;
    }
    raw_snapshot_take(&snapshots[0]);
    if (trial->one_way ? !streamed_section(trial) : !timed_section(trial)) {
        return false;
    }
    raw_snapshot_take(&snapshots[1]);
    return round_trip(trial, RAW_STOP, &took_ns);
}

static json_t *fields_of(struct trial *trial, const struct raw_snapshot own[2], const struct lab_noise *noise) {
    const struct raw_snapshot *theirs = trial->responder.page->snapshots;
    struct raw_snapshot used = raw_snapshot_between(&own[0], &own[1]);
    struct raw_snapshot responder_used = raw_snapshot_between(&theirs[0], &theirs[1]);
    double split_ns = used.user_ns + used.system_ns + responder_used.user_ns + responder_used.system_ns;
    struct lab_measures measures = {
        .messages = trial->messages,
        .seconds = (double)trial->total_ns / 1e9,
        .histogram = trial->histogram,
        .latencies = (double)lab_histogram_records(trial->histogram),
        .size_bytes = trial->channel.bytes,
        .cpu_ns = used.cpu_ns + responder_used.cpu_ns,
        .system_share = split_ns > 0 ? (used.system_ns + responder_used.system_ns) / split_ns : -1,
        .voluntary = used.voluntary + responder_used.voluntary,
        .involuntary = used.involuntary + responder_used.involuntary,
        .page_faults = used.page_faults + responder_used.page_faults,
        .peak_rss_bytes = used.peak_rss_bytes + responder_used.peak_rss_bytes,
        .wire_bytes = (trial->one_way ? 1 : 2) * (double)trial->channel.bytes,
        .counts = trial->counted ? &trial->counts : NULL,
    };
    json_t *flags = json_array();
    if (trial->messages < trial->cell->min_count) {
        json_array_append_new(flags, json_string("short"));
    }
    json_t *notes =
        trial->one_way
            ? json_pack("[s, s]", "seconds runs from the first message until an answer tells that all have been read",
                        "latency is the sender's time for one message, averaged over 16 in a row")
            : json_pack("[s, s]", "seconds is the sum of the round trips; checks and gaps between are left out",
                        "bytes on the wire: the message there and back");
    return lab_fields_of(&measures, flags, notes, lab_noise_end(noise, flags));
}

/* The channel, the responder and the figures; NULL with a line in the channel's error. */
static json_t *perform(struct trial *trial) {
    const struct lab_cell *cell = trial->cell;
    struct lab_noise noise;
    struct raw_snapshot snapshots[2];
    json_t *fields = NULL;
    lab_noise_begin(&noise);
    if (raw_responder_start(&trial->responder, trial->mechanism, &trial->channel, cell->placement, cell->max_ms)) {
        bool done = measure(trial, snapshots);
        done = raw_responder_end(&trial->responder, &trial->channel, done) && done;
        fields = done ? fields_of(trial, snapshots, &noise) : NULL;
    }
    raw_responder_finish(&trial->responder, &trial->channel);
    return fields;
}

/* The same in hosts of the trial's own, where the cell wants some. */
static json_t *perform_in_hosts(struct trial *trial) {
    const struct lab_cell *cell = trial->cell;
    struct lab_net net;
    char error[LAB_ERROR_BYTES];
    if (cell->hosts == 0) {
        return perform(trial);
    }
    if (!lab_net_open(&net, cell->hosts, cell->delay_us, cell->rate_mbit, error)) {
        return lab_fields_failed("%s: %s", cell->transport, error);
    }
    trial->channel.net = &net;
    json_t *fields = perform(trial);
    lab_net_close(&net);
    return fields;
}

json_t *lab_raw_trial(const struct lab_cell *cell) {
    char why[LAB_ERROR_BYTES];
    const char *impossible = lab_cell_impossible(cell, why);
    if (impossible != NULL) {
        return lab_fields_failed("%s", impossible);
    }
    if (raw_find(cell->transport)->starts) {
        return raw_process_trial(cell);
    }
    struct trial *trial = calloc(1, sizeof *trial);
    struct lab_histogram *histogram = lab_histogram_create();
    json_t *fields = NULL;
    if (trial == NULL || histogram == NULL) {
        fields = lab_fields_failed("out of memory for the trial");
        goto free_trial;
    }
    trial->cell = cell;
    trial->histogram = histogram;
    trial->one_way = lab_cell_does(cell, LAB_WORKLOAD_STREAM);
    trial->mechanism = raw_find(cell->transport);
    trial->channel.bytes = strtoul(cell->payload + strcspn(cell->payload, ":") + 1, NULL, 10);
    trial->channel.spin = strcmp(cell->wake, "spin") == 0;
    fill(trial->out, trial->channel.bytes, cell->seed);
    fields = perform_in_hosts(trial);
    if (fields == NULL) {
        fields = lab_fields_failed("%s: %s", cell->transport, trial->channel.error);
    }
free_trial:
    lab_histogram_destroy(histogram);
    free(trial);
    return fields;
}
