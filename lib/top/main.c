#include "choose.h"
#include "export.h"
#include "reading.h"
#include "screen.h"
#include "table.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* corps-top: a table of what a running Corps does. Over the public headers alone. */

enum { FAILED = 1, WRONG_USAGE = 2 }; /* exit statuses, beside 0; corps-top(1) */

enum format { TABLE, PROMETHEUS, JSON };

static struct {
    const char *which; /* NULL: the only one */
    double interval;   /* seconds */
    enum top_sort sort;
    enum format format;
    bool once;
} options = {.interval = 1};

static const char usage[] =
    "usage: corps-top [PID|TAG|ID] [--once] [--interval SECONDS] [--sort served|queued|wait|service|cpu]\n"
    "                 [--prometheus] [--json]\n"
    "\n"
    "A table of a running Corps, drawn anew every second; q or Ctrl-C ends it. The Corps is named by its tag, its id, "
    "or\n"
    "the pid of one of its processes; it need not be named if it is the only one of this user. Into a pipe or a file, "
    "and\n"
    "where TERM is dumb, the table is written once.\n"
    "\n"
    "  --once                  write the table once, of one interval\n"
    "  --interval SECONDS      between two readings, 0.1 to 3600; default 1\n"
    "  --sort WORD             Workers by: served (default), queued, wait, service, cpu\n"
    "  --prometheus            all counts since the start, in Prometheus' text format 0.0.4\n"
    "  --json                  the same as JSON\n"
    "  --version, --help\n";

/* One line; gives `status`. */
static int fail(int status) {
    fprintf(stderr, "corps-top: %s\n", corps_error_detail());
    return status;
}

static int wrong_usage(const char *what, const char *given) {
    fprintf(stderr, "corps-top: %s '%s'; corps-top --help says what is possible\n", what, given);
    return WRONG_USAGE;
}

static int say(const char *words) {
    const struct top_text text = {.bytes = (char *)words, .used = strlen(words)};
    return top_put(&text) ? 0 : fail(FAILED);
}

/* ---- arguments ---- */

static bool take_interval(const char *text) {
    char *end;
    options.interval = strtod(text, &end);
    return text[0] != '\0' && *end == '\0' && options.interval >= 0.1 && options.interval <= 3600;
}

static bool take_sort(const char *text) {
    static const char *const words[] = {"served", "queued", "wait", "service", "cpu"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], text) == 0) {
            options.sort = (enum top_sort)i;
            return true;
        }
    }
    return false;
}

