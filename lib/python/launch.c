#include "core.h"

#include "base/dir.h"
#include "base/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Envs are forked by a template process. A request is one packet, the Env's number and the Corps' tag, with three
 * descriptors: the control channel, the pipe for pid and wait status, and the template's own socket, so that the new
 * process can ask it too. The template answers through the pipe: 4 bytes pid, and 4 bytes wait status at the end. */

static int template_fd = -1;
#define ANSWER_MS 20000

static enum corps_err ask(const char *tag, unsigned env, int control_fd, int status_fd) {
    uint32_t number = env;
    struct iovec parts[2] = {{.iov_base = &number, .iov_len = sizeof number},
                             {.iov_base = (void *)(uintptr_t)tag, .iov_len = strlen(tag)}};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(3 * sizeof(int));
    const int fds[3] = {control_fd, status_fd, template_fd};
    memcpy(CMSG_DATA(rights), fds, sizeof fds);
    while (sendmsg(template_fd, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            return corps_error_system("the template process of Python's Envs does not answer");
        }
    }
    return CORPS_OK;
}

static enum corps_err launch(void *arg, const char *tag, unsigned env, int control_fd,
                             struct corps_launched *launched) {
    (void)arg;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return corps_error_system("cannot make a pipe for Env %u", env);
    }
    enum corps_err err = ask(tag, env, control_fd, ends[1]);
    close(ends[1]);
    int32_t pid = 0;
    if (err == CORPS_OK) {
        struct pollfd answer = {.fd = ends[0], .events = POLLIN};
        int ready;
        do {
            ready = poll(&answer, 1, ANSWER_MS);
        } while (ready < 0 && errno == EINTR);
        if (ready <= 0 || read(ends[0], &pid, sizeof pid) != (ssize_t)sizeof pid || pid <= 0) {
            err = corps_error_set(CORPS_ERR_SYSTEM, "the template process could not start Env %u", env);
        }
    }
    if (err != CORPS_OK) {
        close(ends[0]);
        return err;
    }
    launched->pid = pid;
    launched->status_fd = ends[0];
    return CORPS_OK;
}

PyObject *corps__py_template_set(PyObject *module, PyObject *fd) {
    (void)module;
    long number = PyLong_AsLong(fd);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    template_fd = (int)number;
    corps_launcher_set(number >= 0 ? launch : NULL, NULL);
    Py_RETURN_NONE;
}

PyObject *corps__py_remove_dead(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    return PyLong_FromLong(corps__dir_clean(true, NULL, NULL));
}

PyObject *corps__py_fill_standard(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    corps__standard_fill();
    Py_RETURN_NONE;
}
