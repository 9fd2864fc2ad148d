
/*
 * Copyright (C) Ficus authors
 */


/*
 * A breaker for each arm:
 *
 *     closed      too many failures in a row or in a window: open
 *     open        after a while: half-open
 *     half-open   a few requests are let through as probes; one fails: open,
 *                 for longer; all succeed: recovering
 *     recovering  the weight grows linearly; too many failures: open; whole
 *                 again: closed
 *
 * Outcomes are told by whichever worker process has them, time passes in the
 * tick.  Nothing here takes a lock.  Weights of the operator are not touched:
 * see ngx_http_strangler_table_effective().
 */


#include "ngx_http_strangler.h"


#define NGX_HTTP_STRANGLER_LONGEST  10      /* times the first opening */
#define NGX_HTTP_STRANGLER_TRIPS    63


static ngx_uint_t ngx_http_strangler_word_state(ngx_atomic_uint_t word);
static ngx_uint_t ngx_http_strangler_word_cause(ngx_atomic_uint_t word);
static ngx_uint_t ngx_http_strangler_word_trips(ngx_atomic_uint_t word);
static ngx_uint_t ngx_http_strangler_word_level(ngx_atomic_uint_t word);
static ngx_uint_t ngx_http_strangler_word_since(ngx_atomic_uint_t word);
static ngx_uint_t ngx_http_strangler_step(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_atomic_uint_t old, ngx_uint_t state,
    ngx_uint_t cause);
static ngx_atomic_uint_t ngx_http_strangler_since(ngx_atomic_uint_t word);
static void ngx_http_strangler_trip(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_atomic_uint_t old, ngx_uint_t cause,
    ngx_http_strangler_tries_t *tries);
static ngx_uint_t ngx_http_strangler_count_window(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_tries_t *tries);
static void ngx_http_strangler_begin(ngx_http_strangler_split_t *split,
    ngx_uint_t arm);
static ngx_uint_t ngx_http_strangler_is_old(ngx_atomic_uint_t word,
    uint64_t nsec);
static ngx_msec_t ngx_http_strangler_open_time(
    ngx_http_strangler_split_t *split, ngx_atomic_uint_t word);
static void ngx_http_strangler_step_tick(ngx_http_strangler_split_t *split,
    ngx_uint_t arm);
static void ngx_http_strangler_recover(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_atomic_uint_t word);


const ngx_str_t  ngx_http_strangler_state_names[] = {
    ngx_string("closed"),
    ngx_string("open"),
    ngx_string("half-open"),
    ngx_string("recovering")
};


/* the parts of the word */

static ngx_inline ngx_uint_t
ngx_http_strangler_word_state(ngx_atomic_uint_t word)
{
    return word & 3;
}


static ngx_inline ngx_uint_t
ngx_http_strangler_word_cause(ngx_atomic_uint_t word)
{
    return word >> 2 & 3;
}


static ngx_inline ngx_uint_t
ngx_http_strangler_word_trips(ngx_atomic_uint_t word)
{
    return word >> 4 & 63;
}


static ngx_inline ngx_uint_t
ngx_http_strangler_word_level(ngx_atomic_uint_t word)
{
    return word >> 10 & 0x3fff;
}


static ngx_inline ngx_uint_t
ngx_http_strangler_word_since(ngx_atomic_uint_t word)
{
    return word >> 24;
}


ngx_uint_t
ngx_http_strangler_state(ngx_http_strangler_split_t *split, ngx_uint_t arm)
{
    if (!split->breaker.enabled) {
        return ngx_http_strangler_closed;
    }

    return ngx_http_strangler_word_state(split->arm[arm].breaker->word);
}


ngx_uint_t
ngx_http_strangler_cause(ngx_http_strangler_split_t *split, ngx_uint_t arm)
{
    if (!split->breaker.enabled) {
        return ngx_http_strangler_no_cause;
    }

    return ngx_http_strangler_word_cause(split->arm[arm].breaker->word);
}


/* 0 when all who could take over have failed, too */

