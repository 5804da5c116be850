/* Symbols: names of methods, interned, so that a call compares and sends a number. */
#ifndef CORPS_SYMBOL_H
#define CORPS_SYMBOL_H

#include <corps/error.h>

#include <stddef.h>
#include <stdint.h>

#define CORPS__METHOD_BYTES_MAX 255u
#define CORPS__METHODS_MAX 4096u     /* numbers of methods on a link: 0 … 4095 */
#define CORPS__UNNUMBERED UINT32_MAX /* a method without a number: its name comes with every request */

struct corps__symbol {
    const char *name;
    uint32_t number; /* on the wire: 0, 1, 2, … of the process that calls, or CORPS__UNNUMBERED */
    uint32_t bytes;
};

/* Is it a name of a method or class? Errors: INVALID (empty, longer than CORPS__METHOD_BYTES_MAX, or with a NUL). */
enum corps_err corps__symbol_check(const char *name, size_t bytes) CORPS_CHECKED;

/* The symbol of a name that this process calls by; equal names give the same pointer, for ever. There are
 * CORPS__METHODS_MAX of them; names that others send, and names first called by after that, are not kept. Any thread.
 * Errors: INVALID, LIMIT (no more), NO_MEMORY. */
enum corps_err corps__symbol_of(const char *name, size_t bytes, const struct corps__symbol **symbol) CORPS_CHECKED;

/* A symbol of its own, to be freed by `free`. NULL when out of memory. */
struct corps__symbol *corps__symbol_create(const char *name, size_t bytes, uint32_t number);

/* In the child of a fork: locks that others held are free again. */
void corps__symbols_forked(void);

#endif
