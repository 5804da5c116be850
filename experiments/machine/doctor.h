/* `corps-lab doctor`: what could prevent or spoil a run. A check prints one or more lines.
 *
 *   doctor.c        the command, leftovers, serializers, Python
 *   doctor_system.c processors, kernel, limits, sockets and queues
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "lab.h"

enum lab_health { LAB_OK, LAB_WARN, LAB_FAIL };

struct lab_doctor {
    unsigned warn_count;
    unsigned fail_count;
};

/* One line: "ok    processors    2 may be used". The text says what to do unless all is well. */
void lab_doctor_say(struct lab_doctor *doctor, enum lab_health health, const char *what, const char *format, ...)
    CORPS_PRINTF(4, 5);

void lab_doctor_processors(struct lab_doctor *doctor);
void lab_doctor_governor(struct lab_doctor *doctor);
void lab_doctor_virtual(struct lab_doctor *doctor);
void lab_doctor_clock(struct lab_doctor *doctor);
void lab_doctor_load(struct lab_doctor *doctor);
void lab_doctor_mqueue(struct lab_doctor *doctor);
void lab_doctor_pipe(struct lab_doctor *doctor);
void lab_doctor_shm(struct lab_doctor *doctor);
void lab_doctor_tcp(struct lab_doctor *doctor);
void lab_doctor_files(struct lab_doctor *doctor);

#endif
