#include "actor/requests.h"

#include "actor/answers.h"
#include "actor/broken.h"
#include "actor/burst.h"
#include "actor/chain.h"
#include "actor/reply.h"
#include "actor/timing.h"
#include "link/clocks.h"
#include "link/peer.h"
#include "link/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum corps_err no_memory_for_names(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for method names");
}

static enum corps_err check_name(const char *name, size_t bytes) {
    return corps__symbol_check(name, bytes) == CORPS_OK
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_PROTOCOL, "a request asks for a method that cannot be one");
}

/* A link's number of a method gets its name: as long as the peer is there, for messages point to it. Nothing of this
 * process's own is kept for it, so that no peer can use anything up that others need. */
static enum corps_err name_method(struct corps__peer *peer, uint32_t number, const char *name, size_t bytes) {
    enum corps_err err = check_name(name, bytes);
    if (err == CORPS_OK && number >= CORPS__METHODS_MAX) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "method number %u is out of range", number);
    }
    if (err != CORPS_OK) {
        return err;
    }
    if (number >= peer->method_count) {
        uint32_t count = number + 64;
        struct corps__symbol **grown = realloc(peer->methods, count * sizeof *grown);
        if (grown == NULL) {
            return no_memory_for_names();
        }
        memset(grown + peer->method_count, 0, (count - peer->method_count) * sizeof *grown);
        peer->methods = grown;
        peer->method_count = count;
    }
    struct corps__symbol **known = &peer->methods[number];
    if (*known != NULL) {
        return (*known)->bytes == bytes && memcmp((*known)->name, name, bytes) == 0
                   ? CORPS_OK
                   : corps_error_set(CORPS_ERR_PROTOCOL, "method number %u got another name", number);
    }
    *known = corps__symbol_create(name, bytes, number);
    return *known != NULL ? CORPS_OK : no_memory_for_names();
}

/* The symbol of a request's method: named now, or known by number from before. */
static inline enum corps_err numbered_method(struct corps__peer *peer, const struct corps__header *header,
                                             const char *name, const struct corps__symbol **symbol) {
    if (header->name_bytes > 0) {
        enum corps_err err = name_method(peer, header->method, name, header->name_bytes);
        if (err != CORPS_OK) {
            return err;
        }
    }
    *symbol = header->method < peer->method_count ? peer->methods[header->method] : NULL;
    return *symbol != NULL ? CORPS_OK
                           : corps_error_set(CORPS_ERR_PROTOCOL, "method number %u was never named", header->method);
}

/* A Conc for a request of `bytes` bytes, and the grant that it takes room of; NULL, after having said so, when there is
 * none, or its serializer is not accepted, or with an error. */
static struct corps__conc *admit_request(struct corps__peer *peer, const struct corps__header *header, size_t bytes,
                                         struct corps__grant **grant, enum corps_err *err) {
    struct corps__conc *conc = corps__conc_find(header->destination);
    if (conc == NULL) {
        char leaves[CORPS__LEAVES_TEXT_BYTES];
        bool lost = corps__env_leaves(leaves);
        *err = corps__refuse(peer, header, bytes, lost ? CORPS_ERR_WORKER_LOST : CORPS_ERR_NO_WORKER,
                             lost ? leaves : "there is no Worker with this number");
        return NULL;
    }
    /* Also where there is nothing to decode: the reply goes in the same serializer. */
    if (corps__accepts(corps__own(), header->serializer) != CORPS_OK) {
        char text[200];
        snprintf(text, sizeof text, "%s", corps_error_detail());
        *err = corps__refuse(peer, header, bytes, CORPS_ERR_DENIED, text);
        return NULL;
    }
    *err = corps__grant_use(&peer->grants, conc->id, bytes, grant);
    return *err == CORPS_OK ? conc : NULL;
}

static enum corps_keep keep_for(const struct corps__conc *conc) {
    return conc->id != CORPS__MANAGER ? corps__own()->settings.keep_objects : CORPS_KEEP_NONE;
}

static bool has_mail(struct corps__task *task) {
    return corps__conc_has_mail((struct corps__conc *)task);
}

static void deliver_mail(struct corps__conc *conc, struct corps__mail *mail) {
    if (!corps__thread_pool_direct(&conc->task, &mail->node, has_mail)) {
        corps__conc_post(conc, mail, CORPS__PUSH_DISPATCH);
    }
}

