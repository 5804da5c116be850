#include "cell/cell.h"
#include "cell/peers.h"
#include "cli/cli.h"
#include "cli/places.h"
#include "raw/raw.h"

#include <corps/serializer.h>
#include <corps/transport.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* `corps-lab list --plain WHAT [KEY]`: bare words, one a line, for shell completion and other programs. */

static void commands(void) {
    const struct lab_command *command;
    for (unsigned i = 0; (command = lab_command_at(i)) != NULL; i++) {
        puts(command->name);
    }
}

static void keys(void) {
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        puts(field->name);
    }
}

static void transports(void) {
    const char *summary;
    for (unsigned i = 0; corps_transport_at(i) != NULL; i++) {
        puts(corps_transport_at(i)->name);
    }
    for (unsigned i = 0; lab_raw_at(i, &summary) != NULL; i++) {
        puts(lab_raw_at(i, &summary));
    }
    for (unsigned i = 0; lab_peer_at(i) != NULL; i++) {
        puts(lab_peer_at(i)->name);
    }
}

static void serializers(void) {
    for (unsigned i = 0; corps_serializer_name_at(i) != NULL; i++) {
        puts(corps_serializer_name_at(i));
    }
}

static void workloads(void) {
    for (unsigned i = 0; lab_workload_at(i) != NULL; i++) {
        puts(lab_workload_at(i)->name);
    }
}

static void payloads(void) {
    const char *summary;
    for (unsigned i = 0; lab_payload_form_at(i, &summary) != NULL; i++) {
        puts(lab_payload_form_at(i, &summary));
    }
}

static void words(const char *text) {
    for (size_t length; *text != '\0'; text += length + (text[length] == ' ')) {
        length = strcspn(text, " ");
        printf("%.*s\n", (int)length, text);
    }
}

/* The values that a key may have, where they can be listed. */
static bool values(const char *key) {
    static const struct {
        const char *key;
        void (*print)(void);
    } lists[] = {
        {"transport", transports},
        {"serializer", serializers},
        {"workload", workloads},
        {"payload", payloads},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (strcmp(lists[i].key, key) == 0) {
            lists[i].print();
            return true;
        }
    }
    const char *word;
    const char *meaning;
    for (unsigned i = 0; (word = lab_cell_word_at(key, i, &meaning)) != NULL; i++) {
        puts(word);
    }
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL; i++) {
        if (strcmp(field->name, key) == 0) {
            fputs(field->number && field->max == 1 ? "0\n1\n" : "", stdout);
            return true; /* a key without a list has no words */
        }
    }
    return false;
}

/* A line for each transport: its name, its capabilities joined by commas, and the controls that bound it where threads
 * sleep, where they spin, where Python calls, and where links are sealed; "-" for none. */
static void traits(void) {
    const struct corps_transport *transport;
    for (unsigned i = 0; (transport = corps_transport_at(i)) != NULL; i++) {
        printf("%s ", transport->name);
        const char *before = lab_print_capabilities(transport, "", ",");
        const char *asleep = transport->control_block;
        bool leaves = (transport->capabilities & CORPS_TRANSPORT_REMOTE) != 0;
        printf("%s %s %s %s %s\n", before[0] == '\0' ? "-" : "", asleep != NULL ? asleep : "-",
               transport->control_spin != NULL ? transport->control_spin : "-",
               asleep != NULL ? raw_of_python((transport->capabilities & CORPS_TRANSPORT_INTRA) != 0)->name : "-",
               leaves ? raw_that_seals()->name : "-");
    }
}

/* The matrices that come with the program, by the names that `run` takes. */
static void matrices(void) {
    char folder[PATH_MAX];
    DIR *entries = opendir(lab_place("matrices", folder));
    for (const struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        if (strlen(entry->d_name) > 5 && strcmp(entry->d_name + strlen(entry->d_name) - 5, ".yaml") == 0) {
            puts(entry->d_name);
        }
    }
    if (entries != NULL) {
        closedir(entries);
    }
}

int lab_list_plain(const struct lab_command *command, const char *what, const char *key) {
    bool wants_key = what != NULL && strcmp(what, "values") == 0;
    bool ok = what != NULL && wants_key == (key != NULL);
    if (ok && wants_key) {
        ok = values(key);
    } else if (ok && strcmp(what, "commands") == 0) {
        commands();
    } else if (ok && strcmp(what, "keys") == 0) {
        keys();
    } else if (ok && strcmp(what, "matrices") == 0) {
        matrices();
    } else if (ok && strcmp(what, "traits") == 0) {
        traits();
    } else if (ok && strcmp(what, "topics") == 0) {
        words(LAB_LIST_TOPICS);
    } else {
        ok = false;
    }
    return ok ? LAB_EXIT_OK
              : lab_usage(command,
                          "--plain prints one of: commands topics keys traits matrices, or the values of a key");
}
