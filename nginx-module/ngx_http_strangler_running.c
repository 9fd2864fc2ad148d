
/*
 * Copyright (C) Ficus authors
 */


/* How many requests with a shadow each worker process has. */


#include "ngx_http_strangler_shadow.h"


static void ngx_http_strangler_widen(ngx_http_strangler_shadows_t *shadows,
    ngx_uint_t n);


/* NULL when there are too many processes */

ngx_http_strangler_running_t *
ngx_http_strangler_claim(ngx_http_strangler_shadows_t *shadows)
{
    ngx_uint_t  i;

    ngx_http_strangler_clear_dead(shadows);

    for (i = 0; i < NGX_HTTP_STRANGLER_PROCESSES; i++) {
        if (ngx_atomic_cmp_set(&shadows->running[i].pid, 0,
                               (ngx_atomic_uint_t) ngx_pid))
        {
            shadows->running[i].n = 0;
            ngx_http_strangler_widen(shadows, i + 1);

            return &shadows->running[i];
        }
    }

    return NULL;
}


/* whoever adds up need not look further */

static void
ngx_http_strangler_widen(ngx_http_strangler_shadows_t *shadows, ngx_uint_t n)
{
    ngx_atomic_uint_t  places;

    do {
        places = shadows->places;

    } while (places < n
             && !ngx_atomic_cmp_set(&shadows->places, places, n));
}


void
ngx_http_strangler_clear_dead(ngx_http_strangler_shadows_t *shadows)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  pid;

    for (i = 0; i < shadows->places; i++) {
        pid = shadows->running[i].pid;

        if (pid && kill((ngx_pid_t) pid, 0) == -1 && ngx_errno == ESRCH) {
            (void) ngx_atomic_cmp_set(&shadows->running[i].pid, pid, 0);
        }
    }
}


/* in all processes */

ngx_uint_t
ngx_http_strangler_in_flight(ngx_http_strangler_split_t *split)
{
    ngx_uint_t                     i, n;
    ngx_http_strangler_shadows_t  *shadows;

    n = 0;
    shadows = split->sh->shadows;

    for (i = 0; i < shadows->places; i++) {
        if (shadows->running[i].pid) {
            n += shadows->running[i].n;
        }
    }

    return n;
}
