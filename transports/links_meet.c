#include "links_meet.h"

enum corps_err corps__link_meet(struct corps__link *link, enum corps_err err, const char *address,
                                const struct corps__hello *hello, struct corps_link **out) {
    if (err == CORPS_OK) {
        const struct corps__links *links = (const struct corps__links *)link->base.endpoint;
        err = corps__rendezvous_connect(links->rendezvous, address, hello, link, &link->meeting);
    }
    if (err != CORPS_OK) {
        link->base.transport->disconnect(&link->base);
        return err;
    }
    *out = &link->base;
    return CORPS_OK;
}

void corps__link_met(struct corps__link *link, struct corps__meeting *meeting) {
    link->meeting = meeting;
    corps__meeting_set_user(meeting, link);
}

void corps__link_refuse(struct corps__link *link, enum corps_err err) {
    link->meeting = NULL;
    (void)corps__link_end(link, err);
}
