
/*
 * Copyright (C) Ficus authors
 */


/*
 * A ramp moves the weights step by step, as long as the arms that grow do not
 * do worse than the baseline.  At each tick the worker process that has it
 * looks at what has been answered since the last one and comes to a verdict:
 * advance, hold, or roll back.  A step is a change like one of an operator:
 * durable, a generation of its own, in the history.
 */


#include "ngx_http_strangler_ramp.h"
#include "ngx_http_strangler_evidence.h"
#include <math.h>


#define NGX_HTTP_STRANGLER_ALPHA  0.01
#define NGX_HTTP_STRANGLER_HELD   10000     /* its number is another's now */
#define NGX_HTTP_STRANGLER_ALONE  10000     /* the baseline is not asked */


static ngx_int_t ngx_http_strangler_hold(ngx_http_strangler_progress_t *p);
static void ngx_http_strangler_ramp_look(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp);
static ngx_uint_t ngx_http_strangler_ramp_new(
    ngx_http_strangler_split_t *split, ngx_http_strangler_ramp_t *ramp,
    uint64_t generation);
static void ngx_http_strangler_counters(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_tries_t *tries,
    ngx_atomic_uint_t *bound);
static ngx_uint_t ngx_http_strangler_judge(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, ngx_http_strangler_why_t *why);
static ngx_uint_t ngx_http_strangler_is_block(
    ngx_http_strangler_split_t *split);
static ngx_uint_t ngx_http_strangler_judge_arm(
    ngx_http_strangler_split_t *split, ngx_http_strangler_ramp_t *ramp,
    ngx_uint_t arm, ngx_uint_t block, ngx_http_strangler_why_t *why);
static ngx_uint_t ngx_http_strangler_judge_errors(
    ngx_http_strangler_pair_t *pair, ngx_http_strangler_why_t *why);
static ngx_uint_t ngx_http_strangler_judge_latency(
    ngx_http_strangler_pair_t *pair, ngx_http_strangler_why_t *why);
static ngx_uint_t ngx_http_strangler_quantile(const ngx_atomic_uint_t *to,
    const ngx_atomic_uint_t *from, double q, ngx_uint_t *n);
static double ngx_http_strangler_above(const ngx_atomic_uint_t *to,
    const ngx_atomic_uint_t *from, ngx_uint_t bound);


/* in each worker process, ten times a second */

void
ngx_http_strangler_ramp_tick(ngx_http_strangler_split_t *split)
{
    ngx_http_strangler_progress_t  *p;

    p = &split->sh->progress;

    if (split->local->word != split->sh->word) {
        ngx_http_strangler_refresh(split);
    }

    if (split->local->ramp.state != ngx_http_strangler_running
        || split->stepping
        || ngx_http_strangler_hold(p) != NGX_OK)
    {
        return;
    }

    ngx_http_strangler_ramp_look(split, &split->local->ramp);

    ngx_memory_barrier();
    p->holder = 0;
}


/*
 * A lock that is not waited for; one whose holder has died is taken over.  Who
 * and since when are one word, so that nobody takes a new holder for an old
 * one.
 */

static ngx_int_t
ngx_http_strangler_hold(ngx_http_strangler_progress_t *p)
{
    ngx_pid_t          pid;
    ngx_atomic_uint_t  holder, self;

    holder = p->holder;
    pid = (ngx_pid_t) (holder & 0xffffffff);

    if (pid && pid != ngx_pid
        && (uint32_t) ngx_current_msec - (uint32_t) (holder >> 32)
           < NGX_HTTP_STRANGLER_HELD
        && (kill(pid, 0) == 0 || ngx_errno != ESRCH))
    {
        return NGX_AGAIN;
    }

    self = (ngx_atomic_uint_t) ngx_current_msec << 32 | (uint32_t) ngx_pid;

    return ngx_atomic_cmp_set(&p->holder, holder, self) ? NGX_OK : NGX_AGAIN;
}


