/* Answering requests. */
#ifndef CORPS_REPLY_H
#define CORPS_REPLY_H

#include "actor/conc.h"
#include "codec/wire.h"

/* Answers a request, by Future or by frame; frees the message. */
void corps__reply(struct corps__message *message, const struct corps__conc *conc, struct corps_box *args_box,
                  const struct corps_value *result);
void corps__reply_failure(struct corps__message *message, const struct corps__conc *conc, enum corps_err code,
                          const char *type, const char *text);
void corps__reply_failed(struct corps__message *message, const struct corps__conc *conc,
                         const struct corps_error_info *info);

/* The two halves of corps__reply for a request of another Env whose result is not nil: encodes it in the caller's
 * serializer into the empty `encoding` (errors: of that, TOO_LARGE); sends what was encoded, and frees the message. */
enum corps_err corps__result_encode(const struct corps__message *message, const struct corps__conc *conc,
                                    const struct corps_value *result, struct corps_encoding *encoding,
                                    uint8_t *serializer) CORPS_CHECKED;
void corps__reply_encoded(struct corps__message *message, const struct corps__conc *conc, uint8_t serializer,
                          const struct corps_encoding *encoding);

/* Refuses a request for which there is no message, and gives its room back. With the lead: never waits. Errors:
 * PROTOCOL (the peer reads no answers), NO_MEMORY. */
enum corps_err corps__refuse(struct corps__peer *peer, const struct corps__header *request, size_t charge_bytes,
                             enum corps_err code, const char *text) CORPS_CHECKED;

#endif
