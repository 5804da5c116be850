#include "agent.h"
#include "desk_server.h"
#include "drain.h"
#include "env.h"
#include "folder.h"
#include "inquiry.h"
#include "look.h"
#include "owner.h"
#include "password.h"
#include "session.h"
#include "visit.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/standard.h"
#include "hosts/channel.h"
#include "hosts/desk.h"
#include "wait/lead.h"

#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* corps-agent: see agent.h, and corps-agent(1). */

enum { FAILED = 1, WRONG_USAGE = 2 }; /* exit statuses, beside 0 */
enum { TICK_MS = 100, TICKS_TO_ASK = CORPS__ALIVE_MS / TICK_MS, END_TICKS = 50 /* 5 s: then Envs are killed */ };

struct agent agent;

static enum { SERVE, CHECK, LIST, DRAIN, UNDRAIN } action;
static char password[AGENT_PASSWORD_BYTES];
static const char *password_file; /* NULL: the ledger asks for none */
static bool as_root;
static enum look_form form;
static const char *drained; /* which host is to be */

static const char usage[] =
    "usage: corps-agent --hosts FILE --key FILE [--number N] [--socket PATH] [--check]\n"
    "       corps-agent [--hosts FILE --key FILE] --list [--json] | --drain HOST | --undrain HOST\n"
    "       corps-agent --make-key FILE\n"
    "\n"
    "One runs on each host: it starts the Envs that Corps of other hosts have there, and says to the programs of its "
    "own\n"
    "host which hosts there are. It runs until Ctrl-C or SIGTERM, which end its Envs first.\n"
    "\n"
    "  --hosts FILE       which hosts there are: the same file on all; lines of number, name, address:port, slots, "
    "labels\n"
    "  --key FILE         the cluster key: the same file on all, of mode 0600\n"
    "  --number N         which of the hosts this is; default: the one that has an address of this machine\n"
    "  --socket PATH      where programs of this host ask; default: $CORPS_AGENT, else 'agent' in the runtime "
    "directory\n"
    "  --ledger-password FILE   the password of the hosts file's ledger-user, in a file of mode 0600\n"
    "  --make-key FILE    makes a new key, and ends\n"
    "  --check            reads the file and the key, and ends\n"
    "  --list             which hosts there are, and which agents answer; and ends\n"
    "  --json             with --list: as one JSON object\n"
    "  --drain HOST       tells the agent of a host, by name or number, that it takes no Envs from now on; and ends\n"
    "  --undrain HOST     that it takes Envs again\n"
    "  --as-root          runs as root, whom it refuses otherwise: for tests\n"
    "  --version, --help\n";

void agent_say(const char *format, ...) {
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "corps-agent: %s\n", text); /* one write */
}

static int fail(void) {
    agent_say("%s", corps_error_detail());
    return FAILED;
}

static int wrong_usage(const char *what, const char *given) {
    agent_say("%s '%s'; corps-agent --help says what is possible", what, given);
    return WRONG_USAGE;
}

static int say(const char *words) {
    printf("%s", words);
    return 0;
}

/* ---- arguments ---- */

static bool take_number(const char *text) {
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    agent.number = (uint32_t)number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= 1 && number <= CORPS__HOST_NUMBER_MAX;
}

static int make_key(const char *path) {
    return corps__key_make(path) == CORPS_OK ? 0 : fail();
}

/* Absolute, since Envs get it and may be elsewhere. */
static bool take_socket(const char *path) {
    char here[sizeof agent.socket_path] = "";
    if (path[0] != '/' && getcwd(here, sizeof here - 1) != NULL) {
        strcat(here, "/");
    }
    return snprintf(agent.socket_path, sizeof agent.socket_path, "%s%s", here, path) < (int)sizeof agent.socket_path;
}

/* Is another agent asked, so that nothing is served here? */
static bool asks(void) {
    return action == LIST || action == DRAIN || action == UNDRAIN;
}

