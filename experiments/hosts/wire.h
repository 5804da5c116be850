/* A wire: a process that passes frames between the hosts of a trial, each after the time that a real one would take.
 *
 * It has a packet socket (packet(7)) at each port of the switch and knows hosts by the last byte of their hardware
 * address. A frame leaves when all that its host sent before has left, at the rate that is set (with what Ethernet adds
 * to each), and arrives after the delay. Segments that the kernel has not cut yet pass as they are (PACKET_VNET_HDR)
 * and take the time of the frames that they would have been. What does not fit into a host's queue is dropped, as a
 * switch does.
 *
 * It uses processor time of its own, which no trial counts: about two system calls a frame.
 */
#ifndef LAB_WIRE_H
#define LAB_WIRE_H

#include "hosts/net.h"

enum { LAB_WIRE_QUEUE_BYTES = 16 << 20 }; /* waiting, of each host: what 10 Gbit/s carry in 13 ms */

/* Starts the process and sets net->wire; it ends with the caller. False with a line in `error`. */
bool lab_wire_start(struct lab_net *net, unsigned delay_us, unsigned rate_mbit, char error[LAB_ERROR_BYTES]);

/* What a frame of so many bytes takes on the wire in bytes, where the kernel would cut it into segments of
 * `segment_bytes` (0: not at all) behind `header_bytes` each. */
size_t lab_wire_bytes(size_t frame_bytes, size_t header_bytes, size_t segment_bytes);

#endif
