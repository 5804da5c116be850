/* The Workers of corps.c's tests. */
#ifndef CORPS_TEST_COUNTER_H
#define CORPS_TEST_COUNTER_H

#include <corps.h>

/* Counts, answers, calls others, and makes more of its kind; its init fails below 0. */
extern const struct corps_class counter_class;

/* Makes a Counter in its init; its cleanup writes its own Name into the file that its init was told. */
extern const struct corps_class nester_class;

#endif
