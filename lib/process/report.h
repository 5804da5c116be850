/* What Env 0 tells its creator of the other Envs while the Corps runs. A program may read nothing for days, while Envs
 * come and go: what finds no room is told later, as it is then. With the lead. */
#ifndef CORPS_REPORT_H
#define CORPS_REPORT_H

#include "process/life.h"

/* Its process, and the numbers that it may give: where the Corps may be started anew. */
void corps__report_process(struct corps__life_child *child);

/* Its row. `failed`: the creator's corps_exit is to say how it was lost. */
void corps__report_row(struct corps__life_child *child, bool failed);

#endif
