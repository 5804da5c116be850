#include "agent/etcd/client.h"

#include "agent/etcd/json.h"
#include "agent/etcd/refusal.h"
#include "base/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_NS INT64_C(100000000)  /* between two rounds over all servers */
#define LEAST_NS INT64_C(50000000)   /* for less nobody is asked: he could not answer */
#define SHARE_NS INT64_C(1000000000) /* at most so long for one server, where there are more */

enum { OLDEST_MAJOR = 3, OLDEST_MINOR = 4, NOT_FOUND = 404 };

/* ---- opening ---- */

static bool is_endpoint(const char *text) {
    const char *host = strncmp(text, "http://", 7) == 0 ? text + 7 : strncmp(text, "https://", 8) == 0 ? text + 8 : "";
    return host[0] != '\0' && strpbrk(host, "/?#@\"\\") == NULL && strlen(text) < AGENT_ETCD_URL_BYTES - 64;
}

static enum corps_err take_endpoints(struct agent_etcd_client *client, char *text) {
    char *rest = text;
    for (char *word; (word = strtok_r(rest, " \t", &rest)) != NULL;) {
        size_t length = strlen(word);
        if (word[length - 1] == '/') {
            word[length - 1] = '\0';
        }
        if (!is_endpoint(word)) {
            return corps_error_set(CORPS_ERR_INVALID,
                                   "'%.100s' is no address of etcd: write http://ADDRESS:PORT or https://ADDRESS:PORT",
                                   word);
        }
        if (client->count == CORPS_LEDGER_ENDPOINTS_MAX) {
            return corps_error_set(CORPS_ERR_INVALID, "there are more than %d addresses of etcd",
                                   CORPS_LEDGER_ENDPOINTS_MAX);
        }
        client->endpoints[client->count++] = word;
    }
    return client->count > 0
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_INVALID,
                                 "the ledger etcd needs at least one address: 'ledger etcd http://ADDRESS:2379'");
}

/* One block for all texts, since the password in it is erased in the end. */
static const char *keep(char **at, const char *text) {
    if (text == NULL || text[0] == '\0') {
        return NULL;
    }
    char *kept = *at;
    size_t bytes = strlen(text) + 1;
    memcpy(kept, text, bytes);
    *at += bytes;
    return kept;
}

static size_t bytes_of(const char *text) {
    return text != NULL ? strlen(text) + 1 : 0;
}

enum corps_err agent_etcd_client_init(struct agent_etcd_client *client, const struct corps_ledger_options *options) {
    *client = (struct agent_etcd_client){0};
    if (options->endpoints == NULL || options->cluster == NULL ||
        strspn(options->cluster, "0123456789abcdef") != CORPS_LEDGER_CLUSTER_BYTES - 1 ||
        strlen(options->cluster) != CORPS_LEDGER_CLUSTER_BYTES - 1) {
        return corps_error_set(CORPS_ERR_INVALID, "the ledger etcd needs addresses, and the cluster as 16 hex digits");
    }
    client->texts_bytes = bytes_of(options->endpoints) + bytes_of(options->ca_file) + bytes_of(options->user) +
                          bytes_of(options->password) + bytes_of(options->cluster);
    char *at = client->texts = malloc(client->texts_bytes + 1);
    if (at == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a ledger");
    }
    char *endpoints = (char *)keep(&at, options->endpoints);
    client->ca_file = keep(&at, options->ca_file);
    client->user = keep(&at, options->user);
    client->password = keep(&at, options->password);
    client->cluster = keep(&at, options->cluster);
    enum corps_err err = take_endpoints(client, endpoints != NULL ? endpoints : strcpy(at, ""));
    if (err == CORPS_OK && client->user != NULL && client->password == NULL) {
        err = corps_error_set(CORPS_ERR_INVALID,
                              "the hosts file names a user of etcd, '%s': give the password, too, by corps-agent "
                              "--ledger-password FILE",
                              client->user);
    }
    err = err == CORPS_OK ? agent_etcd_http_init(&client->http, client->ca_file) : err;
    if (err != CORPS_OK) {
        agent_etcd_client_finish(client);
    }
    return err;
}

void agent_etcd_client_finish(struct agent_etcd_client *client) {
    agent_etcd_http_finish(&client->http);
    if (client->texts != NULL) {
        sodium_memzero(client->texts, client->texts_bytes);
        free(client->texts);
    }
    *client = (struct agent_etcd_client){0};
}

int64_t agent_etcd_patience(void) {
    return corps__now_ns() + AGENT_ETCD_PATIENCE_NS;
}

/* ---- one server ---- */

