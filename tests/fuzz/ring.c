/* The ring of shared memory. The input is a script of both sides' steps and of writes by a hostile peer anywhere in it:
 * as long as there was none, records come as they went; afterwards they still lie within the ring, or the ring is
 * called broken. */
#include "ring.h"
#include "fuzz.h"

enum { RING_BYTES = 4096, SENT_MAX = 256 };

static _Alignas(4096) uint8_t memory[CORPS__RING_HEAD_BYTES + RING_BYTES];

struct both {
    struct corps__ring out, in;
    size_t lengths[SENT_MAX]; /* of records that were put and not taken yet, as a queue */
    unsigned put, taken;
    bool scribbled, broken;
};

static void put(struct both *both, size_t bytes) {
    void *at;
    enum corps_err err = corps__ring_reserve(&both->out, bytes, &at);
    if (err == CORPS_OK) {
        uint8_t *data = at;
        must(data >= both->out.data && data + bytes <= both->out.data + RING_BYTES);
        memset(data, (int)(both->put & 0xff), bytes);
        corps__ring_commit(&both->out, bytes, CORPS__RECORD_WHOLE);
        both->lengths[both->put++ % SENT_MAX] = bytes;
        return;
    }
    must(err == CORPS_ERR_FULL || (both->scribbled && err == CORPS_ERR_PROTOCOL));
    both->broken = both->broken || err == CORPS_ERR_PROTOCOL;
    if (err == CORPS_ERR_FULL) {
        corps__ring_want_space(&both->out);
    }
}

static void take(struct both *both) {
    const uint8_t *data;
    size_t bytes;
    enum corps__record kind;
    enum corps_err err = corps__ring_peek(&both->in, &data, &bytes, &kind);
    if (err == CORPS_OK) {
        must(data >= both->in.data && data + bytes <= both->in.data + RING_BYTES);
        must(kind >= CORPS__RECORD_WHOLE && kind <= CORPS__RECORD_REMOTE && kind != CORPS__RECORD_PAD);
        if (!both->scribbled) {
            must(both->taken < both->put && bytes == both->lengths[both->taken % SENT_MAX]);
            for (size_t i = 0; i < bytes; i++) {
                must(data[i] == (both->taken & 0xff));
            }
        }
        both->taken++;
        (void)corps__ring_release(&both->in, bytes);
        return;
    }
    must(both->scribbled || (err == CORPS_ERR_EMPTY && both->taken == both->put));
    both->broken = both->broken || err == CORPS_ERR_PROTOCOL;
}

static void scribble(struct both *both, struct script *script) {
    uint64_t word = script_number(script, 8);
    size_t at = (size_t)script_number(script, 2) % (sizeof memory / 8) * 8;
    memcpy(memory + at, &word, sizeof word);
    both->scribbled = true;
}

/* What a header word of the next record could be, with a length, kind and mark of the peer's choice. */
static void forge(struct both *both, struct script *script) {
    uint64_t word = script_number(script, 4) | (uint64_t)script_byte(script) << 32;
    word |= (both->in.position / CORPS__RING_SLOT + (script_byte(script) == 0 ? 0 : 1)) << 36;
    memcpy(both->in.data + (both->in.position & (RING_BYTES - 1)), &word, sizeof word);
    both->scribbled = true;
}

static void step(struct both *both, struct script *script) {
    switch (script_byte(script) % 8) {
    case 0:
    case 1:
        put(both, (size_t)script_number(script, 2) % (corps__ring_record_max(&both->out) + 1));
        break;
    case 2:
    case 3:
        take(both);
        break;
    case 4:
        (void)corps__ring_has_room(&both->out);
        break;
    case 5:
        (void)corps__ring_arm(&both->in);
        corps__ring_disarm(&both->in);
        (void)corps__ring_consumer_sleeps(&both->out);
        break;
    case 6:
        forge(both, script);
        break;
    case 7:
        scribble(both, script);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct script script = {.at = data, .left = bytes};
    struct both both = {0};
    memset(memory, 0, sizeof memory);
    must(corps__ring_init(&both.out, memory, RING_BYTES, true) == CORPS_OK);
    must(corps__ring_init(&both.in, memory, RING_BYTES, false) == CORPS_OK);
    while (script.left > 0 && !both.broken) {
        step(&both, &script);
    }
    corps__ring_finish(&both.out);
    return 0;
}