static void
ngx_http_strangler_ramp_look(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp)
{
    ngx_uint_t                      verdict;
    ngx_http_strangler_why_t        why;
    ngx_http_strangler_progress_t  *p;

    p = &split->sh->progress;
    why.len = 0;

    if (ngx_http_strangler_ramp_new(split, ramp, split->local->generation)) {
        return;
    }

    verdict = ngx_http_strangler_roll_back;

    if (ramp->end == 0) {
        verdict = ngx_http_strangler_judge(split, ramp, &why);
    }

    if ((verdict != ngx_http_strangler_roll_back || ramp->end)
        && (ngx_msec_int_t) (ngx_current_msec - p->due) < 0)
    {
        if (why.len == 0) {
            ngx_http_strangler_say(&why, "the step lasts %.1f s",
                                   (double) ramp->every / 1000);
        }

        verdict = ngx_http_strangler_wait_on;
    }

    /* a step has failed, here or in another process */

    if ((ngx_msec_int_t) (ngx_current_msec - p->retry) < 0) {
        ngx_http_strangler_say(&why, "the state cannot be written at this "
                               "moment");
        verdict = ngx_http_strangler_wait_on;
    }

    ngx_http_strangler_ramp_tell(split, verdict, &why);

    if (verdict != ngx_http_strangler_wait_on
        && ngx_http_strangler_step_start(split, verdict, &why) == NGX_ERROR)
    {
        p->retry = ngx_current_msec + NGX_HTTP_STRANGLER_STEP_RETRY;
    }
}


/* whether this generation is seen for the first time */

static ngx_uint_t
ngx_http_strangler_ramp_new(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, uint64_t generation)
{
    ngx_uint_t                      i, first;
    ngx_http_strangler_watch_t     *w;
    ngx_http_strangler_progress_t  *p;

    p = &split->sh->progress;

    if (p->generation == generation) {
        return 0;
    }

    first = (p->id != ramp->id);

    for (i = 0; i < split->narms; i++) {
        w = split->sh->watch[split->arm[i].id];

        ngx_http_strangler_tries(split, i, &w->step);

        if (first) {
            ngx_http_strangler_counters(split, i, &w->seen, w->seen_bound);
            ngx_http_strangler_compared(split, i, &w->seen_diff);

            w->start = w->seen;
            w->start_diff = w->seen_diff;
            w->errors = 0;
            w->latency = 0;
            w->mismatch = 0;

            ngx_memcpy(w->start_bound, w->seen_bound, sizeof(w->seen_bound));
        }
    }

    if (first) {
        p->looked = ngx_current_msec;
    }

    /* steps follow each other without the delay of the tick */

    if (first || (ngx_msec_int_t) (p->due + 500 - ngx_current_msec) < 0) {
        p->due = ngx_current_msec;
    }

    p->due += ramp->every;
    p->retry = ngx_current_msec;
    p->id = (ngx_atomic_uint_t) ramp->id;
    p->generation = (ngx_atomic_uint_t) generation;

    return 1;
}


static void
ngx_http_strangler_counters(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_tries_t *tries, ngx_atomic_uint_t *bound)
{
    ngx_uint_t                 i;
    ngx_http_strangler_lane_t  sum;

    ngx_http_strangler_tries(split, arm, tries);
    ngx_http_strangler_sum(split, arm, &sum);

    for (i = 0; i < NGX_HTTP_STRANGLER_BUCKETS; i++) {
        bound[i] = sum.bound[i];
    }
}


/* of all arms that grow, but for the baseline; the worst verdict counts */

