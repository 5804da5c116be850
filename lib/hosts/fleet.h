/* The fleet of a Corps that lives on several hosts: process/fleet.h over agents (hosts/courier.h). */
#ifndef CORPS_HOSTS_FLEET_H
#define CORPS_HOSTS_FLEET_H

/* Has the floor below use it, unless another one was set. Before an Env's main begins, or any Corps is created. */
void corps__hosts_begin(void);

#endif
