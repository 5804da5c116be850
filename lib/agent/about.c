#include "about.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "1"

_Static_assert(2 * (64 + 256 + CORPS__HOSTS_BYTES) + 64 < AGENT_ABOUT_BYTES, "the longest line fits");

/* ---- writing ---- */

static char *write_text(char *out, const char *text) {
    *out++ = '\t';
    for (; *text != '\0'; text++) {
        char escaped = *text == '\t' ? 't' : *text == '\n' ? 'n' : *text == '\\' ? '\\' : '\0';
        if (escaped != '\0') {
            *out++ = '\\';
        }
        *out++ = escaped != '\0' ? escaped : *text;
    }
    return out;
}

void agent_about_write(const struct agent_about *about, char *out) {
    char *end = stpcpy(out, VERSION);
    end = write_text(end, about->tag);
    end = write_text(end, about->front);
    end = write_text(end, about->hosts);
    sprintf(end, "\t%d\t%d\t%u", about->stays ? 1 : 0, (int)about->restart, about->numbers);
}

/* ---- reading ---- */

/* One field, up to a tab or the end; gives what stands behind it, NULL if it does not fit or is damaged. */
static const char *read_text(const char *at, char *out, size_t bytes) {
    size_t used = 0;
    for (; *at != '\0' && *at != '\t'; at++) {
        char read = *at;
        if (read == '\\') {
            at++;
            read = *at == 't' ? '\t' : *at == 'n' ? '\n' : *at == '\\' ? '\\' : '\0';
        }
        if (read == '\0' || used + 1 >= bytes) {
            return NULL;
        }
        out[used++] = read;
    }
    out[used] = '\0';
    return *at == '\t' ? at + 1 : at;
}

static const char *read_number(const char *at, unsigned long max, unsigned long *out) {
    char text[16], *end = text;
    at = read_text(at, text, sizeof text);
    errno = 0;
    *out = at != NULL && text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : max + 1;
    return *out <= max && errno == 0 && *end == '\0' ? at : NULL;
}

bool agent_about_read(const char *line, struct agent_about *about) {
    struct agent_about read = {0};
    unsigned long stays = 0, restart = 0, numbers = 0;
    char version[8];
    const char *at = read_text(line, version, sizeof version);
    at = at != NULL && strcmp(version, VERSION) == 0 ? read_text(at, read.tag, sizeof read.tag) : NULL;
    at = at != NULL ? read_text(at, read.front, sizeof read.front) : NULL;
    at = at != NULL ? read_text(at, read.hosts, sizeof read.hosts) : NULL;
    at = at != NULL ? read_number(at, 1, &stays) : NULL;
    at = at != NULL ? read_number(at, CORPS_RESTART_ALWAYS, &restart) : NULL;
    at = at != NULL ? read_number(at, UINT32_MAX, &numbers) : NULL;
    if (at == NULL) {
        return false;
    }
    read.stays = stays != 0;
    read.restart = (enum corps_restart)restart;
    read.numbers = (uint32_t)numbers;
    *about = read;
    return true;
}
