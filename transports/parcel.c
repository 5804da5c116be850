#include "parcel.h"

#include <string.h>

void corps__parcel_copy(const struct corps_parcel *parcel, size_t from, uint8_t *to, size_t bytes) {
    for (unsigned i = 0; bytes > 0 && i < parcel->segment_count; i++) {
        size_t length = parcel->segments[i].iov_len;
        if (from >= length) {
            from -= length;
            continue;
        }
        size_t part = length - from < bytes ? length - from : bytes;
        memcpy(to, (const uint8_t *)parcel->segments[i].iov_base + from, part);
        to += part;
        bytes -= part;
        from = 0;
    }
}
