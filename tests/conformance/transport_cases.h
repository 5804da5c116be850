/* The cases of the conformance suite, by file; transport.c runs them all. Every case runs for every transport, and
 * skips itself, with a reason, where a capability excludes it. */
#ifndef TRANSPORT_CASES_H
#define TRANSPORT_CASES_H

/* Skips the case when the transport has the capability. */
#define SKIP_IF(capability, reason)                                                                                    \
    do {                                                                                                               \
        if (has(capability)) {                                                                                         \
            print_message("skipped for %s: %s\n", transport->name, (reason));                                          \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Where a case is about addresses that other hosts reach. */
#define SKIP_UNLESS_REMOTE(reason)                                                                                     \
    do {                                                                                                               \
        if (!has(CORPS_TRANSPORT_REMOTE)) {                                                                            \
            print_message("skipped for %s: %s\n", transport->name, (reason));                                          \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

#define SKIP_DISCARDS SKIP_IF(CORPS_TRANSPORT_DISCARDS, "it delivers nothing")

/* Where a case needs two ends. */
#define SKIP_ONE_ENDED                                                                                                 \
    do {                                                                                                               \
        SKIP_DISCARDS;                                                                                                 \
        SKIP_IF(CORPS_TRANSPORT_INTRA, "it has one end: no second process can connect");                               \
    } while (0)

/* transport_life.c */
void table_is_complete(void **state);
void table_agrees(void **state);
void roles_are_filled(void **state);
void address_fits(void **state);
void connect_and_accept(void **state);
void close_leaves_nothing(void **state);
void name_in_use(void **state);
void bind_in_use(void **state);
void bind_to_range(void **state);
void connect_to_nobody(void **state);
void discards(void **state);

/* transport_frames.c */
void order_and_content(void **state);
void sizes(void **state);
void many_segments(void **state);
void very_large(void **state);
void full_then_writable(void **state);
void partial_is_resumed(void **state);
void partial_goes_on_with_a_copy(void **state);
void flood_both_ways(void **state);
void batches_keep_order(void **state);

/* transport_links.c */
void many_links(void **state);
void send_from_a_thread(void **state);

/* transport_loans.c */
void loans(void **state);
void loans_large(void **state);
void loans_of_several(void **state);
void loans_of_several_run_out(void **state);
void loans_run_out(void **state);
void loan_of_a_closed_link(void **state);

/* transport_stress.c */
void stress(void **state);

/* transport_wake.c */
void frame_before_arm(void **state);
void frames_left_before_arm(void **state);
void frame_after_arm(void **state);
void room_after_arm(void **state);
void connect_after_arm(void **state);
void close_after_arm(void **state);
void word_after_arm(void **state);
void ping_pong_asleep(void **state);

/* transport_end.c */
void close_in_flight(void **state);
void close_under_a_sender(void **state);
void killed_peer(void **state);
void oversize_frame(void **state);
void garbage_on_the_socket(void **state);
void wrong_secret(void **state);
void silent_peer(void **state);
void flush_amid_a_frame(void **state);

/* transport_blocked.c */
void dies_while_full(void **state);
void dies_while_partial(void **state);
void dies_while_placed(void **state);
void dies_while_held_back(void **state);
void dies_while_flushing(void **state);
void dies_while_connecting(void **state);
void dies_while_others_send(void **state);
void dies_among_many(void **state);
void full_before_connected(void **state);
void no_memory_for_a_frame(void **state);

/* transport_flags.c */
void shared_descriptors_block(void **state);

#endif
