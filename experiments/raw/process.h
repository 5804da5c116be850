/* raw:process, which carries no messages but starts processes: it has a trial of its own.
 *
 * Threads: one.
 */
#ifndef RAW_PROCESS_H
#define RAW_PROCESS_H

#include "lab.h"
#include "raw/raw.h"

extern const struct raw_mechanism raw_pipe; /* through which it says that it runs */

json_t *raw_process_trial(const struct lab_cell *cell); /* see lab_raw_trial */

/* At the beginning of main: was this program started by such a trial? Then this is all that it does. */
bool raw_process_is_started(int argc, char **argv);
int raw_process_main(char **argv);

#endif