/* The message of an admitted request. `method` is NULL where it has no number: then the message keeps its name. */
static struct corps__message *message_of(struct corps_event *event, const struct corps__header *header,
                                         const struct corps__symbol *method, const char *name) {
    struct corps__message *message = corps__message_of_frame(event, header);
    if (message != NULL) {
        message->owns_method = method == NULL;
        message->method = method != NULL ? method : corps__symbol_create(name, header->name_bytes, CORPS__UNNUMBERED);
    }
    if (message != NULL && message->method == NULL) {
        corps__message_free(message);
        message = NULL;
    }
    return message;
}

enum corps_err corps__request_take(struct corps__peer *peer, struct corps_event *event,
                                   const struct corps__header *header, const char *name) {
    const struct corps__symbol *method = NULL;
    enum corps_err err = header->method != CORPS__UNNUMBERED ? numbered_method(peer, header, name, &method)
                                                             : check_name(name, header->name_bytes);
    if (err != CORPS_OK) {
        return err;
    }
    if (corps__own() == NULL) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a request came to a process that has no Workers");
    }
    const struct corps_block *tail = corps_frame_tail(event->data, event->block);
    size_t charge_bytes = corps__wire_charge(event->data, event->bytes + (tail != NULL ? tail->bytes : 0), header);
    bool is_retry = (header->flags & CORPS__RETRY) != 0, runs = true;
    uint32_t answer = 0;
    if (is_retry) {
        err = corps__answers_admit(peer, header, charge_bytes, &runs, &answer);
    }
    struct corps__grant *grant;
    struct corps__conc *conc = runs ? admit_request(peer, header, charge_bytes, &grant, &err) : NULL;
    if (is_retry && runs && conc == NULL) {
        corps__answers_drop(answer);
    }
    if (conc == NULL) {
        return err;
    }
    int64_t received_ns = corps__traces() ? corps__now_ns() : 0;
    corps__dispatch_end_burst();
    struct corps__message *message = message_of(event, header, method, name);
    if (message == NULL) {
        if (is_retry) {
            corps__answers_drop(answer);
        }
        corps__conc_count_over(conc->id, UINT64_MAX); /* it is counted, and does not come */
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request of %zu bytes", event->bytes);
    }
    message->mail.kind = CORPS__MAIL_REQUEST;
    message->from = peer;
    peer->arrived++;
    message->answer = answer;
    message->grant = grant;
    message->charge_bytes = charge_bytes;
    message->keep_objects = keep_for(conc);
    if (received_ns != 0) {
        corps__chain_arrived(message, conc, received_ns);
    }
    corps__timing_arrives(conc, message);
    deliver_mail(conc, &message->mail);
    return CORPS_OK;
}

/* ---- batches of requests without reply ---- */

/* Reading one frame. Entries go into the leader's mailbox batch, and are committed together: when that is full, when
 * something else must come after them, and at the frame's end. */
struct intake {
    struct corps__peer *peer;
    uint32_t count, first; /* of the entries that are not committed: how many, and where they begin */
    bool is_new;           /* the batch is in no mailbox yet */
    /* What an entry that follows has in common with the one before it; only where `goes_on`. */
    bool goes_on;
    uint8_t head[CORPS__ENTRY_BYTES - sizeof(uint32_t)]; /* all but its length, as it was sent */
    uint32_t bytes_max;
    const struct corps__symbol *method;
    uint64_t deadline_ns;
    bool encoded;
    uint8_t serializer;
};

static enum corps_err no_memory_for(const struct corps__conc *conc, uint32_t count) {
    corps__conc_count_over(conc->id, -(uint64_t)count); /* they are counted, and do not come */
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for %u requests without reply", count);
}

/* Begins an empty mailbox batch, in the place of the one before. */
static bool begin_batch(struct intake *intake, struct corps__conc *conc) {
    struct corps__batch *batch = corps__batch_create(intake->peer, corps__actors->burst_of.grant, keep_for(conc));
    if (batch == NULL) {
        return false;
    }
    intake->peer->arrived++;
    corps__burst_end(&corps__actors->burst);
    corps__actors->burst = (struct corps__burst){.to = conc, .batch = batch};
    intake->is_new = true;
    return true;
}