static const struct option known[] = {
    {"hosts", required_argument, NULL, 'f'},
    {"key", required_argument, NULL, 'k'},
    {"number", required_argument, NULL, 'n'},
    {"socket", required_argument, NULL, 's'},
    {"ledger-password", required_argument, NULL, 'p'},
    {"make-key", required_argument, NULL, 'm'},
    {"check", no_argument, NULL, 'c'},
    {"list", no_argument, NULL, 'l'},
    {"json", no_argument, NULL, 'j'},
    {"drain", required_argument, NULL, 'd'},
    {"undrain", required_argument, NULL, 'u'},
    {"as-root", no_argument, NULL, 'r'},
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* One of them, with optarg. -1: go on; else the exit status. */
static int take_option(int option, const char *given) {
    switch (option) {
    case 'f':
        agent.hosts_file = optarg;
        break;
    case 'k':
        agent.key_file = optarg;
        break;
    case 'n':
        if (!take_number(optarg)) {
            return wrong_usage("--number is a host's number from 1 to 65535, not", optarg);
        }
        break;
    case 's':
        if (!take_socket(optarg)) {
            return wrong_usage("the path of a socket has at most 107 bytes, unlike", optarg);
        }
        break;
    case 'p':
        password_file = optarg;
        break;
    case 'm':
        return make_key(optarg);
    case 'c':
        action = CHECK;
        break;
    case 'l':
        action = LIST;
        break;
    case 'j':
        form = LOOK_JSON;
        break;
    case 'd':
    case 'u':
        action = option == 'd' ? DRAIN : UNDRAIN;
        drained = optarg;
        break;
    case 'r':
        as_root = true;
        break;
    case 'v':
        return say("corps-agent " CORPS_VERSION "\n");
    case 'h':
        return say(usage);
    default:
        return wrong_usage("there is no such option, or it lacks its value:", given);
    }
    return -1;
}

/* -1: go on; else the exit status. */
static int take_arguments(int argc, char **argv) {
    opterr = 0;
    int at, option;
    while (at = optind, (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        int status = take_option(option, argv[at]);
        if (status >= 0) {
            return status;
        }
    }
    if (optind < argc) {
        return wrong_usage("there is no place for", argv[optind]);
    }
    if ((!asks() || agent.hosts_file != NULL) && (agent.hosts_file == NULL || agent.key_file == NULL)) {
        return wrong_usage("it needs an option:", agent.hosts_file == NULL ? "--hosts FILE" : "--key FILE");
    }
    return -1;
}

/* ---- serving ---- */

enum { SIGNALS = 3 };
static const struct {
    int number;
    const char *name;
} ends_by[SIGNALS] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}};
static uv_signal_t signals[SIGNALS];
static uv_timer_t ticker;
static unsigned ticks, ending_ticks;

/* What was owned here has ended, and others know that they may have it; or there is no more time for it. */
static bool owns_nothing(void) {
    return ending_ticks > END_TICKS || (agent_owner_count() == 0 && agent_owner_is_idle());
}

static void on_tick(uv_timer_t *timer) {
    agent_envs_sweep();
    agent_sessions_sweep();
    agent_envs_tick(corps__boottime_ns());
    agent_sessions_tick(++ticks % TICKS_TO_ASK == 0); /* also at the end, for which Envs need time */
    agent_inquiries_tick(corps__boottime_ns());
    agent_folders_tick();
    agent_desk_tick();
    if (agent.ends && agent_sessions_end(++ending_ticks > END_TICKS) == 0 && owns_nothing()) {
        uv_timer_stop(timer);
        uv_stop(corps__loop());
    }
}

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    if (!agent.ends) {
        agent_say("ends by %s, and its %u Envs before it", ends_by[signal - signals].name, agent_env_count());
    }
    agent.ends = true;
    agent_visits_close();
    agent_sessions_say_alive(); /* first: owners know that they have to choose another host */
    agent_sessions_displace(true, "its agent ended");
    agent_owner_end();
}

/* A terminal that closes ends it in order, too, unless it was started to outlive that (nohup). */
static void take_signals(void) {
    for (unsigned i = 0; i < SIGNALS; i++) {
        struct sigaction before;
        bool is_ignored = sigaction(ends_by[i].number, NULL, &before) == 0 && before.sa_handler == SIG_IGN;
        if (ends_by[i].number != SIGHUP || !is_ignored) {
            uv_signal_init(corps__loop(), &signals[i]);
            uv_signal_start(&signals[i], on_signal, ends_by[i].number);
        }
    }
}

