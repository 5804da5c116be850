#include "agent/etcd/watch.h"

#include "agent/etcd/client.h"
#include "agent/etcd/json.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A stream that was there and has ended is soon followed by another; what never began is not asked for as often. */
enum { LINE_BYTES_MAX = 1 << 20, PAUSE_MS = 300, LONG_PAUSE_MS = 2000, TURN_MS = 1000 };

struct agent_etcd_watch {
    struct agent_etcd_client client; /* its thread's */
    CURLM *multi;
    pthread_t thread;
    int hint_fd, stop_fd;
    /* What has come of the stream's present line; one that is too long is not kept, and hinted at. */
    char *line;
    size_t bytes;
    bool is_skipping, is_over, is_begun;
};

static void tell(const struct agent_etcd_watch *watch) {
    (void)!eventfd_write(watch->hint_fd, 1);
}

/* ---- the stream ---- */

static void take_line(struct agent_etcd_watch *watch) {
    json_t *said = watch->is_skipping ? NULL : json_loadb(watch->line, watch->bytes, 0, NULL);
    const json_t *result = json_object_get(said, "result");
    bool is_created = json_is_true(json_object_get(result, "created"));
    watch->is_begun = watch->is_begun || is_created;
    if (watch->is_skipping || is_created || json_array_size(json_object_get(result, "events")) > 0) {
        tell(watch);
    }
    /* Canceled: by a compaction, or since the user may not read this. What is no result is an error. */
    watch->is_over = !watch->is_skipping && (result == NULL || json_is_true(json_object_get(result, "canceled")));
    json_decref(said);
    watch->bytes = 0;
    watch->is_skipping = false;
}

static bool add_to_line(struct agent_etcd_watch *watch, const char *data, size_t bytes) {
    if (watch->is_skipping || bytes > LINE_BYTES_MAX - watch->bytes) {
        watch->is_skipping = true;
        return true;
    }
    char *more = realloc(watch->line, watch->bytes + bytes + 1);
    if (more == NULL) {
        return false;
    }
    memcpy(more + watch->bytes, data, bytes);
    watch->line = more;
    watch->bytes += bytes;
    return true;
}

static size_t take(char *data, size_t size, size_t count, void *arg) {
    struct agent_etcd_watch *watch = arg;
    size_t bytes = size * count;
    const char *end = data + bytes;
    for (const char *at = data; at < end && !watch->is_over;) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        const char *stop = feed != NULL ? feed : end;
        if (!add_to_line(watch, at, (size_t)(stop - at))) {
            return 0;
        }
        if (feed != NULL && (watch->bytes > 0 || watch->is_skipping)) {
            take_line(watch);
        }
        at = feed != NULL ? feed + 1 : end;
    }
    return watch->is_over ? 0 : bytes; /* 0: the stream is ended */
}

static bool is_stopped(const struct agent_etcd_watch *watch, int wait_ms) {
    struct pollfd stop = {.fd = watch->stop_fd, .events = POLLIN};
    return poll(&stop, 1, wait_ms) == 1;
}

static void listen_to(struct agent_etcd_watch *watch) {
    struct curl_waitfd stop = {.fd = watch->stop_fd, .events = CURL_WAIT_POLLIN};
    int running = 1;
    while (running > 0 && !is_stopped(watch, 0)) {
        if (curl_multi_perform(watch->multi, &running) != CURLM_OK) {
            return;
        }
        if (running > 0 && curl_multi_poll(watch->multi, &stop, 1, TURN_MS, NULL) != CURLM_OK) {
            return;
        }
    }
}

/* A request for a watch over everything under `now`, from now on. */
static char *make_request(const struct agent_etcd_client *client) {
    struct agent_etcd_key from = agent_etcd_key_now(client->cluster);
    struct agent_etcd_key to = agent_etcd_key_after(&from);
    json_t *request = json_pack("{s:{s:o,s:o}}", "create_request", "key", agent_etcd_text(from.text), "range_end",
                                agent_etcd_text(to.text));
    char *body = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    return body;
}

static void watch_once(struct agent_etcd_watch *watch) {
    struct agent_etcd_client *client = &watch->client;
    struct curl_slist *headers = NULL;
    char *body = make_request(client);
    if (body != NULL && agent_etcd_client_greet(client, agent_etcd_patience()) == CORPS_OK &&
        agent_etcd_http_prepare(&client->http, client->endpoints[client->at], "/v3/watch", client->token, body,
                                &headers) == CORPS_OK) {
        watch->is_over = watch->is_skipping = false;
        watch->bytes = 0;
        curl_easy_setopt(client->http.easy, CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(client->http.easy, CURLOPT_WRITEDATA, watch);
        curl_easy_setopt(client->http.easy, CURLOPT_CONNECTTIMEOUT_MS, (long)TURN_MS);
        if (curl_multi_add_handle(watch->multi, client->http.easy) == CURLM_OK) {
            listen_to(watch);
            curl_multi_remove_handle(watch->multi, client->http.easy);
        }
        /* Whoever it was may be gone, or have another opinion of the token: the next one is asked first. */
        client->is_known[client->at] = false;
        client->at = (client->at + 1) % client->count;
        client->token[0] = '\0';
    }
    curl_slist_free_all(headers);
    free(body);
}

/* What fails here the book's own requests say, too, with the reason: they ask the same servers. */
static void *run(void *arg) {
    struct agent_etcd_watch *watch = arg;
    do {
        watch->is_begun = false;
        watch_once(watch);
    } while (!is_stopped(watch, watch->is_begun ? PAUSE_MS : LONG_PAUSE_MS));
    return NULL;
}

/* ---- from outside ---- */

static void free_all(struct agent_etcd_watch *watch) {
    agent_etcd_client_finish(&watch->client);
    if (watch->multi != NULL) {
        curl_multi_cleanup(watch->multi);
    }
    if (watch->hint_fd >= 0) {
        close(watch->hint_fd);
    }
    if (watch->stop_fd >= 0) {
        close(watch->stop_fd);
    }
    free(watch->line);
    free(watch);
}

static bool begin(struct agent_etcd_watch *watch) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    errno = pthread_create(&watch->thread, NULL, run, watch);
    bool begun = errno == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return begun;
}

enum corps_err agent_etcd_watch_start(const struct corps_ledger_options *options, struct agent_etcd_watch **out) {
    struct agent_etcd_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a watch");
    }
    watch->hint_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watch->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watch->multi = curl_multi_init();
    enum corps_err err = agent_etcd_client_init(&watch->client, options);
    if (err == CORPS_OK && (watch->hint_fd < 0 || watch->stop_fd < 0 || watch->multi == NULL || !begin(watch))) {
        err = corps_error_system("cannot start the thread that watches etcd");
    }
    if (err != CORPS_OK) {
        free_all(watch);
        return err;
    }
    *out = watch;
    return CORPS_OK;
}

int agent_etcd_watch_fd(const struct agent_etcd_watch *watch) {
    return watch->hint_fd;
}

void agent_etcd_watch_seen(const struct agent_etcd_watch *watch) {
    eventfd_t count;
    (void)!eventfd_read(watch->hint_fd, &count);
}

void agent_etcd_watch_stop(struct agent_etcd_watch *watch) {
    if (watch != NULL) {
        (void)!eventfd_write(watch->stop_fd, 1);
        pthread_join(watch->thread, NULL);
        free_all(watch);
    }
}
