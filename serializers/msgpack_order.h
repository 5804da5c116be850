/* msgpack-c's headers know the byte order of the machine that they were configured on, not of the one that is compiled
 * for: used for a machine of the other order, they would write and read wrong numbers without a word. Included after
 * any of them. */
#ifndef CORPS_MSGPACK_ORDER_H
#define CORPS_MSGPACK_ORDER_H

#if defined(MSGPACK_ENDIAN_BIG_BYTE) && (MSGPACK_ENDIAN_BIG_BYTE != 0) != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#error "these headers of msgpack-c are of a machine of the other byte order; use those of the machine compiled for"
#endif

#endif
