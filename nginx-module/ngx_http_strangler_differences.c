
/*
 * Copyright (C) Ficus authors
 */


/* What the admin API and the metrics tell of differences between answers. */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_shadow.h"


static void ngx_http_strangler_show_total(ngx_http_strangler_split_t *split,
    ngx_http_strangler_found_t *found, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_compared(
    ngx_http_strangler_compared_t *route, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_fields(ngx_http_strangler_split_t *split,
    ngx_http_strangler_found_t *found, ngx_uint_t route,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_examples(
    ngx_http_strangler_found_t *found, ngx_uint_t field,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_shown(ngx_http_strangler_shown_t *shown,
    ngx_http_strangler_out_t *out);
static ngx_http_strangler_found_t *ngx_http_strangler_found_now(
    ngx_http_strangler_split_t *split, ngx_pool_t *pool);


static const char  *ngx_http_strangler_kinds[] = {
    "missing", "extra", "type", "value", "order"
};


ngx_int_t
ngx_http_strangler_show_diff(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t                      i, n;
    ngx_http_strangler_split_t     *split;
    ngx_http_strangler_entry_t     *entry;
    ngx_http_strangler_found_t     *found;
    ngx_http_strangler_compared_t  *route;

    split = call->split;

    if (split->shadow == NULL) {
        return ngx_http_strangler_problem(call, NGX_HTTP_NOT_FOUND,
                                          "the split is configured without "
                                          "\"strangler_shadow\"");
    }

    found = ngx_http_strangler_found_now(split, call->request->pool);
    if (found == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_strangler_show_total(split, found, out);

    n = 0;

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {
        route = &found->route[i];
        entry = &split->sh->ledger[i];

        if (route->compared == 0 && route->noise_compared == 0) {
            continue;
        }

        ngx_http_strangler_out(out, "%s{\"route\":", n++ ? ",\n" : "");
        ngx_http_strangler_out_json(out, entry->name,
                                    ngx_min(entry->len, sizeof(entry->name)));
        ngx_http_strangler_out(out, ",");
        ngx_http_strangler_show_compared(route, out);
        ngx_http_strangler_out(out, ",\"fields\":[");
        ngx_http_strangler_show_fields(split, found, i, out);
        ngx_http_strangler_out(out, "]}");
    }

    ngx_http_strangler_out(out, "]}\n");

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_delete_diff(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    uint64_t  generation;

    if (call->split->shadow == NULL) {
        return ngx_http_strangler_show_diff(call, out);
    }

    generation = call->split->sh->word >> 1;

    if (call->if_match
        && ngx_http_strangler_if_match(call->if_match, generation) != NGX_OK)
    {
        return ngx_http_strangler_problem(call, NGX_HTTP_PRECONDITION_FAILED,
                                          "the split has another generation "
                                          "now");
    }

    ngx_http_strangler_forget(call->split);

    return ngx_http_strangler_show_diff(call, out);
}


static void
ngx_http_strangler_show_total(ngx_http_strangler_split_t *split,
    ngx_http_strangler_found_t *found, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                      i;
    ngx_http_strangler_compared_t   all, *route;

    ngx_memzero(&all, sizeof(all));

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {
        route = &found->route[i];

        all.compared += route->compared;
        all.mismatched += route->mismatched;
        all.noise_compared += route->noise_compared;
        all.noise_mismatched += route->noise_mismatched;
    }

    ngx_http_strangler_out(out, "{\"split\":\"%V\",\"since\":", &split->name);
    ngx_http_strangler_out_time(out, (time_t) found->since);
    ngx_http_strangler_out(out, ",");
    ngx_http_strangler_show_compared(&all, out);
    ngx_http_strangler_out(out, ",\"fields_lost\":%ui,\"dropped\":{",
                           found->lost);

    for (i = 0; i < ngx_http_strangler_drop_n; i++) {
        ngx_http_strangler_out(out, "%s\"%s\":%uA", i ? "," : "",
                               ngx_http_strangler_drops[i],
                               split->sh->shadows->dropped[i]);
    }

    ngx_http_strangler_out(out, "},\"routes\":[");
}


static void
ngx_http_strangler_show_compared(ngx_http_strangler_compared_t *route,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t  ratio;

    ratio = route->compared ? route->mismatched * 1000000 / route->compared
                            : 0;

    ngx_http_strangler_out(out, "\"compared\":%ui,\"mismatched\":%ui,"
                           "\"ratio\":%ui.%06ui,\"noise\":{\"compared\":%ui,"
                           "\"mismatched\":%ui}", route->compared,
                           route->mismatched, ratio / 1000000,
                           ratio % 1000000, route->noise_compared,
                           route->noise_mismatched);
}


static void
ngx_http_strangler_show_fields(ngx_http_strangler_split_t *split,
    ngx_http_strangler_found_t *found, ngx_uint_t route,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i, n;
    ngx_http_strangler_field_t  *field;

    n = 0;

    for (i = 0; i < NGX_HTTP_STRANGLER_FIELDS; i++) {
        field = &found->field[i];

        if (field->len == 0 || field->route != route) {
            continue;
        }

        ngx_http_strangler_out(out, "%s{\"field\":", n++ ? "," : "");
        ngx_http_strangler_out_json(out, field->path, field->len);
        ngx_http_strangler_out(out, ",\"kind\":\"%s\",\"count\":%ui,"
                               "\"noise\":%ui,\"verdict\":\"%s\","
                               "\"examples\":[",
                               ngx_http_strangler_kinds[field->kind],
                               field->count, field->noise,
                               ngx_http_strangler_is_noise(split, found, field)
                               ? "noise" : "difference");
        ngx_http_strangler_show_examples(found, i, out);
        ngx_http_strangler_out(out, "]}");
    }
}


/* newest first; there are few enough of them to look for the next one */

static void
ngx_http_strangler_show_examples(ngx_http_strangler_found_t *found,
    ngx_uint_t field, ngx_http_strangler_out_t *out)
{
    uint64_t                       last;
    ngx_uint_t                     i;
    ngx_http_strangler_example_t  *e, *next;

    for (last = found->examples + 1; /* void */ ; last = next->number) {

        next = NULL;

        for (i = 0; i < NGX_HTTP_STRANGLER_EXAMPLES; i++) {
            e = &found->example[i];

            if (e->number && e->field == field && e->number < last
                && (next == NULL || e->number > next->number))
            {
                next = e;
            }
        }

        if (next == NULL) {
            return;
        }

        ngx_http_strangler_out(out, "%s{\"at\":",
                               last <= found->examples ? "," : "");
        ngx_http_strangler_out_time(out, (time_t) next->at);
        ngx_http_strangler_out(out, ",\"baseline\":");
        ngx_http_strangler_show_shown(&next->baseline, out);
        ngx_http_strangler_out(out, ",\"other\":");
        ngx_http_strangler_show_shown(&next->other, out);
        ngx_http_strangler_out(out, ",\"uri\":");
        ngx_http_strangler_out_json(out, next->uri, next->uri_len);
        ngx_http_strangler_out(out, "}");
    }
}


static void
ngx_http_strangler_show_shown(ngx_http_strangler_shown_t *shown,
    ngx_http_strangler_out_t *out)
{
    if (shown->len == NGX_HTTP_STRANGLER_NONE) {
        ngx_http_strangler_out(out, "null");
        return;
    }

    ngx_http_strangler_out_json(out, shown->data, shown->len);
}


static ngx_http_strangler_found_t *
ngx_http_strangler_found_now(ngx_http_strangler_split_t *split,
    ngx_pool_t *pool)
{
    ngx_slab_pool_t             *shpool;
    ngx_http_strangler_found_t  *found;

    found = ngx_palloc(pool, sizeof(ngx_http_strangler_found_t));
    if (found == NULL) {
        return NULL;
    }

    shpool = split->zone->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    *found = split->sh->shadows->found;

    ngx_shmtx_unlock(&shpool->mutex);

    return found;
}


void
ngx_http_strangler_metric_diff(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i;
    ngx_http_strangler_entry_t  *entry;
    ngx_http_strangler_field_t  *field;
    ngx_http_strangler_found_t  *found;

    if (split->shadow == NULL) {
        return;
    }

    found = ngx_http_strangler_found_now(split, out->pool);
    if (found == NULL) {
        out->failed = 1;
        return;
    }

    for (i = 0; i < NGX_HTTP_STRANGLER_FIELDS; i++) {
        field = &found->field[i];

        if (field->len == 0) {
            continue;
        }

        entry = &split->sh->ledger[field->route];

        ngx_http_strangler_out(out, "ficus_split_diff_total{split=\"%V\","
                               "route=", &split->name);
        ngx_http_strangler_out_json(out, entry->name,
                                    ngx_min(entry->len, sizeof(entry->name)));
        ngx_http_strangler_out(out, ",field=");
        ngx_http_strangler_out_json(out, field->path, field->len);
        ngx_http_strangler_out(out, ",kind=\"%s\"} %ui\n",
                               ngx_http_strangler_kinds[field->kind],
                               field->count);
    }
}
