
/*
 * Copyright (C) Ficus authors
 */


/*
 * A ramp's guard by what shadows have found: the share of an arm's comparisons
 * that differ from the baseline in more than noise.
 */


#include "ngx_http_strangler_ramp.h"
#include "ngx_http_strangler_evidence.h"


/* good are those that were equal; both are 0 without strangler_shadow */

void
ngx_http_strangler_compared(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_tries_t *tries)
{
    ngx_http_strangler_shadows_t  *shadows;

    shadows = split->sh->shadows;

    if (split->shadow == NULL || shadows == NULL) {
        ngx_memzero(tries, sizeof(ngx_http_strangler_tries_t));
        return;
    }

    *tries = shadows->arm[split->arm[arm].id];
}


/* noise has been left out already, so the baseline counts as never different */

ngx_uint_t
ngx_http_strangler_judge_mismatch(ngx_http_strangler_pair_t *pair,
    ngx_http_strangler_why_t *why)
{
    double                        a, n, margin, more;
    ngx_http_strangler_watch_t   *w;
    ngx_http_strangler_sample_t   arm, base, arm_before, base_before;

    if (pair->ramp->mismatch_ratio == 0) {
        return ngx_http_strangler_advance;
    }

    w = pair->arm;
    margin = (pair->ramp->mismatch_ratio - 1) / NGX_HTTP_STRANGLER_UNIT;

    arm.x = pair->compared.failed - w->seen_diff.failed;
    arm.n = pair->compared.good - w->seen_diff.good + arm.x;
    arm_before.x = w->seen_diff.failed - w->start_diff.failed;
    arm_before.n = w->seen_diff.good - w->start_diff.good + arm_before.x;

    base.x = 0;
    base.n = arm.n;
    base_before.x = 0;
    base_before.n = arm_before.n;

    if (pair->block) {
        more = ngx_http_strangler_evidence(&arm, &base, &arm_before,
                                           &base_before, margin);
        w->mismatch += (int64_t) (more * NGX_HTTP_STRANGLER_UNIT);
    }

    n = arm_before.n + arm.n;
    a = n ? (arm_before.x + arm.x) / n : 0;

    if (a > margin
        && w->mismatch / NGX_HTTP_STRANGLER_UNIT
           >= ngx_http_strangler_limit_of(pair))
    {
        ngx_http_strangler_say(why, "%V: %.2f%% of %.0f answers differ from "
                               "the baseline", pair->name, 100 * a, n);
        return ngx_http_strangler_roll_back;
    }

    if (a > margin) {
        ngx_http_strangler_say(why, "%V: %.2f%% of %.0f answers differ from "
                               "the baseline, not certain yet", pair->name,
                               100 * a, n);
        return ngx_http_strangler_wait_on;
    }

    if (n < pair->ramp->requests || n == 0) {
        ngx_http_strangler_say(why, "%V: %.0f of %ui answers compared",
                               pair->name, n,
                               (ngx_uint_t) ngx_max(pair->ramp->requests, 1));
        return ngx_http_strangler_wait_on;
    }

    return ngx_http_strangler_advance;
}
