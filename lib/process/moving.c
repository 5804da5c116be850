#include "process/moving.h"

#include "actor/state.h"
#include "base/log.h"
#include "link/foreign.h"
#include "process/ending.h"
#include "process/life.h"

void corps__moves(void) {
    atomic_store(&corps__actors->moves, true);
}

void corps__move_all(void) {
    if (corps__life.stage == CORPS__SERVING) {
        corps__log(CORPS_LOG_INFO, "corps_moves", NULL, "the Corps '%s' ends here in order, to go on on another host",
                   corps__life.corps->settings.tag);
        corps__moves();
        const struct corps_value word = corps_str("moves");
        corps__tell_children(&word, 1);
        if (corps__foreign_publish_moving(corps__life.corps, "the Corps moves to another host") != CORPS_OK) {
            corps__log(CORPS_LOG_WARN, "news_unheard", NULL, "strangers do not hear that the Corps moves: %s",
                       corps_error_detail());
        }
    }
    corps__clean_up();
}
