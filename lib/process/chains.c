#include "process/chains.h"

#include "actor/conc.h"
#include "base/clock.h"
#include "base/sized.h"
#include "codec/record.h"
#include "link/known.h"
#include "link/skew.h"
#include "value/name.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Call chains are recorded by the managers of all Envs, each for its process, and by who has begun it, for the own one.
 */

enum { SPANS = 65536, SPANS_MAX = 1 << 22, THREADS_MAX = 1100 };
#define TIMEOUT_NS INT64_C(10000000000)
#define OPTIONS_BYTES 64u /* of struct corps_chains_options when it came */

/* ---- this process ---- */

/* Names of its threads. Gives their number. */
static size_t read_threads(struct corps__chains_thread *threads, size_t room) {
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks != NULL && count < room && (entry = readdir(tasks)) != NULL;) {
        char path[300], name[sizeof threads->name + 2] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "re") : NULL;
        if (file == NULL) {
            continue; /* it has ended */
        }
        if (fgets(name, sizeof name, file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
            threads[count].number = (uint32_t)strtoul(entry->d_name, NULL, 10);
            snprintf(threads[count++].name, sizeof threads->name, "%.15s", name);
        }
        fclose(file);
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return count;
}

static enum corps_err not_recorded(void) {
    return corps_error_set(CORPS_ERR_INVALID,
                           "this process has no spans of it: it was started after the beginning, or somebody else has "
                           "begun to record since");
}

/* ---- the manager ---- */

enum corps_err corps__manager_chains_begin(struct corps_context *context, void *self, const struct corps_value *args,
                                           struct corps_value *result) {
    (void)context;
    (void)self;
    (void)result;
    int64_t recording = corps__record_int(args, 0, 0);
    int64_t count = corps__record_int(args, 1, 0), every = corps__record_int(args, 2, 0);
    return recording > 0 && count > 0 && count <= SPANS_MAX && every > 0
               ? corps__chains_start((uint64_t)recording, (size_t)count, (uint64_t)every)
               : corps_error_set(CORPS_ERR_INVALID, "a request to record chains says nothing that can be done");
}

enum corps_err corps__manager_chains_clock(struct corps_context *context, void *self, const struct corps_value *args,
                                           struct corps_value *result) {
    (void)context;
    (void)self;
    (void)args;
    *result = corps_int(corps__now_ns());
    return CORPS_OK;
}

/* [[thread, name], …] */
static bool threads_value(struct corps_context *context, struct corps_value *value) {
    struct corps__chains_thread *threads = corps_context_alloc(context, THREADS_MAX * sizeof *threads);
    size_t count = threads != NULL ? read_threads(threads, THREADS_MAX) : 0;
    struct corps_value *items = corps_context_alloc(context, 3 * (count + 1) * sizeof *items);
    for (size_t i = 0; items != NULL && i < count; i++) {
        struct corps_value *pair = items + count + 2 * i;
        pair[0] = corps_int(threads[i].number);
        pair[1] = corps_str(threads[i].name);
        items[i] = corps_array(pair, 2);
    }
    *value = corps_array(items, items != NULL ? count : 0);
    return items != NULL;
}

enum corps_err corps__manager_chains_take(struct corps_context *context, void *self, const struct corps_value *args,
                                          struct corps_value *result) {
    (void)self;
    int64_t recording = corps__record_int(args, 0, 0), after = corps__record_int(args, 1, -1);
    if (recording <= 0 || after < 0 || after > UINT32_MAX || corps__chains_recording() != (uint64_t)recording) {
        return not_recorded();
    }
    if (after == 0) {
        corps__chains_stop();
    }
    struct corps__span *spans = corps_context_alloc(context, CORPS__CHAINS_PAGE * sizeof *spans);
    struct corps_value *items = corps_context_alloc(context, 6 * sizeof *items);
    if (spans == NULL || items == NULL || !threads_value(context, &items[5])) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for spans of call chains");
    }
    uint64_t total;
    size_t count = corps__chains_read((uint32_t)after, spans, CORPS__CHAINS_PAGE, &total);
    if (count < CORPS__CHAINS_PAGE) {
        corps__chains_free();
    }
    items[0] = corps_int((int64_t)corps__own_id());
    items[1] = corps_int(corps__own_env());
    items[2] = corps_int(getpid());
    items[3] = corps_int((int64_t)total);
    items[4] = corps_bin(spans, count * sizeof *spans);
    *result = corps_array(items, 6);
    return CORPS_OK;
}

/* ---- who records ---- */

