
/*
 * Copyright (C) Ficus authors
 */


/* What the unit tests have in common. */


#ifndef UNIT_H_INCLUDED
#define UNIT_H_INCLUDED


#include <check.h>
#include <stddef.h>


#define UNIT_COUNT(array)  (sizeof(array) / sizeof(array[0]))


/*
 * Runs tests, each in a process of its own, and returns what main() should.
 */

int unit_run(const char *name, const TTest *const *tests, size_t count);


/*
 * Sends what is written to a file descriptor to a file without a name;
 * unit_captured() ends that and returns what was written, with a NUL behind
 * it, for the caller to free.  One descriptor at a time.
 */

void unit_capture(int fd);
char *unit_captured(void);


#endif /* UNIT_H_INCLUDED */
