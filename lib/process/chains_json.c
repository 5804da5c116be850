#include "process/chains.h"

#include "value/name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The Chrome trace event format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Times
 * are microseconds there, with the nanoseconds behind the point. */

/* ---- text ---- */

struct out {
    int fd;
    enum corps_err err;
    bool is_first; /* no event was written yet */
    size_t used;
    char text[16384];
};

static void flush(struct out *out) {
    for (size_t at = 0; at < out->used && out->err == CORPS_OK;) {
        ssize_t written = write(out->fd, out->text + at, out->used - at);
        if (written < 0 && errno != EINTR) {
            out->err = corps_error_system("the chains could not be written");
        }
        at += written > 0 ? (size_t)written : 0;
    }
    out->used = 0;
}

enum { PRINT_BYTES_MAX = 512 }; /* of what is printed at once */

static __attribute__((format(printf, 2, 3))) void print(struct out *out, const char *format, ...) {
    if (sizeof out->text - out->used < PRINT_BYTES_MAX) {
        flush(out);
    }
    va_list args;
    va_start(args, format);
    int bytes = vsnprintf(out->text + out->used, PRINT_BYTES_MAX, format, args);
    va_end(args);
    out->used += bytes < PRINT_BYTES_MAX ? (size_t)bytes : PRINT_BYTES_MAX - 1;
}

