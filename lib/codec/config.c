#include "codec/config.h"

#include "base/sized.h"
#include "codec/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAILBOX_COUNT_MAX 1000000u     /* what a route counts in 20 bits … */
#define MAILBOX_BYTES_MAX (1ull << 43) /* … and in 44 */
#define SECOND_NS INT64_C(1000000000)
#define RESULTS_COUNT_MAX (1u << 24)
#define RESULTS_TTL_MAX_NS (24 * 3600 * SECOND_NS)
#define OPTIONS_BYTES 256u /* of struct corps_options in 0.1 */

static const char *const wake_names[] = {"default", "block", "spin", "adaptive", NULL};
static const char *const seal_names[] = {"default", "auto", "always", "never", NULL};
static const char *const placement_names[] = {"default", "unpinned", "same", "cross", NULL};

static const char *text_or(const char *given, const char *variable, const char *builtin) {
    if (given != NULL && given[0] != '\0') {
        return given;
    }
    const char *set = variable != NULL ? getenv(variable) : NULL;
    return set != NULL && set[0] != '\0' ? set : builtin;
}

static enum corps_err choice_of(const char *what, const char *text, const char *const *names, int *out) {
    char known[128] = "";
    for (int i = 1; names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return CORPS_OK;
        }
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 1 ? ", " : "", names[i]);
    }
    return corps_error_set(CORPS_ERR_INVALID, "there is no %s '%s'; choose one of: %s", what, text, known);
}

static enum corps_err decide_choice(int given, const char *what, const char *variable, const char *builtin,
                                    const char *const *names, int *out) {
    if (given != 0) {
        *out = given;
        return given > 0 && given < 4 ? CORPS_OK
                                      : corps_error_set(CORPS_ERR_INVALID, "%s %d does not exist", what, given);
    }
    return choice_of(what, text_or(NULL, variable, builtin), names, out);
}

static enum corps_err decide_count(const struct corps_options *options, struct corps__settings *out) {
    const char *set = options->env_count == 0 ? getenv("CORPS_ENVS") : NULL;
    char *end = NULL;
    unsigned long count = set != NULL && set[0] != '\0' ? strtoul(set, &end, 10) : options->env_count;
    if ((end != NULL && *end != '\0') || count > CORPS__ENVS_MAX || (end != NULL && count == 0)) {
        return corps_error_set(CORPS_ERR_INVALID, "the number of Envs must be 1 to %u, not '%s'", CORPS__ENVS_MAX,
                               set != NULL ? set : "more");
    }
    out->env_count = count == 0 ? 1 : (unsigned)count;
    return CORPS_OK;
}

static enum corps_err decide_transport(const char *name, struct corps__settings *out) {
    out->transport = corps_transport_find(name);
    if (out->transport == NULL) {
        return CORPS_ERR_UNKNOWN;
    }
    uint32_t capabilities = out->transport->capabilities;
    if ((capabilities & CORPS_TRANSPORT_INTRA) != 0 && out->env_count > 1) {
        return corps_error_set(
            CORPS_ERR_UNSUPPORTED,
            "transport %s joins the Workers of one Env, and %u Envs were asked for; use one Env, or a "
            "transport between processes",
            name, out->env_count);
    }
    /* What cannot reach the program, or does not deliver, needs company for creating, calling in and ending. */
    out->system_transport = (capabilities & (CORPS_TRANSPORT_INTRA | CORPS_TRANSPORT_DISCARDS)) != 0
                                ? corps_transport_with(CORPS_TRANSPORT_SYSTEM)
                                : out->transport;
    return out->system_transport != NULL ? CORPS_OK : CORPS_ERR_UNKNOWN;
}

/* What would be ignored is refused: somebody who asks for an address wants to be reached there. */
static enum corps_err check_bind(const char *bind, const struct corps_transport *transport) {
    if (bind == NULL || bind[0] == '\0' || (transport->capabilities & CORPS_TRANSPORT_REMOTE) != 0) {
        return CORPS_OK;
    }
    const struct corps_transport *remote = corps_transport_with(CORPS_TRANSPORT_REMOTE);
    return corps_error_set(CORPS_ERR_INVALID,
                           "the option bind is '%s', but transport %s listens on no address; leave bind out, or use %s",
                           bind, transport->name, remote != NULL ? remote->name : "a transport to other hosts");
}

static enum corps_err copy_text(const char *what, const char *text, char *out, size_t out_bytes) {
    if (strlen(text) >= out_bytes) {
        return corps_error_set(CORPS_ERR_INVALID, "the option %s is longer than %zu bytes", what, out_bytes - 1);
    }
    memcpy(out, text, strlen(text) + 1);
    return CORPS_OK;
}

