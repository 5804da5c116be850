/* Deleting: Concs that are ended by hand, by their Names. */
#ifndef CORPS_DELETE_H
#define CORPS_DELETE_H

#include <corps.h>

/* The manager's "corps:delete": [number, …] of Concs of its Env. Answers once their cleanups have run; those that had
 * ended already count as ended. Errors: NO_WORKER (there was none of such a number), INVALID (it is one of Corps' own,
 * or the Corps' front); then nothing is ended. */
enum corps_err corps__manager_delete(struct corps_context *context, void *self, const struct corps_value *args,
                                     struct corps_value *result);

#endif
