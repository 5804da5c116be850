#include "actor/innermost.h"

#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

void corps__fork_end(enum corps_err err, const struct corps_error_info *failure) {
    if (err == CORPS_OK || err == CORPS_ERR_PENDING) {
        _exit(0);
    }
    corps__log_traced(CORPS_LOG_WARN, "child_failed", NULL, failure != NULL ? failure->traceback : NULL,
                      "a child that a method has forked failed: %s: %s",
                      failure != NULL ? failure->type : corps_error_name(err),
                      failure != NULL ? failure->text : corps_error_detail());
    _exit(1);
}
