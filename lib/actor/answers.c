#include "actor/answers.h"

#include "actor/conc.h"
#include "actor/reply.h"
#include "actor/results.h"
#include "base/clock.h"
#include "link/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beside an entry of the cache: the link on which it was asked for last, and, where that is not the one on which the
 * request came that runs, whose answer to it is owed. */
struct asked {
    uint64_t link;
    struct corps__peer *peer; /* NULL: nobody else's */
    struct corps__grant *grant;
    size_t charge_bytes;
};

struct corps__answers {
    pthread_mutex_t lock;
    struct corps__results results;
    struct asked *asked; /* results.capacity of them */
    int64_t clean_at_ns; /* when to look next for what nobody can ask for any more */
};

static uint32_t bucket_count_for(uint32_t capacity) {
    uint32_t count = 1;
    while (count < capacity) {
        count *= 2;
    }
    return count;
}

/* Made with the first request of a retry call. NULL when out of memory. */
static struct corps__answers *the_answers(void) {
    if (corps__actors->answers != NULL) {
        return corps__actors->answers;
    }
    const struct corps__settings *settings = &corps__own()->settings;
    uint32_t capacity = (uint32_t)settings->results_count, bucket_count = bucket_count_for(capacity);
    struct corps__answers *answers = calloc(1, sizeof *answers);
    struct corps__result *entries = malloc(capacity * sizeof *entries);
    uint32_t *buckets = malloc(bucket_count * sizeof *buckets);
    struct asked *asked = calloc(capacity, sizeof *asked);
    if (answers == NULL || entries == NULL || buckets == NULL || asked == NULL) {
        free(answers);
        free(entries);
        free(buckets);
        free(asked);
        return NULL;
    }
    pthread_mutex_init(&answers->lock, NULL);
    corps__results_init(&answers->results, entries, capacity, buckets, bucket_count, settings->results_bytes,
                        settings->results_ttl_ns);
    answers->asked = asked;
    corps__actors->answers = answers;
    return answers;
}

/* Nobody can ask for these any more. A look at all entries: now and then, also where there is no room. */
static void clean(struct corps__answers *answers, int64_t now_ns) {
    if (now_ns < answers->clean_at_ns) {
        return;
    }
    void *reply;
    while (corps__results_expire(&answers->results, now_ns, &reply)) {
        corps__copy_free(reply);
    }
    answers->clean_at_ns = now_ns + corps__own()->settings.results_clean_ns;
}

/* ---- admitting, with the lead ---- */

/* An answer that goes elsewhere: the peer's request is over. */
static void release_peer(struct corps__peer *peer, struct corps__grant *grant, size_t charge_bytes) {
    pthread_mutex_lock(&peer->tx);
    corps__grant_settle(grant, 1, charge_bytes);
    pthread_mutex_unlock(&peer->tx);
    corps__peer_let_go(peer);
}

static enum corps_err answer_again(struct corps__peer *peer, const struct corps__header *request, size_t charge_bytes,
                                   const struct corps__copy *reply) {
    if (reply == NULL) {
        return corps__refuse(peer, request, charge_bytes, CORPS_ERR_NO_MEMORY,
                             "the call has run, and there was no memory to keep its answer");
    }
    struct corps__outgoing out = reply->out;
    out.header.destination = request->source_conc;
    out.charge_count = 1;
    out.charge_bytes = charge_bytes;
    enum corps_err err = corps__grant_refused(&peer->grants, charge_bytes, &out.grant);
    if (err == CORPS_OK) {
        pthread_mutex_lock(&peer->tx);
        corps__peer_post_whole(peer, &out);
        pthread_mutex_unlock(&peer->tx);
    }
    return err;
}

