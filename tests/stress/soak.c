#include "../core/keeper.h"

#include "base/clock.h"
#include "wait/wait.h"

#include <corps/serializer.h>

#include <corps/transport.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does memory grow? `stress-soak links TRANSPORT LINKS` opens and closes links to one Env; `stress-soak corps TRANSPORT
 * SECONDS` creates and ends Corps, in the program and in an Env, calls from one into the other, and opens links, for so
 * long, and longer on a busy machine: the first rounds say nothing. Prints the slopes with their intervals; exit status
 * 1 when one is surely above what is allowed, in both halves of the time too: a thread that a busy machine adds once
 * makes a step, and a step is no growth. */

enum { SAMPLES_MAX = 1024, WARM_UP = 5 /* the first fifth */, ROUNDS_MIN = 120 };
#define ENDS_NS (60 * 1000000000LL)
#define BYTES_A_LINK 8.0
#define BYTES_A_ROUND 128.0

struct series {
    unsigned count;
    double rounds[SAMPLES_MAX];
    double resident[SAMPLES_MAX], allocated[SAMPLES_MAX];
};

static struct {
    struct corps *corps;
    struct corps_name *name; /* the Keeper that links are opened to, in the last Env */
} one;

static void must(enum corps_err err, const char *what) {
    if (err != CORPS_OK) {
        fprintf(stderr, "soak: %s: %s: %s\n", what, corps_error_name(err), corps_error_detail());
        exit(2);
    }
}

/* ---- slopes ---- */

struct slope {
    double value, half_width;
};

/* Least squares, with the 95 % interval. Samples of memory depend on each other: their variance counts for more by what
 * the residuals' correlation with the next one makes of it (Priestley, Spectral Analysis and Time Series, 1981, 5.3.5).
 */
static struct slope slope_of(const double *x, const double *y, unsigned n) {
    double mean_x = 0, mean_y = 0, xx = 0, xy = 0, squares = 0, products = 0, last = 0;
    for (unsigned i = 0; i < n; i++) {
        mean_x += x[i] / n;
        mean_y += y[i] / n;
    }
    for (unsigned i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    double slope = xy / xx;
    for (unsigned i = 0; i < n; i++) {
        double rest = y[i] - mean_y - slope * (x[i] - mean_x);
        squares += rest * rest;
        products += rest * last;
        last = rest;
    }
    double correlation = squares > 0 ? products / squares : 0;
    correlation = correlation < 0 ? 0 : correlation > 0.95 ? 0.95 : correlation;
    double inflation = (1 + correlation) / (1 - correlation);
    double error = sqrt(squares / (n - 2) / xx * inflation);
    return (struct slope){slope, (n / inflation > 20 ? 2.0 : 3.2) * error};
}

static bool is_above(const double *x, const double *y, unsigned n, double allowed) {
    struct slope slope = slope_of(x, y, n);
    return slope.value - slope.half_width > allowed;
}

static bool surely_above(const double *x, const double *y, unsigned n, double allowed) {
    unsigned half = n / 2;
    return is_above(x, y, n, allowed) && is_above(x, y, half, allowed) &&
           is_above(x + half, y + half, n - half, allowed);
}

static bool grows(const char *what, const char *unit, const struct series *series, double allowed) {
    unsigned first = series->count / WARM_UP, n = series->count - first;
    struct slope resident = slope_of(series->rounds + first, series->resident + first, n);
    struct slope allocated = slope_of(series->rounds + first, series->allocated + first, n);
    bool surely = surely_above(series->rounds + first, series->resident + first, n, allowed) ||
                  surely_above(series->rounds + first, series->allocated + first, n, allowed);
    printf("  %s: resident %.2f MB, then %.2f MB: %+.2f ± %.2f bytes a %s; allocated %+.2f ± %.2f%s\n", what,
           series->resident[first] / 1e6, series->resident[series->count - 1] / 1e6, resident.value,
           resident.half_width, unit, allocated.value, allocated.half_width, surely ? " GROWS" : "");
    return surely;
}

static void sample(struct series *series, double rounds, struct usage usage) {
    if (series->count < SAMPLES_MAX) {
        series->rounds[series->count] = rounds;
        series->resident[series->count] = (double)usage.resident_bytes;
        series->allocated[series->count++] = (double)usage.bytes;
    }
}

/* ---- what comes and goes ---- */

static void call(const char *method, struct corps_value args) {
    struct corps_future *future = NULL;
    must(corps_call(one.name, method, &args, NULL, &future), method);
    must(corps_future_wait(future, ENDS_NS, NULL), method);
    corps_future_destroy(future);
}

static void open_and_close_a_link(void) {
    struct corps_value args = corps_int(7);
    must(corps_send(one.name, "echo", &args, NULL), "a request without reply");
    call("echo", args);
    must(drop_link(one.corps, corps_env_count(one.corps) - 1), "closing a link");
}

/* The Env calls into another Corps while that lives, and once it has gone. */
static void call_out(void) {
    struct corps_options options = {.env_count = 1};
    struct corps *other = NULL;
    struct corps_name *name = NULL;
    uint8_t address[CORPS_NAME_BYTES_MAX];
    size_t bytes;
    must(corps_create(NULL, NULL, &options, &other), "creating a Corps");
    must(corps_create_concs(other, "Keeper", NULL, CORPS_ENV_ID(0), 1, &name), "creating a Conc");
    must(corps_name_encode(name, address, &bytes), "a Name");
    call("call_out", corps_bin(address, bytes));
    must(corps_exit(other, ENDS_NS), "the end of a Corps");
    call("call_out", corps_bin(address, bytes));
    corps_name_unref(name);
}

static void soak_round(unsigned round) {
    must(round_of_a_corps(2 + round % 3), "a Corps");
    call("create", corps_int(1));
    call_out();
    for (int i = 0; i < 10; i++) {
        open_and_close_a_link();
    }
}

/* ---- the two soaks ---- */

static bool soak_links(const char *transport, unsigned links) {
    static struct series env;
    int64_t start_ns = corps__now_ns();
    for (unsigned i = 1; i <= links; i++) {
        open_and_close_a_link();
        if (i % (links / 200 > 0 ? links / 200 : 1) == 0) {
            struct usage usage;
            must(usage_of(one.name, &usage), "usage");
            sample(&env, i, usage);
        }
    }
    printf("soak %s: %u links opened and closed, %.0f a second\n", transport, links,
           links / ((double)(corps__now_ns() - start_ns) / 1e9));
    return grows("Env", "link", &env, BYTES_A_LINK);
}

static bool soak_corps(const char *transport, unsigned seconds) {
    static struct series env, program;
    int64_t start_ns = corps__now_ns(), next_ns = start_ns, every_ns = (int64_t)seconds * 1000000000 / 500;
    unsigned rounds = 0;
    while (corps__now_ns() - start_ns < (int64_t)seconds * 1000000000 || rounds < ROUNDS_MIN) {
        soak_round(rounds++);
        if (corps__now_ns() >= next_ns) {
            struct usage usage;
            must(usage_of(one.name, &usage), "usage");
            sample(&env, rounds, usage);
            sample(&program, rounds, own_usage());
            next_ns += every_ns;
        }
    }
    printf("soak %s: %.0f s, %u rounds of three Corps and ten links\n", transport,
           (double)(corps__now_ns() - start_ns) / 1e9, rounds);
    bool env_grows = grows("Env", "round", &env, BYTES_A_ROUND);
    return grows("program", "round", &program, BYTES_A_ROUND) || env_grows;
}

int main(int argc, char **argv) {
    corps_start(keeper_classes);
    unsigned amount = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    bool links = argc == 4 && strcmp(argv[1], "links") == 0;
    if (amount == 0 || (!links && strcmp(argv[1], "corps") != 0) || corps_transport_find(argv[2]) == NULL) {
        fprintf(stderr, "usage: stress-soak links TRANSPORT LINKS | corps TRANSPORT SECONDS\n");
        return 2;
    }
    setenv("CORPS_TRANSPORT", argv[2], 1);
    struct corps_options options = {.env_count = 2};
    must(corps_create(NULL, NULL, &options, &one.corps), "creating a Corps");
    must(corps_create_concs(one.corps, "Keeper", NULL, CORPS_ENV_ID(1), 1, &one.name), "creating a Conc");
    bool grew = links ? soak_links(argv[2], amount) : soak_corps(argv[2], amount);
    corps_name_unref(one.name);
    must(corps_exit(one.corps, ENDS_NS), "the end");
    return grew ? 1 : 0;
}