ngx_uint_t
ngx_http_strangler_effective(ngx_http_strangler_split_t *split,
    ngx_http_strangler_weights_t *configured,
    ngx_http_strangler_weights_t *effective)
{
    uint16_t            level[NGX_HTTP_STRANGLER_ARMS];
    ngx_uint_t          i;
    ngx_atomic_uint_t   word;

    for (i = 0; i < split->narms; i++) {
        word = split->breaker.enabled ? split->arm[i].breaker->word : 0;

        level[i] = NGX_HTTP_STRANGLER_SLOTS;

        if (ngx_http_strangler_word_state(word) != ngx_http_strangler_closed) {
            level[i] = (uint16_t) ngx_http_strangler_word_level(word);
        }
    }

    return (ngx_uint_t) ngx_http_strangler_table_effective(configured, level,
                                                           effective);
}


/* a try of an arm succeeded; nsec is when it began */

void
ngx_http_strangler_good(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    uint64_t nsec)
{
    ngx_uint_t                     next;
    ngx_atomic_uint_t              word;
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[arm].breaker;
    word = breaker->word;

    if (breaker->in_a_row) {
        breaker->in_a_row = 0;
    }

    if (ngx_http_strangler_word_state(word) != ngx_http_strangler_half_open
        || ngx_http_strangler_is_old(word, nsec)
        || ngx_atomic_fetch_add(&breaker->passed, 1) + 1
           != split->breaker.probes)
    {
        return;
    }

    ngx_http_strangler_begin(split, arm);

    next = split->breaker.recovery ? ngx_http_strangler_recovering
                                   : ngx_http_strangler_closed;

    if (ngx_http_strangler_step(split, arm, word, next,
                                ngx_http_strangler_word_cause(word)))
    {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "split \"%V\": arm \"%V\" is %V, %ui probes succeeded",
                      &split->name, &split->arm[arm].name,
                      &ngx_http_strangler_state_names[next],
                      split->breaker.probes);
    }
}


/* a try of an arm failed */

void
ngx_http_strangler_bad(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    uint64_t nsec)
{
    ngx_uint_t                          n, state;
    ngx_atomic_uint_t                   word;
    ngx_http_strangler_tries_t          tries;
    ngx_http_strangler_breaker_t       *breaker;
    ngx_http_strangler_breaker_conf_t  *conf;

    conf = &split->breaker;
    breaker = split->arm[arm].breaker;

    n = ngx_atomic_fetch_add(&breaker->in_a_row, 1) + 1;
    word = breaker->word;
    state = ngx_http_strangler_word_state(word);

    if (state == ngx_http_strangler_open
        || ngx_http_strangler_is_old(word, nsec))
    {
        return;
    }

    tries.good = 0;
    tries.failed = n;

    if (state == ngx_http_strangler_half_open) {
        ngx_http_strangler_trip(split, arm, word,
                                ngx_http_strangler_probe_failed, &tries);
        return;
    }

    if (conf->failures && n >= conf->failures) {
        ngx_http_strangler_trip(split, arm, word, ngx_http_strangler_in_a_row,
                                &tries);
        return;
    }

    if (conf->ratio && ngx_http_strangler_count_window(split, arm, &tries)) {
        ngx_http_strangler_trip(split, arm, word, ngx_http_strangler_too_many,
                                &tries);
    }
}


/* a request that began before the present state says nothing about it */

static ngx_uint_t
ngx_http_strangler_is_old(ngx_atomic_uint_t word, uint64_t nsec)
{
    return ngx_http_strangler_word_state(word) != ngx_http_strangler_closed
           && nsec / 1000000 + 10 < ngx_http_strangler_word_since(word);
}


/* whether the window has too many failures among enough tries */

static ngx_uint_t
ngx_http_strangler_count_window(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_tries_t *tries)
{
    ngx_uint_t                     total;
    ngx_http_strangler_row_t       row;
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[arm].breaker;

    ngx_http_strangler_window_get(&breaker->window,
                                  ngx_current_msec - split->breaker.window,
                                  &row);

    if (breaker->base.at && (ngx_msec_int_t) (breaker->base.at - row.at) > 0) {
        row = breaker->base;
    }

    if (row.at == 0) {
        return 0;
    }

    ngx_http_strangler_tries(split, arm, tries);

    tries->good -= row.a;
    tries->failed -= row.b;
    total = tries->good + tries->failed;

    return total >= split->breaker.volume
           && tries->failed * NGX_HTTP_STRANGLER_SLOTS
              >= total * split->breaker.ratio;
}


