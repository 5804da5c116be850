#include "engine.h"

#include "base/clock.h"
#include "wait/lead.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

enum { REOPEN_MS = 1000 };

/* What was asked, then what is answered. */
struct job {
    struct job *next;
    struct agent_engine_question question;
    struct agent_engine_answer answer;
    char name[CORPS_LEDGER_NAME_BYTES];
    char about[AGENT_ABOUT_BYTES];
    uint8_t *record; /* malloc's: of the question, or of the answer */
};

/* Shared, under the lock; what is not is the side's that the comment names. */
static struct {
    const struct corps_ledger *ledger;
    const struct corps_ledger_options *options;
    const struct agent_engine_ops *ops;
    pthread_t thread;
    uv_async_t news;
    bool is_open;   /* the loop's */
    unsigned asked; /* the loop's: how many are not answered */
    int wake;       /* an eventfd: there is something in the queue */
    pthread_mutex_t lock;
    bool ends, hinted;
    struct job *first, **last; /* the queue */
    struct job *done, **done_last;
    struct corps_ledger_book *book; /* the thread's */
    bool watches;                   /* the thread's: the watch has not hinted since the last list */
    char trouble[400];              /* the thread's: why there is no book */
    enum corps_err trouble_err;
} engine;

/* ---- lists ---- */

void agent_seen_free(struct agent_seen *seen) {
    if (seen != NULL) {
        free(seen->hosts);
        free(seen->corps);
        free(seen);
    }
}

