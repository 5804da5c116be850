/* The head of what the Python serializers write; see python.h. */
#ifndef CORPS_PYTHON_WIRE_H
#define CORPS_PYTHON_WIRE_H

#include <stdint.h>

/* Little-endian. */
struct corps__python_head {
    uint32_t pickle_bytes;
    uint32_t buffers; /* their count, and CORPS__PYTHON_OWN_SEGMENT */
};

#define CORPS__PYTHON_OWN_SEGMENT 0x80000000u /* the pickle is segment 1, not the rest of segment 0 */

#endif
