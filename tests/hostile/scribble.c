/* Scribbles: a peer writes anything anywhere into the memory that it shares with the Env, rings and pools. Only it is
 * harmed. */
#include "hostile.h"
#include "pool.h"
#include "ring.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { REGIONS_MAX = 64, SILENT_NS = 5000000 };

struct region {
    uint64_t start, end;
};

/* The shared writable mappings of this process, but for those of `before`. */
static unsigned shared_regions(struct region *out, const struct region *before, unsigned before_count) {
    unsigned count = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL && count < REGIONS_MAX) {
        struct region region;
        char rights[8];
        bool shared = sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &region.start, &region.end, rights) == 3 &&
                      strcmp(rights, "rw-s") == 0;
        for (unsigned i = 0; i < before_count; i++) {
            shared = shared && region.start != before[i].start;
        }
        if (shared) {
            out[count++] = region;
        }
    }
    fclose(maps);
    return count;
}

/* The ring that we write to, as it was, and what of it changed last. */
struct ring_view {
    uint8_t was[RING_BYTES];
    uint64_t from, to;
};

static void look_at_ring(struct ring_view *view, const struct region *region) {
    const uint8_t *now = (const uint8_t *)region->start + CORPS__RING_HEAD_BYTES; /* NOLINT: an address out of /proc */
    uint64_t from = 0, to = RING_BYTES;
    while (from < to && memcmp(view->was + from, now + from, 8) == 0) {
        from += 8;
    }
    while (to > from && memcmp(view->was + to - 8, now + to - 8, 8) == 0) {
        to -= 8;
    }
    if (from < to) {
        view->from = from;
        view->to = to;
        memcpy(view->was, now, sizeof view->was);
    }
}

/* Where it hurts: the record that was sent last, and where the next one begins; the heads of rings and pools, and what
 * they hold first. The memory's halves are the two directions, a ring and its pool each. */
static uint64_t spot(uint64_t *random, const struct ring_view *view, uint64_t bytes) {
    const uint64_t ring = CORPS__RING_HEAD_BYTES, pool = ring + RING_BYTES, pages = pool + CORPS__POOL_HEAD_BYTES;
    const uint64_t next = (view->to + CORPS__RING_SLOT - 1) / CORPS__RING_SLOT * CORPS__RING_SLOT % RING_BYTES;
    const struct {
        uint64_t at, bytes;
    } areas[] = {{ring + view->from, view->to - view->from + 1},
                 {ring + view->from, CORPS__RING_WORD + 24},
                 {ring + next, CORPS__RING_WORD},
                 {0, 256},
                 {ring, RING_BYTES},
                 {pool, 512},
                 {pages, 65536},
                 {bytes / 2, 256},
                 {bytes / 2 + ring, 4096},
                 {bytes / 2 + pool, 512}};
    unsigned which = (unsigned)(raw_random(random) % (sizeof areas / sizeof areas[0]));
    return (areas[which].at + raw_random(random) % areas[which].bytes) % bytes;
}

static void scribble(uint64_t *random, const struct ring_view *view, const struct region *region) {
    static const uint64_t extremes[] = {0, 1, UINT32_MAX, UINT64_MAX, (uint64_t)1 << 63, 4096, 0x0000000100000030};
    uint64_t bytes = region->end - region->start;
    uint64_t at = spot(random, view, bytes);
    uint8_t *memory = (uint8_t *)region->start; /* NOLINT: an address out of /proc */
    if (raw_random(random) % 2 == 0) {
        memory[at] ^= (uint8_t)(1u << raw_random(random) % 8);
        return;
    }
    uint64_t word = raw_random(random) % 2 == 0 ? extremes[raw_random(random) % 7] : raw_random(random);
    at = at / 8 * 8;
    memcpy(memory + at, &word, at + 8 <= bytes ? 8 : 0);
}

/* An honest request; some go through the pool, so that what is scribbled over is in use. */
static size_t honest_request(uint64_t *random, uint8_t *frame) {
    const struct corps__header header = {.kind = CORPS__REQUEST,
                                         .serializer = 1,
                                         .segment_count = 1,
                                         .destination = TO_ECHO,
                                         .method = 1,
                                         .name_bytes = 4};
    size_t bytes = raw_random(random) % 4 == 0 ? 10000 : 60;
    uint8_t payload[10000] = {0xc5, (uint8_t)((bytes - 3) >> 8), (uint8_t)(bytes - 3)};
    return raw_frame(frame, &header, "echo", payload, bytes);
}

void test_scribbles(void **state) {
    (void)state;
    uint64_t count = attack_count != 0 ? attack_count : 3000, random = attack_seed, ended = 0, silent = 0;
    static uint8_t frame[20000];
    static struct ring_view view;
    struct raw raw;
    raw_open(&raw, victim.corps);
    struct region before[REGIONS_MAX], shared[REGIONS_MAX];
    unsigned before_count = shared_regions(before, NULL, 0), shared_count = 0;
    for (uint64_t n = 0; n < count; n++) {
        if (raw.link == NULL || n % 50 == 0) {
            raw_meet(&raw);
            shared_count = shared_regions(shared, before, before_count);
            assert_true(shared_count > 0);
        }
        size_t bytes = honest_request(&random, frame);
        const struct region *region = &shared[raw_random(&random) % shared_count];
        bool early = raw_random(&random) % 2 == 0;
        if (early) {
            scribble(&random, &view, region);
        }
        (void)raw_send(&raw, frame, bytes, false);
        if (raw.link != NULL) { /* else its memory has gone */
            look_at_ring(&view, region);
        }
        if (!early && raw.link != NULL) {
            scribble(&random, &view, region);
        }
        if (!raw_sync(&raw, TO_ECHO, SILENT_NS)) {
            ended += raw.link == NULL;
            silent += raw.link != NULL; /* it waits for what the ring does not say any more: its own loss */
            raw_disconnect(&raw);
        }
        if (n % 500 == 499) {
            honest_call();
        }
    }
    printf("# %llu scribbles, seed %llu; %llu of their links were ended, %llu fell silent\n", (unsigned long long)count,
           (unsigned long long)attack_seed, (unsigned long long)ended, (unsigned long long)silent);
    check_growth("scribbles", (size_t)64 << 20);
    raw_close(&raw);
    honest_call();
}
