
/*
 * Copyright (C) Ficus authors
 */


/*
 * Processes that share memory whose order nobody guarantees: a store
 * is seen by each of the others at another time, in any order, unless there is
 * a barrier between two stores, and one between two loads.  So it is on ARM
 * and POWER; x86 does less, compilers may do it anywhere.
 *
 * Each process has a copy of the shared memory; the compiler's calls (tsan.c)
 * tell of its loads and stores, and chance when a store comes to whom, and who
 * goes on.  A seed always gives the same run.
 */


#ifndef MODEL_H_INCLUDED
#define MODEL_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


#define MODEL_PROCESSES  4


/*
 * Runs the functions as processes until all have returned.  view[i] is what
 * the i-th sees of the memory; all are alike at the beginning.
 */

typedef void (*model_process_pt)(unsigned number, void *view);

void model_run(const model_process_pt *process, unsigned n, void *memory,
    size_t size, uint64_t seed);

/* of a process: it has seen what must not be; the first text is kept */

void model_fail(const char *text);

/* what a run came to: NULL, or the text of a failure */

const char *model_failure(void);

/* Leaves out a barrier; "function:line", as model_fences() prints them. */

void model_leave_out(const char *fence);

/* prints the barriers that there were, a line each */

void model_fences(void);

uint64_t model_random(void);


#endif /* MODEL_H_INCLUDED */
