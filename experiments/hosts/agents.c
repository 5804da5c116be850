#include "hosts/agents.h"

#include "cli/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 7300, SLOTS = 1024, READY_MS = 10000, END_MS = 10000, LOOK_MS = 2, WORDS_BYTES = 400 };

static const char prefix[] = "/tmp/corps-lab-hosts-"; /* the number of the trial's process, and letters */

static bool fail(char error[LAB_ERROR_BYTES], const char *what) {
    snprintf(error, LAB_ERROR_BYTES, "%s: %s", what, strerror(errno));
    return false;
}

static void path_of(const struct lab_agents *agents, const char *name, unsigned host, char out[LAB_AGENTS_PATH_BYTES]) {
    int used = snprintf(out, LAB_AGENTS_PATH_BYTES, "%s/%s", agents->folder, name);
    if (host > 0) {
        snprintf(out + used, LAB_AGENTS_PATH_BYTES - (size_t)used, "%u", host);
    }
}

/* ---- the folder ---- */

static bool write_file(const char *path, const void *data, size_t bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes;
    if (fd >= 0) {
        close(fd);
    }
    return written;
}

void lab_agents_name(unsigned host, char out[16]) {
    snprintf(out, 16, "host%u", host);
}

static bool write_hosts(const struct lab_agents *agents) {
    char text[LAB_NET_HOSTS_MAX * 64];
    char path[LAB_AGENTS_PATH_BYTES], address[INET_ADDRSTRLEN];
    int used = 0;
    for (unsigned host = 1; host <= agents->count; host++) {
        used += snprintf(text + used, sizeof text - (size_t)used, "%u host%u %s:%d %d\n", host, host,
                         lab_net_address_text(host, address), PORT, SLOTS);
    }
    path_of(agents, "hosts", 0, path);
    return write_file(path, text, (size_t)used);
}

static bool write_key(const struct lab_agents *agents) {
    uint8_t key[32];
    char path[LAB_AGENTS_PATH_BYTES];
    path_of(agents, "key", 0, path);
    return getrandom(key, sizeof key, 0) == (ssize_t)sizeof key && write_file(path, key, sizeof key);
}

static bool make_folder(struct lab_agents *agents, char error[LAB_ERROR_BYTES]) {
    char path[LAB_AGENTS_PATH_BYTES];
    snprintf(agents->folder, sizeof agents->folder, "%s%d-XXXXXX", prefix, (int)getpid());
    bool ok = mkdtemp(agents->folder) != NULL;
    for (unsigned host = 1; ok && host <= agents->count; host++) {
        path_of(agents, "run", host, path);
        ok = mkdir(path, 0700) == 0;
    }
    ok = ok && write_hosts(agents) && write_key(agents);
    return ok || fail(error, "cannot make a folder for the hosts' agents in /tmp");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk) {
    (void)st;
    (void)kind;
    (void)walk;
    (void)!remove(path);
    return 0;
}

