/* The entries of a batch, from the frame to the batch in a mailbox and out of it again. */
#include "actor/batch.h"
#include "codec/wire.h"
#include "fuzz.h"

enum { ENTRIES_MAX = 64 };

struct seen {
    const uint8_t *payload;
    uint32_t bytes;
    uint64_t deadline_ns;
};

/* What the Conc finds is what was added. */
static void take_all(struct corps__batch *batch, const struct seen *seen, unsigned count) {
    const struct corps__batch_entry *entry = NULL;
    unsigned there = corps__batch_count(batch, 0);
    must(there == count);
    for (unsigned i = 0; i < count; i++) {
        entry = corps__batch_next(batch, entry);
        must(entry->bytes == seen[i].bytes && entry->deadline_ns == seen[i].deadline_ns);
        must(memcmp(entry->data, seen[i].payload, seen[i].bytes) == 0);
    }
    must(count == 0 || corps__batch_count(batch, count) == count); /* closes it and gives its reference up */
}

static size_t read_entry(const uint8_t *at, size_t bytes, struct corps__header *header, uint32_t *payload_bytes) {
    uint8_t again[CORPS__ENTRY_BYTES];
    if (corps__wire_read_entry(at, bytes, header, payload_bytes) != CORPS_OK) {
        return 0;
    }
    must(*payload_bytes <= bytes - CORPS__ENTRY_BYTES);
    corps__wire_write_entry(header, *payload_bytes, again);
    must(memcmp(at, again, 14) == 0 && memcmp(at + 16, again + 16, CORPS__ENTRY_BYTES - 16) == 0);
    return CORPS__ENTRY_BYTES + *payload_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct corps__batch *batch = corps__batch_create(NULL, NULL, CORPS_KEEP_NONE);
    struct seen seen[ENTRIES_MAX];
    unsigned count = 0;
    must(batch != NULL);
    for (size_t at = 0, step; at < bytes && count < ENTRIES_MAX; at += step) {
        struct corps__header header;
        uint32_t payload_bytes;
        step = read_entry(data + at, bytes - at, &header, &payload_bytes);
        if (step == 0) {
            break;
        }
        const struct corps__batch_entry entry = {
            .deadline_ns = header.deadline_ns, .encoded = true, .serializer = header.serializer};
        if (payload_bytes > CORPS__ENTRY_BYTES_MAX ||
            !corps__batch_put(batch, &entry, data + at + CORPS__ENTRY_BYTES, payload_bytes) ||
            !corps__batch_commit(batch, 1)) {
            continue;
        }
        seen[count++] = (struct seen){data + at + CORPS__ENTRY_BYTES, payload_bytes, header.deadline_ns};
    }
    corps__batch_leave(batch);
    take_all(batch, seen, count);
    return 0;
}