static ngx_uint_t
ngx_http_strangler_judge(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, ngx_http_strangler_why_t *why)
{
    ngx_uint_t                   i, id, block, verdict, worst;
    ngx_http_strangler_watch_t  *w;

    block = ngx_http_strangler_is_block(split);
    worst = ngx_http_strangler_advance;

    for (i = 0; i < split->narms; i++) {
        id = split->arm[i].id;

        if (i == split->baseline || ramp->to[id] <= ramp->from[id]) {
            continue;
        }

        verdict = ngx_http_strangler_judge_arm(split, ramp, i, block, why);

        if (verdict == ngx_http_strangler_roll_back) {
            return verdict;
        }

        worst = ngx_max(worst, verdict);
    }

    if (!block) {
        return worst;
    }

    split->sh->progress.looked = ngx_current_msec;

    for (i = 0; i < split->narms; i++) {
        w = split->sh->watch[split->arm[i].id];
        ngx_http_strangler_counters(split, i, &w->seen, w->seen_bound);
        ngx_http_strangler_compared(split, i, &w->seen_diff);
    }

    return worst;
}


/*
 * What the arm does while the baseline is not asked says nothing, since both
 * may have become worse; it goes into one block with the baseline's next tries.
 * A baseline that nobody asks any more is taken to be what it was.
 */

static ngx_uint_t
ngx_http_strangler_is_block(ngx_http_strangler_split_t *split)
{
    ngx_http_strangler_watch_t  *w;
    ngx_http_strangler_tries_t   now;

    w = split->sh->watch[split->arm[split->baseline].id];

    ngx_http_strangler_tries(split, split->baseline, &now);

    return now.good != w->seen.good || now.failed != w->seen.failed
           || split->local->weights.weight[split->baseline] == 0
           || ngx_current_msec - split->sh->progress.looked
              >= NGX_HTTP_STRANGLER_ALONE;
}


static ngx_uint_t
ngx_http_strangler_judge_arm(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, ngx_uint_t arm, ngx_uint_t block,
    ngx_http_strangler_why_t *why)
{
    ngx_uint_t                   n, worst;
    ngx_http_strangler_pair_t    pair;
    ngx_http_strangler_watch_t  *w;

    w = split->sh->watch[split->arm[arm].id];

    if (ngx_http_strangler_state(split, arm) == ngx_http_strangler_open) {
        ngx_http_strangler_say(why, "%V: the breaker has opened",
                               &split->arm[arm].name);
        return ngx_http_strangler_roll_back;
    }

    pair.ramp = ramp;
    pair.name = &split->arm[arm].name;
    pair.arms = split->narms;
    pair.block = block;
    pair.arm = w;
    pair.base = split->sh->watch[split->arm[split->baseline].id];

    ngx_http_strangler_counters(split, arm, &pair.arm_now,
                                pair.arm_bound);
    ngx_http_strangler_counters(split, split->baseline, &pair.base_now,
                                pair.base_bound);

    ngx_http_strangler_compared(split, arm, &pair.compared);

    worst = ngx_http_strangler_judge_errors(&pair, why);

    if (worst != ngx_http_strangler_roll_back) {
        worst = ngx_max(worst, ngx_http_strangler_judge_latency(&pair, why));
    }

    if (worst != ngx_http_strangler_roll_back) {
        worst = ngx_max(worst, ngx_http_strangler_judge_mismatch(&pair, why));
    }

    if (worst == ngx_http_strangler_roll_back) {
        return worst;
    }

    n = pair.arm_now.good - w->step.good + pair.arm_now.failed
        - w->step.failed;

    if (n < ramp->requests) {
        ngx_http_strangler_say(why, "%V: %ui of %ui requests", pair.name, n,
                               (ngx_uint_t) ramp->requests);
        worst = ngx_http_strangler_wait_on;
    }

    return worst;
}