static struct {
    pthread_mutex_t lock;
    bool active, ending;
    uint64_t recording;
    uint64_t corps;
    unsigned env_count;
    uint64_t every;
    int64_t timeout_ns;
    bool own_too; /* this process is none of the Corps' Envs, and records for itself */
} recorder = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Asks the manager of an Env and waits. The caller destroys the Future, where there is one. */
static enum corps_err ask(const struct corps *corps, unsigned env, const char *method, const struct corps_value *args,
                          struct corps_future **future, const struct corps_value **result) {
    static const char manager_class[] = "corps manager";
    const struct corps_call_options options = {
        .serializer = "msgpack", .flags = CORPS_CALL_DETACHED, .timeout_ns = recorder.timeout_ns};
    struct corps_name *manager = NULL;
    *future = NULL;
    enum corps_err err =
        corps__name_create(corps->id, env, CORPS__MANAGER, manager_class, sizeof manager_class - 1, &manager);
    if (err == CORPS_OK) {
        err = corps_call(manager, method, args, &options, future);
    }
    if (err == CORPS_OK) {
        err = corps_future_wait(*future, CORPS_FOREVER, result);
    }
    corps_name_unref(manager);
    return err;
}

static enum corps_err take_options(const struct corps_chains_options *given, struct corps_chains_options *options) {
    static const struct corps_chains_options none;
    static const struct corps__sized kind = CORPS__SIZED(corps_chains_options, OPTIONS_BYTES);
    struct corps_chains_options own;
    given = corps__sized_take(&kind, given != NULL ? given : &none, &own);
    if (given == NULL) {
        return CORPS_ERR_INVALID;
    }
    *options = *given;
    options->span_count = options->span_count != 0 ? options->span_count : SPANS;
    options->every = options->every != 0 ? options->every : 1;
    options->timeout_ns = options->timeout_ns != 0 ? options->timeout_ns : TIMEOUT_NS;
    if (options->span_count > SPANS_MAX) {
        return corps_error_set(CORPS_ERR_INVALID, "%zu spans of call chains for each process; at most %d can be kept",
                               options->span_count, SPANS_MAX);
    }
    if (options->every > INT64_MAX || options->timeout_ns < 0) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "every %" PRIu64 "-th chain, and %" PRId64 " ns for an answer: neither can be so",
                               options->every, options->timeout_ns);
    }
    return CORPS_OK;
}

/* This process records from now on, unless it does so already. */
static enum corps_err begin_alone(const struct corps *corps, const struct corps_chains_options *options) {
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random) {
        return corps_error_system("getrandom");
    }
    pthread_mutex_lock(&recorder.lock);
    bool was_active = recorder.active;
    if (!was_active) {
        recorder.active = true;
        recorder.ending = false;
        recorder.recording = random >> 2 | 1;
        recorder.corps = corps->id;
        recorder.env_count = corps->settings.env_count;
        recorder.every = options->every;
        recorder.timeout_ns = options->timeout_ns;
        recorder.own_too = corps__own() != corps;
    }
    pthread_mutex_unlock(&recorder.lock);
    return was_active ? corps_error_set(CORPS_ERR_INVALID, "this process records call chains already; end that first")
                      : CORPS_OK;
}

static void end_alone(void) {
    pthread_mutex_lock(&recorder.lock);
    recorder.active = false;
    pthread_mutex_unlock(&recorder.lock);
}

enum corps_err corps_chains_begin(struct corps *corps, const struct corps_chains_options *given) {
    struct corps_chains_options options;
    enum corps_err err = take_options(given, &options);
    err = err == CORPS_OK ? begin_alone(corps, &options) : err;
    if (err != CORPS_OK) {
        return err;
    }
    const struct corps_value items[3] = {corps_int((int64_t)recorder.recording), corps_int((int64_t)options.span_count),
                                         corps_int((int64_t)options.every)};
    const struct corps_value args = corps_array(items, 3);
    enum corps_err first = CORPS_OK;
    char detail[400] = "";
    unsigned begun = 0;
    for (unsigned env = 0; env < recorder.env_count; env++) {
        struct corps_future *future;
        const struct corps_value *result;
        err = ask(corps, env, CORPS__CHAINS_BEGIN, &args, &future, &result);
        begun += err == CORPS_OK ? 1 : 0;
        if (err != CORPS_OK && first == CORPS_OK) {
            first = err;
            snprintf(detail, sizeof detail, "%s", corps_error_detail());
        }
        corps_future_destroy(future);
    }
    err = begun == 0 ? first : CORPS_OK; /* why others have none, they say at the end */
    if (err == CORPS_OK && recorder.own_too) {
        err = corps__chains_start(recorder.recording, options.span_count, options.every);
    } else if (err != CORPS_OK) {
        err = corps_error_set(err, "no Env of the Corps could be recorded: %s", detail);
    }
    if (err != CORPS_OK) {
        end_alone();
    }
    return err;
}

