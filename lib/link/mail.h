/* What is put into a mailbox. Here, because a route has one of its own, which says that requests may go on. */
#ifndef CORPS_MAIL_H
#define CORPS_MAIL_H

#include <corps/transport.h>

enum corps__mail_kind {
    CORPS__MAIL_REQUEST,
    CORPS__MAIL_INIT,       /* run init; `box` holds its argument */
    CORPS__MAIL_CLEANUP,    /* run cleanup, then the Conc has ended */
    CORPS__MAIL_BATCH,      /* several requests: a struct corps__batch */
    CORPS__MAIL_RESUME,     /* run what was put aside: a route's `resume` */
    CORPS__MAIL_CHECKPOINT, /* keep the Conc's state if that is due: a struct corps__late */
    CORPS__MAIL_CRASH,      /* the Conc has failed: see actor/broken.h, also for the next two */
    CORPS__MAIL_STOP,
    CORPS__MAIL_GIVE_UP,
    CORPS__MAIL_MOVE,  /* the Conc takes no more requests from now on; likewise there */
    CORPS__MAIL_PROBE, /* only its waiting counts: see actor/probe.h */
};

/* What a mailbox links: the beginning of a message, of a batch, or of neither. */
struct corps__mail {
    struct corps_node node;
    enum corps__mail_kind kind;
};

#endif
