
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_evidence.h"
#include <math.h>


#define NGX_HTTP_STRANGLER_PRIOR  0.18      /* of a pseudo-try, bad and good */
#define NGX_HTTP_STRANGLER_TINY   1e-6


static double ngx_http_strangler_guess(const ngx_http_strangler_sample_t *s);
static double ngx_http_strangler_nearest(double na, double pa, double nb,
    double pb, double margin);
static double ngx_http_strangler_likelihood(
    const ngx_http_strangler_sample_t *s, double p, double q);


double
ngx_http_strangler_evidence(const ngx_http_strangler_sample_t *arm,
    const ngx_http_strangler_sample_t *base,
    const ngx_http_strangler_sample_t *arm_before,
    const ngx_http_strangler_sample_t *base_before, double margin)
{
    double  pa, pb, q;

    pa = ngx_http_strangler_guess(arm_before);
    pb = ngx_http_strangler_guess(base_before);

    /* no bet unless the arm seems worse */

    if (arm->n <= 0 || pa <= pb + margin) {
        return 0;
    }

    q = (base->n > 0)
        ? ngx_http_strangler_nearest(arm->n, pa, base->n, pb, margin)
        : pb;

    return ngx_http_strangler_likelihood(arm, pa, q + margin)
           + ngx_http_strangler_likelihood(base, pb, q);
}


static double
ngx_http_strangler_guess(const ngx_http_strangler_sample_t *s)
{
    double  p;

    p = (s->x + NGX_HTTP_STRANGLER_PRIOR)
        / (s->n + 2 * NGX_HTTP_STRANGLER_PRIOR);

    if (s->n <= 0) {
        p = NGX_HTTP_STRANGLER_TINY;
    }

    return fmin(fmax(p, NGX_HTTP_STRANGLER_TINY),
                1 - NGX_HTTP_STRANGLER_TINY);
}


/*
 * The baseline's rate of the hypothesis that is nearest to the bet: where
 * na KL(pa, q + margin) + nb KL(pb, q) is least, between pb and pa - margin.
 */

static double
ngx_http_strangler_nearest(double na, double pa, double nb, double pb,
    double margin)
{
    int     i;
    double  low, high, q, r, slope;

    low = pb;
    high = pa - margin;

    for (i = 0; i < 60; i++) {
        q = (low + high) / 2;
        r = q + margin;

        slope = na * (r - pa) / (r * (1 - r)) + nb * (q - pb) / (q * (1 - q));

        if (slope < 0) {
            low = q;

        } else {
            high = q;
        }
    }

    return (low + high) / 2;
}


static double
ngx_http_strangler_likelihood(const ngx_http_strangler_sample_t *s, double p,
    double q)
{
    return s->x * log(p / q) + (s->n - s->x) * log((1 - p) / (1 - q));
}
