#include "agents.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 6000, PAUSE_MS = 10 };

static const char *const names[AGENTS_MAX] = {"one", "two", "three"};

static struct {
    char folder[32];
    int count;
    int pids[AGENTS_MAX + 1];
    const char *ledger; /* a line of the hosts file, NULL */
} agents;

static void die(const char *what) {
    fprintf(stderr, "agents: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int free_port(int number) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + (unsigned)number)};
    socklen_t bytes = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &bytes) != 0) {
        die("cannot find a free port");
    }
    close(fd);
    return ntohs(at.sin_port);
}

static bool serves(const char *socket_path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return connected;
}

static const char *program(void) {
    const char *given = getenv("CORPS_AGENT_PROGRAM");
    return given != NULL ? given : "build/corps-agent";
}

/* It ends with this process. */
static int run(char **argv) {
    int parent = getpid();
    int pid = fork();
    if (pid < 0) {
        die(argv[0]);
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execv(argv[0], argv);
        }
        _exit(127);
    }
    return pid;
}

void agents_start(int number) {
    char hosts[64], key[64], own[8], desk[64], runtime[64];
    snprintf(hosts, sizeof hosts, "%s/hosts", agents.folder);
    snprintf(key, sizeof key, "%s/key", agents.folder);
    snprintf(own, sizeof own, "%d", number);
    snprintf(desk, sizeof desk, "%s/desk%d", agents.folder, number);
    snprintf(runtime, sizeof runtime, "%s/run%d", agents.folder, number);
    char agent[512];
    snprintf(agent, sizeof agent, "%s", program());
    char as_root[] = "--as-root", o1[] = "--hosts", o2[] = "--key", o3[] = "--number", o4[] = "--socket";
    char *argv[] = {agent, o1, hosts, o2, key, o3, own, o4, desk, geteuid() == 0 ? as_root : NULL, NULL};
    char mine[64];
    const char *before = getenv("XDG_RUNTIME_DIR");
    snprintf(mine, sizeof mine, "%s", before != NULL ? before : "");
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    agents.pids[number] = run(argv);
    setenv("XDG_RUNTIME_DIR", mine, 1);
    for (int i = 0; i < TRIES && !serves(desk); i++) {
        if (waitpid(agents.pids[number], NULL, WNOHANG) != 0) {
            fprintf(stderr, "agents: that of host %d has ended\n", number);
            exit(2);
        }
        poll(NULL, 0, PAUSE_MS);
    }
}

void agents_ledger(const char *line) {
    agents.ledger = line;
}

void agents_go_to(int number) {
    char path[64];
    snprintf(path, sizeof path, "%s/run%d", agents.folder, number);
    setenv("XDG_RUNTIME_DIR", path, 1);
    snprintf(path, sizeof path, "%s/desk%d", agents.folder, number);
    setenv("CORPS_AGENT", path, 1);
}

void agents_begin(int count) {
    snprintf(agents.folder, sizeof agents.folder, "/tmp/corps-agents-XXXXXX");
    if (mkdtemp(agents.folder) == NULL) {
        die("cannot make a folder");
    }
    agents.count = count;
    char path[64];
    snprintf(path, sizeof path, "%s/hosts", agents.folder);
    FILE *hosts = fopen(path, "w");
    for (int i = 1; hosts != NULL && i <= count; i++) {
        fprintf(hosts, "%d %s 127.0.0.%d:%d 4 %s\n", i, names[i - 1], i, free_port(i), i == 1 ? "here" : "there");
        char runtime[64];
        snprintf(runtime, sizeof runtime, "%s/run%d", agents.folder, i);
        if (mkdir(runtime, 0700) != 0) {
            die(runtime);
        }
    }
    if (hosts != NULL && agents.ledger != NULL) {
        fprintf(hosts, "%s\n", agents.ledger);
    }
    if (hosts == NULL || fclose(hosts) != 0) {
        die(path);
    }
    char agent[512], option[] = "--make-key", key[64];
    snprintf(agent, sizeof agent, "%s", program());
    snprintf(key, sizeof key, "%s/key", agents.folder);
    char *argv[] = {agent, option, key, NULL};
    int status;
    waitpid(run(argv), &status, 0);
    for (int i = 1; i <= count; i++) {
        agents_start(i);
    }
    agents_go_to(1);
}

int agents_pid(int number) {
    return agents.pids[number];
}

void agents_kill(int number) {
    kill(agents.pids[number], SIGKILL);
    waitpid(agents.pids[number], NULL, 0);
    agents.pids[number] = 0;
}

void agents_tell(const char *option, const char *host) {
    char agent[512], what[32], whom[32];
    snprintf(agent, sizeof agent, "%s", program());
    snprintf(what, sizeof what, "%s", option);
    snprintf(whom, sizeof whom, "%s", host);
    char *argv[] = {agent, what, whom, NULL};
    int status = -1;
    if (waitpid(run(argv), &status, 0) < 0 || status != 0) {
        die(what);
    }
}

int agents_envs(int number) {
    char command[640], name[32], line[4096] = "";
    snprintf(command, sizeof command, "%s --list --json", program());
    FILE *said = popen(command, "r");
    size_t bytes = said != NULL ? fread(line, 1, sizeof line - 1, said) : 0;
    line[bytes] = '\0';
    if (said == NULL || pclose(said) != 0) {
        die(command);
    }
    snprintf(name, sizeof name, "\"name\":\"%s\"", names[number - 1]);
    const char *at = strstr(line, name);
    const char *envs = at != NULL ? strstr(at, "\"envs\":") : NULL;
    if (envs == NULL) {
        fprintf(stderr, "agents: no Envs of host %d in: %s\n", number, line);
        exit(2);
    }
    return atoi(envs + strlen("\"envs\":"));
}

int agents_terminate(int number) {
    int status = -1;
    kill(agents.pids[number], SIGTERM);
    waitpid(agents.pids[number], &status, 0);
    agents.pids[number] = 0;
    return status;
}

/* Of what may be left of Corps in a runtime directory. */
static bool is_empty(int number) {
    char path[64];
    snprintf(path, sizeof path, "%s/run%d/corps", agents.folder, number);
    DIR *dir = opendir(path);
    bool empty = true;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            fprintf(stderr, "agents: %s/%s is left\n", path, entry->d_name);
            empty = false;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return empty;
}

bool agents_end(void) {
    bool clean = true;
    for (int i = 1; i <= agents.count; i++) {
        if (agents.pids[i] != 0) {
            kill(agents.pids[i], SIGTERM);
            kill(agents.pids[i], SIGCONT);
            waitpid(agents.pids[i], NULL, 0);
        }
    }
    for (int i = 1; i <= agents.count; i++) {
        clean = is_empty(i) && clean;
    }
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", agents.folder);
    return system(command) == 0 && clean;
}