/* It runs still, and the answer goes to this peer instead of the last one that asked. */
static enum corps_err await_answer(struct corps__answers *answers, struct corps__peer *peer,
                                   const struct corps__header *request, size_t charge_bytes, uint32_t entry) {
    struct asked now = {.link = peer->number, .peer = peer, .charge_bytes = charge_bytes};
    enum corps_err err = corps__grant_use(&peer->grants, request->destination, charge_bytes, &now.grant);
    if (err != CORPS_OK) {
        return err;
    }
    peer->arrived++;
    corps__conc_count_over(request->destination, UINT64_MAX); /* it is in the mailbox once */
    struct asked before = answers->asked[entry];
    answers->asked[entry] = now;
    if (before.peer != NULL) {
        release_peer(before.peer, before.grant, before.charge_bytes);
    }
    return CORPS_OK;
}

static enum corps_err refuse_full(const struct corps__results *results, struct corps__peer *peer,
                                  const struct corps__header *request, size_t charge_bytes) {
    char text[200];
    snprintf(text, sizeof text,
             "the cache of Env %u is full: it holds %u results of retry calls, %zu bytes of them, and nothing was run; "
             "shorter timeouts or more room (results_count, results_bytes) help",
             corps__own_env(), results->count, results->bytes);
    return corps__refuse(peer, request, charge_bytes, CORPS_ERR_FULL, text);
}

/* What is not run: what becomes of it. */
static enum corps_err turn_away(struct corps__answers *answers, struct corps__peer *peer,
                                const struct corps__header *request, size_t charge_bytes,
                                enum corps__admission admission, uint32_t entry) {
    switch (admission) {
    case CORPS__ADMIT_RUN:
        break;
    case CORPS__ADMIT_RUNNING:
        return await_answer(answers, peer, request, charge_bytes, entry);
    case CORPS__ADMIT_ANSWERED:
        answers->asked[entry].link = peer->number;
        return answer_again(peer, request, charge_bytes, answers->results.entries[entry].reply);
    case CORPS__ADMIT_FULL:
        return refuse_full(&answers->results, peer, request, charge_bytes);
    case CORPS__ADMIT_LATE:
        return corps__refuse(peer, request, charge_bytes, CORPS_ERR_TIMEOUT,
                             "the request came after its deadline and was dropped");
    case CORPS__ADMIT_STALE:
        return corps__refuse(peer, request, charge_bytes, CORPS_ERR_CLOSED,
                             "the caller has made a newer link, on which it asks again");
    case CORPS__ADMIT_TOO_FAR:
        return corps__refuse(peer, request, charge_bytes, CORPS_ERR_INVALID,
                             "a retry call's deadline is beyond the time for which results are kept");
    }
    return CORPS_OK;
}

static enum corps_err check_ask(const struct corps__peer *peer, const struct corps__header *request) {
    if ((request->flags & CORPS__NO_REPLY) != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "a request without reply says that it may come again");
    }
    return peer->identity[0] != 0 || peer->identity[1] != 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_PROTOCOL,
                                 "a request may come again, and its caller's HELLO has no identity");
}

enum corps_err corps__answers_admit(struct corps__peer *peer, const struct corps__header *request, size_t charge_bytes,
                                    bool *run, uint32_t *entry) {
    *run = false;
    enum corps_err err = check_ask(peer, request);
    struct corps__answers *answers = err == CORPS_OK ? the_answers() : NULL;
    if (answers == NULL) {
        return err != CORPS_OK ? err : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for results of retry calls");
    }
    const struct corps__ask ask = {.key = {{peer->identity[0], peer->identity[1]}, request->id},
                                   .deadline_ns = (int64_t)request->deadline_ns,
                                   .link = peer->number,
                                   .newest_link = peer->is_old ? UINT64_MAX : peer->number};
    int64_t now_ns = corps__now_ns();
    pthread_mutex_lock(&answers->lock);
    clean(answers, now_ns);
    enum corps__admission admission = corps__results_admit(&answers->results, &ask, now_ns, entry);
    bool is_known = admission == CORPS__ADMIT_RUNNING || admission == CORPS__ADMIT_ANSWERED;
    *run = admission == CORPS__ADMIT_RUN;
    if (*run) {
        answers->asked[*entry] = (struct asked){.link = peer->number};
    } else if (is_known && answers->asked[*entry].link == peer->number) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "a call was sent twice on one link");
    } else {
        err = turn_away(answers, peer, request, charge_bytes, admission, *entry);
    }
    pthread_mutex_unlock(&answers->lock);
    return err;
}

