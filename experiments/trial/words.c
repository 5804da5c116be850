#include "trial/words.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void lab_words_begin(struct lab_words *words) {
    *words = (struct lab_words){.file = memfd_create("words", MFD_CLOEXEC), .own = -1};
    words->own = words->file >= 0 ? dup(STDERR_FILENO) : -1;
    if (words->own >= 0) {
        dup2(words->file, STDERR_FILENO);
    }
}

void lab_words_created(struct lab_words *words) {
    if (words->own >= 0) {
        dup2(words->own, STDERR_FILENO);
        close(words->own);
        words->own = -1;
    }
}

static bool is_of_restart(const char *line) {
    static const char end[] = "it is started again\n";
    size_t bytes = strlen(line);
    return bytes >= sizeof end - 1 && strcmp(line + bytes - (sizeof end - 1), end) == 0;
}

void lab_words_end(struct lab_words *words) {
    FILE *file = words->file >= 0 && lseek(words->file, 0, SEEK_SET) == 0 ? fdopen(words->file, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    while (file != NULL && getline(&line, &room, file) > 0) {
        if (!is_of_restart(line)) {
            fputs(line, stderr);
        }
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    } else if (words->file >= 0) {
        close(words->file);
    }
}