static void
ngx_http_strangler_trip(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_atomic_uint_t old, ngx_uint_t cause, ngx_http_strangler_tries_t *tries)
{
    ngx_uint_t                     i;
    ngx_http_strangler_weights_t   weights;
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[arm].breaker;

    breaker->cause_failed = tries->failed;
    breaker->cause_total = tries->good + tries->failed;

    if (!ngx_http_strangler_step(split, arm, old, ngx_http_strangler_open,
                                 cause))
    {
        return;
    }

    (void) ngx_atomic_fetch_add(&breaker->opened, 1);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "split \"%V\": arm \"%V\" is open for %M ms, %ui of %ui "
                  "tries failed", &split->name, &split->arm[arm].name,
                  ngx_http_strangler_open_time(split, breaker->word),
                  tries->failed, tries->good + tries->failed);

    /* any weights do: none is 0, so everybody who lives can take over */

    ngx_memzero(&weights, sizeof(ngx_http_strangler_weights_t));

    weights.narms = (unsigned) split->narms;
    weights.baseline = (unsigned) split->baseline;

    for (i = 0; i < split->narms; i++) {
        weights.weight[i] = split->local->configured.weight[i];
    }

    if (!ngx_http_strangler_effective(split, &weights, &weights)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "split \"%V\": no arm is left that could take over, the "
                      "configured weights are used", &split->name);
    }
}


/* whether this process made the step */

static ngx_uint_t
ngx_http_strangler_step(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_atomic_uint_t old, ngx_uint_t state, ngx_uint_t cause)
{
    ngx_uint_t                     trips;
    ngx_atomic_uint_t              word;
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[arm].breaker;
    trips = ngx_http_strangler_word_trips(old);

    if (state == ngx_http_strangler_open && trips < NGX_HTTP_STRANGLER_TRIPS) {
        trips++;
    }

    word = (ngx_atomic_uint_t) ngx_current_msec << 24 | trips << 4 | cause << 2
           | state;

    if (state == ngx_http_strangler_closed) {
        word = (ngx_atomic_uint_t) ngx_current_msec << 24;
    }

    if (!ngx_atomic_cmp_set(&breaker->word, old, word)) {
        return 0;
    }

    (void) ngx_atomic_fetch_add(&split->sh->effect, 1);

    return 1;
}


/* what was before recovery does not count any more */

static void
ngx_http_strangler_begin(ngx_http_strangler_split_t *split, ngx_uint_t arm)
{
    ngx_http_strangler_tries_t     tries;
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[arm].breaker;

    ngx_http_strangler_tries(split, arm, &tries);

    breaker->base.at = 0;
    ngx_memory_barrier();

    breaker->base.a = tries.good;
    breaker->base.b = tries.failed;

    ngx_memory_barrier();
    breaker->base.at = ngx_current_msec;

    breaker->in_a_row = 0;
}


/* whether one more request may go to an arm that is half-open */

ngx_uint_t
ngx_http_strangler_probe(ngx_http_strangler_split_t *split, ngx_uint_t arm)
{
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[arm].breaker;

    return ngx_http_strangler_word_state(breaker->word)
           == ngx_http_strangler_half_open
           && breaker->sent < split->breaker.probes
           && ngx_atomic_fetch_add(&breaker->sent, 1) < split->breaker.probes;
}


static ngx_msec_t
ngx_http_strangler_open_time(ngx_http_strangler_split_t *split,
    ngx_atomic_uint_t word)
{
    ngx_uint_t  n, trips;

    trips = ngx_http_strangler_word_trips(word);

    for (n = 1; trips > 1 && n < NGX_HTTP_STRANGLER_LONGEST; trips--) {
        n *= 2;
    }

    return split->breaker.open * ngx_min(n, NGX_HTTP_STRANGLER_LONGEST);
}


/* by one process at a time; another may be there before it is done */

