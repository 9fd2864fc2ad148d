
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a route counts: requests by method and status, seconds by method; for
 * shared/fig_route*.c only.  A series is made when it is first needed; from
 * then on counting takes no lock.
 *
 * Threads: any, but for create and destroy.
 */


#ifndef FIG_ROUTE_COUNT_H_INCLUDED
#define FIG_ROUTE_COUNT_H_INCLUDED


#include "fig_buf.h"


typedef struct fig_route_counts_s  fig_route_counts_t;


/*
 * route is kept, not copied.  NULL without memory.
 */

fig_route_counts_t *fig_route_counts_create(const char *route);
void fig_route_counts_destroy(fig_route_counts_t *counts);     /* NULL: ok */

void fig_route_count(fig_route_counts_t *counts, fig_str_t method,
    unsigned status, uint64_t us);


#endif /* FIG_ROUTE_COUNT_H_INCLUDED */
