/* What the laboratory's parts need of histograms beyond lab.h: recording many at once, and moving one between
 * processes.
 *
 * A packed histogram is a sequence of pairs (lower bound of the bucket in ns, count), each a little-endian 64-bit
 * number: that is what a driver sends to the program.
 *
 * Threads: a histogram belongs to one thread at a time.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "lab.h"

/* Records `count` values of `value_ns`. */
void lab_histogram_record_many(struct lab_histogram *histogram, uint64_t value_ns, uint64_t count);

/* How many times something was recorded: fewer than the count where one time stands for many messages. */
uint64_t lab_histogram_records(const struct lab_histogram *histogram);

/* Forgets every value, keeps the memory. */
void lab_histogram_clear(struct lab_histogram *histogram);

/* Bytes that lab_histogram_pack writes. */
size_t lab_histogram_packed_bytes(const struct lab_histogram *histogram);
void lab_histogram_pack(const struct lab_histogram *histogram, uint8_t *out);

/* Adds what was packed, as if each time had been recorded by itself. False when `bytes` is no multiple of a pair, or a
 * bound is out of range: nothing is added then.
 */
bool lab_histogram_unpack(struct lab_histogram *histogram, const uint8_t *data, size_t bytes);

/* Tells the exact largest value, which buckets alone do not know. */
void lab_histogram_set_max(struct lab_histogram *histogram, uint64_t value_ns);

#endif
