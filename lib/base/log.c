#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* With a byte before it where the last line was torn, a pipe takes it as one: pipe(7). */
enum { LINE_BYTES = 4095, TEXT_BYTES_MAX = 2048, FIELD_BYTES_MAX = 320 };
enum { UNKNOWN = -1 };
enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_PYTHON };

static const char *const level_names[] = {"off", "error", "warn", "info", "debug", NULL};
static const char *const format_names[] = {"text", "json", "python", NULL};

static _Atomic int level_max = UNKNOWN;
static _Atomic int line_format = UNKNOWN;
static _Atomic int own_env = -1;
static _Atomic unsigned lost_count; /* lines that nobody had room for */
static _Atomic bool is_torn;        /* the last one lacks its end */
static void *_Atomic hook_arg;
static _Atomic corps_log_fn hook;

void corps_log_set(corps_log_fn log, void *arg) {
    if (log != NULL) {
        atomic_store(&hook_arg, arg); /* before the function that is called with it */
    }
    atomic_store(&hook, log);
}

/* ---- settings ---- */

/* The place of a variable's value among `names`; `otherwise` where it is not set, or is none of them. */
static int choice_of(const char *variable, const char *const *names, int otherwise) {
    const char *set = getenv(variable);
    for (int i = 0; set != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], set) == 0) {
            return i;
        }
    }
    return otherwise;
}

static int wanted_level(void) {
    int level = atomic_load_explicit(&level_max, memory_order_relaxed);
    if (level == UNKNOWN) {
        level = choice_of("CORPS_LOG", level_names, CORPS_LOG_WARN);
        atomic_store(&line_format, choice_of("CORPS_LOG_FORMAT", format_names, FORMAT_TEXT));
        atomic_store(&level_max, level);
    }
    return level;
}

bool corps__log_wants(enum corps_log_level level) {
    return (int)level <= wanted_level();
}

static void tell_of_setting(const char *variable, const char *const *names, int taken) {
    const char *set = getenv(variable);
    if (set == NULL || set[0] == '\0' || choice_of(variable, names, UNKNOWN) != UNKNOWN) {
        return;
    }
    char known[64] = "";
    for (int i = 0; names[i] != NULL; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    corps__log(CORPS_LOG_WARN, "setting_unknown", CORPS__LOG_FIELDS(CORPS__LOG_TEXT("name", variable)),
               "%s is '%.64s', and is taken for %s; choose one of: %s", variable, set, names[taken], known);
}

void corps__log_identify(int env) {
    static _Atomic bool told;
    atomic_store(&own_env, env);
    if (env < 0 && !atomic_exchange(&told, true)) {
        tell_of_setting("CORPS_LOG", level_names, wanted_level());
        tell_of_setting("CORPS_LOG_FORMAT", format_names, atomic_load(&line_format));
    }
}

/* ---- writing ---- */

/* Room there is, and a reader: without one, a write would be a SIGPIPE. */
static bool has_room(void) {
    struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&reader, 1, 0) > 0 && (reader.revents & (POLLOUT | POLLERR)) == POLLOUT;
}

/* Somebody else may take the room meanwhile. A pipe is opened once more, since not to wait is a setting of the open
 * file, which others share. */
static ssize_t write_pipe(const struct iovec *parts, int count) {
    int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return writev(STDERR_FILENO, parts, count);
    }
    ssize_t bytes = writev(fd, parts, count);
    int error = errno;
    close(fd);
    errno = error;
    return bytes;
}