/* Bytes of the UTF-8 character at `text`, 0: there is none. */
static unsigned utf8_bytes(const unsigned char *text) {
    unsigned char first = text[0];
    unsigned bytes = first < 0x80                    ? 1
                     : first >= 0xc2 && first < 0xe0 ? 2
                     : first >= 0xe0 && first < 0xf0 ? 3
                     : first >= 0xf0 && first < 0xf5 ? 4
                                                     : 0;
    for (unsigned i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool is_long = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool is_none = (first == 0xed && text[1] >= 0xa0) || (first == 0xf4 && text[1] >= 0x90); /* surrogates, beyond */
    return is_long || is_none ? 0 : bytes;
}

/* The inside of a string. */
static void print_text(struct out *out, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        unsigned bytes = utf8_bytes(at);
        if (bytes == 0) {
            print(out, "\\ufffd");
        } else if (*at == '"' || *at == '\\') {
            print(out, "\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7f) {
            print(out, "\\u%04x", *at);
        } else {
            print(out, "%.*s", (int)bytes, (const char *)at);
        }
        at += bytes > 0 ? bytes : 1;
    }
}

/* ---- who belongs to whom ---- */

struct join {
    struct corps__chains_gathered *gathered;
    uint32_t *process_of; /* by span */
    size_t *calls;        /* the CALL spans, sorted */
    size_t call_count;
    size_t *call_of; /* by span: of a SERVED its CALL, of a CALL its last SERVED; NOBODY */
    size_t requests_without_call, calls_without_request;
};

#define NOBODY SIZE_MAX

struct key {
    uint32_t chain;
    uint64_t corps;
    uint32_t env;
    uint64_t link;
};

static struct key key_of_call(const struct join *join, size_t call) {
    const struct corps__span *span = &join->gathered->spans[call];
    const struct corps__chains_process *process = &join->gathered->processes[join->process_of[call]];
    return (struct key){.chain = span->chain, .corps = process->corps, .env = process->env, .link = span->link};
}

static int compare(struct key a, struct key b) {
    if (a.link != b.link) {
        return a.link < b.link ? -1 : 1;
    }
    if (a.chain != b.chain) {
        return a.chain < b.chain ? -1 : 1;
    }
    if (a.corps != b.corps) {
        return a.corps < b.corps ? -1 : 1;
    }
    return a.env < b.env ? -1 : a.env > b.env;
}

static int compare_calls(const void *a, const void *b, void *join) {
    return compare(key_of_call(join, *(const size_t *)a), key_of_call(join, *(const size_t *)b));
}

static size_t find_call(const struct join *join, const struct corps__span *served) {
    const struct key key = {.chain = served->chain, .corps = served->corps, .env = served->env, .link = served->link};
    size_t low = 0, high = join->call_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(key_of_call(join, join->calls[middle]), key);
        if (order == 0) {
            return join->calls[middle];
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NOBODY;
}

/* Within an Env nothing is polled: there the call ends with the request. */
static void take_over(struct corps__span *call, const struct corps__span *served) {
    if (call->ns[CORPS__SPAN_REPLIED] == 0 && (call->link & CORPS__CHAIN_LINK) != 0 && !call->no_reply) {
        call->ns[CORPS__SPAN_REPLIED] = served->ns[CORPS__SPAN_ANSWERED];
        call->failed = served->failed;
    }
}

static void join_spans(struct join *join) {
    struct corps__span *spans = join->gathered->spans;
    for (size_t i = 0; i < join->gathered->process_count; i++) {
        const struct corps__chains_process *process = &join->gathered->processes[i];
        for (size_t k = process->first; k < process->first + process->count; k++) {
            join->process_of[k] = (uint32_t)i;
            if (spans[k].kind == CORPS__SPAN_CALL) {
                join->calls[join->call_count++] = k;
            }
        }
    }
    qsort_r(join->calls, join->call_count, sizeof *join->calls, compare_calls, join);
    join->calls_without_request = join->call_count;
    for (size_t k = 0; k < join->gathered->span_count; k++) {
        join->call_of[k] = NOBODY;
    }
    for (size_t k = 0; k < join->gathered->span_count; k++) {
        if (spans[k].kind != CORPS__SPAN_SERVED) {
            continue;
        }
        size_t call = join->call_of[k] = find_call(join, &spans[k]);
        if (call == NOBODY) {
            join->requests_without_call++;
            continue;
        }
        take_over(&spans[call], &spans[k]);
        join->calls_without_request -= join->call_of[call] == NOBODY ? 1 : 0; /* one may be sent again, and run twice */
        join->call_of[call] = k;
    }
}

/* ---- events ---- */

static void begin_event(struct out *out, const char *phase, const char *category, int pid, uint32_t thread,
                        int64_t ns) {
    print(out, "%s{\"ph\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%" PRIu32 ",\"ts\":%" PRId64 ".%03" PRId64,
          out->is_first ? "" : ",\n", phase, category, pid, thread, ns / 1000, ns % 1000);
    out->is_first = false;
}

static void print_name(struct out *out, const char *before, const struct corps__span *span) {
    print(out, ",\"name\":\"%s", before);
    print_text(out, span->class);
    print(out, ".");
    print_text(out, span->method);
    print(out, "\"");
}

static void print_duration(struct out *out, int64_t ns) {
    ns = ns > 0 ? ns : 0;
    print(out, ",\"dur\":%" PRId64 ".%03" PRId64, ns / 1000, ns % 1000);
}

/* What it was, from the beginning of `args` on. */
static void print_args(struct out *out, const struct join *join, size_t k) {
    const struct corps__span *span = &join->gathered->spans[k];
    const struct corps__chains_process *process = &join->gathered->processes[join->process_of[k]];
    print(out, ",\"args\":{\"chain\":\"%08" PRIx32 "\",\"span\":\"%d.%" PRIu32 "\"", span->chain, process->pid,
          span->number);
    size_t call = span->kind == CORPS__SPAN_SERVED ? join->call_of[k] : NOBODY;
    if (call != NOBODY) {
        print(out, ",\"parent\":\"%d.%" PRIu32 "\"", join->gathered->processes[join->process_of[call]].pid,
              join->gathered->spans[call].number);
    } else if (span->kind == CORPS__SPAN_CALL && span->parent != 0) {
        print(out, ",\"parent\":\"%d.%" PRIu32 "\"", process->pid, span->parent);
    }
    print(out, ",\"env\":%" PRIu32 ",\"worker\":%" PRIu32, span->kind == CORPS__SPAN_CALL ? span->env : process->env,
          span->conc);
    if (span->no_reply) {
        print(out, ",\"reply\":false");
    }
}

static void print_failure(struct out *out, const struct corps__span *span) {
    if (span->failed != CORPS_OK) {
        print(out, ",\"failure\":\"");
        print_text(out, span->failure[0] != '\0' ? span->failure : corps_error_name((enum corps_err)span->failed));
        print(out, "\"");
    }
}

/* A pair of events that need no place on a thread: from when to when something was under way. */
static void write_pair(struct out *out, const char *category, const struct corps__chains_process *process,
                       const struct corps__span *span, int64_t from_ns, int64_t until_ns) {
    for (unsigned i = 0; i < 2; i++) {
        begin_event(out, i == 0 ? "b" : "e", category, process->pid, span->thread, i == 0 ? from_ns : until_ns);
        print_name(out, "", span);
        print(out, ",\"id\":\"%d.%" PRIu32 "\"}", process->pid, span->number);
    }
}

static void write_call(struct out *out, const struct join *join, size_t k) {
    const struct corps__span *span = &join->gathered->spans[k];
    const struct corps__chains_process *process = &join->gathered->processes[join->process_of[k]];
    int64_t called_ns = span->ns[CORPS__SPAN_CALLED], replied_ns = span->ns[CORPS__SPAN_REPLIED];
    begin_event(out, span->ns[CORPS__SPAN_SENT] != 0 ? "X" : "B", "call", process->pid, span->thread, called_ns);
    print_name(out, span->no_reply ? "send " : "call ", span);
    if (span->ns[CORPS__SPAN_SENT] != 0) {
        print_duration(out, span->ns[CORPS__SPAN_SENT] - called_ns);
    }
    print_args(out, join, k);
    if (!span->no_reply) {
        print(out, ",\"outcome\":\"%s\"",
              span->failed != CORPS_OK ? "failed"
              : replied_ns != 0        ? "ok"
                                       : "no answer yet");
    }
    print_failure(out, span);
    print(out, "}}");
    if (replied_ns != 0) {
        write_pair(out, "call", process, span, called_ns, replied_ns);
    }
}

/* An arrow, from the middle of the call: viewers look for the bar that is there at that time, and at its very beginning
 * it may not be, since they go by the order of the events then. */
static void write_flow(struct out *out, const struct join *join, size_t k) {
    const struct corps__chains_gathered *gathered = join->gathered;
    size_t call = join->call_of[k];
    const struct corps__span *from = &gathered->spans[call], *to = &gathered->spans[k];
    int64_t called_ns = from->ns[CORPS__SPAN_CALLED], sent_ns = from->ns[CORPS__SPAN_SENT];
    begin_event(out, "s", "chain", gathered->processes[join->process_of[call]].pid, from->thread,
                called_ns + (sent_ns > called_ns ? (sent_ns - called_ns) / 2 : 1));
    print(out, ",\"name\":\"chain %08" PRIx32 "\",\"id\":%zu}", to->chain, k + 1);
    begin_event(out, "f", "chain", gathered->processes[join->process_of[k]].pid, to->thread,
                to->ns[CORPS__SPAN_STARTED]);
    print(out, ",\"bp\":\"e\",\"name\":\"chain %08" PRIx32 "\",\"id\":%zu}", to->chain, k + 1);
}

static void write_served(struct out *out, const struct join *join, size_t k) {
    const struct corps__span *span = &join->gathered->spans[k];
    const struct corps__chains_process *process = &join->gathered->processes[join->process_of[k]];
    int64_t arrived_ns = span->ns[CORPS__SPAN_ARRIVED], started_ns = span->ns[CORPS__SPAN_STARTED];
    int64_t answered_ns = span->ns[CORPS__SPAN_ANSWERED];
    int64_t returned_ns = span->ns[CORPS__SPAN_RETURNED] != 0 ? span->ns[CORPS__SPAN_RETURNED] : answered_ns;
    const char *phase = started_ns == 0 ? "i" : returned_ns == 0 ? "B" : "X";
    begin_event(out, phase, "request", process->pid, span->thread, started_ns != 0 ? started_ns : arrived_ns);
    print_name(out, started_ns != 0 ? "" : "not run: ", span);
    if (started_ns != 0 && returned_ns != 0) {
        print_duration(out, returned_ns - started_ns);
    }
    print(out, "%s", started_ns != 0 ? "" : ",\"s\":\"t\"");
    print_args(out, join, k);
    int64_t waited_ns = started_ns != 0 ? started_ns - arrived_ns : 0;
    print(out, ",\"waited_us\":%" PRId64 ".%03" PRId64 ",\"outcome\":\"%s\"", waited_ns / 1000, waited_ns % 1000,
          span->failed != CORPS_OK            ? "failed"
          : started_ns == 0                   ? "waiting"
          : returned_ns == 0                  ? "running"
          : answered_ns == 0 && span->put_off ? "put off"
                                              : "ok"); /* though that its reply has gone may not be noted yet */
    print_failure(out, span);
    print(out, "}}");
    if (span->put_off && answered_ns != 0) {
        write_pair(out, "request", process, span, started_ns, answered_ns);
    }
    if (join->call_of[k] != NOBODY && started_ns != 0) {
        write_flow(out, join, k);
    }
}

static void write_process(struct out *out, const struct corps__chains_gathered *gathered,
                          const struct corps__chains_process *process) {
    print(out, "%s{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"tid\":0,\"args\":{\"name\":\"",
          out->is_first ? "" : ",\n", process->pid);
    out->is_first = false;
    if (process->env == CORPS__GUEST_ENV) {
        print(out, "program");
    } else {
        print(out, "Env %" PRIu32 " of ", process->env);
        print_text(out, gathered->tag);
    }
    if (process->host != 0) {
        print(out, " on host %" PRIu32, process->host);
    }
    print(out, "\"}}");
    for (size_t i = 0; i < process->thread_count; i++) {
        print(out, ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%" PRIu32 ",\"args\":{\"name\":\"",
              process->pid, process->threads[i].number);
        print_text(out, process->threads[i].name);
        print(out, "\"}}");
    }
}

static void write_other_data(struct out *out, const struct join *join) {
    const struct corps__chains_gathered *gathered = join->gathered;
    print(out, "\n],\n\"otherData\":{\"format\":\"corps chains 1\",\"every\":%" PRIu64 ",\"processes\":[",
          gathered->every);
    uint64_t dropped = 0;
    const char *comma = "";
    for (size_t i = 0; i < gathered->process_count; i++) {
        const struct corps__chains_process *process = &gathered->processes[i];
        if (process->pid != 0) {
            dropped += process->total - process->count;
            print(out, "%s{\"pid\":%d,\"env\":%" PRId64 ",\"spans\":%zu,\"dropped\":%" PRIu64, comma, process->pid,
                  process->env != CORPS__GUEST_ENV ? (int64_t)process->env : -1, process->count,
                  process->total - process->count);
            if (process->host != 0) {
                print(out, ",\"host\":%" PRIu32 ",\"clock_error_us\":%" PRId64 ".%03" PRId64, process->host,
                      process->clock_error_ns / 1000, process->clock_error_ns % 1000);
            }
            print(out, "}");
            comma = ",";
        }
    }
    print(out, "],\"dropped\":%" PRIu64 ",\"lost\":[", dropped);
    comma = "";
    for (size_t i = 0; i < gathered->process_count; i++) {
        if (gathered->processes[i].pid == 0) {
            print(out, "%s{\"env\":%" PRIu32 ",\"why\":\"", comma, gathered->processes[i].env);
            print_text(out, gathered->processes[i].why);
            print(out, "\"}");
            comma = ",";
        }
    }
    print(out, "],\"requests_without_call\":%zu,\"calls_without_request\":%zu}}\n", join->requests_without_call,
          join->calls_without_request);
}

enum corps_err corps__chains_write(struct corps__chains_gathered *gathered, int fd) {
    size_t room = gathered->span_count + 1;
    struct join join = {.gathered = gathered,
                        .process_of = calloc(room, sizeof *join.process_of),
                        .calls = calloc(room, sizeof *join.calls),
                        .call_of = calloc(room, sizeof *join.call_of)};
    struct out *out = malloc(sizeof *out);
    enum corps_err err = CORPS_OK;
    if (join.process_of == NULL || join.calls == NULL || join.call_of == NULL || out == NULL) {
        err = corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to write %zu spans of call chains", gathered->span_count);
    } else {
        out->fd = fd;
        out->err = CORPS_OK;
        out->used = 0;
        out->is_first = true;
        join_spans(&join);
        print(out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
        for (size_t i = 0; i < gathered->process_count; i++) {
            if (gathered->processes[i].pid != 0) {
                write_process(out, gathered, &gathered->processes[i]);
            }
        }
        for (size_t k = 0; k < gathered->span_count; k++) {
            (gathered->spans[k].kind == CORPS__SPAN_CALL ? write_call : write_served)(out, &join, k);
        }
        write_other_data(out, &join);
        flush(out);
        err = out->err;
    }
    free(out);
    free(join.process_of);
    free(join.calls);
    free(join.call_of);
    return err;
}
