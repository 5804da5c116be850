#include "core.h"

#include <corps/transport.h>

#include <msgpack.h>
#include <sodium.h>
#include <uv.h>

/* What `python -m corps` says of this build. */

/* Appends and drops `item`; false, and the list is gone, when there is none or no memory. */
static bool append(PyObject **list, PyObject *item) {
    if (item == NULL || PyList_Append(*list, item) != 0) {
        Py_CLEAR(*list);
    }
    Py_XDECREF(item);
    return *list != NULL;
}

/* [word …] of a transport's capabilities. */
static PyObject *words_of(uint32_t capabilities) {
    static const struct {
        uint32_t bit;
        const char *word;
    } words[] = {
#define WORD(name, bit, word, text) {CORPS_TRANSPORT_##name, word},
        CORPS_TRANSPORT_CAPABILITIES(WORD)
#undef WORD
    };
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < sizeof words / sizeof words[0]; i++) {
        if ((capabilities & words[i].bit) != 0 && !append(&list, PyUnicode_FromString(words[i].word))) {
            break;
        }
    }
    return list;
}

static PyObject *transports(void) {
    PyObject *list = PyList_New(0);
    const struct corps_transport *transport;
    for (unsigned i = 0; list != NULL && (transport = corps_transport_at(i)) != NULL; i++) {
        if (!append(&list, Py_BuildValue("(sN)", transport->name, words_of(transport->capabilities)))) {
            break;
        }
    }
    return list;
}

static PyObject *serializers(void) {
    PyObject *list = PyList_New(0);
    const char *name;
    for (unsigned i = 0; list != NULL && (name = corps_serializer_name_at(i)) != NULL; i++) {
        if (!append(&list, PyUnicode_FromString(name))) {
            break;
        }
    }
    return list;
}

/* about() → ([(transport, [capability …]) …], [serializer …], {library: version}) */
PyObject *corps__py_about(PyObject *module, PyObject *none) {
    (void)module;
    (void)none;
    return Py_BuildValue("(NN{ssssss})", transports(), serializers(), "libuv", uv_version_string(), "libsodium",
                         sodium_version_string(), "msgpack-c", MSGPACK_VERSION);
}
