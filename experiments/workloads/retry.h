/* How the Corps of workload=retry keeps results, which its Envs do for a minute: all those of a trial fit, and nothing
 * looks for old ones in the middle of it.
 */
#ifndef WORKLOADS_RETRY_H
#define WORKLOADS_RETRY_H

#include <stdint.h>

enum { LAB_RETRY_RESULTS_COUNT = 262144, LAB_RETRY_RESULTS_BYTES = 1 << 30 };
#define LAB_RETRY_CLEAN_NS (3600 * INT64_C(1000000000)) /* longer than any trial */

#endif