static enum corps_err open_all(void) {
    enum corps_err err = agent_desk_open();
    (void)corps__dir_clean(true, NULL, NULL); /* what a killed agent and its Envs have left */
    if (err == CORPS_OK) {
        err = agent_visits_open();
        if (err != CORPS_OK) {
            agent_desk_close();
        }
    }
    if (err == CORPS_OK) {
        err = agent_owner_open(password_file != NULL ? password : NULL);
        if (err != CORPS_OK) {
            agent_visits_close();
            agent_desk_close();
        }
    }
    return err;
}

static int serve(void) {
    int failed = uv_loop_init(corps__loop());
    if (failed != 0) {
        (void)corps_error_set(CORPS_ERR_SYSTEM, "cannot make an event loop: %s", uv_strerror(failed));
        return fail();
    }
    signal(SIGPIPE, SIG_IGN);
    take_signals(); /* first: whoever sees the socket may end the agent, which is to remove it */
    if (open_all() != CORPS_OK) {
        return fail();
    }
    uv_timer_init(corps__loop(), &ticker);
    uv_timer_start(&ticker, on_tick, TICK_MS, TICK_MS);
    char address[80];
    corps__host_address(agent.own, address, sizeof address);
    agent_say("host %u (%s) serves other hosts at %s, and its own at %s", agent.own->number, agent.own->name, address,
              agent.socket_path);
    uv_run(corps__loop(), UV_RUN_DEFAULT);
    agent_owner_close();
    agent_desk_close();
    return 0;
}

/* ---- the file and the key ---- */

static enum corps_err read_files(void) {
    enum corps_err err = corps__hosts_read(agent.hosts_file, &agent.hosts);
    err = err == CORPS_OK ? corps__key_read(agent.key_file, agent.key) : err;
    if (err == CORPS_OK && password_file != NULL) {
        err = agent_password_read(password_file, password);
    }
    if (err == CORPS_OK && agent.number == 0) {
        err = corps__hosts_own(agent.hosts, agent.hosts_file, &agent.number);
    }
    if (err != CORPS_OK) {
        return err;
    }
    agent.own = corps__hosts_find(agent.hosts, agent.number);
    agent.hosts->own = agent.number;
    return agent.own != NULL
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_UNKNOWN, "there is no host %u in %s; add its line, or give another --number",
                                 agent.number, agent.hosts_file);
}

static int say_checked(void) {
    char hash[CORPS__HASH_TEXT_BYTES];
    corps__hash_text(agent.hosts->hash, hash);
    printf("%s is right: %u hosts, hash %s; this is host %u (%s); the key is right\n", agent.hosts_file,
           agent.hosts->count, hash, agent.own->number, agent.own->name);
    return 0;
}

static int run(int argc, char **argv) {
    int status = take_arguments(argc, argv);
    if (status >= 0) {
        return status;
    }
    if (sodium_init() < 0) {
        agent_say("libsodium cannot start");
        return FAILED;
    }
    if (agent.socket_path[0] == '\0' && action != CHECK &&
        corps__desk_path(agent.socket_path, sizeof agent.socket_path) != CORPS_OK) {
        return fail();
    }
    if (asks() && agent.hosts_file == NULL) {
        setenv("CORPS_AGENT", agent.socket_path, 1);
        return action == LIST ? look_ask("corps-agent", form) : look_ask_drain("corps-agent", drained, action == DRAIN);
    }
    if (read_files() != CORPS_OK) {
        return fail();
    }
    if (action == SERVE && geteuid() == 0 && !as_root) {
        agent_say("it does not run as root, since it starts what other hosts order; start it as the user whose Envs "
                  "these are");
        return FAILED;
    }
    do {
        randombytes_buf(&agent.boot, sizeof agent.boot);
    } while (agent.boot == 0);
    return action == CHECK  ? say_checked()
           : action == LIST ? look_list("corps-agent", agent.hosts, agent.key, form)
           : asks()         ? look_drain("corps-agent", agent.hosts, agent.key, drained, action == DRAIN)
                            : serve();
}

int main(int argc, char **argv) {
    corps__standard_fill();
    return look_end("corps-agent", run(argc, argv));
}
