#include "actor/runq.h"

enum { SLOT_RUNS_MAX = 16 };

void corps__runq_init(struct corps__runq *queue) {
    *queue = (struct corps__runq){0};
    pthread_mutex_init(&queue->lock, NULL);
}

static void add_locked(struct corps__runq *queue, struct corps__task *task) {
    task->next = NULL;
    *(queue->last != NULL ? &queue->last->next : &queue->first) = task;
    queue->last = task;
}

void corps__runq_add(struct corps__runq *queue, struct corps__task *task) {
    pthread_mutex_lock(&queue->lock);
    add_locked(queue, task);
    pthread_mutex_unlock(&queue->lock);
}

struct corps__task *corps__runq_put(struct corps__runq *queue, struct corps__task *task) {
    pthread_mutex_lock(&queue->lock);
    struct corps__task *displaced = queue->slot;
    queue->slot = task;
    if (displaced != NULL) {
        add_locked(queue, displaced);
    }
    pthread_mutex_unlock(&queue->lock);
    return displaced;
}

struct corps__task *corps__runq_take(struct corps__runq *queue, bool own) {
    pthread_mutex_lock(&queue->lock);
    struct corps__task *task = queue->slot;
    if (task != NULL && (queue->first == NULL || (own && queue->slot_runs < SLOT_RUNS_MAX))) {
        queue->slot = NULL;
        queue->slot_runs++;
    } else {
        task = queue->first;
        if (task != NULL) {
            queue->first = task->next;
            queue->last = queue->first == NULL ? NULL : queue->last;
        }
        queue->slot_runs = 0;
    }
    pthread_mutex_unlock(&queue->lock);
    return task;
}
