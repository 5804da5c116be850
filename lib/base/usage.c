#include "base/usage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NS = 1000000000, THREADS_AT = 20, START_AT = 22, RSS_AT = 24 }; /* fields as proc(5) counts them */

static int64_t clock_ns(clockid_t clock) {
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS + now.tv_nsec;
}

/* Field `number` of the text of /proc/self/stat, after the program's name, which may hold anything; 0: there is none.
 */
static int64_t field(const char *text, int number) {
    const char *at = strrchr(text, ')');
    for (int i = 2; at != NULL && i < number; i++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoll(at + 1, NULL, 10) : 0;
}

void corps__usage_now(struct corps__usage *usage) {
    char text[1024] = "";
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[bytes > 0 ? bytes : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    int64_t start_ns = field(text, START_AT) * (NS / sysconf(_SC_CLK_TCK)); /* since the machine's */
    usage->up_ns = start_ns > 0 ? clock_ns(CLOCK_BOOTTIME) - start_ns : 0;
    usage->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    usage->rss_bytes = field(text, RSS_AT) * sysconf(_SC_PAGESIZE);
    usage->threads = field(text, THREADS_AT);
}
