/* One request to one server, over HTTP or HTTPS: the only place that waits for etcd, beside the watch.
 *
 * It follows no redirection, uses no proxy, and closes no connection that can be used again. What it opens is not
 * inherited by programs that are started.
 *
 * Threads: one at a time for one struct agent_etcd_http; any thread. */
#ifndef CORPS_AGENT_ETCD_HTTP_H
#define CORPS_AGENT_ETCD_HTTP_H

#include <corps/error.h>

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

enum { AGENT_ETCD_URL_BYTES = 320, AGENT_ETCD_TOKEN_BYTES = 512, AGENT_ETCD_ANSWER_BYTES = 64 << 20 };

struct agent_etcd_http {
    CURL *easy;
    const char *ca_file; /* NULL: whom the system trusts; the owner's */
    char why[CURL_ERROR_SIZE];
};

struct agent_etcd_answer {
    long status; /* of HTTP */
    char *body;  /* malloc's, a NUL behind it */
    size_t bytes;
};

/* Errors: NO_MEMORY. `ca_file` is used until finish. */
enum corps_err agent_etcd_http_init(struct agent_etcd_http *http, const char *ca_file) CORPS_CHECKED;
void agent_etcd_http_finish(struct agent_etcd_http *http);

/* POSTs `body` to endpoint + path, within `timeout_ns`; body NULL: GETs it. `token` "": none. The caller frees
 * answer->body. Errors: TIMEOUT (nobody there, or no answer: what was asked may have been done), DENIED (its
 * certificate), INVALID (a file with certificates that is none), PROTOCOL (what answers is no HTTP), TOO_LARGE,
 * NO_MEMORY, SYSTEM; the detail says what to do. */
enum corps_err agent_etcd_http_ask(struct agent_etcd_http *http, const char *endpoint, const char *path,
                                   const char *token, const char *body, int64_t timeout_ns,
                                   struct agent_etcd_answer *answer) CORPS_CHECKED;

/* For the watch, which waits by itself: the handle is made ready for such a request, without a time limit and without
 * anybody who takes the answer. `headers` is lent to it: free it (curl_slist_free_all) after the request. */
enum corps_err agent_etcd_http_prepare(struct agent_etcd_http *http, const char *endpoint, const char *path,
                                       const char *token, const char *body, struct curl_slist **headers) CORPS_CHECKED;

#endif
