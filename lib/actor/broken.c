#include "actor/broken.h"

#include "base/log.h"
#include "link/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one Conc that is down or lost. The list is short, and looked at only for these. */
struct corps__broken {
    struct corps__broken *next;
    const struct corps__conc *conc;
    struct corps_node *first, *last; /* what is parked */
    char text[CORPS__BROKEN_TEXT_BYTES];
};

void corps__broken_set(void (*stopped)(uint32_t conc, bool failed, const char *how)) {
    corps__actors->broken.stopped = stopped;
}

static struct corps__broken **find(const struct corps__conc *conc) {
    struct corps__broken **at = &corps__actors->broken.first;
    while (*at != NULL && (*at)->conc != conc) {
        at = &(*at)->next;
    }
    return at;
}

static _Noreturn void no_memory(const struct corps__conc *conc) {
    corps__log(CORPS_LOG_ERROR, "no_memory", CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", conc->id)),
               "no memory to stop Worker %u of class %s, which must not go on", conc->id, corps__conc_class(conc));
    abort();
}

/* Must not be lost, like all that a Conc's life depends on. */
static void post(struct corps__conc *conc, enum corps__mail_kind kind, uint8_t life, const char *text) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        no_memory(conc);
    }
    message->mail.kind = kind;
    message->header.id = life;
    snprintf((char *)message->small, sizeof message->small, "%s", text);
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
}

/* Under the lock. */
static struct corps__broken *entry_of(struct corps__conc *conc) {
    struct corps__broken **at = find(conc);
    if (*at == NULL && (*at = calloc(1, sizeof **at)) == NULL) {
        no_memory(conc);
    }
    (*at)->conc = conc;
    return *at;
}

static void hold(struct corps__conc *conc, enum corps__down how) {
    pthread_mutex_lock(&corps__actors->broken.lock);
    (void)entry_of(conc);
    if (!conc->lost && atomic_load(&conc->down) < how) {
        if (atomic_exchange(&conc->down, (uint8_t)how) == CORPS__UP) {
            atomic_fetch_add(&conc->local_count, corps__own()->settings.mailbox_count);
        }
    }
    pthread_mutex_unlock(&corps__actors->broken.lock);
}

void corps__conc_hold(struct corps__conc *conc) {
    hold(conc, CORPS__HELD);
}

void corps__conc_crash(struct corps__conc *conc, uint8_t life, const char *how) {
    if (atomic_load(&conc->life) == life) {
        hold(conc, CORPS__BROKEN);
        post(conc, CORPS__MAIL_CRASH, life, how);
    }
}

void corps__conc_stop(struct corps__conc *conc) {
    corps__conc_hold(conc);
    post(conc, CORPS__MAIL_STOP, 0, "");
}

enum corps_err corps__conc_revive(struct corps__conc *conc, struct corps__group *group) {
    struct corps__message *message = corps__message_create();
    if (message == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to make a Worker again");
    }
    corps__conc_hold(conc);
    message->mail.kind = CORPS__MAIL_INIT;
    message->group = group;
    corps__conc_post(conc, &message->mail, CORPS__PUSH_OTHER);
    return CORPS_OK;
}

void corps__conc_give_up(struct corps__conc *conc, const char *text) {
    corps__conc_hold(conc);
    pthread_mutex_lock(&corps__actors->broken.lock);
    snprintf((*find(conc))->text, CORPS__BROKEN_TEXT_BYTES, "%s", text);
    pthread_mutex_unlock(&corps__actors->broken.lock);
    post(conc, CORPS__MAIL_GIVE_UP, 0, "");
}

void corps__conc_move_away(struct corps__conc *conc, const char *text) {
    post(conc, CORPS__MAIL_MOVE, 0, text);
}

void corps__conc_has_moved(struct corps__conc *conc, const char *text) {
    pthread_mutex_lock(&corps__actors->broken.lock);
    snprintf(entry_of(conc)->text, CORPS__BROKEN_TEXT_BYTES, "%s", text);
    pthread_mutex_unlock(&corps__actors->broken.lock);
    atomic_store(&conc->moved, true); /* with its text */
}

bool corps__conc_parks(struct corps__conc *conc, struct corps__mail *mail) {
    if (mail->kind != CORPS__MAIL_REQUEST && mail->kind != CORPS__MAIL_BATCH) {
        return false;
    }
    pthread_mutex_lock(&corps__actors->broken.lock);
    struct corps__broken *broken = *find(conc);
    mail->node.next = NULL;
    *(broken->first != NULL ? &broken->last->next : &broken->first) = &mail->node;
    broken->last = &mail->node;
    pthread_mutex_unlock(&corps__actors->broken.lock);
    return true;
}

void corps__conc_is_up(struct corps__conc *conc) {
    if (atomic_exchange(&conc->down, CORPS__UP) != CORPS__UP) {
        corps__conc_leave_room(conc, corps__own()->settings.mailbox_count);
    }
}

struct corps__mail *corps__parked_next(struct corps__conc *conc) {
    pthread_mutex_lock(&corps__actors->broken.lock);
    struct corps__broken **at = find(conc);
    struct corps__broken *broken = *at;
    struct corps_node *node = broken != NULL && !atomic_load(&conc->down) ? broken->first : NULL;
    if (node != NULL) {
        broken->first = node->next;
    } else if (broken != NULL && !atomic_load(&conc->down) && !conc->lost && !conc->moved) {
        *at = broken->next;
        free(broken);
    }
    pthread_mutex_unlock(&corps__actors->broken.lock);
    return (struct corps__mail *)node;
}

bool corps__env_leaves(char out[CORPS__LEAVES_TEXT_BYTES]) {
    bool moves = atomic_load(&corps__actors->moves);
    snprintf(out, CORPS__LEAVES_TEXT_BYTES, "Env %u %s", corps__own_env(),
             moves ? "ends here, to be started again on another host" : "was taken from the Corps");
    return moves || atomic_load(&corps__actors->leaves);
}

void corps__conc_lost_text(const struct corps__conc *conc, char out[CORPS__BROKEN_TEXT_BYTES]) {
    pthread_mutex_lock(&corps__actors->broken.lock);
    memcpy(out, (*find(conc))->text, CORPS__BROKEN_TEXT_BYTES);
    pthread_mutex_unlock(&corps__actors->broken.lock);
}

void corps__broken_free(void) {
    while (corps__actors->broken.first != NULL) {
        struct corps__broken *next = corps__actors->broken.first->next;
        free(corps__actors->broken.first);
        corps__actors->broken.first = next;
    }
}
