/* Scribbles: a peer writes anything anywhere into the memory that it shares with the Env, rings and pools. Only it is
 * harmed. */
#include "hostile.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { REGIONS_MAX = 64 };

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

/* Rarely the far end of a pool; mostly where rings and their heads are, of which the first pages are in use. */
static void scribble(uint64_t *random, const struct region *region) {
    static const uint64_t extremes[] = {0, 1, UINT32_MAX, UINT64_MAX, (uint64_t)1 << 63, 4096, 0x0000000100000030};
    uint64_t bytes = region->end - region->start, near = bytes < 65536 ? bytes : 65536;
    uint64_t at = raw_random(random) % (raw_random(random) % 8 == 0 ? bytes : near);
    uint8_t *memory = (uint8_t *)region->start; /* NOLINT: an address out of /proc */
    if (raw_random(random) % 2 == 0) {
        memory[at] ^= (uint8_t)(1u << raw_random(random) % 8);
        return;
    }
    uint64_t word = raw_random(random) % 2 == 0 ? extremes[raw_random(random) % 7] : raw_random(random);
    at = at / 8 * 8;
    memcpy(memory + at, &word, at + 8 <= bytes ? 8 : 0);
}

void test_scribbles(void **state) {
    (void)state;
    uint64_t count = attack_count != 0 ? attack_count : 10000, random = attack_seed, ended = 0;
    static uint8_t frame[20000];
    struct raw raw;
    raw_open(&raw, victim.corps);
    struct region before[REGIONS_MAX], shared[REGIONS_MAX];
    unsigned before_count = shared_regions(before, NULL, 0), shared_count = 0;
    uint64_t sent = 0;
    for (uint64_t n = 0; n < count; n++) {
        if (raw.link == NULL || n % 50 == 0) {
            raw_meet(&raw);
            sent = 0;
            shared_count = shared_regions(shared, before, before_count);
            assert_true(shared_count > 0);
        }
        /* Honest frames, of which some go through the pool, so that what is scribbled over is in use. */
        const struct corps__header header = {.kind = CORPS__REQUEST,
                                             .serializer = 1,
                                             .segment_count = 1,
                                             .destination = TO_ECHO,
                                             .method = 1,
                                             .name_bytes = sent == 0 ? 4 : 0};
        size_t bytes = raw_random(&random) % 4 == 0 ? 10000 : 60;
        uint8_t payload[10000] = {0xc5, (uint8_t)((bytes - 3) >> 8), (uint8_t)(bytes - 3)};
        size_t frame_bytes = raw_frame(frame, &header, "echo", payload, bytes);
        bool early = raw_random(&random) % 2 == 0;
        if (early) {
            scribble(&random, &shared[raw_random(&random) % shared_count]);
        }
        sent += raw_send(&raw, frame, frame_bytes, false);
        if (!early && raw.link != NULL) {
            scribble(&random, &shared[raw_random(&random) % shared_count]);
        }
        if (raw.link != NULL) {
            raw_turn(&raw, 100);
        }
        ended += raw.link == NULL;
        if (n % 1000 == 999) {
            honest_call();
        }
    }
    printf("# %llu scribbles, seed %llu; %llu of their links were ended\n", (unsigned long long)count,
           (unsigned long long)attack_seed, (unsigned long long)ended);
    check_growth("scribbles", (size_t)64 << 20);
    raw_close(&raw);
    honest_call();
}
