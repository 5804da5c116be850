#include "link/far.h"

#include "base/clock.h"
#include "base/log.h"
#include "wait/wait.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MAX = 8 };
#define BETWEEN_NS INT64_C(200000000) /* two questions about one Corps */

static const struct corps__far_ops *far_ops;

/* What is to be asked about. */
struct question {
    struct question *next;
    struct corps *corps; /* held */
};

static struct {
    pthread_mutex_t lock;
    struct question *first, **last;
    unsigned threads;
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
        ask(question->corps);
        atomic_store(&question->corps->far_due_ns, corps__deadline_ns(BETWEEN_NS));
        atomic_store(&question->corps->far_asked, false);
        corps__corps_unref(question->corps);
        free(question);
    }
    return NULL;
}

/* Under the lock. It takes no signals: those are for the threads of the program. */
static void add_thread(void) {
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
    *asked.last = question;
    asked.last = &question->next;
    if (asked.threads < THREADS_MAX) {
        add_thread();
    }
    pthread_mutex_unlock(&asked.lock);
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
    for (struct corps *corps = corps__link_floor->listed; corps != NULL; corps = corps->next) {
        atomic_store(&corps->far_asked, false);
    }
}
