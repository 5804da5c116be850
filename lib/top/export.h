/* A reading for programs: Prometheus' text exposition format 0.0.4, and JSON. Both have counts since the processes
 * began; nothing of them is compared. */
#ifndef CORPS_TOP_EXPORT_H
#define CORPS_TOP_EXPORT_H

#include "reading.h"
#include "text.h"

/* https://prometheus.io/docs/instrumenting/exposition_formats/: families with HELP and TYPE, times in seconds. */
void top_prometheus(const struct top_reading *reading, struct top_text *text);

/* One object: id (16 hexadecimal digits), tag, and envs: what each Env gave (corps/stats.h), or {"env", "error"}. */
void top_json(const struct top_reading *reading, struct top_text *text);

#endif
