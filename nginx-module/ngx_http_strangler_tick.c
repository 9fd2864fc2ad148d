
/*
 * Copyright (C) Ficus authors
 */


/*
 * Every worker process has two timers.  At the first, the first process in a
 * tenth of a second does what is to be done as time passes, so there is no
 * leader that could die.  At the other each looks at the state files.
 */


#include "ngx_http_strangler_ledger.h"
#include "ngx_http_strangler_shadow.h"


#define NGX_HTTP_STRANGLER_TICK   100
#define NGX_HTTP_STRANGLER_WATCH  1000


static void ngx_http_strangler_timer(ngx_cycle_t *cycle, ngx_event_t *ev,
    ngx_http_strangler_main_conf_t *mcf, ngx_event_handler_pt handler);
static void ngx_http_strangler_tick_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_strangler_tick_mine(ngx_http_strangler_sh_t *sh);
static void ngx_http_strangler_watch_handler(ngx_event_t *ev);


void
ngx_http_strangler_timers(ngx_cycle_t *cycle,
    ngx_http_strangler_main_conf_t *mcf)
{
    ngx_http_strangler_timer(cycle, &mcf->tick, mcf,
                             ngx_http_strangler_tick_handler);
    ngx_http_strangler_timer(cycle, &mcf->watch, mcf,
                             ngx_http_strangler_watch_handler);
}


/* runs the handler at once, which sets the timer again as often as it likes */

static void
ngx_http_strangler_timer(ngx_cycle_t *cycle, ngx_event_t *ev,
    ngx_http_strangler_main_conf_t *mcf, ngx_event_handler_pt handler)
{
    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = handler;
    ev->data = mcf;
    ev->log = cycle->log;
    ev->cancelable = 1;

    handler(ev);
}


static void
ngx_http_strangler_tick_handler(ngx_event_t *ev)
{
    ngx_http_strangler_main_conf_t *mcf = ev->data;

    ngx_uint_t                    i, mine;
    ngx_http_strangler_split_t  **split;

    if (ngx_exiting || ngx_terminate) {
        ngx_http_strangler_shadow_exit(mcf);
        return;
    }

    split = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {

        mine = ngx_http_strangler_tick_mine(split[i]->sh);

        if (mine && split[i]->rescue.enabled) {
            ngx_http_strangler_rescue_tick(split[i]);
        }

        if (mine && split[i]->breaker.enabled) {
            ngx_http_strangler_breaker_tick(split[i]);
        }

        if (split[i]->breaker.enabled) {
            ngx_http_strangler_effect(split[i]);
        }

        ngx_http_strangler_shadow_tick(split[i]);

        if (mine || mcf->stepped) {
            ngx_http_strangler_ramp_tick(split[i]);
        }

        if (mine) {
            ngx_http_strangler_ledger_tick(split[i]);
        }
    }

    mcf->stepped = 0;

    ngx_add_timer(ev, NGX_HTTP_STRANGLER_TICK);
}


/* a clock that went back makes it ours at once */

static ngx_uint_t
ngx_http_strangler_tick_mine(ngx_http_strangler_sh_t *sh)
{
    ngx_atomic_uint_t  last;

    last = sh->tick;

    return (ngx_atomic_uint_t) ngx_current_msec - last
           >= NGX_HTTP_STRANGLER_TICK - 5
           && ngx_atomic_cmp_set(&sh->tick, last, ngx_current_msec);
}


static void
ngx_http_strangler_watch_handler(ngx_event_t *ev)
{
    ngx_http_strangler_main_conf_t *mcf = ev->data;

    ngx_uint_t                    i;
    ngx_http_strangler_split_t  **split;

    split = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {
        ngx_http_strangler_look(split[i], ev->log);
    }

    ngx_add_timer(ev, NGX_HTTP_STRANGLER_WATCH);
}
