/* Standard input, output and error. */
#ifndef CORPS_BASE_STANDARD_H
#define CORPS_BASE_STANDARD_H

/* Where this process lacks one of them (a daemon's; `>&-` of a shell), /dev/null takes its place, and programs that are
 * started inherit that. Otherwise the next descriptor that is opened would: what prints would write into a socket, and
 * libuv ends a process that closes one of them. First of all, before there are threads. */
void corps__standard_fill(void);

#endif
