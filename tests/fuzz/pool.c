/* The pool of shared memory. The input is a script: loans, messages put and viewed, extents and returned tickets of a
 * hostile peer's choice. An extent that is accepted can be read, what was put can be viewed, and no two loans share a
 * byte. */
#include "pool.h"
#include "fuzz.h"

#include <sys/mman.h>

enum { BYTES = 64 * CORPS__POOL_PAGE, HELD = 8 };

static struct corps__mapping *mapping;
static uint8_t text[BYTES / 2];

struct holds {
    struct corps__pool *pool;
    struct corps_block *loans[HELD], *views[HELD];
};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    size_t bytes = CORPS__POOL_HEAD_BYTES + BYTES;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED);
    mapping = corps__mapping_create(memory, bytes);
    must(mapping != NULL);
    memset(text, 0x5a, sizeof text);
    return 0;
}

static void must_be_apart(const struct holds *holds, const uint8_t *data, size_t bytes) {
    for (unsigned i = 0; i < HELD; i++) {
        const struct corps_block *loan = holds->loans[i];
        must(loan == NULL || data + bytes <= loan->data || loan->data + loan->bytes <= data);
    }
}

static const uint8_t *pool_data(void) {
    return (const uint8_t *)mapping->memory + CORPS__POOL_HEAD_BYTES;
}

static void lend(struct holds *holds, struct script *script) {
    unsigned at = script_byte(script) % HELD;
    size_t bytes = (size_t)script_number(script, 3);
    if (holds->loans[at] != NULL) {
        corps_block_unref(holds->loans[at]);
        holds->loans[at] = NULL;
        return;
    }
    struct corps_block *loan = corps__pool_loan(holds->pool, bytes);
    if (loan != NULL) {
        must(loan->data >= pool_data() && loan->data + loan->bytes <= pool_data() + BYTES);
        must_be_apart(holds, loan->data, loan->bytes);
        memset(loan->data, 1, loan->bytes);
        holds->loans[at] = loan;
    }
}

static void view(struct holds *holds, unsigned at, const struct corps__extent *extent) {
    uint8_t *head;
    corps_block_unref(holds->views[at]);
    holds->views[at] = corps__pool_view(mapping, mapping->memory, extent, 16, &head);
    must(holds->views[at] != NULL);
    memset(head, 2, 16);
    const struct corps_block *block = holds->views[at];
    if (block->bytes > 0) {
        (void)(*(volatile uint8_t *)block->data + *(volatile uint8_t *)(block->data + block->bytes - 1));
    }
}

/* A part of a loan, or what must be copied. */
static void put(struct holds *holds, struct script *script) {
    unsigned at = script_byte(script) % HELD, loan = script_byte(script) % (2 * HELD);
    const struct corps_block *from = loan < HELD ? holds->loans[loan] : NULL;
    size_t skip = (size_t)script_number(script, 2), bytes = (size_t)script_number(script, 3);
    bytes = bytes % (sizeof text + 1);
    const uint8_t *data = text;
    if (from != NULL && skip < from->bytes) {
        data = from->data + skip;
        bytes = bytes < from->bytes - skip ? bytes : from->bytes - skip;
    }
    struct corps__extent extent;
    if (!corps__pool_put(holds->pool, data, bytes, &extent)) {
        return;
    }
    must(corps__extent_fits(&extent, BYTES) && extent.bytes == bytes);
    must(memcmp(pool_data() + extent.offset, data, bytes) == 0);
    if (data == text) {
        must_be_apart(holds, pool_data() + extent.offset, bytes);
    } else {
        must(pool_data() + extent.offset == data);
    }
    view(holds, at, &extent);
}

static void view_any(struct holds *holds, struct script *script) {
    struct corps__extent extent = {.offset = script_number(script, 4), .bytes = script_number(script, 4)};
    extent.ticket = script_number(script, 2);
    uint8_t shift = script_byte(script) % 64; /* the highest numbers, too */
    extent.offset <<= shift % 2 == 0 ? 0 : shift;
    if (corps__extent_fits(&extent, BYTES)) {
        must(extent.offset + extent.bytes <= BYTES && extent.ticket < CORPS__POOL_TICKETS);
        view(holds, script_byte(script) % HELD, &extent);
    }
}

static void step(struct holds *holds, struct script *script) {
    struct corps__pool_shared *shared = mapping->memory;
    uint8_t at;
    switch (script_byte(script) % 5) {
    case 0:
        lend(holds, script);
        break;
    case 1:
        put(holds, script);
        break;
    case 2:
        at = script_byte(script) % HELD;
        corps_block_unref(holds->views[at]);
        holds->views[at] = NULL;
        break;
    case 3:
        view_any(holds, script);
        break;
    case 4:
        at = script_byte(script) % CORPS__POOL_WORDS;
        atomic_store(&shared->returned[at], script_number(script, 8));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct script script = {.at = data, .left = bytes};
    struct holds holds = {.pool = corps__pool_create(mapping, mapping->memory, BYTES)};
    must(holds.pool != NULL);
    memset(mapping->memory, 0, sizeof(struct corps__pool_shared));
    for (unsigned steps = 0; script.left > 0 && steps < 200; steps++) {
        step(&holds, &script);
    }
    for (unsigned i = 0; i < HELD; i++) {
        corps_block_unref(holds.views[i]);
        corps_block_unref(holds.loans[i]);
    }
    corps__pool_unref(holds.pool);
    return 0;
}