/* Absolute, so that it is the same for every Env whenever it starts. */
static enum corps_err decide_keep_directory(const char *path, char *out) {
    if (path == NULL || path[0] == '\0') {
        return CORPS_OK;
    }
    char here[CORPS__KEEP_DIRECTORY_BYTES] = "";
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL) {
        return corps_error_system("the option keep_directory is '%s', and the working directory is not known", path);
    }
    int length = snprintf(out, CORPS__KEEP_DIRECTORY_BYTES, "%s%s%s", here, here[0] != '\0' ? "/" : "", path);
    return length > 0 && (size_t)length < CORPS__KEEP_DIRECTORY_BYTES
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_INVALID, "the option keep_directory has more than %u bytes, made absolute",
                                 CORPS__KEEP_DIRECTORY_BYTES - 1);
}

const struct corps_options *corps__options_take(const struct corps_options *given, struct corps_options *own) {
    static const struct corps__sized kind = CORPS__SIZED(corps_options, OPTIONS_BYTES);
    static const struct corps_options none;
    return given != NULL ? corps__sized_take(&kind, given, own) : &none;
}

/* What comes back after an end, and with what. */
static enum corps_err decide_care(const struct corps_options *o, struct corps__settings *out) {
    out->policy = (struct corps__policy){.restart = o->restart,
                                         .strategy = CORPS_ONE_FOR_ONE,
                                         .intensity = o->intensity,
                                         .period_ns = o->period_ns,
                                         .backoff_ns = o->backoff_ns,
                                         .backoff_max_ns = o->backoff_max_ns};
    enum corps_err err = corps__policy_decide(&out->policy);
    return err == CORPS_OK ? decide_keep_directory(o->keep_directory, out->keep_directory) : err;
}

static enum corps_err decide_results(const struct corps_options *o, struct corps__settings *out) {
    out->results_ttl_ns = o->results_ttl_ns != 0 ? o->results_ttl_ns : 60 * SECOND_NS;
    out->results_count = o->results_count != 0 ? o->results_count : 65536;
    out->results_bytes = o->results_bytes != 0 ? o->results_bytes : (size_t)64 << 20;
    out->results_clean_ns = o->results_clean_ns != 0 ? o->results_clean_ns : SECOND_NS;
    if (out->results_count > RESULTS_COUNT_MAX || out->results_bytes > MAILBOX_BYTES_MAX) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "results_count is %zu and results_bytes %zu; at most %u and %llu are possible",
                               out->results_count, out->results_bytes, RESULTS_COUNT_MAX, MAILBOX_BYTES_MAX);
    }
    bool fits = out->results_ttl_ns > 0 && out->results_ttl_ns <= RESULTS_TTL_MAX_NS && out->results_clean_ns > 0 &&
                out->results_clean_ns <= RESULTS_TTL_MAX_NS;
    return fits ? CORPS_OK
                : corps_error_set(CORPS_ERR_INVALID,
                                  "results_ttl_ns is %lld and results_clean_ns %lld; both must be positive, and at "
                                  "most a day",
                                  (long long)out->results_ttl_ns, (long long)out->results_clean_ns);
}

enum corps_err corps__singleton_check(const char *name) {
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    return name[0] != '\0' && name[plain] == '\0' && plain < CORPS__SINGLETON_BYTES
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_INVALID,
                                 "the name of a singleton has 1 to %u letters, digits, '.', '-' and '_', not '%s'",
                                 CORPS__SINGLETON_BYTES - 1, name);
}

/* What an agent does for a Corps that it owns; who asks for that of another one is told so. */
static enum corps_err decide_owned(const struct corps_options *o, struct corps__settings *out) {
    bool is_singleton = o->singleton != NULL && o->singleton[0] != '\0';
    if (o->cut_off != CORPS_CUT_OFF_STOP && o->cut_off != CORPS_CUT_OFF_STAY) {
        return corps_error_set(CORPS_ERR_INVALID, "cut_off %d does not exist; choose STOP or STAY", (int)o->cut_off);
    }
    out->cut_off = o->cut_off;
    const char *asked = is_singleton ? "singleton" : o->cut_off != CORPS_CUT_OFF_STOP ? "cut_off" : NULL;
    if (asked != NULL && (out->hosts[0] == '\0' || !out->detached)) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "the option %s is for a Corps of several hosts that outlives its creator; create it "
                               "with the options hosts and detached, or leave %s out",
                               asked, asked);
    }
    enum corps_err err = is_singleton ? corps__singleton_check(o->singleton) : CORPS_OK;
    return err == CORPS_OK && is_singleton ? copy_text("singleton", o->singleton, out->singleton, sizeof out->singleton)
                                           : err;
}