static ngx_uint_t
ngx_http_strangler_judge_errors(ngx_http_strangler_pair_t *pair,
    ngx_http_strangler_why_t *why)
{
    double                        a, b, margin, more;
    ngx_http_strangler_tries_t   *at, *bt;
    ngx_http_strangler_sample_t   arm, base, arm_before, base_before;

    if (pair->ramp->error_ratio == 0) {
        return ngx_http_strangler_advance;
    }

    margin = (pair->ramp->error_ratio - 1) / NGX_HTTP_STRANGLER_UNIT;

    at = &pair->arm->seen;
    bt = &pair->base->seen;

    arm.x = pair->arm_now.failed - at->failed;
    arm.n = pair->arm_now.good - at->good + arm.x;
    base.x = pair->base_now.failed - bt->failed;
    base.n = pair->base_now.good - bt->good + base.x;

    arm_before.x = at->failed - pair->arm->start.failed;
    arm_before.n = at->good - pair->arm->start.good + arm_before.x;
    base_before.x = bt->failed - pair->base->start.failed;
    base_before.n = bt->good - pair->base->start.good + base_before.x;

    if (pair->block) {
        more = ngx_http_strangler_evidence(&arm, &base, &arm_before,
                                           &base_before, margin);
        pair->arm->errors += (int64_t) (more * NGX_HTTP_STRANGLER_UNIT);
    }

    a = (arm_before.x + arm.x) / fmax(arm_before.n + arm.n, 1);
    b = (base_before.x + base.x) / fmax(base_before.n + base.n, 1);

    if (a <= b + margin) {
        return ngx_http_strangler_advance;
    }

    if (pair->arm->errors / NGX_HTTP_STRANGLER_UNIT
        >= ngx_http_strangler_limit_of(pair))
    {
        ngx_http_strangler_say(why, "%V: %.2f%% errors, baseline %.2f%%",
                               pair->name, 100 * a, 100 * b);
        return ngx_http_strangler_roll_back;
    }

    ngx_http_strangler_say(why, "%V: %.2f%% errors, baseline %.2f%%, not "
                           "certain yet", pair->name, 100 * a, 100 * b);

    return ngx_http_strangler_wait_on;
}


/*
 * The share of the arm's answers above so many times the baseline's quantile
 * is to be at most that of the baseline's above it.  The quantile is that of
 * what came before the block.
 */

static ngx_uint_t
ngx_http_strangler_judge_latency(ngx_http_strangler_pair_t *pair,
    ngx_http_strangler_why_t *why)
{
    double                        q, more, x;
    ngx_uint_t                    bound, limit, n, na, qa, qb;
    ngx_http_strangler_watch_t   *a, *b;
    ngx_http_strangler_sample_t   arm, base, arm_before, base_before;

    if (pair->ramp->latency_ratio == 0) {
        return ngx_http_strangler_advance;
    }

    a = pair->arm;
    b = pair->base;
    q = pair->ramp->quantile / NGX_HTTP_STRANGLER_UNIT;

    bound = ngx_http_strangler_quantile(b->seen_bound, b->start_bound, q, &n);

    if (n == 0) {
        return ngx_http_strangler_advance;
    }

    x = (double) ngx_http_strangler_fine(bound) * pair->ramp->latency_ratio
        / 1000;

    for (limit = bound;
         limit + 1 < NGX_HTTP_STRANGLER_BUCKETS
         && (double) ngx_http_strangler_fine(limit) < x;
         limit++)
    {
        /* void */
    }

    arm.n = ngx_http_strangler_above(pair->arm_bound, a->seen_bound, 0);
    arm.x = ngx_http_strangler_above(pair->arm_bound, a->seen_bound,
                                     limit + 1);
    base.n = ngx_http_strangler_above(pair->base_bound, b->seen_bound, 0);
    base.x = ngx_http_strangler_above(pair->base_bound, b->seen_bound,
                                      bound + 1);
    arm_before.n = ngx_http_strangler_above(a->seen_bound, a->start_bound, 0);
    arm_before.x = ngx_http_strangler_above(a->seen_bound, a->start_bound,
                                            limit + 1);
    base_before.n = ngx_http_strangler_above(b->seen_bound, b->start_bound, 0);
    base_before.x = ngx_http_strangler_above(b->seen_bound, b->start_bound,
                                             bound + 1);

    if (pair->block) {
        more = ngx_http_strangler_evidence(&arm, &base, &arm_before,
                                           &base_before, 0);
        a->latency += (int64_t) (more * NGX_HTTP_STRANGLER_UNIT);
    }

    qa = ngx_http_strangler_quantile(pair->arm_bound, a->start_bound, q, &na);
    qb = ngx_http_strangler_quantile(pair->base_bound, b->start_bound, q, &n);

    if (na == 0 || qa <= limit) {
        return ngx_http_strangler_advance;
    }

    ngx_http_strangler_say(why, "%V: %.1f%% of answers within %.1f ms, "
                           "baseline %.1f ms%s", pair->name, 100 * q,
                           ngx_http_strangler_fine(qa) / 1e6,
                           ngx_http_strangler_fine(qb) / 1e6,
                           a->latency / NGX_HTTP_STRANGLER_UNIT
                           >= ngx_http_strangler_limit_of(pair)
                           ? "" : ", not certain yet");

    return a->latency / NGX_HTTP_STRANGLER_UNIT
           >= ngx_http_strangler_limit_of(pair)
           ? ngx_http_strangler_roll_back : ngx_http_strangler_wait_on;
}


