
/*
 * Copyright (C) Ficus authors
 */


/*
 * What all comparisons of a split have found, in shared memory: for each field
 * of each route how often it differed, and how often the baseline differed
 * from itself there.  That noise is compared with the former as Diffy does it.
 */


#include "ngx_http_strangler_shadow.h"


static ngx_http_strangler_field_t *ngx_http_strangler_field(
    ngx_http_strangler_found_t *found, ngx_uint_t route,
    ngx_http_strangler_difference_t *x);
static void ngx_http_strangler_keep_example(ngx_http_strangler_shadow_t *s,
    ngx_http_strangler_found_t *found, ngx_http_strangler_field_t *field,
    ngx_http_strangler_difference_t *x, ngx_str_t *uri);
static ngx_http_strangler_example_t *ngx_http_strangler_place_example(
    ngx_http_strangler_found_t *found, ngx_uint_t field, ngx_uint_t max);
static void ngx_http_strangler_hide_args(ngx_str_t *uri, ngx_str_t *shown);


/*
 * A field that is noise does not make a mismatch.  For the first comparison of
 * a route that is known already, since noise is looked for first.
 */

void
ngx_http_strangler_found(ngx_http_strangler_shadow_t *s,
    ngx_http_strangler_differ_t *d, ngx_uint_t arm, ngx_uint_t noise)
{
    u_char                          text[NGX_HTTP_STRANGLER_PATH_LEN];
    ngx_str_t                       uri;
    ngx_uint_t                      i, mismatched;
    ngx_slab_pool_t                *shpool;
    ngx_http_strangler_field_t     *field;
    ngx_http_strangler_found_t     *found;
    ngx_http_strangler_shadows_t   *shadows;
    ngx_http_strangler_compared_t  *route;

    shadows = s->split->sh->shadows;
    found = &shadows->found;
    route = &found->route[s->route];
    shpool = s->split->zone->shpool;

    uri.len = 0;
    uri.data = text;
    mismatched = 0;

    if (d->n) {
        ngx_http_strangler_hide_args(&s->copy.uri, &uri);
    }

    ngx_shmtx_lock(&shpool->mutex);

    if (noise) {
        route->noise_compared++;
        route->noise_mismatched += (d->n != 0);

    } else {
        route->compared++;
    }

    for (i = 0; i < d->n; i++) {
        field = ngx_http_strangler_field(found, s->route, &d->difference[i]);

        if (field == NULL) {
            found->lost++;
            mismatched = !noise;
            continue;
        }

        if (noise) {
            field->noise++;
            continue;
        }

        field->count++;
        mismatched |= !ngx_http_strangler_is_noise(s->split, found, field);

        ngx_http_strangler_keep_example(s, found, field, &d->difference[i],
                                        &uri);
    }

    route->mismatched += mismatched;

    ngx_shmtx_unlock(&shpool->mutex);

    if (noise) {
        return;
    }

    (void) ngx_atomic_fetch_add(&shadows->compared, 1);
    (void) ngx_atomic_fetch_add(&shadows->mismatched, mismatched);
    (void) ngx_atomic_fetch_add(&s->split->sh->ledger[s->route].compared, 1);
    (void) ngx_atomic_fetch_add(&s->split->sh->ledger[s->route].mismatched,
                                mismatched);

    arm = s->split->arm[arm].id;

    (void) ngx_atomic_fetch_add(mismatched ? &shadows->arm[arm].failed
                                           : &shadows->arm[arm].good, 1);
}


/* NULL when there is no place left */

static ngx_http_strangler_field_t *
ngx_http_strangler_field(ngx_http_strangler_found_t *found, ngx_uint_t route,
    ngx_http_strangler_difference_t *x)
{
    ngx_uint_t                   i;
    ngx_http_strangler_field_t  *field;

    for (i = 0; i < NGX_HTTP_STRANGLER_FIELDS; i++) {
        field = &found->field[i];

        if (field->len == 0) {
            field->route = (u_char) route;
            field->kind = (u_char) x->kind;
            ngx_memcpy(field->path, x->path, x->len);
            field->len = x->len;

            return field;
        }

        if (field->route == route && field->kind == x->kind
            && field->len == x->len
            && ngx_memcmp(field->path, x->path, x->len) == 0)
        {
            return field;
        }
    }

    return NULL;
}


/* the last ones of each field, as long as there is room for all of them */