static enum corps_err decide_texts(const struct corps_options *o, struct corps__settings *out) {
    enum corps_err err = copy_text("tag", text_or(o->tag, NULL, "corps"), out->tag, sizeof out->tag);
    err = err == CORPS_OK ? copy_text("bind", text_or(o->bind, NULL, ""), out->bind, sizeof out->bind) : err;
    err = err == CORPS_OK ? copy_text("module", text_or(o->module, NULL, ""), out->module, sizeof out->module) : err;
    return err == CORPS_OK ? copy_text("hosts", text_or(o->hosts, NULL, ""), out->hosts, sizeof out->hosts) : err;
}

enum corps_err corps__settings_decide(const struct corps_options *o, struct corps__settings *out) {
    memset(out, 0, sizeof *out);
    enum corps_err err = decide_count(o, out);
    int wake = 0;
    int placement = 0;
    int seal = 0;
    if (err == CORPS_OK) {
        err = decide_choice(0, "way to seal", "CORPS_SEAL", "auto", seal_names, &seal);
    }
    if (err == CORPS_OK) {
        err = decide_transport(
            text_or(o->transport, "CORPS_TRANSPORT", corps_transport_with(CORPS_TRANSPORT_DEFAULT)->name), out);
    }
    if (err == CORPS_OK) {
        err = check_bind(o->bind, out->transport);
    }
    if (err == CORPS_OK) {
        err = decide_choice((int)o->wake, "wake policy", "CORPS_WAKE", "adaptive", wake_names, &wake);
    }
    if (err == CORPS_OK) {
        err = decide_choice((int)o->placement, "placement", "CORPS_PLACEMENT", "unpinned", placement_names, &placement);
    }
    if (err == CORPS_OK) {
        err = decide_texts(o, out);
    }
    if (err == CORPS_OK) {
        err = decide_care(o, out);
        err = err == CORPS_OK ? decide_results(o, out) : err;
    }
    out->wake = (enum corps_wake)wake;
    out->placement = (enum corps_placement)placement;
    out->seal = (enum corps_seal)(seal - 1);
    out->client_wake = o->client_wake != CORPS_WAKE_DEFAULT ? o->client_wake
                       : out->wake == CORPS_WAKE_SPIN       ? CORPS_WAKE_ADAPTIVE
                                                            : out->wake;
    out->thread_count = o->thread_count != 0 ? o->thread_count : 2;
    out->thread_count_max = o->thread_count_max != 0 ? o->thread_count_max : 256;
    out->mailbox_count = o->mailbox_count != 0 ? o->mailbox_count : 1024;
    out->mailbox_bytes = o->mailbox_bytes != 0 ? o->mailbox_bytes : (size_t)64 << 20;
    out->buffer_bytes = o->buffer_bytes;
    out->queue_count = o->queue_count;
    out->keep_objects = (enum corps_keep)o->keep_objects;
    out->detached = o->detached != 0;
    out->boot_timeout_ns = o->boot_timeout_ns != 0 ? o->boot_timeout_ns : 30000000000;
    err = err == CORPS_OK ? decide_owned(o, out) : err;
    if (err == CORPS_OK && (out->thread_count > 4096 || out->thread_count_max < out->thread_count)) {
        err = corps_error_set(CORPS_ERR_INVALID,
                              "thread_count is %u and thread_count_max %u; the first must be at most the "
                              "second, and at most 4096",
                              out->thread_count, out->thread_count_max);
    }
    if (err == CORPS_OK && (out->mailbox_count > MAILBOX_COUNT_MAX || out->mailbox_bytes > MAILBOX_BYTES_MAX)) {
        err = corps_error_set(CORPS_ERR_INVALID,
                              "mailbox_count is %u and mailbox_bytes %zu; at most %u and %llu are possible",
                              out->mailbox_count, out->mailbox_bytes, MAILBOX_COUNT_MAX, MAILBOX_BYTES_MAX);
    }
    return err == CORPS_OK
               ? corps_serializer_find(text_or(o->serializer, "CORPS_SERIALIZER", "msgpack"), &out->serializer)
               : err;
}

/* ---- in the boot record ---- */

