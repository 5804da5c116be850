/* A flood of messages to Workers that count, in turn: Savina's counting (one Worker) and fork-join throughput (60). */
#ifndef WORKLOADS_SAVINA_FLOOD_H
#define WORKLOADS_SAVINA_FLOOD_H

#include "workloads/savina.h"

extern const struct corps_class savina_flood_class;
extern const struct corps_class savina_many_flood_class; /* the referee of fork-join: fewer messages to each */
extern const struct corps_class savina_counter_class;

#endif
