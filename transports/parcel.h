/* Parcels, for transports that copy frames in pieces. */
#ifndef CORPS_PARCEL_H
#define CORPS_PARCEL_H

#include <corps/transport.h>

/* Copies `bytes` bytes of the parcel's segments, from byte `from` of the whole frame on, to `to`. */
void corps__parcel_copy(const struct corps_parcel *parcel, size_t from, uint8_t *to, size_t bytes);

#endif