/* X(field) for the plain numbers. */
#define NUMBERS(X)                                                                                                     \
    X(env_count)                                                                                                       \
    X(wake)                                                                                                            \
    X(client_wake)                                                                                                     \
    X(placement)                                                                                                       \
    X(thread_count)                                                                                                    \
    X(thread_count_max)                                                                                                \
    X(mailbox_count)                                                                                                   \
    X(mailbox_bytes)                                                                                                   \
    X(buffer_bytes)                                                                                                    \
    X(queue_count)                                                                                                     \
    X(keep_objects)                                                                                                    \
    X(detached)                                                                                                        \
    X(cut_off)                                                                                                         \
    X(owned)                                                                                                           \
    X(boot_timeout_ns)                                                                                                 \
    X(policy.restart)                                                                                                  \
    X(policy.intensity)                                                                                                \
    X(policy.period_ns)                                                                                                \
    X(policy.backoff_ns)                                                                                               \
    X(policy.backoff_max_ns) X(results_ttl_ns) X(results_count) X(results_bytes) X(results_clean_ns) X(host) X(seal)

enum corps_err corps__settings_encode(const struct corps__settings *s, struct corps_box *box,
                                      struct corps_value *value) {
    struct corps_entry entries[] = {{corps_str("tag"), corps_str(s->tag)},
                                    {corps_str("bind"), corps_str(s->bind)},
                                    {corps_str("module"), corps_str(s->module)},
                                    {corps_str("keep_directory"), corps_str(s->keep_directory)},
                                    {corps_str("hosts"), corps_str(s->hosts)},
                                    {corps_str("singleton"), corps_str(s->singleton)},
                                    {corps_str("transport"), corps_str(s->transport->name)},
                                    {corps_str("serializer"), corps_str(s->serializer->name)},
#define NUMBER_ENTRY(field) {corps_str(#field), corps_int((int64_t)s->field)},
                                    NUMBERS(NUMBER_ENTRY)
#undef NUMBER_ENTRY
    };
    struct corps_value map = corps_map(entries, sizeof entries / sizeof entries[0]);
    return corps_box_copy(box, &map, value);
}

static enum corps_err get_text(const struct corps_value *map, const char *key, char *out, size_t out_bytes) {
    const struct corps_value *text = corps_value_get(map, key);
    if (text == NULL || text->kind != CORPS_STR || text->count >= out_bytes) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "the boot record has no %s", key);
    }
    memcpy(out, text->str, text->count);
    out[text->count] = '\0';
    return CORPS_OK;
}

static enum corps_err get_number(const struct corps_value *map, const char *key, int64_t *out) {
    const struct corps_value *number = corps_value_get(map, key);
    if (number == NULL || number->kind != CORPS_INT) {
        return corps_error_set(CORPS_ERR_PROTOCOL, "the boot record has no %s", key);
    }
    *out = number->integer;
    return CORPS_OK;
}

static enum corps_err decode(const struct corps_value *map, bool may_load, struct corps__settings *out) {
    memset(out, 0, sizeof *out);
    char transport[64] = "";
    char serializer[64] = "";
    enum corps_err err = get_text(map, "tag", out->tag, sizeof out->tag);
    err = err != CORPS_OK ? err : get_text(map, "bind", out->bind, sizeof out->bind);
    err = err != CORPS_OK ? err : get_text(map, "module", out->module, sizeof out->module);
    err = err != CORPS_OK ? err : get_text(map, "keep_directory", out->keep_directory, sizeof out->keep_directory);
    err = err != CORPS_OK ? err : get_text(map, "hosts", out->hosts, sizeof out->hosts);
    err = err != CORPS_OK ? err : get_text(map, "singleton", out->singleton, sizeof out->singleton);
    err = err != CORPS_OK ? err : get_text(map, "transport", transport, sizeof transport);
    err = err != CORPS_OK ? err : get_text(map, "serializer", serializer, sizeof serializer);
    int64_t number = 0;
#define GET_NUMBER(field)                                                                                              \
    err = err != CORPS_OK ? err : get_number(map, #field, &number);                                                    \
    out->field = (__typeof__(+out->field))number; /* +: the type of an atomic one's value */
    NUMBERS(GET_NUMBER)
#undef GET_NUMBER
    err = err != CORPS_OK ? err : decide_transport(transport, out);
    const char *used = may_load || corps__serializer_is_here(serializer) ? serializer : "msgpack";
    return err != CORPS_OK ? err : corps_serializer_find(used, &out->serializer);
}

enum corps_err corps__settings_decode(const struct corps_value *map, struct corps__settings *out) {
    return decode(map, true, out);
}

enum corps_err corps__settings_look(const struct corps_value *map, struct corps__settings *out) {
    return decode(map, false, out);
}
