#include "links_rendezvous.h"

enum corps_err corps__link_connect(struct corps__link *link, enum corps_err err, const char *address,
                                   const struct corps__hello *hello, struct corps_link **out) {
    if (err == CORPS_OK) {
        const struct corps__links *links = (const struct corps__links *)link->base.endpoint;
        err = corps__rendezvous_connect(links->rendezvous, address, hello, link, &link->session);
    }
    if (err != CORPS_OK) {
        link->base.transport->disconnect(&link->base);
        return err;
    }
    *out = &link->base;
    return CORPS_OK;
}

void corps__link_set_session(struct corps__link *link, struct corps__session *session) {
    link->session = session;
    corps__session_set_user(session, link);
}

void corps__link_refuse(struct corps__link *link, enum corps_err err) {
    link->session = NULL;
    (void)corps__link_end(link, err);
}
