#include "actor/late.h"

#include "actor/reply.h"
#include "link/known.h"
#include "value/failure.h"

#include <stdio.h>
#include <stdlib.h>

struct late_reply {
    struct corps__late late; /* first */
    struct corps__message *message;
    const struct corps__conc *conc;
    struct corps_box *args;         /* of a request of this Env, which may be its own result */
    struct corps_box *result;       /* NULL: a failure */
    struct corps__failure *failure; /* NULL: there was no memory to say what failed */
    bool is_encoded;
    uint8_t serializer;
    struct corps_encoding encoding; /* of the result, for another Env */
};

static void send_late(struct corps__late *late, enum corps_err err) {
    (void)err;
    struct late_reply *reply = (struct late_reply *)late;
    static const struct corps_error_info untold = {.code = CORPS_ERR_NO_MEMORY, .type = "", .text = "no memory"};
    if (reply->is_encoded) {
        corps__reply_encoded(reply->message, reply->conc, reply->serializer, &reply->encoding);
    } else if (reply->result != NULL) {
        corps__reply(reply->message, reply->conc, reply->args, corps_box_root(reply->result));
    } else {
        corps__reply_failed(reply->message, reply->conc, reply->failure != NULL ? &reply->failure->info : &untold);
    }
    corps_encoding_finish(&reply->encoding);
    corps_box_unref(reply->result);
    corps_box_unref(reply->args);
    free(reply->failure);
    free(reply);
}

/* NULL: the caller is told at once that there is no memory, and the message is gone. */
static struct late_reply *reply_to(struct corps__message *message, const struct corps__conc *conc) {
    struct late_reply *reply = calloc(1, sizeof *reply);
    if (reply == NULL) {
        message->unkept = true; /* this may be any thread */
        corps__reply_failure(message, conc, CORPS_ERR_NO_MEMORY, "", "no memory for the reply");
        return NULL;
    }
    *reply = (struct late_reply){.late = {.is_kept = corps__answer_is_kept(message, conc), .answer = send_late},
                                 .message = message,
                                 .conc = conc};
    corps_encoding_init(&reply->encoding);
    return reply;
}

static void post(struct late_reply *reply) {
    corps__checkpoint_before((struct corps__conc *)(uintptr_t)reply->conc, &reply->late);
}

static enum corps_err take_result(struct late_reply *reply, const struct corps_value *result) {
    enum corps_err err = corps_box_of(result, &reply->result);
    bool is_remote = reply->message->from != NULL && (reply->message->header.flags & CORPS__NO_REPLY) == 0;
    if (err == CORPS_OK && is_remote && corps_value_open(result)->kind != CORPS_NIL) {
        err = corps__result_encode(reply->message, reply->conc, corps_box_root(reply->result), &reply->encoding,
                                   &reply->serializer);
        reply->is_encoded = err == CORPS_OK;
    }
    return err;
}

void corps__reply_late(struct corps__message *message, const struct corps__conc *conc, struct corps_box *args_box,
                       const struct corps_value *result) {
    struct late_reply *reply = reply_to(message, conc);
    if (reply == NULL) {
        return;
    }
    enum corps_err err = take_result(reply, result);
    if (err != CORPS_OK) {
        char text[400];
        snprintf(text, sizeof text, "the result cannot be sent: %s", corps_error_detail());
        struct corps_error_info info = {.code = err, .type = "", .text = text};
        snprintf(info.origin, sizeof info.origin, "L%u:M%u.%u", corps__own_env(), corps__own_env(), conc->id);
        reply->failure = corps__failure_create(&info);
        corps_box_unref(reply->result);
        reply->result = NULL;
    } else if (args_box != NULL) {
        reply->args = corps_box_ref(args_box);
    }
    post(reply);
}

void corps__fail_late(struct corps__message *message, const struct corps__conc *conc,
                      const struct corps_error_info *info) {
    struct late_reply *reply = reply_to(message, conc);
    if (reply != NULL) {
        reply->failure = corps__failure_create(info);
        post(reply);
    }
}
