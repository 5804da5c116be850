#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static struct termios before;
static bool is_open;
static volatile sig_atomic_t ends, resized, stops;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
enum { ENDING = sizeof ending / sizeof ending[0] };

static void on_signal(int number) {
    if (number == SIGWINCH) {
        resized = 1;
    } else if (number == SIGTSTP) {
        stops = 1;
    } else {
        ends = 1;
    }
}

/* For waits that poll: they come in nowhere else, so none is missed. */
static void block(sigset_t *open) {
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < ENDING; i++) {
        sigaddset(&blocked, ending[i]);
    }
    sigaddset(&blocked, SIGWINCH);
    sigaddset(&blocked, SIGTSTP);
    pthread_sigmask(SIG_BLOCK, &blocked, open);
}

static void take_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < ENDING; i++) {
        sigaction(ending[i], &action, NULL);
    }
    sigaction(SIGWINCH, &action, NULL);
}

static void set_terminal(void) {
    struct termios now = before;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    now.c_cc[VMIN] = 0;
    now.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
}

static void say(const char *text) {
    const struct top_text whole = {.bytes = (char *)text, .used = strlen(text)};
    (void)top_put(&whole); /* a terminal that is gone needs nothing */
}

enum corps_err top_screen_open(void) {
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return corps_error_system("cannot read keys from standard input; --once needs none");
    }
    take_signals();
    sigaction(SIGTSTP, &(struct sigaction){.sa_handler = on_signal}, NULL);
    set_terminal();
    is_open = true;
    say("\033[?1049h\033[?25l");
    return CORPS_OK;
}

void top_screen_close(void) {
    if (is_open) {
        is_open = false;
        say("\033[?25h\033[?1049l");
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    }
}

void top_screen_size(unsigned *columns, unsigned *lines) {
    struct winsize size = {.ws_col = 0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    *columns = known ? size.ws_col : 80;
    *lines = known ? size.ws_row : 24;
}

bool top_screen_draw(const struct top_text *text) {
    struct top_text whole = {.failed = text->failed};
    top_add(&whole, "\033[H");
    top_add_bytes(&whole, text->bytes,
                  text->used > 0 ? text->used - 1 : 0); /* a line feed in the last line would scroll */
    top_add(&whole, "\033[J");
    bool done = top_put(&whole);
    top_text_free(&whole);
    return done;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Waits until `end`, a signal, or input. False: the time is over. */
static bool wait_until(double end, bool for_keys) {
    double left = end - now_s();
    struct timespec time = {.tv_sec = left > 0 ? (time_t)left : 0};
    time.tv_nsec = left > 0 ? (long)((left - (double)time.tv_sec) * 1e9) : 0;
    struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t open;
    block(&open);
    int ready = ends || resized || stops ? -1 : ppoll(&keys, for_keys, &time, &open);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &open, NULL);
    errno = error;
    return ready != 0;
}

char top_screen_key(double seconds) {
    double end = now_s() + seconds;
    while (wait_until(end, true)) {
        if (ends) {
            return 'q';
        }
        if (stops) { /* Ctrl-Z: who works there meanwhile finds the terminal as it was, and may leave it otherwise */
            stops = 0;
            top_screen_close();
            raise(SIGSTOP);
            return top_screen_open() == CORPS_OK ? 'r' : 'q';
        }
        if (resized) {
            resized = 0;
            return 'r';
        }
        char key;
        ssize_t bytes = read(STDIN_FILENO, &key, 1);
        if (bytes == 1) {
            return key;
        }
        if (bytes == 0 || (errno != EINTR && errno != EAGAIN)) {
            return 'q'; /* the terminal has gone */
        }
    }
    return 0;
}

bool top_sleep(double seconds) {
    take_signals();
    double end = now_s() + seconds;
    while (wait_until(end, false)) {
        if (ends) {
            return false;
        }
        resized = 0;
    }
    return true;
}