/* ---- gathering ---- */

/* Room for `more` spans behind those of `process`, which is the last one. */
static struct corps__span *make_room(struct corps__chains_gathered *gathered, size_t more) {
    struct corps__span *grown = realloc(gathered->spans, (gathered->span_count + more + 1) * sizeof *gathered->spans);
    if (grown == NULL) {
        corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the spans of call chains");
        return NULL;
    }
    gathered->spans = grown;
    return grown + gathered->span_count;
}

static void grown(struct corps__chains_gathered *gathered, struct corps__chains_process *process, size_t more) {
    gathered->span_count += more;
    process->count += more;
}

/* What another process sent is not believed to be text. */
static void close_texts(struct corps__span *span) {
    span->failure[sizeof span->failure - 1] = '\0';
    span->method[sizeof span->method - 1] = '\0';
    span->class[sizeof span->class - 1] = '\0';
    for (unsigned i = 0; i < CORPS__SPAN_TIMES; i++) {
        span->ns[i] = span->ns[i] > 0 ? span->ns[i] : 0;
    }
}

static void take_threads(struct corps__chains_process *process, const struct corps_value *pairs) {
    size_t count = pairs != NULL && pairs->kind == CORPS_ARRAY ? pairs->count : 0;
    process->threads = process->threads == NULL && count > 0 ? calloc(count, sizeof *process->threads) : NULL;
    for (size_t i = 0; process->threads != NULL && i < count; i++) { /* without memory they have no names */
        const struct corps_value *pair = corps_value_item(pairs, i);
        struct corps__chains_thread *thread = &process->threads[process->thread_count++];
        thread->number = (uint32_t)corps__record_int(pair, 0, 0);
        corps__record_text(pair, 1, thread->name, sizeof thread->name);
    }
}

/* A page of an Env's spans. Gives the number of them. */
static enum corps_err take_page(struct corps__chains_gathered *gathered, struct corps__chains_process *process,
                                const struct corps_value *page, size_t *count) {
    const struct corps_value *bin = corps_value_item(page, 4);
    if (bin == NULL || bin->kind != CORPS_BIN || bin->count % sizeof *gathered->spans != 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "its spans are of another layout: it runs another version of Corps");
    }
    *count = bin->count / sizeof *gathered->spans;
    struct corps__span *to = make_room(gathered, *count);
    if (to == NULL) {
        return CORPS_ERR_NO_MEMORY;
    }
    memcpy(to, bin->bin, bin->count);
    for (size_t i = 0; i < *count; i++) {
        close_texts(&to[i]);
    }
    grown(gathered, process, *count);
    process->corps = (uint64_t)corps__record_int(page, 0, 0);
    process->pid = (int)corps__record_int(page, 2, 0);
    process->total = (uint64_t)corps__record_int(page, 3, 0);
    if (process->threads == NULL) {
        take_threads(process, corps_value_item(page, 5));
    }
    return CORPS_OK;
}

/* How far the clock of an Env on another host is before ours. Errors: those of asking, and of a clock that cannot be.
 */
static enum corps_err compare_clocks(const struct corps *corps, unsigned env, struct corps__skew *skew) {
    *skew = (struct corps__skew){0};
    enum corps_err err = CORPS_OK;
    for (unsigned i = 0; err == CORPS_OK && i < CORPS__SKEW_ROUNDS; i++) {
        int64_t asked_ns = corps__now_ns();
        struct corps_future *future;
        const struct corps_value *says;
        (void)corps__skew_asks(skew, asked_ns);
        err = ask(corps, env, CORPS__CHAINS_CLOCK, NULL, &future, &says);
        if (err == CORPS_OK && says->kind == CORPS_INT) {
            corps__skew_answered(skew, asked_ns, says->integer, corps__now_ns());
        }
        corps_future_destroy(future);
    }
    return err != CORPS_OK || skew->has_estimate
               ? err
               : corps_error_set(CORPS_ERR_PROTOCOL, "its clock says something that none can say");
}

