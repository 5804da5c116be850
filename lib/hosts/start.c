#include "actor/class.h"
#include "base/log.h"
#include "base/standard.h"
#include "care/anew.h"
#include "care/keep.h"
#include "care/owner.h"
#include "care/pool.h"
#include "care/wards.h"
#include "codec/registry.h"
#include "hosts/fleet.h"
#include "link/known.h"
#include "process/boot.h"
#include "process/creator.h"
#include "process/ending.h"
#include "process/env.h"

#include <stdlib.h>

/* The beginning of a program, or of an Env; and the end of a Corps, which either may ask for. */

static void know_classes(const struct corps_class *const *classes) {
    static const struct corps_class *const none[] = {NULL};
    corps__classes_set(classes != NULL ? classes : none);
    corps__owner_set();
    corps__keep_set();
    corps__wards_begin();
    corps__pool_begin();
    corps__anew_care_set();
    corps__hosts_begin();
}

void corps_start(const struct corps_class *const *classes) {
    corps__standard_fill();
    if (corps__registry_check() != CORPS_OK) {
        corps__log(CORPS_LOG_ERROR, "build_mistaken", NULL, "%s", corps_error_detail());
        abort(); /* a mistake in the build, not in the program's use */
    }
    know_classes(classes);
    const char *fd = getenv(CORPS__BOOT_VARIABLE);
    if (fd != NULL) {
        exit(corps__env_main(atoi(fd), NULL));
    }
}

int corps_serve(int control_fd, const struct corps_class *const *classes, corps_boot_fn on_boot) {
    know_classes(classes);
    return corps__env_main(control_fd, on_boot);
}

enum corps_err corps_end(struct corps *corps) {
    if (corps == corps__own() && corps != NULL) {
        return corps__env_end();
    }
    if (corps == NULL || corps->creator == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "only the own Corps can be ended, or one that this process created");
    }
    corps__creator_ask_to_end(corps, 0);
    return CORPS_OK;
}