static void
ngx_http_strangler_keep_example(ngx_http_strangler_shadow_t *s,
    ngx_http_strangler_found_t *found, ngx_http_strangler_field_t *field,
    ngx_http_strangler_difference_t *x, ngx_str_t *uri)
{
    ngx_http_strangler_example_t  *example;

    if (s->split->shadow->examples == 0) {
        return;
    }

    example = ngx_http_strangler_place_example(found, field - found->field,
                                               s->split->shadow->examples);

    /* free, until all of it is there */

    example->number = 0;
    ngx_memory_barrier();

    example->at = (uint64_t) ngx_time();
    example->field = field - found->field;
    example->baseline = x->baseline;
    example->other = x->other;
    example->uri_len = (u_char) uri->len;
    ngx_memcpy(example->uri, uri->data, uri->len);

    ngx_memory_barrier();
    example->number = ++found->examples;
}


/* the oldest of the field if it has max, else the oldest or a free one */

static ngx_http_strangler_example_t *
ngx_http_strangler_place_example(ngx_http_strangler_found_t *found,
    ngx_uint_t field, ngx_uint_t max)
{
    ngx_uint_t                     i, n;
    ngx_http_strangler_example_t  *e, *own, *any;

    n = 0;
    own = NULL;
    any = &found->example[0];

    for (i = 0; i < NGX_HTTP_STRANGLER_EXAMPLES; i++) {
        e = &found->example[i];

        if (e->number < any->number) {
            any = e;
        }

        if (e->number && e->field == field) {
            n++;

            if (own == NULL || e->number < own->number) {
                own = e;
            }
        }
    }

    return n >= max ? own : any;
}


/* names of arguments tell where to look, values might be secrets */

static void
ngx_http_strangler_hide_args(ngx_str_t *uri, ngx_str_t *shown)
{
    u_char      *p, *last;
    size_t       i;
    ngx_uint_t   args, value;

    p = shown->data;
    last = p + NGX_HTTP_STRANGLER_PATH_LEN;
    args = 0;
    value = 0;

    for (i = 0; i < uri->len && p < last; i++) {

        if (uri->data[i] == '?') {
            args = 1;

        } else if (args && uri->data[i] == '&') {
            value = 0;

        } else if (value) {
            continue;

        } else if (args && uri->data[i] == '=') {
            value = 1;
            p = ngx_slprintf(p, last, "=***");
            continue;
        }

        *p++ = uri->data[i];
    }

    shown->len = p - shown->data;
}


/*
 * As long as the baseline differs from itself as often as from the other arm;
 * the former is scaled, since it is looked for less often.
 */

ngx_uint_t
ngx_http_strangler_is_noise(ngx_http_strangler_split_t *split,
    ngx_http_strangler_found_t *found, ngx_http_strangler_field_t *field)
{
    double                          raw, noise, more;
    ngx_http_strangler_compared_t  *route;

    route = &found->route[field->route];

    raw = (double) field->count;
    noise = 0;

    if (route->noise_compared) {
        noise = (double) field->noise * (double) route->compared
                / (double) route->noise_compared;
    }

    more = raw - noise;

    return more <= 0
           || more * 10000 <= (raw + noise) * (double) split->shadow->relative
           || more * 10000 <= (double) route->compared
                              * (double) split->shadow->absolute;
}


/* the first of a route, and then one of so many; nobody needs it exactly */

ngx_uint_t
ngx_http_strangler_noise_due(ngx_http_strangler_split_t *split,
    ngx_uint_t route)
{
    ngx_http_strangler_compared_t  *r;

    r = &split->sh->shadows->found.route[route];

    return split->shadow->noise
           && r->noise_compared * (split->shadow->noise - 1) <= r->compared;
}


/*
 * Examples first, since they have the number of their field, and the last
 * field first, since the first free one is where others are not looked for.
 */

void
ngx_http_strangler_forget(ngx_http_strangler_split_t *split)
{
    ngx_uint_t                   i;
    ngx_slab_pool_t             *shpool;
    ngx_http_strangler_found_t  *found;

    found = &split->sh->shadows->found;
    shpool = split->zone->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    for (i = 0; i < NGX_HTTP_STRANGLER_EXAMPLES; i++) {
        found->example[i].number = 0;
    }

    ngx_memory_barrier();

    for (i = NGX_HTTP_STRANGLER_FIELDS; i--; /* void */ ) {
        found->field[i].len = 0;
        ngx_memory_barrier();
    }

    ngx_memzero(found, sizeof(ngx_http_strangler_found_t));
    found->since = (uint64_t) ngx_time();

    ngx_shmtx_unlock(&shpool->mutex);
}