static enum corps_err too_old(struct agent_etcd_client *client, const char *endpoint, int64_t timeout_ns) {
    struct agent_etcd_answer answer;
    enum corps_err err = agent_etcd_http_ask(&client->http, endpoint, "/version", "", NULL, timeout_ns, &answer);
    if (err != CORPS_OK) {
        return err;
    }
    json_t *said = json_loadb(answer.body, answer.bytes, 0, NULL);
    const char *version = json_string_value(json_object_get(said, "etcdserver"));
    int major = 0, minor = 0;
    if (version == NULL || sscanf(version, "%d.%d", &major, &minor) != 2) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "what answers at %s is no etcd: see 'ledger' in the hosts file",
                              endpoint);
    } else if (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR)) {
        err = corps_error_set(CORPS_ERR_VERSION,
                              "etcd at %s is version %.30s, and Corps needs 3.4 or later: update it there", endpoint,
                              version);
    } else {
        err = corps_error_set(CORPS_ERR_PROTOCOL,
                              "etcd %.30s at %s has no JSON gateway under /v3/: set its option --enable-grpc-gateway, "
                              "or name it without the proxy between",
                              version, endpoint);
    }
    json_decref(said);
    free(answer.body);
    return err;
}

/* Whose answer is it? The header stands in it, or in what is wrapped as the result of a stream. */
static enum corps_err check_header(struct agent_etcd_client *client, const char *endpoint, const json_t *answer) {
    const json_t *result = json_object_get(answer, "result");
    const json_t *header = json_object_get(result != NULL ? result : answer, "header");
    int64_t cluster_id = 0;
    if (!agent_etcd_number_of(header, "cluster_id", &cluster_id) || cluster_id == 0) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "what answers at %s is no etcd: see 'ledger' in the hosts file",
                               endpoint);
    }
    if (client->cluster_id != 0 && client->cluster_id != cluster_id) {
        return corps_error_set(
            CORPS_ERR_MOVED,
            "etcd at %s is not the cluster that was asked before: 'ledger' in the hosts file must name "
            "the servers of one; if etcd was made anew, end all Corps and start every agent again",
            endpoint);
    }
    client->cluster_id = cluster_id;
    return CORPS_OK;
}

/* Is it a server that knows nothing of /v3/? A gateway that does not find a lease says more. */
static bool is_no_gateway(const json_t *said, long status) {
    const char *message = json_string_value(json_object_get(said, "message"));
    return status == NOT_FOUND && (message == NULL || strcmp(message, "Not Found") == 0);
}

/* Asks this one, once. */
static enum corps_err ask_one(struct agent_etcd_client *client, const char *path, const char *body, int64_t timeout_ns,
                              json_t **answer) {
    const char *endpoint = client->endpoints[client->at];
    struct agent_etcd_answer got;
    enum corps_err err = agent_etcd_http_ask(&client->http, endpoint, path, client->token, body, timeout_ns, &got);
    if (err != CORPS_OK) {
        return err;
    }
    /* Of a stream the first object counts. */
    json_t *said = json_loadb(got.body, got.bytes, JSON_DISABLE_EOF_CHECK, NULL);
    free(got.body);
    err = is_no_gateway(said, got.status) ? too_old(client, endpoint, timeout_ns)
                                          : agent_etcd_refusal(client, endpoint, said);
    if (err == CORPS_OK && !json_is_object(said)) {
        err = corps_error_set(CORPS_ERR_PROTOCOL,
                              "what answers at %s is no etcd (HTTP status %ld): see 'ledger' in the hosts file, and "
                              "whether it is http or https there",
                              endpoint, got.status);
    }
    err = err == CORPS_OK ? check_header(client, endpoint, said) : err;
    if (err != CORPS_OK) {
        json_decref(said);
        return err;
    }
    *answer = said;
    return CORPS_OK;
}

static enum corps_err log_in(struct agent_etcd_client *client, int64_t timeout_ns) {
    json_t *answer, *request = json_pack("{s:s,s:s}", "name", client->user, "password", client->password);
    char *body = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (body == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request to etcd");
    }
    client->token[0] = '\0';
    enum corps_err err = ask_one(client, "/v3/auth/authenticate", body, timeout_ns, &answer);
    sodium_memzero(body, strlen(body));
    free(body);
    if (err != CORPS_OK) {
        return err;
    }
    const char *token = json_string_value(json_object_get(answer, "token"));
    if (token == NULL || token[0] == '\0' || strlen(token) >= sizeof client->token || strpbrk(token, "\r\n") != NULL) {
        err = corps_error_set(CORPS_ERR_PROTOCOL, "etcd at %s gives no token that can be used",
                              client->endpoints[client->at]);
    } else {
        snprintf(client->token, sizeof client->token, "%s", token);
    }
    json_decref(answer);
    return err;
}

static int64_t left_until(int64_t end_ns) {
    int64_t left_ns = end_ns - corps__now_ns();
    return left_ns > 0 ? left_ns : 0;
}

