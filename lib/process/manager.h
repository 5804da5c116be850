/* The manager: Conc 0 of every Env, which makes and ends Concs. */
#ifndef CORPS_MANAGER_H
#define CORPS_MANAGER_H

#include <corps.h>

extern const struct corps_class corps__manager_class;

#endif