const struct agent_seen_corps *agent_seen_find(const struct agent_seen *seen, uint64_t corps_id) {
    unsigned low = 0, high = seen != NULL ? seen->corps_count : 0; /* they are told by id */
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (seen->corps[middle].corps_id == corps_id) {
            return &seen->corps[middle];
        }
        if (seen->corps[middle].corps_id < corps_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

struct listing {
    struct agent_seen *seen;
    unsigned host_room, corps_room;
    bool short_of_memory;
};

static void *make_room(void *rows, unsigned count, unsigned *room, size_t bytes, bool *short_of_memory) {
    if (count < *room) {
        return rows;
    }
    unsigned wanted = 2 * *room + 16;
    void *grown = realloc(rows, wanted * bytes);
    *short_of_memory = *short_of_memory || grown == NULL;
    *room = grown != NULL ? wanted : *room;
    return grown != NULL ? grown : rows;
}

static void on_host(void *arg, const struct corps_ledger_host *host) {
    struct listing *listing = arg;
    struct agent_seen *seen = listing->seen;
    seen->hosts =
        make_room(seen->hosts, seen->host_count, &listing->host_room, sizeof *seen->hosts, &listing->short_of_memory);
    if (!listing->short_of_memory) {
        seen->hosts[seen->host_count++] = (struct agent_seen_host){
            .number = host->number, .slots = host->slots, .boot = host->boot, .is_drained = host->is_drained};
    }
}

static void on_corps(void *arg, const struct corps_ledger_corps *corps) {
    struct listing *listing = arg;
    struct agent_seen *seen = listing->seen;
    seen->corps =
        make_room(seen->corps, seen->corps_count, &listing->corps_room, sizeof *seen->corps, &listing->short_of_memory);
    if (listing->short_of_memory) {
        return;
    }
    struct agent_seen_corps *row = &seen->corps[seen->corps_count++];
    *row = (struct agent_seen_corps){.corps_id = corps->corps_id,
                                     .epoch = corps->epoch,
                                     .host = corps->host,
                                     .is_mine = corps->is_mine,
                                     .is_given = corps->is_given};
    row->is_known = agent_about_read(corps->about, &row->about);
    snprintf(row->name, sizeof row->name, "%s", corps->name);
}

static int by_id(const void *a, const void *b) {
    uint64_t one = ((const struct agent_seen_corps *)a)->corps_id,
             other = ((const struct agent_seen_corps *)b)->corps_id;
    return one < other ? -1 : one > other;
}

static enum corps_err list(struct agent_seen **out) {
    static const struct corps_ledger_each each = {.host = on_host, .corps = on_corps};
    struct listing listing = {.seen = calloc(1, sizeof(struct agent_seen))};
    listing.short_of_memory = listing.seen == NULL;
    enum corps_err err = CORPS_OK;
    if (!listing.short_of_memory) {
        engine.watches = true;
        err = engine.ledger->list(engine.book, &each, &listing);
    }
    if (err == CORPS_OK && listing.short_of_memory) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for what the ledger knows");
    }
    if (err != CORPS_OK) {
        agent_seen_free(listing.seen);
        return err;
    }
    if (listing.seen->corps_count > 0) {
        qsort(listing.seen->corps, listing.seen->corps_count, sizeof listing.seen->corps[0], by_id);
    }
    *out = listing.seen;
    return CORPS_OK;
}

/* ---- the thread ---- */

static enum corps_err claim(struct job *job, int64_t now_ns) {
    const struct agent_engine_question *question = &job->question;
    const struct corps_ledger_request request = {
        .corps_id = question->corps_id,
        .epoch = question->epoch,
        .name = job->name,
        .about = job->about,
        .record = job->record,
        .record_bytes = question->record_bytes,
    };
    struct corps_ledger_claim unused; /* from when it may begin decides who asked: hosts/owners.h */
    return engine.ledger->claim(engine.book, &request, now_ns, &unused);
}

static enum corps_err operate(struct job *job) {
    const struct corps_ledger *ledger = engine.ledger;
    uint64_t corps_id = job->question.corps_id;
    struct agent_engine_answer *answer = &job->answer;
    answer->asked_ns = corps__boottime_ns();
    switch (job->question.what) {
    case AGENT_ENGINE_RENEW:
        return ledger->renew(engine.book, answer->asked_ns, &answer->until_ns);
    case AGENT_ENGINE_LIST:
        return list(&answer->seen);
    case AGENT_ENGINE_CLAIM:
        return claim(job, answer->asked_ns);
    case AGENT_ENGINE_READ:
        return ledger->read(engine.book, corps_id, &job->record, &answer->record_bytes);
    case AGENT_ENGINE_GIVE:
        return ledger->give(engine.book, corps_id);
    case AGENT_ENGINE_END:
        return ledger->end(engine.book, corps_id);
    case AGENT_ENGINE_NOTE:
        return ledger->note(engine.book, corps_id, job->about);
    case AGENT_ENGINE_DRAIN:
        return ledger->drain(engine.book, job->question.is_drained);
    }
    return CORPS_OK;
}

static void run(struct job *job) {
    enum corps_err err = engine.book != NULL ? operate(job) : corps_error_set(engine.trouble_err, "%s", engine.trouble);
    struct agent_engine_answer *answer = &job->answer;
    answer->what = job->question.what;
    answer->corps_id = job->question.corps_id;
    answer->epoch = job->question.epoch;
    answer->err = err;
    answer->record = answer->what == AGENT_ENGINE_READ && err == CORPS_OK ? job->record : NULL;
    if (err != CORPS_OK) {
        snprintf(answer->detail, sizeof answer->detail, "%s", corps_error_detail());
    }
}

static void open_book(void) {
    engine.trouble_err = engine.ledger->open(engine.options, &engine.book);
    if (engine.trouble_err != CORPS_OK) {
        engine.book = NULL;
        snprintf(engine.trouble, sizeof engine.trouble, "%s", corps_error_detail());
    }
}

static struct job *take(bool *ends) {
    pthread_mutex_lock(&engine.lock);
    struct job *job = engine.first;
    *ends = engine.ends;
    if (job != NULL) {
        engine.first = job->next;
        engine.last = engine.first != NULL ? engine.last : &engine.first;
    }
    pthread_mutex_unlock(&engine.lock);
    return job;
}

static void put_done(struct job *job, bool hint) {
    pthread_mutex_lock(&engine.lock);
    if (job != NULL) {
        job->next = NULL;
        *engine.done_last = job;
        engine.done_last = &job->next;
    }
    engine.hinted = engine.hinted || hint;
    pthread_mutex_unlock(&engine.lock);
    uv_async_send(&engine.news);
}

/* Until something is asked, or the watch hints. */
static void wait_for_more(void) {
    int hint =
        engine.watches && engine.book != NULL && engine.ledger->watch != NULL ? engine.ledger->watch(engine.book) : -1;
    struct pollfd fds[] = {{.fd = engine.wake, .events = POLLIN}, {.fd = hint, .events = POLLIN}};
    int ready = poll(fds, 2, REOPEN_MS); /* a watch may come to be there, and a book is tried again */
    uint64_t unused;
    if (ready > 0 && (fds[0].revents & POLLIN) != 0) {
        (void)!read(engine.wake, &unused, sizeof unused);
    }
    if (ready > 0 && fds[1].revents != 0) {
        engine.watches = false;
        put_done(NULL, true);
    }
}

static void *serve(void *unused) {
    (void)unused;
    int64_t tried_ns = 0;
    for (bool ends = false;;) {
        if (engine.book == NULL && corps__now_ns() >= tried_ns) {
            open_book();
            tried_ns = corps__now_ns() + REOPEN_MS * INT64_C(1000000);
        }
        struct job *job = take(&ends);
        if (ends) {
            put_done(job, false);
            break;
        }
        if (job == NULL) {
            wait_for_more();
            continue;
        }
        run(job);
        put_done(job, false);
    }
    engine.ledger->close(engine.book);
    engine.book = NULL;
    return NULL;
}

/* ---- the loop's side ---- */

static void free_job(struct job *job) {
    if (job->record != NULL) {
        memset(job->record, 0, job->question.record_bytes + job->answer.record_bytes);
    }
    free(job->record);
    free(job);
}

static void on_news(uv_async_t *unused) {
    (void)unused;
    pthread_mutex_lock(&engine.lock);
    struct job *job = engine.done;
    bool hinted = engine.hinted;
    engine.done = NULL;
    engine.done_last = &engine.done;
    engine.hinted = false;
    pthread_mutex_unlock(&engine.lock);
    while (job != NULL) {
        struct job *next = job->next;
        engine.asked--;
        if (engine.is_open) {
            engine.ops->answered(&job->answer);
        } else {
            agent_seen_free(job->answer.seen);
        }
        free_job(job);
        job = next;
    }
    if (hinted && engine.is_open) {
        engine.ops->hinted();
    }
}

enum corps_err agent_engine_open(const struct corps_ledger *ledger, const struct corps_ledger_options *options,
                                 const struct agent_engine_ops *ops) {
    engine.ledger = ledger;
    engine.options = options;
    engine.ops = ops;
    engine.last = &engine.first;
    engine.done_last = &engine.done;
    pthread_mutex_init(&engine.lock, NULL);
    engine.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (engine.wake < 0 || uv_async_init(corps__loop(), &engine.news, on_news) != 0) {
        return corps_error_system("cannot make what the ledger's thread is woken with");
    }
    sigset_t all, before;
    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&engine.thread, NULL, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        errno = failed;
        return corps_error_system("cannot start the ledger's thread");
    }
    engine.is_open = true;
    return CORPS_OK;
}

