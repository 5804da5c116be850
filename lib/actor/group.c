#include "actor/group.h"

#include "value/failure.h"

void corps__group_fail(struct corps__group *group, const struct corps_error_info *info) {
    if (atomic_fetch_add(&group->failed, 1) == 0) {
        atomic_store(&group->failure, corps__failure_create(info));
    }
}

void corps__group_finish(struct corps__group *group) {
    if (group != NULL && atomic_fetch_sub(&group->left, 1) == 1) {
        group->done(group, group->arg);
    }
}
