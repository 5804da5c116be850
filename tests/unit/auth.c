/* The proof between TCP peers: it succeeds with one secret, and fails with another, a replay, a reflection, a flipped
 * bit. */
#include "tcp_auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct talk {
    struct corps__auth connector, listener;
    uint8_t hello[128], challenge[128], proof[128];
    size_t hello_bytes, challenge_bytes, proof_bytes;
};

/* Up to the connector's proof. */
static enum corps_err begin(struct talk *talk, const uint8_t *ours, const uint8_t *theirs) {
    uint8_t nothing[128];
    talk->hello_bytes = corps__auth_start(&talk->connector, ours, false, talk->hello);
    assert_int_equal(corps__auth_start(&talk->listener, theirs, true, nothing), 0);
    enum corps_err err =
        corps__auth_feed(&talk->listener, talk->hello, talk->hello_bytes, talk->challenge, &talk->challenge_bytes);
    assert_int_equal(err, CORPS_OK);
    return corps__auth_feed(&talk->connector, talk->challenge, talk->challenge_bytes, talk->proof, &talk->proof_bytes);
}

static const uint8_t secret[CORPS_SECRET_BYTES] = "one secret";
static const uint8_t other[CORPS_SECRET_BYTES] = "another secret";

static void test_same_secret(void **state) {
    (void)state;
    struct talk talk;
    uint8_t nothing[128];
    size_t none;
    assert_int_equal(begin(&talk, secret, secret), CORPS_OK);
    assert_true(talk.connector.proved);
    assert_false(talk.listener.proved);
    for (size_t i = 0; i < talk.proof_bytes; i++) { /* byte by byte, as a slow network may deliver it */
        assert_false(talk.listener.proved);
        assert_int_equal(corps__auth_feed(&talk.listener, talk.proof + i, 1, nothing, &none), CORPS_OK);
    }
    assert_true(talk.listener.proved);
    assert_int_equal(corps__auth_wants(&talk.listener), 0);
}

static void test_other_secret(void **state) {
    (void)state;
    struct talk talk;
    assert_int_equal(begin(&talk, secret, other), CORPS_ERR_DENIED);
    assert_false(talk.connector.proved);
}

static void test_replay_and_reflection(void **state) {
    (void)state;
    struct talk first;
    struct talk second;
    uint8_t nothing[128];
    size_t none;
    assert_int_equal(begin(&first, secret, secret), CORPS_OK);
    assert_int_equal(begin(&second, secret, secret), CORPS_OK);
    assert_int_equal(corps__auth_feed(&second.listener, first.proof, first.proof_bytes, nothing, &none),
                     CORPS_ERR_DENIED);
    assert_int_equal(begin(&second, secret, secret), CORPS_OK);
    const uint8_t *own_proof = second.challenge + 4 + CORPS__NONCE_BYTES; /* the listener's, sent back to it */
    assert_int_equal(corps__auth_feed(&second.listener, own_proof, CORPS__PROOF_BYTES, nothing, &none),
                     CORPS_ERR_DENIED);
}

static void test_every_bit_counts(void **state) {
    (void)state;
    uint8_t nothing[128];
    size_t none;
    for (size_t bit = 0; bit < 8u * CORPS__PROOF_BYTES; bit++) {
        struct talk talk;
        assert_int_equal(begin(&talk, secret, secret), CORPS_OK);
        talk.proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(corps__auth_feed(&talk.listener, talk.proof, talk.proof_bytes, nothing, &none),
                         CORPS_ERR_DENIED);
    }
}

static void test_strangers_and_versions(void **state) {
    (void)state;
    struct corps__auth listener;
    uint8_t out[128];
    size_t bytes;
    corps__auth_start(&listener, secret, true, out);
    assert_int_equal(corps__auth_feed(&listener, (const uint8_t *)"GET / HTTP/1.1", 14, out, &bytes), CORPS_ERR_DENIED);
    uint8_t hello[36] = {'C', 'R', 'A', 77};
    corps__auth_start(&listener, secret, true, out);
    assert_int_equal(corps__auth_feed(&listener, hello, sizeof hello, out, &bytes), CORPS_ERR_VERSION);
    corps__auth_start(&listener, secret, true, out);
    uint8_t much[128] = {'C', 'R', 'A', 1};
    assert_int_equal(corps__auth_feed(&listener, much, sizeof much, out, &bytes), CORPS_ERR_PROTOCOL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_secret),
        cmocka_unit_test(test_other_secret),
        cmocka_unit_test(test_replay_and_reflection),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_strangers_and_versions),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
