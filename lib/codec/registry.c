#include "codec/registry.h"

#include "base/hooks.h"
#include "base/module.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRANSPORT(name) extern const struct corps_transport corps_transport_##name;
#define SERIALIZER(name) extern const struct corps_serializer corps_serializer_##name;
#ifdef CORPS_PYTHON_BUILT_IN /* an extension module of Python holds them itself */
#define MODULE_SERIALIZER(name, module) SERIALIZER(name)
#else
#define MODULE_SERIALIZER(name, module)
#endif
#include "registry_rows.h"
#undef TRANSPORT
#undef SERIALIZER
#undef MODULE_SERIALIZER

static const struct corps_transport *const transports[] = {
#define TRANSPORT(name) &corps_transport_##name,
#include "registry_rows.h"
#undef TRANSPORT
    NULL,
};

/* A serializer's row: its table, or the module that holds it. It is loaded and started under `lock`; `started`, once
 * true, stays so. */
struct row {
    const char *name;
    const char *module;
    const struct corps_serializer *table;
    _Atomic bool started;
};

static struct row serializers[] = {
#define SERIALIZER(n) {.name = #n, .table = &corps_serializer_##n},
#ifdef CORPS_PYTHON_BUILT_IN
#define MODULE_SERIALIZER(n, m) SERIALIZER(n)
#else
#define MODULE_SERIALIZER(n, m) {.name = #n, .module = #m},
#endif
#include "registry_rows.h"
#undef SERIALIZER
#undef MODULE_SERIALIZER
};

enum { SERIALIZER_COUNT = sizeof serializers / sizeof serializers[0] };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* By wire id, once started: the hot path reads this without the lock. */
const struct corps_serializer *_Atomic corps__serializers_started[256];

/* ---- modules ---- */

static void *open_module(const char *module) {
    char file[NAME_MAX];
    char reason[256];
    snprintf(file, sizeof file, "%s.so", module);
    void *handle = corps__module_open(file, true, reason, sizeof reason);
    if (handle == NULL) {
        (void)corps_error_set(CORPS_ERR_UNKNOWN, "cannot load module %s: %s; set CORPS_PLUGIN_PATH to its folder", file,
                              reason);
    }
    return handle;
}

static void *module_symbol_locked(const char *module, const char *symbol) {
    static struct {
        const char *name;
        void *handle;
    } opened[4];
    for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++) {
        if (opened[i].name == NULL) {
            opened[i].handle = open_module(module);
            if (opened[i].handle == NULL) {
                return NULL;
            }
            opened[i].name = strdup(module);
        }
        if (opened[i].name != NULL && strcmp(opened[i].name, module) == 0) {
            void *address = corps__module_symbol(opened[i].handle, symbol);
            if (address == NULL) {
                (void)corps_error_set(CORPS_ERR_UNKNOWN, "module %s.so has no symbol %s", module, symbol);
            }
            return address;
        }
    }
    (void)corps_error_set(CORPS_ERR_LIMIT, "too many modules are loaded");
    return NULL;
}

void *corps_module_symbol(const char *module, const char *symbol) {
    pthread_mutex_lock(&lock);
    void *address = module_symbol_locked(module, symbol);
    pthread_mutex_unlock(&lock);
    return address;
}

/* ---- transports ---- */

const struct corps_transport *corps_transport_at(unsigned index) {
    return index < sizeof transports / sizeof transports[0] ? transports[index] : NULL;
}

static void list_names(char *out, size_t out_bytes, const char *(*name_at)(unsigned index)) {
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; name_at(i) != NULL && used < out_bytes; i++) {
        used += (size_t)snprintf(out + used, out_bytes - used, "%s%s", i == 0 ? "" : ", ", name_at(i));
    }
}

static const char *transport_name_at(unsigned index) {
    const struct corps_transport *transport = corps_transport_at(index);
    return transport != NULL ? transport->name : NULL;
}

const struct corps_transport *corps_transport_find(const char *name) {
    for (unsigned i = 0; transports[i] != NULL; i++) {
        if (strcmp(transports[i]->name, name) == 0) {
            return transports[i];
        }
    }
    char known[256];
    list_names(known, sizeof known, transport_name_at);
    (void)corps_error_set(CORPS_ERR_UNKNOWN, "there is no transport '%s'; choose one of: %s", name, known);
    return NULL;
}

const struct corps_transport *corps_transport_with(uint32_t capabilities) {
    for (unsigned i = 0; transports[i] != NULL; i++) {
        if ((transports[i]->capabilities & capabilities) == capabilities) {
            return transports[i];
        }
    }
    return NULL;
}

/* What has a capability needs others, and excludes some. */
static bool capabilities_agree(uint32_t capabilities) {
    enum {
        ROLES_BETWEEN = CORPS_TRANSPORT_DEFAULT | CORPS_TRANSPORT_SYSTEM,
        ROLES = ROLES_BETWEEN | CORPS_TRANSPORT_MAILBOX,
    };
    static const struct {
        uint32_t has, needs, excludes;
    } rules[] = {
        {CORPS_TRANSPORT_BY_REFERENCE, CORPS_TRANSPORT_INTRA, 0},
        {CORPS_TRANSPORT_MAILBOX, CORPS_TRANSPORT_BY_REFERENCE, 0},
        {CORPS_TRANSPORT_INTRA, 0, CORPS_TRANSPORT_REMOTE | ROLES_BETWEEN},
        {CORPS_TRANSPORT_DISCARDS, 0, ROLES},
        {CORPS_TRANSPORT_COMPARISON, 0, ROLES},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if ((capabilities & rules[i].has) != 0 &&
            ((capabilities & rules[i].needs) != rules[i].needs || (capabilities & rules[i].excludes) != 0)) {
            return false;
        }
    }
    return true;
}

