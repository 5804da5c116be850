#include "agent/etcd/http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* As curl hands them out by CURLINFO_SSL_VERIFYRESULT: OpenSSL's X509_V_ERR_…, which are fixed numbers. */
enum { CERTIFICATE_NOT_YET_VALID = 9, CERTIFICATE_EXPIRED = 10 };
enum { UNACKNOWLEDGED_MS = 2000 }; /* then a connection is given up, by the kernel */

enum corps_err agent_etcd_http_init(struct agent_etcd_http *http, const char *ca_file) {
    *http = (struct agent_etcd_http){.easy = curl_easy_init(), .ca_file = ca_file};
    return http->easy != NULL ? CORPS_OK : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for libcurl");
}

void agent_etcd_http_finish(struct agent_etcd_http *http) {
    curl_easy_cleanup(http->easy); /* accepts NULL */
    *http = (struct agent_etcd_http){0};
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)arg;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    unsigned limit_ms = UNACKNOWLEDGED_MS;
    if (fd >= 0) {
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
    }
    return fd;
}

static void set_common(struct agent_etcd_http *http) {
    CURL *easy = http->easy;
    curl_easy_reset(easy); /* connections stay */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->why);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 1L);
    if (http->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* these, and nobody whom the system trusts beside */
    }
    http->why[0] = '\0';
}

/* "Expect:" keeps curl from asking first whether a large body is welcome, which costs a second where nobody answers. */
static struct curl_slist *make_headers(const char *token, bool *good) {
    char line[AGENT_ETCD_TOKEN_BYTES + 32];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *more = headers != NULL ? curl_slist_append(headers, "Expect:") : NULL;
    if (more != NULL && token[0] != '\0') {
        snprintf(line, sizeof line, "Authorization: %s", token);
        more = curl_slist_append(headers, line);
    }
    *good = more != NULL;
    return headers;
}

enum corps_err agent_etcd_http_prepare(struct agent_etcd_http *http, const char *endpoint, const char *path,
                                       const char *token, const char *body, struct curl_slist **headers) {
    char url[AGENT_ETCD_URL_BYTES];
    bool good;
    set_common(http);
    *headers = make_headers(token, &good);
    snprintf(url, sizeof url, "%s%s", endpoint, path);
    good = good && curl_easy_setopt(http->easy, CURLOPT_URL, url) == CURLE_OK;
    good = good && curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, *headers) == CURLE_OK;
    if (good && body != NULL) {
        curl_easy_setopt(http->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, body); /* not copied */
    }
    if (!good) {
        curl_slist_free_all(*headers);
        *headers = NULL;
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request to etcd");
    }
    return CORPS_OK;
}

/* ---- what went wrong ---- */

static enum corps_err certificate_failed(const struct agent_etcd_http *http, const char *endpoint) {
    long verdict = 0;
    curl_easy_getinfo(http->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    if (verdict == CERTIFICATE_EXPIRED) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "the certificate of etcd at %s has expired: renew it there (if it has not, this host's "
                               "clock is wrong)",
                               endpoint);
    }
    if (verdict == CERTIFICATE_NOT_YET_VALID) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "the certificate of etcd at %s is not valid yet: the clock of this host is behind the "
                               "one that made it; set the clocks",
                               endpoint);
    }
    return corps_error_set(CORPS_ERR_DENIED,
                           "the certificate of etcd at %s is not to be trusted (%.200s): name whoever signed it in a "
                           "line 'ledger-ca PATH' of the hosts file, and the address in the certificate",
                           endpoint, http->why);
}

static enum corps_err failed(const struct agent_etcd_http *http, const char *endpoint, CURLcode code) {
    const char *why = http->why[0] != '\0' ? http->why : curl_easy_strerror(code);
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_failed(http, endpoint);
    case CURLE_SSL_CACERT_BADFILE:
        return corps_error_set(CORPS_ERR_INVALID,
                               "the file %s of 'ledger-ca' has no certificates that can be read (%.200s)",
                               http->ca_file != NULL ? http->ca_file : "", why);
    case CURLE_SSL_CONNECT_ERROR:
        return corps_error_set(CORPS_ERR_PROTOCOL,
                               "etcd at %s does not speak TLS as it should (%.200s): does it listen for https there?",
                               endpoint, why);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        return corps_error_set(CORPS_ERR_PROTOCOL,
                               "what answers at %s is no etcd (%.200s): see 'ledger' in the hosts file", endpoint, why);
    case CURLE_GOT_NOTHING:
        return corps_error_set(
            CORPS_ERR_TIMEOUT,
            "what listens at %s gives no answer (%.200s): has it just ended, or is it https there, and "
            "not http?",
            endpoint, why);
    case CURLE_OUT_OF_MEMORY:
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for a request to etcd");
    case CURLE_WRITE_ERROR:
        return corps_error_set(CORPS_ERR_TOO_LARGE, "an answer of etcd at %s is larger than %d bytes", endpoint,
                               AGENT_ETCD_ANSWER_BYTES);
    default: /* it could not be reached, or went away, or is too slow */
        return corps_error_set(CORPS_ERR_TIMEOUT, "no etcd answers at %s (%.200s): is it running there, and reachable?",
                               endpoint, why);
    }
}

/* ---- the answer ---- */

static size_t take(char *data, size_t size, size_t count, void *arg) {
    struct agent_etcd_answer *answer = arg;
    size_t bytes = size * count;
    if (bytes > AGENT_ETCD_ANSWER_BYTES - answer->bytes) {
        return 0; /* CURLE_WRITE_ERROR */
    }
    char *more = realloc(answer->body, answer->bytes + bytes + 1);
    if (more == NULL) {
        return 0;
    }
    memcpy(more + answer->bytes, data, bytes);
    answer->body = more;
    answer->bytes += bytes;
    answer->body[answer->bytes] = '\0';
    return bytes;
}

enum corps_err agent_etcd_http_ask(struct agent_etcd_http *http, const char *endpoint, const char *path,
                                   const char *token, const char *body, int64_t timeout_ns,
                                   struct agent_etcd_answer *answer) {
    struct curl_slist *headers;
    *answer = (struct agent_etcd_answer){.body = calloc(1, 1)};
    if (answer->body == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for an answer of etcd");
    }
    enum corps_err err = agent_etcd_http_prepare(http, endpoint, path, token, body, &headers);
    if (err == CORPS_OK) {
        long limit_ms = (long)(timeout_ns / 1000000) + 1;
        curl_easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, limit_ms);
        curl_easy_setopt(http->easy, CURLOPT_CONNECTTIMEOUT_MS, limit_ms);
        curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, answer);
        CURLcode code = curl_easy_perform(http->easy);
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer->status);
        err = code == CURLE_OK ? CORPS_OK : failed(http, endpoint, code);
        curl_slist_free_all(headers);
    }
    if (err != CORPS_OK) {
        free(answer->body);
        *answer = (struct agent_etcd_answer){0};
    }
    return err;
}
