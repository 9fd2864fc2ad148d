
/*
 * Copyright (C) Ficus authors
 */


/* Included before all else in what is tried on model.c. */


#ifndef FENCE_H_INCLUDED
#define FENCE_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>


#undef ngx_memory_barrier
#define ngx_memory_barrier()  model_fence(__func__, __LINE__)


/* a barrier of the module; model.c may be told to leave it out */

void model_fence(const char *function, int line);


#endif /* FENCE_H_INCLUDED */