enum corps_err corps_transport_check(const struct corps_transport *t) {
    bool mandatory = t->name != NULL && t->summary != NULL && t->open != NULL && t->close != NULL &&
                     t->connect != NULL && t->disconnect != NULL && t->send != NULL && t->poll != NULL &&
                     t->release != NULL && t->arm != NULL;
    bool loan = (t->loan != NULL) == ((t->capabilities & CORPS_TRANSPORT_LOAN) != 0);
    bool delivers = (t->capabilities & CORPS_TRANSPORT_DISCARDS) == 0;
    bool controls = (t->control_block != NULL) == delivers && (t->control_spin != NULL) == delivers;
    if (!mandatory || !loan || !controls || !capabilities_agree(t->capabilities) ||
        t->endpoint_bytes < sizeof(struct corps_endpoint)) {
        return corps_error_set(CORPS_ERR_INVALID,
                               "transport table '%s' is not complete or contradicts itself; see corps/transport.h",
                               t->name != NULL ? t->name : "?");
    }
    return CORPS_OK;
}

/* ---- serializers ---- */

const char *corps_serializer_name_at(unsigned index) {
    return index < SERIALIZER_COUNT ? serializers[index].name : NULL;
}

enum corps_err corps_serializer_check(const struct corps_serializer *s) {
    if (s->name == NULL || s->summary == NULL || s->encode == NULL || s->decode == NULL) {
        return corps_error_set(CORPS_ERR_INVALID, "serializer table '%s' is not complete; see corps/serializer.h",
                               s->name != NULL ? s->name : "?");
    }
    return CORPS_OK;
}

static enum corps_err start_serializer_locked(struct row *row) {
    if (row->started) {
        return CORPS_OK;
    }
    if (row->table == NULL) {
        char symbol[64];
        snprintf(symbol, sizeof symbol, "corps_serializer_%s", row->name);
        row->table = module_symbol_locked(row->module, symbol);
        if (row->table == NULL) {
            return CORPS_ERR_UNKNOWN;
        }
    }
    enum corps_err err = corps_serializer_check(row->table);
    if (err == CORPS_OK && row->table->start != NULL) {
        err = row->table->start();
    }
    if (err == CORPS_OK) {
        row->started = true;
        corps__serializers_started[row->table->wire_id] = row->table;
    }
    return err;
}

static enum corps_err start_serializer(struct row *row, const struct corps_serializer **serializer) {
    enum corps_err err = CORPS_OK;
    if (!atomic_load_explicit(&row->started, memory_order_acquire)) {
        void *given_up = corps__give_up(); /* Python's serializers take the interpreter's lock to start */
        pthread_mutex_lock(&lock);
        err = start_serializer_locked(row);
        pthread_mutex_unlock(&lock);
        corps__take_back(given_up);
    }
    if (err == CORPS_OK) {
        *serializer = row->table;
    }
    return err;
}

enum corps_err corps_serializer_find(const char *name, const struct corps_serializer **serializer) {
    for (unsigned i = 0; i < SERIALIZER_COUNT; i++) {
        if (strcmp(serializers[i].name, name) == 0) {
            return start_serializer(&serializers[i], serializer);
        }
    }
    char known[256];
    list_names(known, sizeof known, corps_serializer_name_at);
    return corps_error_set(CORPS_ERR_UNKNOWN, "there is no serializer '%s'; choose one of: %s", name, known);
}

enum corps_err corps_serializer_by_wire_id(uint8_t wire_id, const struct corps_serializer **serializer) {
    const struct corps_serializer *known = corps__serializers_started[wire_id];
    if (known != NULL) {
        *serializer = known;
        return CORPS_OK;
    }
    /* Not started yet in this process: rows that are not loaded have no number to compare, so start them in turn. */
    for (unsigned i = 0; i < SERIALIZER_COUNT; i++) {
        const struct corps_serializer *found;
        if ((serializers[i].table == NULL || serializers[i].table->wire_id == wire_id) &&
            start_serializer(&serializers[i], &found) == CORPS_OK && found->wire_id == wire_id) {
            *serializer = found;
            return CORPS_OK;
        }
    }
    return corps_error_set(CORPS_ERR_UNKNOWN, "no serializer with number %u is built into this program", wire_id);
}

bool corps__serializer_is_safe(uint8_t wire_id) {
    for (unsigned i = 0; i < SERIALIZER_COUNT; i++) {
        /* The table of a module is there once it is loaded: what is in one counts as unsafe, loaded or not. */
        const struct row *row = &serializers[i];
        if (row->module == NULL && row->table->wire_id == wire_id) {
            return (row->table->capabilities & CORPS_SERIALIZER_UNTRUSTED) != 0;
        }
    }
    return false;
}

bool corps__serializer_is_here(const char *name) {
    for (unsigned i = 0; i < SERIALIZER_COUNT; i++) {
        if (strcmp(serializers[i].name, name) == 0) {
            return serializers[i].module == NULL || atomic_load_explicit(&serializers[i].started, memory_order_acquire);
        }
    }
    return false;
}

enum corps_err corps__registry_check(void) {
    for (unsigned i = 0; transports[i] != NULL; i++) {
        enum corps_err err = corps_transport_check(transports[i]);
        if (err != CORPS_OK) {
            return err;
        }
    }
    for (unsigned i = 0; i < SERIALIZER_COUNT; i++) {
        if (serializers[i].table != NULL && corps_serializer_check(serializers[i].table) != CORPS_OK) {
            return CORPS_ERR_INVALID;
        }
    }
    return CORPS_OK;
}

void corps__registry_forked(void) {
    pthread_mutex_init(&lock, NULL);
}
