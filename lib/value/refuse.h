/* Refusals that say where: how a serializer's error gets its path, from the inside out. Internal, except for the
 * Python serializers' module. */
#ifndef CORPS_REFUSE_H
#define CORPS_REFUSE_H

#include <corps/error.h>
#include <corps/value.h>

/* Puts one step before the calling thread's detail, which names what was refused, and returns REFUSED: the detail
 * "Lock" of item 1 of an array becomes "[1]: Lock", and then "[0][1]: Lock" in an array around it. `index` counts
 * items; a map's are key, value, key, value, … */
CORPS_API enum corps_err corps__refused_at(const struct corps_value *container, size_t index) CORPS_CHECKED;

#endif
