#include "actor/home.h"

bool corps__home_takes_init(struct corps__conc *conc, struct corps__message *message) {
    struct corps_home *home = corps__home_of(conc);
    bool takes = home != NULL && !atomic_load(&home->left);
    if (takes) {
        message->mail.node.next = NULL; /* it goes alone */
        home->init = message;
    }
    return takes;
}

bool corps__home_awaits(const struct corps__conc *conc) {
    const struct corps_home *home = corps__home_of(conc);
    return home != NULL && home->init != NULL;
}

void corps__home_wake(struct corps_home *home) {
    if (corps__task_change(&home->conc->task, CORPS__HOME_IDLE, CORPS__HOME_QUEUED) == CORPS__HOME_IDLE) {
        corps__notify(&home->waiter);
    }
}

void corps__home_end(struct corps_home *home) {
    bool has_init = home->init != NULL;
    bool gone = atomic_load(&home->left);
    atomic_store(&home->gone, gone);
    corps__task_end_as(&home->conc->task, gone ? CORPS__IDLE : has_init ? CORPS__HOME_QUEUED : CORPS__HOME_IDLE);
    if (has_init) {
        corps__notify(&home->waiter);
    }
}
