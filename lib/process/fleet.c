#include "process/fleet.h"

#include "process/life.h"

static const struct corps__fleet_ops *fleet;

void corps__fleet_set(const struct corps__fleet_ops *ops) {
    fleet = ops;
}

const struct corps__fleet_ops *corps__fleet(void) {
    return fleet;
}

const struct corps__fleet_ops *corps__own_fleet(void) {
    return corps__life.corps != NULL && corps__is_env_0() && corps__has_fleet(corps__life.corps) ? fleet : NULL;
}

static corps__launch_describe_fn describer;
static void *describer_arg;

void corps__launch_describe_set(corps__launch_describe_fn describe, void *arg) {
    describer = describe;
    describer_arg = arg;
}

corps__launch_describe_fn corps__launch_describe(void **arg) {
    *arg = describer_arg;
    return describer;
}