/* -1: go on; else the exit status. */
static int take_arguments(int argc, char **argv) {
    static const struct option known[] = {
        {"once", no_argument, NULL, 'o'},       {"interval", required_argument, NULL, 'i'},
        {"sort", required_argument, NULL, 's'}, {"prometheus", no_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},       {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
    };
    opterr = 0;
    int at, option;
    while (at = optind, (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'o':
            options.once = true;
            break;
        case 'i':
            if (!take_interval(optarg)) {
                return wrong_usage("--interval is a number of seconds from 0.1 to 3600, not", optarg);
            }
            break;
        case 's':
            if (!take_sort(optarg)) {
                return wrong_usage("--sort is served, queued, wait, service or cpu, not", optarg);
            }
            break;
        case 'p':
        case 'j':
            if (options.format != TABLE) {
                return wrong_usage("only one of --prometheus and --json can be given, not also", argv[at]);
            }
            options.format = option == 'p' ? PROMETHEUS : JSON;
            break;
        case 'v':
            return say("corps-top " CORPS_VERSION "\n");
        case 'h':
            return say(usage);
        default:
            return wrong_usage("there is no such option, or it lacks its value:", argv[at]);
        }
    }
    if (argc - optind > 1) {
        return wrong_usage("one Corps can be looked at, so there is no place for", argv[optind + 1]);
    }
    options.which = argv[optind];
    return -1;
}

/* ---- looking ---- */

static int64_t timeout_ns(void) {
    double seconds = options.interval < 2 ? 2 : options.interval < 10 ? options.interval : 10;
    return (int64_t)(seconds * 1e9);
}

static int tell_failure(const struct corps_running *running, enum corps_err err) {
    if (err == CORPS_ERR_EXITED) {
        fprintf(stderr, "corps-top: the Corps '%s' (%016" PRIx64 ") has ended\n", running->tag, running->id);
        return FAILED;
    }
    return fail(FAILED);
}

static int write_out(struct top_text *text) {
    int status = top_put(text) ? 0 : fail(FAILED);
    top_text_free(text);
    return status;
}

static int export_once(struct corps *corps, const struct corps_running *running) {
    struct top_reading reading;
    enum corps_err err = top_reading_take(corps, running->tag, timeout_ns(), &reading);
    if (err != CORPS_OK) {
        return tell_failure(running, err);
    }
    struct top_text text = {.bytes = NULL};
    (options.format == JSON ? top_json : top_prometheus)(&reading, &text);
    top_reading_free(&reading);
    return write_out(&text);
}

static int table_once(struct corps *corps, const struct corps_running *running) {
    struct top_reading before, reading;
    enum corps_err err = top_reading_take(corps, running->tag, timeout_ns(), &before);
    if (err != CORPS_OK) {
        return tell_failure(running, err);
    }
    int status = 0;
    if (top_sleep(options.interval)) {
        err = top_reading_take(corps, running->tag, timeout_ns(), &reading);
        if (err == CORPS_OK) {
            const struct top_layout layout = {.sort = options.sort, .columns = 200};
            struct top_text text = {.bytes = NULL};
            top_reading_compare(&reading, &before);
            top_table(&reading, &layout, &text);
            top_reading_free(&reading);
            status = write_out(&text);
        } else {
            status = tell_failure(running, err);
        }
    }
    top_reading_free(&before);
    return status;
}

/* Draws a reading; waits for the time of the next one, redrawing when the size changes. Gives the key that came, or 0.
 */
static char show(struct top_reading *reading, bool *drawn) {
    char key;
    do {
        struct top_layout layout = {.sort = options.sort, .to_line_ends = true};
        struct top_text text = {.bytes = NULL};
        top_screen_size(&layout.columns, &layout.lines);
        top_table(reading, &layout, &text);
        *drawn = top_screen_draw(&text);
        top_text_free(&text);
        key = *drawn ? top_screen_key(options.interval) : 'q';
    } while (key == 'r');
    return key;
}

static int table_live(struct corps *corps, const struct corps_running *running) {
    if (top_screen_open() != CORPS_OK) {
        return fail(FAILED);
    }
    struct top_reading before = {.envs = NULL}, reading;
    enum corps_err err;
    bool drawn = true;
    char key = 0;
    while (key != 'q' && (err = top_reading_take(corps, running->tag, timeout_ns(), &reading)) == CORPS_OK) {
        top_reading_compare(&reading, before.envs != NULL ? &before : NULL);
        key = show(&reading, &drawn);
        top_reading_free(&before);
        before = reading;
    }
    top_reading_free(&before);
    top_screen_close();
    return key != 'q' ? tell_failure(running, err) : drawn ? 0 : fail(FAILED);
}

/* Can a table be drawn in place here? A terminal that is called dumb shows what moves the cursor as text. */
static bool can_draw(void) {
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
}

static int look(const struct corps_running *running) {
    struct corps *corps;
    enum corps_err err = corps_attach(running->id, &corps);
    if (err != CORPS_OK) {
        return tell_failure(running, err);
    }
    int status = options.format != TABLE       ? export_once(corps, running)
                 : options.once || !can_draw() ? table_once(corps, running)
                                               : table_live(corps, running);
    corps_detach(corps);
    return status;
}

int main(int argc, char **argv) {
    corps_start(NULL);
    int status = take_arguments(argc, argv);
    if (status >= 0) {
        return status;
    }
    struct corps_running *list;
    size_t count;
    if (top_find(&list, &count) != CORPS_OK) {
        return fail(FAILED);
    }
    const struct corps_running *running = NULL;
    enum corps_err err = top_choose(list, count, options.which, &running);
    if (err == CORPS_OK) {
        status = look(running);
    } else if (err == CORPS_ERR_LIMIT && options.format == TABLE) {
        struct top_text text = {.bytes = NULL};
        top_table_running(list, count, &text);
        (void)fail(WRONG_USAGE);
        status = write_out(&text) == 0 ? WRONG_USAGE : FAILED;
    } else {
        status = fail(err == CORPS_ERR_LIMIT ? WRONG_USAGE : FAILED);
    }
    free(list);
    return status;
}
