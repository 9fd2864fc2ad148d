
/*
 * Copyright (C) Ficus authors
 */


/*
 * The counters of an arm.  A request adds to those of its own process alone;
 * who reads them adds them up.
 */


#include "ngx_http_strangler.h"


static ngx_http_strangler_lane_t *ngx_http_strangler_new_lanes(
    ngx_slab_pool_t *shpool, ngx_uint_t n);


/* upper bounds of the histogram's buckets, nanoseconds */

const uint64_t  ngx_http_strangler_bounds[NGX_HTTP_STRANGLER_BOUNDS] = {
    500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000,
    100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000,
    10000000000
};


/* as many as there are worker processes; a reload may bring more of them */

ngx_int_t
ngx_http_strangler_add_lanes(ngx_http_strangler_split_t *split, ngx_uint_t arm)
{
    ngx_uint_t                   n, id;
    ngx_slab_pool_t             *shpool;
    ngx_http_strangler_sh_t     *sh;
    ngx_http_strangler_lane_t  **lane;

    sh = split->sh;
    shpool = split->zone->shpool;
    id = split->arm[arm].id;

    n = split->main->core->worker_processes;
    n = ngx_min(ngx_max(n, 1), NGX_HTTP_STRANGLER_LANES);

    for (lane = &sh->lane[id]; *lane && n; lane = &(*lane)->next) {
        n--;
    }

    if (n) {
        *lane = ngx_http_strangler_new_lanes(shpool, n);
        if (*lane == NULL) {
            return NGX_ERROR;
        }
    }

    if (sh->breaker[id] == NULL) {
        sh->breaker[id] = ngx_slab_calloc(shpool,
                                        sizeof(ngx_http_strangler_breaker_t));
    }

    if (sh->watch[id] == NULL) {
        sh->watch[id] = ngx_slab_calloc(shpool,
                                        sizeof(ngx_http_strangler_watch_t));
    }

    if (sh->past[id] == NULL) {
        sh->past[id] = ngx_slab_calloc(shpool, NGX_HTTP_STRANGLER_ROUTES
                                         * sizeof(ngx_http_strangler_past_t));
    }

    return sh->breaker[id] && sh->watch[id] && sh->past[id] ? NGX_OK
                                                            : NGX_ERROR;
}


static ngx_http_strangler_lane_t *
ngx_http_strangler_new_lanes(ngx_slab_pool_t *shpool, ngx_uint_t n)
{
    ngx_http_strangler_lane_t  *lane;

    lane = ngx_slab_calloc(shpool, n * sizeof(ngx_http_strangler_lane_t));
    if (lane == NULL) {
        return NULL;
    }

    while (--n) {
        lane[n - 1].next = &lane[n];
    }

    ngx_memory_barrier();

    return lane;
}


/* the arm's counters that this process adds to */

void
ngx_http_strangler_lanes(ngx_http_strangler_split_t *split, ngx_uint_t worker)
{
    ngx_uint_t                 i, n;
    ngx_http_strangler_sh_t   *sh;
    ngx_http_strangler_arm_t  *arm;

    sh = split->sh;
    arm = split->arm;

    for (i = 0; i < split->narms; i++) {

        arm[i].breaker = sh->breaker[arm[i].id];
        arm[i].lane = sh->lane[arm[i].id];

        for (n = worker; n; n--) {
            arm[i].lane = arm[i].lane->next ? arm[i].lane->next
                                            : sh->lane[arm[i].id];
        }
    }
}


/* all but the routes */

void
ngx_http_strangler_sum(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_lane_t *sum)
{
    ngx_uint_t                  n;
    ngx_atomic_t               *to, *from;
    ngx_http_strangler_lane_t  *lane;

    ngx_memzero(sum, sizeof(ngx_http_strangler_lane_t));

    to = (ngx_atomic_t *) sum;

    for (lane = split->sh->lane[split->arm[arm].id]; lane; lane = lane->next) {
        from = (ngx_atomic_t *) lane;

        for (n = 0;
             n < offsetof(ngx_http_strangler_lane_t, next)
                 / sizeof(ngx_atomic_t);
             n++)
        {
            to[n] += from[n];
        }
    }
}


/* on the routes from first to last */

void
ngx_http_strangler_sum_visits(ngx_http_strangler_lane_t *lane,
    ngx_uint_t first, ngx_uint_t last, ngx_http_strangler_visits_t *sum)
{
    ngx_uint_t                    i, n;
    ngx_http_strangler_visits_t  *visits;

    ngx_memzero(sum, sizeof(ngx_http_strangler_visits_t));

    for ( /* void */ ; lane; lane = lane->next) {

        for (i = first; i <= last; i++) {
            visits = &lane->visits[i];

            for (n = 0; n < ngx_http_strangler_decided_n; n++) {
                sum->requests[n] += visits->requests[n];
            }

            sum->last = ngx_max(sum->last, visits->last);
        }
    }
}


/* that an arm was chosen for */

ngx_atomic_uint_t
ngx_http_strangler_requests(ngx_http_strangler_split_t *split, ngx_uint_t arm)
{
    ngx_uint_t                   n;
    ngx_atomic_uint_t            requests;
    ngx_http_strangler_visits_t  sum;

    ngx_http_strangler_sum_visits(split->sh->lane[split->arm[arm].id], 0,
                                  NGX_HTTP_STRANGLER_OTHER, &sum);
    requests = 0;

    for (n = 0; n < ngx_http_strangler_decided_n; n++) {
        requests += sum.requests[n];
    }

    return requests;
}


/* how the tries of an arm have ended */

void
ngx_http_strangler_tries(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_tries_t *tries)
{
    ngx_uint_t                  n;
    ngx_http_strangler_lane_t  *lane;

    tries->good = 0;
    tries->failed = 0;

    for (lane = split->sh->lane[split->arm[arm].id]; lane; lane = lane->next) {

        tries->failed += lane->failures;

        for (n = 0; ngx_http_strangler_codes[n]; n++) {
            if (ngx_http_strangler_codes[n] < NGX_HTTP_INTERNAL_SERVER_ERROR) {
                tries->good += lane->code[n];
            }
        }

        tries->good += lane->code[n];
    }
}


/* the upper bound of a part of a bucket; the last one has none */

uint64_t
ngx_http_strangler_fine(ngx_uint_t n)
{
    uint64_t    low, high;
    ngx_uint_t  i;

    i = n / NGX_HTTP_STRANGLER_FINE;

    low = i ? ngx_http_strangler_bounds[i - 1] : 0;
    high = (i < NGX_HTTP_STRANGLER_BOUNDS) ? ngx_http_strangler_bounds[i]
                                           : 10 * low;

    /* a third and two thirds of the way, on a scale of ratios */

    switch (n % NGX_HTTP_STRANGLER_FINE) {

    case 0:
        return low + (high - low) * 26 / 100;

    case 1:
        return low + (high - low) * 59 / 100;

    default:
        return high;
    }
}