void corps__answers_drop(uint32_t entry) {
    struct corps__answers *answers = corps__actors->answers;
    pthread_mutex_lock(&answers->lock);
    corps__results_drop(&answers->results, entry);
    pthread_mutex_unlock(&answers->lock);
}

/* ---- answering ---- */

void corps__answers_give(struct corps__message *message, const struct corps__outgoing *out) {
    struct corps__answers *answers = corps__actors->answers;
    struct corps__copy *reply = corps__copy_create(out);
    pthread_mutex_lock(&answers->lock);
    (void)corps__results_answer(&answers->results, message->answer, reply, reply != NULL ? reply->bytes : 0);
    struct asked *asked = &answers->asked[message->answer];
    struct corps__peer *peer = asked->peer;
    struct corps__outgoing again = *out;
    if (peer != NULL) {
        again.grant = asked->grant;
        again.charge_bytes = asked->charge_bytes;
        asked->peer = NULL;
    }
    pthread_mutex_unlock(&answers->lock);
    if (peer == NULL) {
        corps__peer_answer(message->from, out);
    } else {
        release_peer(message->from, message->grant, message->charge_bytes);
        corps__peer_answer(peer, &again);
    }
}

/* ---- what was kept with a state ---- */

void corps__answers_look(uint32_t entry, struct corps__result_key *key, int64_t *keep_until_ns) {
    struct corps__answers *answers = corps__actors->answers;
    pthread_mutex_lock(&answers->lock);
    *key = answers->results.entries[entry].key;
    *keep_until_ns = answers->results.entries[entry].keep_until_ns;
    pthread_mutex_unlock(&answers->lock);
}

/* One that is there already was answered by this very process: a Worker alone was made again. */
static enum corps_err restore_one(struct corps__answers *answers, const struct corps__result *result) {
    uint32_t entry;
    enum corps_err err = CORPS_OK;
    pthread_mutex_lock(&answers->lock);
    if (corps__results_has(&answers->results, &result->key)) {
        corps__copy_free(result->reply);
    } else if (corps__results_restore(&answers->results, result, &entry)) {
        answers->asked[entry] = (struct asked){0};
    } else {
        corps__copy_free(result->reply);
        err = corps_error_set(CORPS_ERR_FULL, "more results of retry calls were kept than results_count allows");
    }
    pthread_mutex_unlock(&answers->lock);
    return err;
}

static enum corps_err restore_all(void *arg) {
    const struct corps__once *once = arg;
    struct corps__answers *answers = the_answers();
    enum corps_err err =
        answers != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for results of retry calls");
    for (size_t i = 0; err == CORPS_OK && i < once->count; i++) {
        struct corps__result result;
        err = corps__once_result(once, i, &result);
        err = err == CORPS_OK ? restore_one(answers, &result) : err;
    }
    return err;
}

enum corps_err corps__answers_restore(const struct corps__once *once) {
    return once->count > 0 ? corps__with_lead(restore_all, (void *)(uintptr_t)once) : CORPS_OK;
}

/* ---- the end ---- */

void corps__answers_free(void) {
    struct corps__answers *answers = corps__actors->answers;
    if (answers == NULL) {
        return;
    }
    for (uint32_t i = 0; i < answers->results.capacity; i++) {
        if (answers->results.entries[i].state == CORPS__RESULT_ANSWERED) {
            corps__copy_free(answers->results.entries[i].reply);
        }
    }
    pthread_mutex_destroy(&answers->lock);
    free(answers->results.entries);
    free(answers->results.buckets);
    free(answers->asked);
    free(answers);
    corps__actors->answers = NULL;
}

void corps__answers_forked(void) {
    corps__actors->answers = NULL; /* another thread may have been at it */
}
