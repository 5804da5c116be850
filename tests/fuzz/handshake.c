/* The proof of a TCP peer. Either a stranger sends the input as it is, in pieces of any length; or two that know the
 * secret talk, and the input is XORed upon what they say. Nobody is believed but who knows the secret and was heard
 * unchanged. */
#include "fuzz.h"
#include "tcp_auth.h"

#include <sodium.h>

static const uint8_t secret[CORPS_SECRET_BYTES] = "a secret of two, and nobody else";

/* The same in every run: libFuzzer must be able to repeat what it saw. */
static uint32_t not_random(void) {
    static uint32_t state = 1;
    return state = state * 1664525u + 1013904223u; /* Numerical Recipes */
}

static const char *implementation(void) {
    return "for tests";
}

static void fill(void *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        ((uint8_t *)data)[i] = (uint8_t)(not_random() >> 24);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    static randombytes_implementation numbers = {
        .implementation_name = implementation, .random = not_random, .buf = fill};
    must(randombytes_set_implementation(&numbers) == 0 && sodium_init() >= 0);
    return 0;
}

static void stranger(struct script *script, bool listener) {
    struct corps__auth auth;
    uint8_t out[128];
    size_t out_bytes;
    corps__auth_start(&auth, secret, listener, out);
    while (script->left > 0) {
        size_t wants = corps__auth_wants(&auth);
        must(wants > 0 && wants <= sizeof auth.in);
        const uint8_t *data;
        size_t bytes =
            script_bytes(script, 1 + script_byte(script) % (wants + 1), &data); /* one more than it wants, too */
        enum corps_err err = corps__auth_feed(&auth, data, bytes, out, &out_bytes);
        must(!auth.proved && out_bytes <= sizeof out);
        if (err != CORPS_OK) {
            must(corps_error_detail()[0] != '\0');
            return;
        }
    }
}

/* Hands what one says to the other, with the input upon it. False: refused. */
static bool say(struct script *script, struct corps__auth *to, uint8_t *message, size_t *bytes, bool *changed) {
    for (size_t i = 0; i < *bytes; i++) {
        uint8_t with = script_byte(script);
        *changed = *changed || with != 0;
        message[i] ^= with;
    }
    uint8_t answer[128];
    size_t answer_bytes = 0;
    bool well = corps__auth_feed(to, message, *bytes, answer, &answer_bytes) == CORPS_OK;
    memcpy(message, answer, answer_bytes);
    *bytes = answer_bytes;
    return well;
}

static void two_that_know(struct script *script) {
    struct corps__auth connector, listener;
    uint8_t message[128], nothing[128];
    bool changed = false;
    corps__auth_start(&listener, secret, true, nothing);
    size_t bytes = corps__auth_start(&connector, secret, false, message);
    bool well = say(script, &listener, message, &bytes, &changed) &&
                say(script, &connector, message, &bytes, &changed) && say(script, &listener, message, &bytes, &changed);
    must(well == !changed && listener.proved == !changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct script script = {.at = data, .left = bytes};
    uint8_t who = script_byte(&script) % 3;
    if (who == 2) {
        two_that_know(&script);
    } else {
        stranger(&script, who == 1);
    }
    return 0;
}