static ssize_t write_once(const struct iovec *parts, int count) {
    struct stat is;
    if (fstat(STDERR_FILENO, &is) != 0 || !has_room()) {
        errno = EAGAIN;
        return -1;
    }
    if (S_ISSOCK(is.st_mode)) {
        struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
        return sendmsg(STDERR_FILENO, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return S_ISFIFO(is.st_mode) ? write_pipe(parts, count) : writev(STDERR_FILENO, parts, count);
}

/* Drops the first `bytes` of what is to be written. */
static void advance(struct iovec *parts, int count, size_t bytes) {
    for (int i = 0; i < count && bytes > 0; i++) { /* an empty part may be nowhere, and is left as it is */
        size_t taken = bytes < parts[i].iov_len ? bytes : parts[i].iov_len;
        if (taken == 0) {
            continue;
        }
        parts[i].iov_base = (char *)parts[i].iov_base + taken;
        parts[i].iov_len -= taken;
        bytes -= taken;
    }
}

/* False: nothing of it was written. */
static bool write_line(struct iovec *parts, int count) {
    size_t left = 0;
    for (int i = 0; i < count; i++) {
        left += parts[i].iov_len;
    }
    bool any = false;
    while (left > 0) { /* again: what is longer than a pipe takes as one */
        ssize_t bytes = write_once(parts, count);
        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        if (bytes <= 0) {
            break;
        }
        any = true;
        left -= (size_t)bytes;
        advance(parts, count, (size_t)bytes);
    }
    if (any && left > 0) {
        atomic_store(&is_torn, true);
    }
    return any;
}

/* ---- composing ---- */

struct line {
    char bytes[LINE_BYTES];
    size_t used;
    size_t limit; /* what may be used: less than the whole, where an end is to follow */
};

static bool add(struct line *line, const char *text, size_t bytes) {
    if (bytes > line->limit - line->used) {
        return false;
    }
    memcpy(line->bytes + line->used, text, bytes);
    line->used += bytes;
    return true;
}

/* How many bytes the UTF-8 sequence at `text` has; 0: it is none (RFC 3629). */
static size_t sequence_bytes(const unsigned char *text) {
    unsigned char first = text[0];
    size_t bytes = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < bytes; i++) { /* the end of the text is no continuation */
        unsigned char least = i > 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        unsigned char most = i > 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (text[i] < least || text[i] > most) {
            return 0;
        }
    }
    return bytes;
}

/* A text as JSON has it, in at most `bytes_max` bytes: what does not fit is left out, and "…" stands for it. */
static bool add_string(struct line *line, const char *text, size_t bytes_max) {
    static const char cut[] = "\xe2\x80\xa6";
    enum { ENDS = 2 + sizeof cut - 1 };
    size_t room = line->limit - line->used;
    room = room < bytes_max ? room : bytes_max;
    if (room < ENDS) {
        return false;
    }
    size_t end = line->used + room - ENDS + 1; /* where what is said of the text must end */
    (void)add(line, "\"", 1);
    while (*text != '\0') {
        char escaped[8];
        size_t taken = sequence_bytes((const unsigned char *)text);
        size_t bytes = taken;
        const char *what = text;
        if (taken == 0) {
            what = "\\ufffd";
            bytes = 6;
            taken = 1;
        } else if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\' || *text == 0x7f) {
            bytes = (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*text);
            what = escaped;
        }
        if (line->used + bytes > end) {
            (void)add(line, cut, sizeof cut - 1);
            break;
        }
        (void)add(line, what, bytes);
        text += taken;
    }
    return add(line, "\"", 1);
}

/* ,"key":value or nothing of it. */
static void add_field(struct line *line, const char *key, const char *text, int64_t number, size_t bytes_max) {
    size_t before = line->used;
    char start[64];
    int bytes = snprintf(start, sizeof start, "%s\"%.50s\":", line->bytes[before - 1] == '{' ? "" : ",", key);
    bool fits = add(line, start, (size_t)bytes);
    if (text == NULL) {
        bytes = snprintf(start, sizeof start, "%lld", (long long)number);
        fits = fits && add(line, start, (size_t)bytes);
    } else {
        fits = fits && add_string(line, text, bytes_max);
    }
    if (!fits) {
        line->used = before;
    }
}

/* The date of a day since 1970-01-01, without the C library's lock of time zones (Howard Hinnant, days_from_civil). */
static void date_of(int64_t days, int *year, int *month, int *day) {
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * from_march + 2) / 5 + 1);
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static void time_text(char *out, size_t out_bytes) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int year, month, day;
    date_of(now.tv_sec / 86400, &year, &month, &day);
    int seconds = (int)(now.tv_sec % 86400);
    snprintf(out, out_bytes, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", year, month, day, seconds / 3600,
             seconds / 60 % 60, seconds % 60, now.tv_nsec / 1000);
}