static enum corps_err commit_entries(struct intake *intake) {
    struct corps__batch *batch = corps__actors->burst.batch;
    struct corps__conc *conc = corps__actors->burst.to;
    uint32_t count = intake->count;
    intake->count = 0;
    intake->goes_on = false;
    if (count == 0) {
        return CORPS_OK;
    }
    if (!corps__batch_commit(batch, count)) { /* the Conc has closed it, and will not look at them */
        struct corps_block *kept = corps_block_ref(&batch->block);
        bool begun = begin_batch(intake, conc);
        if (begun) {
            corps__batch_put_again(batch, intake->first, count, corps__actors->burst.batch);
            batch = corps__actors->burst.batch;
            (void)corps__batch_commit(batch, count); /* nobody has it, to close it */
        }
        corps_block_unref(kept);
        if (!begun) {
            return no_memory_for(conc, count);
        }
    }
    if (intake->is_new) {
        intake->is_new = false;
        deliver_mail(conc, &batch->mail);
    }
    return CORPS_OK;
}

static bool goes_on(const struct corps__peer *peer, const struct corps__header *header) {
    return corps__actors->burst.to != NULL && corps__actors->burst_of.from == peer &&
           corps__actors->burst_of.destination == header->destination &&
           corps__actors->burst_of.serializer == header->serializer;
}

/* The first of several entries for one Conc, or its only one. */
static enum corps_err begin_burst(struct corps__peer *peer, struct corps__conc *conc, struct corps__grant *grant,
                                  const struct corps__header *header, const struct corps__symbol *method,
                                  const uint8_t *payload, uint32_t bytes) {
    corps__dispatch_end_burst();
    struct corps__message *message = corps__message_of_payload(payload, bytes, header);
    if (message == NULL) {
        return no_memory_for(conc, 1);
    }
    message->mail.kind = CORPS__MAIL_REQUEST;
    message->method = method;
    message->from = peer;
    peer->arrived++;
    message->grant = grant;
    message->charge_bytes = CORPS__HEADER_BYTES + bytes;
    message->keep_objects = keep_for(conc);
    corps__timing_arrives(conc, message);
    deliver_mail(conc, &message->mail);
    corps__actors->burst.to = conc;
    corps__actors->burst_of.from = peer;
    corps__actors->burst_of.grant = grant;
    corps__actors->burst_of.destination = header->destination;
    corps__actors->burst_of.serializer = header->serializer;
    return CORPS_OK;
}

/* Does the value lie in the payload as it is? Then nothing has to be decoded. */
static bool is_bare(const struct corps__header *header) {
    const struct corps_serializer *serializer;
    return (header->flags & CORPS__NIL_PAYLOAD) != 0 ||
           (corps_serializer_by_wire_id(header->serializer, &serializer) == CORPS_OK &&
            (serializer->capabilities & CORPS_SERIALIZER_BYTES_ONLY) != 0);
}

/* What the entries that follow this one have in common with it. */
static void note_entry(struct intake *intake, const struct corps__header *header, const struct corps__symbol *method,
                       const uint8_t *head) {
    bool nil = (header->flags & CORPS__NIL_PAYLOAD) != 0;
    intake->goes_on = header->deadline_ns == 0;
    memcpy(intake->head, head + sizeof(uint32_t), sizeof intake->head);
    intake->bytes_max = nil ? 0 : CORPS__ENTRY_BYTES_MAX;
    intake->method = method;
    intake->deadline_ns = header->deadline_ns;
    intake->encoded = !is_bare(header);
    intake->serializer = header->serializer;
}

/* Into the batch that there is. False: there is none, or it is full. */
static inline bool put_there(struct intake *intake, const uint8_t *payload, uint32_t bytes) {
    struct corps__batch *batch = corps__actors->burst.batch;
    const struct corps__batch_entry entry = {.method = intake->method,
                                             .deadline_ns = intake->deadline_ns,
                                             .encoded = intake->encoded,
                                             .serializer = intake->serializer};
    if (batch == NULL) {
        return false;
    }
    uint32_t at = batch->used;
    if (!corps__batch_put(batch, &entry, intake->bytes_max > 0 ? payload : NULL, bytes)) {
        return false;
    }
    intake->first = intake->count == 0 ? at : intake->first;
    intake->count++;
    return true;
}

/* A request that is counted. */
static __attribute__((noinline)) enum corps_err put_entry(struct intake *intake, const uint8_t *payload,
                                                          uint32_t bytes) {
    if (put_there(intake, payload, bytes)) {
        return CORPS_OK;
    }
    bool went_on = intake->goes_on;
    struct corps__conc *conc = corps__actors->burst.to;
    enum corps_err err = commit_entries(intake);
    if (err != CORPS_OK || !begin_batch(intake, conc)) {
        return no_memory_for(conc, 1);
    }
    intake->goes_on = went_on;
    (void)put_there(intake, payload, bytes); /* an empty one has room */
    return CORPS_OK;
}