/* Who is it? Whoever has failed may be another one now. */
static enum corps_err get_to_know(struct agent_etcd_client *client, int64_t end_ns) {
    json_t *answer;
    enum corps_err err = CORPS_OK;
    if (!client->is_known[client->at]) {
        err = ask_one(client, "/v3/maintenance/status", "{}", left_until(end_ns), &answer);
        if (err == CORPS_OK) {
            json_decref(answer);
            client->is_known[client->at] = true;
        }
    }
    if (err == CORPS_OK && client->user != NULL && client->token[0] == '\0') {
        err = log_in(client, left_until(end_ns));
    }
    return err;
}

static enum corps_err ask_here(struct agent_etcd_client *client, const char *path, const char *body, int64_t end_ns,
                               json_t **answer) {
    enum corps_err err = get_to_know(client, end_ns);
    if (err == CORPS_OK && path != NULL) {
        err = ask_one(client, path, body, left_until(end_ns), answer);
        if (err == CORPS_ERR_AGAIN && client->user != NULL) {
            err = log_in(client, left_until(end_ns));
            err = err == CORPS_OK ? ask_one(client, path, body, left_until(end_ns), answer) : err;
        }
    }
    if (err == CORPS_ERR_AGAIN) {
        client->token[0] = '\0';
        err = corps_error_set(CORPS_ERR_TIMEOUT, "etcd at %s takes no token that it has given",
                              client->endpoints[client->at]);
    }
    return err;
}

/* ---- all servers ---- */

/* Does it help to ask another server? */
static bool is_of_one(enum corps_err err) {
    return err == CORPS_ERR_TIMEOUT || err == CORPS_ERR_PROTOCOL || err == CORPS_ERR_VERSION ||
           err == CORPS_ERR_MOVED || err == CORPS_ERR_DENIED;
}

/* What is said in the end: a fault that somebody can mend, before a mere silence. */
struct trouble {
    enum corps_err err;
    char detail[512];
};

static void note(struct trouble *trouble, enum corps_err err) {
    if (trouble->err == CORPS_OK || trouble->err == CORPS_ERR_TIMEOUT) {
        trouble->err = err;
        snprintf(trouble->detail, sizeof trouble->detail, "%s", corps_error_detail());
    }
}

static enum corps_err tell(const struct agent_etcd_client *client, const struct trouble *trouble) {
    return client->count > 1 && trouble->err == CORPS_ERR_TIMEOUT
               ? corps_error_set(trouble->err, "none of the %u servers of etcd; the last: %.400s", client->count,
                                 trouble->detail)
               : corps_error_set(trouble->err, "%s", trouble->detail);
}

static void pause_until(int64_t deadline_ns) {
    int64_t left_ns = left_until(deadline_ns);
    const struct timespec pause = {.tv_nsec = left_ns < PAUSE_NS ? left_ns : PAUSE_NS};
    nanosleep(&pause, NULL);
}

static enum corps_err ask_around(struct agent_etcd_client *client, const char *path, const char *body,
                                 int64_t deadline_ns, json_t **answer) {
    struct trouble trouble = {.err = CORPS_OK};
    int64_t share_ns = client->count > 1 ? AGENT_ETCD_PATIENCE_NS / client->count : AGENT_ETCD_PATIENCE_NS;
    share_ns = client->count > 1 && share_ns > SHARE_NS ? SHARE_NS : share_ns;
    for (;;) {
        for (unsigned i = 0; i < client->count; i++) {
            int64_t end_ns = corps__now_ns() + share_ns;
            enum corps_err err = ask_here(client, path, body, end_ns < deadline_ns ? end_ns : deadline_ns, answer);
            if (!is_of_one(err)) {
                return err;
            }
            note(&trouble, err);
            client->is_known[client->at] = false;
            client->at = (client->at + 1) % client->count;
            if (left_until(deadline_ns) < LEAST_NS) {
                return tell(client, &trouble);
            }
        }
        if (trouble.err != CORPS_ERR_TIMEOUT) {
            return tell(client, &trouble); /* waiting mends none of these */
        }
        pause_until(deadline_ns);
        if (left_until(deadline_ns) < LEAST_NS) {
            return tell(client, &trouble);
        }
    }
}

enum corps_err agent_etcd_ask(struct agent_etcd_client *client, const char *path, json_t *request, int64_t deadline_ns,
                              json_t **answer) {
    char *body = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (body == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request to etcd");
    }
    enum corps_err err = ask_around(client, path, body, deadline_ns, answer);
    free(body);
    return err;
}

enum corps_err agent_etcd_client_greet(struct agent_etcd_client *client, int64_t deadline_ns) {
    return ask_around(client, NULL, NULL, deadline_ns, NULL);
}
