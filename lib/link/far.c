#include "link/far.h"

#include "base/clock.h"
#include "base/log.h"
#include "wait/wait.h"

#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 8 };
#define BETWEEN_NS INT64_C(200000000) /* two questions about one Corps */

static const struct corps__far_ops *far_ops;

#define KEPT_NS INT64_C(1000000000) /* an answer that nobody has waited for */

/* The first question about a Corps, which nobody here knows yet; of all who ask meanwhile, one is answered by it. */
struct meeting {
    struct meeting *next;
    uint64_t corps_id;
    bool is_answered;
    int64_t answered_ns;
    enum corps_err err;
    char detail[400];
    struct corps__far_first first;
};

/* What is to be asked about: a Corps that is known, or one that is not. */
struct question {
    struct question *next;
    struct corps *corps; /* held; NULL: … */
    uint64_t corps_id;   /* … this one */
};

static struct {
    pthread_mutex_t lock;
    struct question *first, **last;
    unsigned threads;
    struct meeting *meetings;
    pthread_cond_t met; /* one of them is answered; by CLOCK_MONOTONIC */
    bool has_met;       /* `met` was made */
} asked = {.lock = PTHREAD_MUTEX_INITIALIZER, .last = &asked.first};

void corps__far_set(const struct corps__far_ops *ops) {
    far_ops = ops;
}

const struct corps__far_ops *corps__far(void) {
    return far_ops;
}

/* ---- what the agent has said ---- */

struct answer {
    struct corps *corps;
    enum corps_err err;
    struct corps__far_known known;
};

/* With the lead. */
static enum corps_err take(void *arg) {
    const struct answer *answer = arg;
    struct corps *corps = answer->corps;
    if (answer->err == CORPS_ERR_EXITED) {
        atomic_store(&corps->gone, true);
        corps__check_foreign();
        return CORPS_OK;
    }
    return answer->err == CORPS_OK ? corps__link_floor->ops->hear(corps, &answer->known) : answer->err;
}

static void ask(struct corps *corps) {
    struct answer answer = {.corps = corps};
    answer.err = far_ops->known(corps->id, &answer.known);
    if (corps__with_lead(take, &answer) != CORPS_OK) { /* who waits asks again */
        corps__log(CORPS_LOG_DEBUG, "news_unheard", NULL, "nothing new of the Corps %016llx: %s",
                   (unsigned long long)corps->id, corps_error_detail());
    }
    free(answer.known.data);
}

/* ---- Corps that are not known yet ---- */

static enum corps_err ask_agent(uint64_t corps_id, struct corps__far_first *first) {
    enum corps_err err = far_ops->known(corps_id, &first->known);
    return err == CORPS_OK && first->known.data != NULL ? far_ops->identify(corps_id, &first->here, first->secret)
                                                        : err;
}

/* Under the lock. */
static struct meeting *find_meeting(uint64_t corps_id) {
    struct meeting *at = asked.meetings;
    while (at != NULL && at->corps_id != corps_id) {
        at = at->next;
    }
    return at;
}

static void free_meeting(struct meeting *meeting) {
    for (struct meeting **at = &asked.meetings; *at != NULL; at = &(*at)->next) {
        if (*at == meeting) {
            *at = meeting->next;
            break;
        }
    }
    sodium_memzero(meeting->first.secret, sizeof meeting->first.secret);
    free(meeting->first.known.data);
    free(meeting);
}

/* Under the lock: answers that nobody has come back for. */
static void sweep_meetings(void) {
    int64_t now_ns = corps__now_ns();
    for (struct meeting *at = asked.meetings, *next; at != NULL; at = next) {
        next = at->next;
        if (at->is_answered && now_ns - at->answered_ns > KEPT_NS) {
            free_meeting(at);
        }
    }
}

static void meet(uint64_t corps_id) {
    struct corps__far_first first = {0};
    enum corps_err err = ask_agent(corps_id, &first);
    pthread_mutex_lock(&asked.lock);
    struct meeting *meeting = find_meeting(corps_id);
    if (meeting != NULL) { /* nobody takes one that is not answered */
        meeting->is_answered = true;
        meeting->answered_ns = corps__now_ns();
        meeting->err = err;
        snprintf(meeting->detail, sizeof meeting->detail, "%s", err != CORPS_OK ? corps_error_detail() : "");
        meeting->first = first;
        first.known.data = NULL;
    }
    pthread_cond_broadcast(&asked.met);
    pthread_mutex_unlock(&asked.lock);
    sodium_memzero(first.secret, sizeof first.secret);
    free(first.known.data);
}

/* ---- asking ---- */

static struct question *next_question(void) {
    pthread_mutex_lock(&asked.lock);
    struct question *question = asked.first;
    if (question != NULL) {
        asked.first = question->next;
        asked.last = asked.first == NULL ? &asked.first : asked.last;
    } else {
        asked.threads--;
    }
    pthread_mutex_unlock(&asked.lock);
    return question;
}

