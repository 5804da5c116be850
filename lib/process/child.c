#include "process/child.h"

#include "wait/wait.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_TIMEOUT_MS 1000 /* between a process's end and its parent's word about it */

/* One of this host. */
struct local {
    struct corps__child child; /* first */
    uv_poll_t poll;
    int pidfd;
    int status_fd;
    int pid;
    corps__child_fn on_end;
    void *arg;
};

/* How it ended: 0 = not yet, 1 = `wait_status` says it, -1 = nobody knows. */
static int ending_of(const struct local *child, int *wait_status) {
    if (child->status_fd >= 0) {
        struct pollfd in = {.fd = child->status_fd, .events = POLLIN};
        bool told = poll(&in, 1, STATUS_TIMEOUT_MS) > 0 &&
                    read(child->status_fd, wait_status, sizeof *wait_status) == (ssize_t)sizeof *wait_status;
        return told ? 1 : -1;
    }
    siginfo_t info = {0};
    if (waitid((idtype_t)P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) != 0) {
        return -1; /* the program ignores SIGCHLD, or has waited for every child itself */
    }
    *wait_status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0) : info.si_status;
    return info.si_pid != 0 ? 1 : 0;
}

/* As the shell names it. */
static void name_signal(int number, char name[24]) {
    if (sigabbrev_np(number) != NULL) {
        snprintf(name, 24, "SIG%s", sigabbrev_np(number));
    } else if (number > SIGRTMIN && number <= SIGRTMAX) {
        snprintf(name, 24, "SIGRTMIN+%d", number - SIGRTMIN);
    } else {
        snprintf(name, 24, "%s", number == SIGRTMIN ? "SIGRTMIN" : "SIG?"); /* ?: the C library's own */
    }
}

static void on_child(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct local *child = poll->data;
    int wait_status = 0;
    int known = ending_of(child, &wait_status);
    if (known == 0) {
        return;
    }
    uv_poll_stop(&child->poll);
    char text[96];
    if (known < 0) {
        snprintf(text, sizeof text, "(pid %d) has ended, and its exit status was taken by somebody else", child->pid);
    } else if (WIFEXITED(wait_status)) {
        snprintf(text, sizeof text, "(pid %d) exited with status %d", child->pid, WEXITSTATUS(wait_status));
    } else {
        char name[24];
        name_signal(WTERMSIG(wait_status), name);
        snprintf(text, sizeof text, "(pid %d) was killed by signal %d (%s)", child->pid, WTERMSIG(wait_status), name);
    }
    bool in_order = known > 0 && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
    bool by_signal = known > 0 && WIFSIGNALED(wait_status);
    child->on_end(child->arg, text, in_order ? CORPS__END_IN_ORDER : by_signal ? CORPS__END_SIGNAL : CORPS__END_FAILED);
}

static void close_status(int status_fd) {
    if (status_fd >= 0) {
        close(status_fd);
    }
}

static void kill_local(struct corps__child *child) {
    syscall(SYS_pidfd_send_signal, ((struct local *)child)->pidfd, SIGKILL, NULL, 0);
}

static void free_local(uv_handle_t *handle) {
    free(handle->data);
}

static void close_local(struct corps__child *child) {
    struct local *local = (struct local *)child;
    uv_poll_stop(&local->poll);
    close(local->pidfd);
    close_status(local->status_fd);
    uv_close((uv_handle_t *)&local->poll, free_local);
    corps__loop_changed();
}

static void forget_local(const struct corps__child *child) {
    close_status(((const struct local *)child)->status_fd);
}

static const struct corps__child_ops local_ops = {.kill = kill_local, .close = close_local, .forget = forget_local};

enum corps_err corps__child_watch(int pid, int status_fd, corps__child_fn on_end, void *arg,
                                  struct corps__child **child) {
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
    if (pidfd < 0) {
        close_status(status_fd);
        return corps_error_system("cannot watch process %d (Linux 5.4 or later is needed)", pid);
    }
    struct local *made = calloc(1, sizeof *made);
    if (made == NULL) {
        close(pidfd);
        close_status(status_fd);
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to watch a process");
    }
    *made = (struct local){
        .child = {&local_ops}, .pidfd = pidfd, .status_fd = status_fd, .pid = pid, .on_end = on_end, .arg = arg};
    made->poll.data = made;
    int failed = uv_poll_init(corps__loop(), &made->poll, pidfd);
    if (failed != 0) {
        free(made);
        close(pidfd);
        close_status(status_fd);
        return corps_error_set(CORPS_ERR_SYSTEM, "cannot watch process %d: %s", pid, uv_strerror(failed));
    }
    uv_poll_start(&made->poll, UV_READABLE, on_child);
    corps__loop_changed();
    *child = &made->child;
    return CORPS_OK;
}

void corps__child_kill(struct corps__child *child) {
    if (child != NULL) {
        child->ops->kill(child);
    }
}

void corps__child_close(struct corps__child *child) {
    if (child != NULL) {
        child->ops->close(child);
    }
}

void corps__child_forget(const struct corps__child *child) {
    if (child != NULL && child->ops->forget != NULL) {
        child->ops->forget(child);
    }
}