static void remove_folder(const char *folder) {
    (void)!nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void lab_agents_clean(void) {
    DIR *all = opendir("/tmp");
    const char *name = strrchr(prefix, '/') + 1;
    for (const struct dirent *entry; all != NULL && (entry = readdir(all)) != NULL;) {
        struct stat st;
        char path[LAB_AGENTS_FOLDER_BYTES];
        if (strncmp(entry->d_name, name, strlen(name)) == 0 && strlen(entry->d_name) < sizeof path - 8) {
            snprintf(path, sizeof path, "/tmp/%.50s", entry->d_name);
            pid_t pid = (pid_t)strtol(entry->d_name + strlen(name), NULL, 10);
            if (lstat(path, &st) == 0 && st.st_uid == geteuid() && pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) {
                remove_folder(path);
            }
        }
    }
    if (all != NULL) {
        closedir(all);
    }
}

/* ---- starting ---- */

struct command {
    char program[PATH_MAX], hosts[LAB_AGENTS_PATH_BYTES], key[LAB_AGENTS_PATH_BYTES], number[16],
        socket[LAB_AGENTS_PATH_BYTES], run[LAB_AGENTS_PATH_BYTES], words[LAB_AGENTS_PATH_BYTES];
};

static _Noreturn void become_agent(const struct lab_agents *agents, const struct lab_net *net, unsigned host,
                                   pid_t parent) {
    static struct command c;
    static char as_root[] = "--as-root", hosts[] = "--hosts", key[] = "--key", number[] = "--number",
                socket_option[] = "--socket";
    lab_program_path("corps-agent", c.program);
    path_of(agents, "hosts", 0, c.hosts);
    path_of(agents, "key", 0, c.key);
    path_of(agents, "agent", host, c.socket);
    path_of(agents, "run", host, c.run);
    path_of(agents, "words", host, c.words);
    snprintf(c.number, sizeof c.number, "%u", host);
    char *argv[] = {c.program, hosts,    c.hosts,       key,      c.key,
                    number,    c.number, socket_option, c.socket, geteuid() == 0 ? as_root : NULL,
                    NULL};
    int words = open(c.words, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && lab_net_enter(net, host) && words >= 0 &&
        dup2(nothing, 0) == 0 && dup2(words, 1) == 1 && dup2(words, 2) == 2 &&
        setenv("XDG_RUNTIME_DIR", c.run, 1) == 0) {
        execv(c.program, argv);
        dprintf(2, "cannot start %s: %s\n", c.program, strerror(errno));
    }
    _exit(127);
}

/* The last line that an agent said. */
static void words_of(const struct lab_agents *agents, unsigned host, char out[WORDS_BYTES]) {
    char path[LAB_AGENTS_PATH_BYTES], text[WORDS_BYTES];
    path_of(agents, "words", host, path);
    FILE *file = fopen(path, "re");
    snprintf(out, WORDS_BYTES, "it said nothing");
    while (file != NULL && fgets(text, sizeof text, file) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        snprintf(out, WORDS_BYTES, "%s", text);
    }
    if (file != NULL) {
        fclose(file);
    }
}

static bool answers(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return connected;
}

static void pause_ms(long ms) {
    struct timespec pause = {0, ms * 1000000};
    nanosleep(&pause, NULL);
}

/* Until it can be asked. */
static bool await_agent(struct lab_agents *agents, unsigned host, char error[LAB_ERROR_BYTES]) {
    char path[LAB_AGENTS_PATH_BYTES], words[WORDS_BYTES];
    int status;
    path_of(agents, "agent", host, path);
    for (int ms = 0; ms < READY_MS; ms += LOOK_MS) {
        if (answers(path)) {
            return true;
        }
        if (waitpid(agents->pids[host], &status, WNOHANG) == agents->pids[host]) {
            agents->pids[host] = 0;
            break;
        }
        pause_ms(LOOK_MS);
    }
    words_of(agents, host, words);
    snprintf(error, LAB_ERROR_BYTES, "the agent of host %u is not there: %.350s", host, words);
    return false;
}

bool lab_agents_start(struct lab_agents *agents, const struct lab_net *net, char error[LAB_ERROR_BYTES]) {
    char path[LAB_AGENTS_PATH_BYTES], unused[LAB_ERROR_BYTES];
    pid_t parent = getpid();
    *agents = (struct lab_agents){.count = net->count};
    lab_agents_clean();
    bool ok = make_folder(agents, error);
    for (unsigned host = 1; ok && host <= net->count; host++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            become_agent(agents, net, host, parent);
        }
        agents->pids[host] = pid > 0 ? pid : 0;
        ok = pid > 0 || fail(error, "cannot start an agent");
    }
    for (unsigned host = 1; ok && host <= net->count; host++) {
        ok = await_agent(agents, host, error);
    }
    path_of(agents, "agent", 1, path);
    ok = ok && (setenv("CORPS_AGENT", path, 1) == 0 || fail(error, "cannot name host 1's agent"));
    if (!ok) {
        (void)!lab_agents_end(agents, unused);
    }
    return ok;
}

/* ---- ending ---- */

static bool await_end(pid_t pid, int ms) {
    int fd = pidfd_open(pid, 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    bool over = fd >= 0 && poll(&ended, 1, ms) == 1;
    if (fd >= 0) {
        close(fd);
    }
    return over;
}

static bool end_one(struct lab_agents *agents, unsigned host, char error[LAB_ERROR_BYTES]) {
    int status = 0;
    char words[WORDS_BYTES];
    bool over = await_end(agents->pids[host], END_MS);
    if (!over) {
        kill(agents->pids[host], SIGKILL);
    }
    while (waitpid(agents->pids[host], &status, 0) < 0 && errno == EINTR) {
    }
    agents->pids[host] = 0;
    if (over && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return true;
    }
    words_of(agents, host, words);
    snprintf(error, LAB_ERROR_BYTES, "the agent of host %u %s: %.350s", host,
             over ? "did not end well" : "did not end and was killed", words);
    return false;
}

bool lab_agents_end(struct lab_agents *agents, char error[LAB_ERROR_BYTES]) {
    bool ok = true;
    for (unsigned host = 1; host <= agents->count; host++) {
        if (agents->pids[host] > 0) {
            kill(agents->pids[host], SIGTERM); /* our own child, not yet waited for */
        }
    }
    for (unsigned host = 1; host <= agents->count; host++) {
        ok = (agents->pids[host] == 0 || end_one(agents, host, error)) && ok;
    }
    if (agents->folder[0] != '\0') {
        remove_folder(agents->folder);
        agents->folder[0] = '\0';
    }
    return ok;
}