static void wake(void) {
    uint64_t one = 1;
    (void)!write(engine.wake, &one, sizeof one);
}

/* A copy. NULL: no memory. */
static struct job *copy(const struct agent_engine_question *question) {
    struct job *job = calloc(1, sizeof *job);
    uint8_t *record = question->record_bytes > 0 ? malloc(question->record_bytes) : NULL;
    if (job == NULL || (question->record_bytes > 0 && record == NULL)) {
        free(job);
        free(record);
        return NULL;
    }
    job->question = *question;
    job->question.name = job->question.about = NULL;
    job->question.record = NULL;
    snprintf(job->name, sizeof job->name, "%s", question->name != NULL ? question->name : "");
    snprintf(job->about, sizeof job->about, "%s", question->about != NULL ? question->about : "");
    if (record != NULL) {
        memcpy(record, question->record, question->record_bytes);
    }
    job->record = record;
    return job;
}

bool agent_engine_ask(const struct agent_engine_question *question) {
    struct job *job = copy(question);
    if (job == NULL) {
        return false;
    }
    engine.asked++;
    pthread_mutex_lock(&engine.lock);
    if (question->what == AGENT_ENGINE_RENEW) { /* there is one at a time */
        job->next = engine.first;
        engine.last = engine.first == NULL ? &job->next : engine.last;
        engine.first = job;
    } else {
        *engine.last = job;
        engine.last = &job->next;
    }
    pthread_mutex_unlock(&engine.lock);
    wake();
    return true;
}

bool agent_engine_is_idle(void) {
    return engine.asked == 0;
}

void agent_engine_close(void) {
    if (!engine.is_open) {
        return;
    }
    engine.is_open = false;
    pthread_mutex_lock(&engine.lock);
    engine.ends = true;
    pthread_mutex_unlock(&engine.lock);
    wake();
    pthread_join(engine.thread, NULL);
    on_news(NULL);
    while (engine.first != NULL) {
        struct job *job = engine.first;
        engine.first = job->next;
        free_job(job);
    }
    uv_close((uv_handle_t *)&engine.news, NULL);
    close(engine.wake);
}