static enum corps_err on_entry(struct intake *intake, const struct corps__header *header, const uint8_t *head,
                               uint32_t bytes) {
    struct corps__peer *peer = intake->peer;
    const uint8_t *payload = head + CORPS__ENTRY_BYTES;
    if ((header->flags & CORPS__NIL_PAYLOAD) != 0 && bytes != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "an entry of a batch is nil and has a payload");
    }
    const struct corps__symbol *method = NULL;
    enum corps_err err = numbered_method(peer, header, NULL, &method);
    bool follows = goes_on(peer, header);
    struct corps__grant *grant;
    struct corps__conc *conc = follows ? corps__actors->burst.to : NULL;
    if (err == CORPS_OK && !follows) {
        err = commit_entries(intake);
    }
    if (err == CORPS_OK && follows) {
        err = corps__grant_use(&peer->grants, header->destination, CORPS__HEADER_BYTES + bytes, &grant);
    } else if (err == CORPS_OK) {
        conc = admit_request(peer, header, CORPS__HEADER_BYTES + bytes, &grant, &err);
    }
    if (err != CORPS_OK || conc == NULL) {
        return err;
    }
    if (!follows || grant != corps__actors->burst_of.grant || bytes > CORPS__ENTRY_BYTES_MAX) {
        err = commit_entries(intake);
        return err == CORPS_OK ? begin_burst(peer, conc, grant, header, method, payload, bytes) : err;
    }
    note_entry(intake, header, method, head);
    return put_entry(intake, payload, bytes);
}

/* The entry at `head`, of which `left` bytes are left, if it differs from the one before in its payload alone. False:
 * nothing was done. */
static inline bool take_next(struct intake *intake, const uint8_t *head, size_t left, uint32_t *bytes,
                             enum corps_err *err) {
    if (!intake->goes_on || left < CORPS__ENTRY_BYTES ||
        memcmp(head + sizeof(uint32_t), intake->head, sizeof intake->head) != 0) {
        return false;
    }
    *bytes = corps__wire_entry_bytes(head); /* read once: the frame may lie in memory that the peer can still write */
    struct corps__grant *grant;
    if (*bytes > intake->bytes_max || *bytes > left - CORPS__ENTRY_BYTES) {
        return false;
    }
    *err = corps__grant_use(&intake->peer->grants, corps__actors->burst_of.destination, CORPS__HEADER_BYTES + *bytes,
                            &grant);
    if (*err == CORPS_OK && !put_there(intake, head + CORPS__ENTRY_BYTES, *bytes)) {
        *err = put_entry(intake, head + CORPS__ENTRY_BYTES, *bytes);
    }
    return true;
}

static enum corps_err take_entries(struct intake *intake, const struct corps_event *event, uint64_t count) {
    size_t at = CORPS__HEADER_BYTES;
    for (uint64_t i = 0; i < count; i++) {
        struct corps__header entry;
        uint32_t bytes;
        enum corps_err err = CORPS_OK;
        if (!take_next(intake, event->data + at, event->bytes - at, &bytes, &err)) {
            err = corps__wire_read_entry(event->data + at, event->bytes - at, &entry, &bytes);
            if (err == CORPS_OK && intake->peer->skew != NULL) {
                err = corps__clocks_translate(intake->peer, &entry);
            }
            if (err == CORPS_OK) {
                err = on_entry(intake, &entry, event->data + at, bytes);
            }
        }
        if (err != CORPS_OK) {
            return err;
        }
        at += CORPS__ENTRY_BYTES + bytes;
    }
    return at == event->bytes
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_PROTOCOL, "%zu bytes follow the last entry of a batch", event->bytes - at);
}

enum corps_err corps__batch_take(struct corps__peer *peer, const struct corps_event *event,
                                 const struct corps__header *header) {
    if (corps__own() == NULL || header->name_bytes != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a batch of requests came that cannot be one");
    }
    struct intake intake;
    intake.peer = peer;
    intake.count = 0;
    intake.goes_on = intake.is_new = false;
    enum corps_err err = take_entries(&intake, event, header->id);
    enum corps_err committed = commit_entries(&intake); /* also those before a fault, which are counted */
    return err != CORPS_OK ? err : committed;
}

void corps__requests_forked(void) {
    corps__actors->burst = (struct corps__burst){0};
    corps__actors->burst_of.from = NULL;
    corps__answers_forked();
}