static enum corps_err gather_env(const struct corps *corps, struct corps__chains_gathered *gathered,
                                 struct corps__chains_process *process) {
    uint32_t after = 0, host = atomic_load(&corps->envs[process->env].host);
    struct corps__skew skew;
    process->host = corps__hosts_differ(corps__host_here(corps), host) ? host : 0;
    enum corps_err err = process->host != 0 ? compare_clocks(corps, process->env, &skew) : CORPS_OK;
    size_t count = CORPS__CHAINS_PAGE;
    while (err == CORPS_OK && count == CORPS__CHAINS_PAGE) {
        const struct corps_value items[2] = {corps_int((int64_t)recorder.recording), corps_int(after)};
        const struct corps_value args = corps_array(items, 2);
        struct corps_future *future;
        const struct corps_value *page;
        err = ask(corps, process->env, CORPS__CHAINS_TAKE, &args, &future, &page);
        err = err == CORPS_OK ? take_page(gathered, process, page, &count) : err;
        corps_future_destroy(future);
        after = gathered->span_count > 0 ? gathered->spans[gathered->span_count - 1].number : 0;
    }
    if (err == CORPS_OK && process->host != 0) {
        corps__chains_align(gathered, process, skew.difference_ns, corps__skew_error_ns(&skew, corps__now_ns()));
    }
    return err;
}

static enum corps_err gather_own(struct corps__chains_gathered *gathered, struct corps__chains_process *process) {
    corps__chains_stop();
    if (corps__chains_recording() != recorder.recording) {
        return not_recorded();
    }
    process->corps = corps__own_id();
    enum corps_err err = CORPS_OK;
    for (size_t count = CORPS__CHAINS_PAGE; err == CORPS_OK && count == CORPS__CHAINS_PAGE;) {
        struct corps__span *to = make_room(gathered, CORPS__CHAINS_PAGE);
        uint32_t after = process->count > 0 ? gathered->spans[gathered->span_count - 1].number : 0;
        count = to != NULL ? corps__chains_read(after, to, CORPS__CHAINS_PAGE, &process->total) : 0;
        err = to != NULL ? CORPS_OK : CORPS_ERR_NO_MEMORY;
        grown(gathered, process, count);
    }
    corps__chains_free();
    process->pid = getpid();
    process->threads = calloc(THREADS_MAX, sizeof *process->threads);
    process->thread_count = process->threads != NULL ? read_threads(process->threads, THREADS_MAX) : 0;
    return err;
}

/* Why there is nothing of it. What was taken before is dropped: half of it would look like all. */
static void give_up(struct corps__chains_gathered *gathered, struct corps__chains_process *process) {
    gathered->span_count -= process->count;
    process->count = 0;
    process->pid = 0;
    snprintf(process->why, sizeof process->why, "%s", corps_error_detail());
}

static void gather(const struct corps *corps, unsigned env_count, struct corps__chains_gathered *gathered) {
    for (unsigned i = 0; i < env_count + (recorder.own_too ? 1u : 0u); i++) {
        struct corps__chains_process *process = &gathered->processes[gathered->process_count++];
        bool is_own = i == env_count;
        process->env = is_own ? corps__own_env() : i;
        process->first = gathered->span_count;
        enum corps_err err = is_own          ? gather_own(gathered, process)
                             : corps != NULL ? gather_env(corps, gathered, process)
                                             : corps_error_set(CORPS_ERR_EXITED, "the Corps has exited");
        if (err != CORPS_OK) {
            give_up(gathered, process);
        }
    }
}

enum corps_err corps_chains_end(struct corps *corps, int fd) {
    pthread_mutex_lock(&recorder.lock);
    bool is_it = recorder.active && !recorder.ending && (corps == NULL || recorder.corps == corps->id);
    recorder.ending = recorder.ending || is_it;
    pthread_mutex_unlock(&recorder.lock);
    if (!is_it) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "no call chains of this Corps are recorded; corps_chains_begin first");
    }
    unsigned env_count = corps != NULL ? corps->settings.env_count : recorder.env_count;
    struct corps__chains_gathered gathered = {.tag = corps != NULL ? corps->settings.tag : "a Corps that has exited",
                                              .every = recorder.every};
    gathered.processes = calloc(env_count + 1, sizeof *gathered.processes);
    enum corps_err err =
        gathered.processes != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to gather call chains");
    if (err == CORPS_OK) {
        gather(corps, env_count, &gathered);
        corps__chains_tell_apart(&gathered);
        err = corps__chains_write(&gathered, fd);
    } else if (recorder.own_too) {
        corps__chains_free();
    }
    for (size_t i = 0; i < gathered.process_count; i++) {
        free(gathered.processes[i].threads);
    }
    free(gathered.processes);
    free(gathered.spans);
    end_alone();
    return err;
}