void
ngx_http_strangler_breaker_tick(ngx_http_strangler_split_t *split)
{
    ngx_uint_t                     i;
    ngx_http_strangler_row_t       row;
    ngx_http_strangler_tries_t     tries;
    ngx_http_strangler_breaker_t  *breaker;

    for (i = 0; i < split->narms; i++) {
        breaker = split->arm[i].breaker;

        ngx_http_strangler_window_get(&breaker->window,
                                      ngx_current_msec
                                      - split->breaker.window / 10, &row);

        if (row.at == 0) {
            ngx_http_strangler_tries(split, i, &tries);
            ngx_http_strangler_window_add(&breaker->window, ngx_current_msec,
                                          tries.good, tries.failed);
        }

        if (breaker->word) {
            ngx_http_strangler_step_tick(split, i);
        }
    }
}


static void
ngx_http_strangler_step_tick(ngx_http_strangler_split_t *split, ngx_uint_t arm)
{
    ngx_msec_t                     past;
    ngx_atomic_uint_t              word;
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[arm].breaker;
    word = breaker->word;
    past = ngx_http_strangler_since(word);

    switch (ngx_http_strangler_word_state(word)) {

    case ngx_http_strangler_open:

        if (past < ngx_http_strangler_open_time(split, word)) {
            break;
        }

        breaker->sent = 0;
        breaker->passed = 0;

        if (ngx_http_strangler_step(split, arm, word,
                                    ngx_http_strangler_half_open,
                                    ngx_http_strangler_word_cause(word)))
        {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "split \"%V\": arm \"%V\" is half-open",
                          &split->name, &split->arm[arm].name);
        }

        break;

    case ngx_http_strangler_half_open:

        /* probes whose outcome nobody has told: others may try */

        if (breaker->sent >= split->breaker.probes
            && past >= split->breaker.open)
        {
            breaker->passed = 0;
            breaker->sent = 0;

            (void) ngx_http_strangler_step(split, arm, word,
                                           ngx_http_strangler_half_open,
                                         ngx_http_strangler_word_cause(word));
        }

        break;

    case ngx_http_strangler_recovering:
        ngx_http_strangler_recover(split, arm, word);
        break;

    default: /* ngx_http_strangler_closed */
        break;
    }
}


static void
ngx_http_strangler_recover(ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_atomic_uint_t word)
{
    ngx_msec_t                     past;
    ngx_atomic_uint_t              level, mask;
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[arm].breaker;
    past = ngx_http_strangler_since(word);

    if (past >= split->breaker.recovery) {

        if (ngx_http_strangler_step(split, arm, word,
                                    ngx_http_strangler_closed,
                                    ngx_http_strangler_no_cause))
        {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "split \"%V\": arm \"%V\" is closed",
                          &split->name, &split->arm[arm].name);
        }

        return;
    }

    level = (ngx_atomic_uint_t) past * NGX_HTTP_STRANGLER_SLOTS
            / split->breaker.recovery;
    mask = (ngx_atomic_uint_t) 0x3fff << 10;

    if (ngx_atomic_cmp_set(&breaker->word, word,
                           (word & ~mask) | level << 10))
    {
        (void) ngx_atomic_fetch_add(&split->sh->effect, 1);
    }
}


/* another segment's, when the size of the zone has changed */

void
ngx_http_strangler_breaker_adopt(ngx_http_strangler_split_t *split,
    ngx_http_strangler_sh_t *from)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i, n;
    ngx_http_strangler_name_t  *old;

    for (i = 0; i < split->narms; i++) {
        name = &split->arm[i].name;

        for (n = 0; n < from->nnames; n++) {
            old = &from->arm[n];

            if (from->breaker[n] && old->len == name->len
                && ngx_memcmp(old->data, name->data, name->len) == 0)
            {
                split->arm[i].breaker->word = from->breaker[n]->word;
            }
        }
    }
}


/* milliseconds in the present state */

static ngx_atomic_uint_t
ngx_http_strangler_since(ngx_atomic_uint_t word)
{
    ngx_atomic_uint_t  now, since;

    /* the word has 40 bits of the time */

    now = (ngx_atomic_uint_t) ngx_current_msec << 24 >> 24;
    since = ngx_http_strangler_word_since(word);

    return now > since ? now - since : 0;
}
