/* Where the golden program is linked from a few files of the library, without libuv and the rest: what those files name
 * and nothing here uses. */
#include "link/known.h"
#include "wait/runtime.h"
#include "base/slab.h"

struct corps__runtime corps__rt;
void corps__corps_unref(struct corps *corps) {
    (void)corps;
}
const struct corps__slab_source corps__future_source = {.bytes = 64};
const struct corps__slab_source corps__message_source = {.bytes = 64};
const struct corps__slab_source corps__batch_source = {.bytes = 64};