/* three tests for each arm share the chance of a false alarm */

double
ngx_http_strangler_limit_of(ngx_http_strangler_pair_t *pair)
{
    return log(3 * (double) pair->arms / NGX_HTTP_STRANGLER_ALPHA);
}


/* the part of a bucket in which the quantile is; *n is of how many */

static ngx_uint_t
ngx_http_strangler_quantile(const ngx_atomic_uint_t *to,
    const ngx_atomic_uint_t *from,
    double q, ngx_uint_t *n)
{
    double      sum, want;
    ngx_uint_t  i;

    *n = (ngx_uint_t) ngx_http_strangler_above(to, from, 0);
    want = q * (double) *n;
    sum = 0;

    for (i = 0; i + 1 < NGX_HTTP_STRANGLER_BUCKETS; i++) {
        sum += (double) (to[i] - from[i]);

        if (sum >= want) {
            break;
        }
    }

    return i;
}


/* how many answers took longer than the bound before this one */

static double
ngx_http_strangler_above(const ngx_atomic_uint_t *to,
    const ngx_atomic_uint_t *from,
    ngx_uint_t bound)
{
    double      n;
    ngx_uint_t  i;

    n = 0;

    for (i = bound; i < NGX_HTTP_STRANGLER_BUCKETS; i++) {
        n += (double) (to[i] - from[i]);
    }

    return n;
}


/* the weights of a step, by number in the configuration; exact at the ends */

void
ngx_http_strangler_ramp_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_ramp_t *ramp, ngx_uint_t n,
    ngx_http_strangler_weights_t *weights)
{
    ngx_uint_t  i, id, from, to, rest, delta;

    ngx_http_strangler_configured(split, weights);

    rest = NGX_HTTP_STRANGLER_SLOTS;

    for (i = 0; i < split->narms; i++) {

        if (i == split->baseline) {
            continue;
        }

        id = split->arm[i].id;
        from = ramp->from[id];
        to = ramp->to[id];

        /* never more than there is: who shrinks does so first */

        if (to >= from) {
            delta = from + (to - from) * n / ramp->of;

        } else {
            delta = from - ((from - to) * n + ramp->of - 1) / ramp->of;
        }

        weights->weight[i] = (uint16_t) delta;
        rest -= delta;
    }

    weights->weight[split->baseline] = (uint16_t) rest;
}


/* if it is under way */

void
ngx_http_strangler_ramp_end(ngx_http_strangler_ramp_t *ramp, ngx_uint_t state,
    char *why)
{
    if (ramp->state == ngx_http_strangler_running
        || ramp->state == ngx_http_strangler_paused)
    {
        ramp->state = (uint32_t) state;
        ramp->why_len = (u_char) ngx_strlen(why);
        ngx_memcpy(ramp->why, why, ramp->why_len);
    }
}
