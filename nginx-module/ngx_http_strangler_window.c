
/*
 * Copyright (C) Ficus authors
 */


/*
 * Counters only ever grow; what happened in a window of time is the difference
 * between now and a row that was written then.  A row is written every tenth
 * of the window by the process that has the tick, and read without a lock:
 * there are more rows than a window needs, so the one being written is not one
 * that is looked for.
 */


#include "ngx_http_strangler.h"


void
ngx_http_strangler_window_add(ngx_http_strangler_window_t *window,
    ngx_msec_t now, ngx_atomic_uint_t a, ngx_atomic_uint_t b)
{
    ngx_http_strangler_row_t  *row;

    row = &window->row[(window->head + 1) % NGX_HTTP_STRANGLER_WINDOW];

    row->at = 0;
    ngx_memory_barrier();

    row->a = a;
    row->b = b;

    ngx_memory_barrier();
    row->at = now;

    ngx_memory_barrier();
    window->head++;
}


/* the oldest row that is not older than since; row->at is 0 without one */

void
ngx_http_strangler_window_get(ngx_http_strangler_window_t *window,
    ngx_msec_t since, ngx_http_strangler_row_t *row)
{
    ngx_uint_t                 i;
    ngx_atomic_uint_t          head;
    ngx_http_strangler_row_t  *r;

    row->at = 0;
    head = window->head;

    for (i = 0; i < NGX_HTTP_STRANGLER_WINDOW - 2 && i < head; i++) {
        r = &window->row[(head - i) % NGX_HTTP_STRANGLER_WINDOW];

        if (r->at == 0 || (ngx_msec_int_t) (r->at - since) < 0) {
            break;
        }

        *row = *r;
    }
}
