/* A file in which a Worker's state is kept. The input is the file; an input whose first byte is odd gets a length and a
 * checksum that fit, so that what is behind them is read. */
#include "codec/kept.h"
#include "fuzz.h"

#include <corps.h>
#include <sodium.h>

enum { SUM_BYTES = 32, FRONT_BYTES = 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    uint8_t *file = malloc(bytes + 1);
    must(file != NULL);
    bool mend = bytes > 0 && (data[0] & 1) != 0;
    bytes -= bytes > 0 ? 1 : 0;
    memcpy(file, data + (bytes > 0 ? 1 : 0), bytes);
    if (mend && bytes >= FRONT_BYTES + SUM_BYTES) {
        for (unsigned i = 0; i < 8; i++) {
            file[8 + i] = (uint8_t)((uint64_t)bytes >> 8 * i);
        }
        crypto_generichash(file + bytes - SUM_BYTES, SUM_BYTES, file, bytes - SUM_BYTES, NULL, 0);
    }
    struct corps_box *box = NULL;
    if (corps__kept_decode(file, bytes, &box) == CORPS_OK) { /* then it can be written again, and read back the same */
        uint8_t *again;
        size_t again_bytes;
        struct corps_box *back = NULL;
        must(corps__kept_encode(corps_box_root(box), SIZE_MAX, &again, &again_bytes) == CORPS_OK);
        must(corps__kept_decode(again, again_bytes, &back) == CORPS_OK);
        free(again);
        corps_box_unref(back);
        corps_box_unref(box);
    } else {
        must(box == NULL && corps_error_detail()[0] != '\0');
    }
    free(file);
    return 0;
}