static void *run(void *unused) {
    (void)unused;
    for (struct question *question = next_question(); question != NULL; question = next_question()) {
        if (question->corps != NULL) {
            ask(question->corps);
            atomic_store(&question->corps->far_due_ns, corps__deadline_ns(BETWEEN_NS));
            atomic_store(&question->corps->far_asked, false);
            corps__corps_unref(question->corps);
        } else {
            meet(question->corps_id);
        }
        free(question);
    }
    return NULL;
}

/* Under the lock. It takes no signals: those are for the threads of the program. */
static void add_thread(void) {
    if (asked.threads >= THREADS_MAX) {
        return;
    }
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, run, NULL) == 0) {
        pthread_detach(thread);
        asked.threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Under the lock. False: nobody can ask, and it is not taken. */
static bool put(struct question *question) {
    add_thread();
    if (asked.threads == 0) {
        return false;
    }
    *asked.last = question;
    asked.last = &question->next;
    return true;
}

/* Under the lock. */
static bool can_meet(void) {
    pthread_condattr_t attributes;
    if (asked.has_met) {
        return true;
    }
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    asked.has_met = pthread_cond_init(&asked.met, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return asked.has_met;
}

void corps__far_want(struct corps *corps) {
    if (corps__now_ns() < atomic_load(&corps->far_due_ns) || atomic_load(&corps->gone) ||
        atomic_exchange(&corps->far_asked, true)) {
        return;
    }
    struct question *question = malloc(sizeof *question);
    if (question == NULL) {
        atomic_store(&corps->far_asked, false); /* it will be wanted again */
        return;
    }
    *question = (struct question){.corps = corps__corps_ref(corps)};
    pthread_mutex_lock(&asked.lock);
    bool is_put = put(question);
    pthread_mutex_unlock(&asked.lock);
    if (!is_put) {
        atomic_store(&corps->far_asked, false);
        corps__corps_unref(corps);
        free(question);
    }
}

/* Under the lock: there is a question about it, or an answer. */
static struct meeting *meeting_of(uint64_t corps_id) {
    sweep_meetings();
    struct meeting *meeting = find_meeting(corps_id);
    if (meeting != NULL) {
        return meeting;
    }
    meeting = calloc(1, sizeof *meeting);
    struct question *question = calloc(1, sizeof *question);
    if (meeting == NULL || question == NULL || !can_meet()) {
        free(meeting);
        free(question);
        return NULL;
    }
    meeting->corps_id = question->corps_id = corps_id;
    meeting->next = asked.meetings;
    asked.meetings = meeting;
    if (!put(question)) {
        free(question);
        free_meeting(meeting);
        return NULL;
    }
    return meeting;
}

/* Under the lock, which it gives up meanwhile: until the answer is there, or nobody asks any more. */
static struct meeting *await_answer(uint64_t corps_id, int64_t deadline_ns) {
    struct timespec until = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
    struct meeting *meeting = find_meeting(corps_id);
    while (meeting != NULL && !meeting->is_answered && corps__now_ns() < deadline_ns) {
        if (deadline_ns == INT64_MAX) {
            pthread_cond_wait(&asked.met, &asked.lock);
        } else {
            pthread_cond_timedwait(&asked.met, &asked.lock, &until);
        }
        meeting = find_meeting(corps_id);
    }
    return meeting != NULL && meeting->is_answered ? meeting : NULL;
}

enum corps_err corps__far_ask_first(uint64_t corps_id, int64_t deadline_ns, struct corps__far_first *first) {
    pthread_mutex_lock(&asked.lock);
    struct meeting *meeting = meeting_of(corps_id);
    if (meeting == NULL) {
        pthread_mutex_unlock(&asked.lock);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory, or no thread, to ask the agent for a Corps");
    }
    meeting = await_answer(corps_id, deadline_ns);
    enum corps_err err = CORPS_ERR_AGAIN;
    if (meeting != NULL) {
        err = meeting->err != CORPS_OK ? corps_error_set(meeting->err, "%s", meeting->detail) : CORPS_OK;
        *first = meeting->first;
        meeting->first.known.data = NULL;
        free_meeting(meeting);
    }
    pthread_mutex_unlock(&asked.lock);
    return err;
}

bool corps__far_has_ended(struct corps *corps) {
    char path[sizeof corps->directory + sizeof CORPS__KNOWN_FILE + 1];
    snprintf(path, sizeof path, "%s/%s", corps->directory, CORPS__KNOWN_FILE);
    if (!atomic_load(&corps->gone) && access(path, F_OK) != 0) {
        corps__far_want(corps);
    }
    return atomic_load(&corps->gone);
}

void corps__far_forked(void) {
    pthread_mutex_init(&asked.lock, NULL);
    asked.first = NULL; /* what is forgotten here is not freed: others may have been at it */
    asked.last = &asked.first;
    asked.threads = 0;
    asked.meetings = NULL;
    asked.has_met = false;
    for (struct corps *corps = corps__link_floor->listed; corps != NULL; corps = corps->next) {
        atomic_store(&corps->far_asked, false);
    }
}
