#include "actor/tell.h"

bool corps__conc_tell(struct corps__conc *conc, const struct corps__symbol *method) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return false;
    }
    message->mail.kind = CORPS__MAIL_REQUEST;
    message->header.flags = CORPS__NO_REPLY | CORPS__NIL_PAYLOAD;
    message->method = method;
    static const struct corps_value nil;
    message->plain = &nil;
    atomic_fetch_add(&conc->local_count, 1); /* its room, which it gives back */
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return true;
}

bool corps__conc_end(struct corps__conc *conc) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return false;
    }
    message->mail.kind = CORPS__MAIL_CLEANUP;
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return true;
}