static void compose_json(struct line *line, enum corps_log_level level, const char *event,
                         const struct corps__log_field *fields, const char *text, const char *traceback) {
    static const char end[] = "}}\n";
    char now[80];
    time_text(now, sizeof now);
    line->limit = sizeof line->bytes - (sizeof end - 1);
    (void)add(line, "{", 1);
    add_field(line, "time", now, 0, sizeof now);
    add_field(line, "level", level_names[level], 0, FIELD_BYTES_MAX);
    add_field(line, "event", event, 0, FIELD_BYTES_MAX);
    add_field(line, "pid", NULL, getpid(), 0);
    add_field(line, "env", NULL, atomic_load(&own_env), 0);
    add_field(line, "text", text, 0, TEXT_BYTES_MAX);
    (void)add(line, ",\"fields\":{", 11);
    for (; fields != NULL && fields->key != NULL; fields++) {
        add_field(line, fields->key, fields->text, fields->number, FIELD_BYTES_MAX);
    }
    if (traceback[0] != '\0') {
        add_field(line, "traceback", traceback, 0, LINE_BYTES);
    }
    line->limit = sizeof line->bytes;
    (void)add(line, end, sizeof end - 1);
}

/* ---- lines ---- */

static bool emit(enum corps_log_level level, const char *event, const struct corps__log_field *fields,
                 const char *traceback, const char *text) {
    struct line line = {.used = 0};
    struct iovec parts[3] = {{.iov_base = (char *)"\n", .iov_len = atomic_exchange(&is_torn, false) ? 1 : 0}};
    if (atomic_load(&line_format) == FORMAT_JSON) {
        compose_json(&line, level, event, fields, text, traceback);
    } else {
        line.used = (size_t)snprintf(line.bytes, sizeof line.bytes, "corps: %s\n", text); /* a text is shorter */
        parts[2] = (struct iovec){.iov_base = (char *)traceback, .iov_len = strlen(traceback)};
    }
    parts[1] = (struct iovec){.iov_base = line.bytes, .iov_len = line.used};
    return write_line(parts, 3);
}

static void tell_of_lost(void) {
    unsigned lost = atomic_exchange(&lost_count, 0);
    char text[96];
    snprintf(text, sizeof text, "%u lines of this log were lost, since standard error was not read in time", lost);
    if (lost > 0 && !emit(CORPS_LOG_WARN, "lines_lost", CORPS__LOG_FIELDS(CORPS__LOG_INT("count", lost)), "", text)) {
        atomic_fetch_add(&lost_count, lost);
    }
}

static void log_line(enum corps_log_level level, const char *event, const struct corps__log_field *fields,
                     const char *traceback, const char *format, va_list args) {
    int error = errno;
    char text[LINE_BYTES - 16];
    int bytes = vsnprintf(text, sizeof text, format, args);
    if (bytes >= (int)sizeof text) {
        snprintf(text + sizeof text - 4, 4, "...");
    }
    corps_log_fn told = atomic_load(&hook);
    if (told != NULL) {
        size_t used = strlen(text);
        if (traceback[0] != '\0' && used + 1 < sizeof text) {
            snprintf(text + used, sizeof text - used, "\n%s", traceback);
        }
        told(level, event, text, atomic_load(&hook_arg));
    } else {
        tell_of_lost();
        if (!emit(level, event, fields, traceback, text)) {
            atomic_fetch_add(&lost_count, 1);
        }
    }
    errno = error;
}

void corps__log(enum corps_log_level level, const char *event, const struct corps__log_field *fields,
                const char *format, ...) {
    if (corps__log_wants(level)) {
        va_list args;
        va_start(args, format);
        log_line(level, event, fields, "", format, args);
        va_end(args);
    }
}

void corps__log_traced(enum corps_log_level level, const char *event, const struct corps__log_field *fields,
                       const char *traceback, const char *format, ...) {
    if (corps__log_wants(level)) {
        va_list args;
        va_start(args, format);
        log_line(level, event, fields, traceback != NULL ? traceback : "", format, args);
        va_end(args);
    }
}

void corps__log_refusal(const char *why) {
    static _Atomic int64_t next_ns;
    static _Atomic unsigned unsaid;
    int64_t now = corps__now_ns();
    int64_t next = atomic_load(&next_ns);
    if (now < next || !atomic_compare_exchange_strong(&next_ns, &next, now + 1000000000)) {
        atomic_fetch_add(&unsaid, 1);
        return;
    }
    unsigned others = atomic_exchange(&unsaid, 0);
    char more[48] = "";
    snprintf(more, others > 0 ? sizeof more : 1, " (and %u more since the last such line)", others);
    corps__log(CORPS_LOG_WARN, "peer_refused",
               CORPS__LOG_FIELDS(CORPS__LOG_TEXT("reason", why), CORPS__LOG_INT("others", others)),
               "a peer was refused: %s%s", why, more);
}
