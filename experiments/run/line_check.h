/* The checksum of a line of results, its last member: "check", 32 hexadecimal digits, BLAKE2b (128 bits, libsodium) of
 * all bytes in front of the comma before it. Any JSON reader still reads the line; one that is changed anywhere does
 * not pass. Lines from before there were checksums have none. experiments/report/load.py is the other reader and
 * writer. */
#ifndef LINE_CHECK_H
#define LINE_CHECK_H

#include <jansson.h>
#include <stddef.h>

enum lab_line_check { LAB_LINE_UNVERIFIED, LAB_LINE_RIGHT, LAB_LINE_WRONG };

/* The line with its checksum and newline, malloc'd; NULL when out of memory. */
char *lab_line_checked(const json_t *line);

/* Looks at a line of `bytes` bytes, without its newline. */
enum lab_line_check lab_line_verify(const char *text, size_t bytes);

#endif
