
/*
 * Copyright (C) Ficus authors
 */


/* What the admin API and the metrics have to do with shadow requests. */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_shadow.h"


static ngx_atomic_uint_t ngx_http_strangler_dropped(
    ngx_http_strangler_shadows_t *shadows);
static void ngx_http_strangler_metric_result(ngx_http_strangler_split_t *split,
    const char *result, ngx_atomic_uint_t n, ngx_http_strangler_out_t *out);


const char *const  ngx_http_strangler_drops[] = {
    "busy", "connections", "size", "unfinished", "rescued", "cached",
    "breaker", "exit"
};


/* {"share": 10} */

ngx_int_t
ngx_http_strangler_put_shadow(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    u_char              *p;
    ngx_str_t            field;
    struct json_object  *value;

    if (call->split->shadow == NULL) {
        return ngx_http_strangler_problem(call, NGX_HTTP_CONFLICT,
                                          "the split is configured without "
                                          "\"strangler_shadow\"");
    }

    if (ngx_http_strangler_only(call, body, "share", &value) != NGX_OK) {
        return NGX_OK;
    }

    ngx_str_set(&field, "share");

    if (ngx_http_strangler_weight(call, &field, value, &call->share)
        != NGX_OK)
    {
        return NGX_OK;
    }

    call->shadow = 1;

    if (call->reason.len == 0) {
        p = ngx_pnalloc(call->request->pool, sizeof("shadow share 100.00"));
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        call->reason.data = p;
        call->reason.len = ngx_sprintf(p, "shadow share %ui.%02ui",
                                       (ngx_uint_t) call->share / 100,
                                       (ngx_uint_t) call->share % 100)
                           - p;
    }

    return NGX_OK;
}


void
ngx_http_strangler_show_shadow(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                     share;
    ngx_http_strangler_shadows_t  *shadows;

    if (split->shadow == NULL) {
        ngx_http_strangler_out(out, ",\"shadow\":null");
        return;
    }

    share = table->shadow.share;
    shadows = split->sh->shadows;

    ngx_http_strangler_out(out, ",\"shadow\":{\"share\":%ui.%02ui,"
                           "\"in_flight\":%ui,\"started\":%uA,"
                           "\"compared\":%uA,\"mismatched\":%uA,"
                           "\"failed\":%uA,\"dropped\":%uA}",
                           share / 100, share % 100,
                           ngx_http_strangler_in_flight(split),
                           shadows->started, shadows->compared,
                           shadows->mismatched, shadows->failed,
                           ngx_http_strangler_dropped(shadows));
}


static ngx_atomic_uint_t
ngx_http_strangler_dropped(ngx_http_strangler_shadows_t *shadows)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  n;

    n = 0;

    for (i = 0; i < ngx_http_strangler_drop_n; i++) {
        n += shadows->dropped[i];
    }

    return n;
}


void
ngx_http_strangler_metric_shadow(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                     i;
    ngx_http_strangler_shadows_t  *shadows;

    if (split->shadow == NULL) {
        return;
    }

    shadows = split->sh->shadows;

    ngx_http_strangler_metric_result(split, "started", shadows->started, out);
    ngx_http_strangler_metric_result(split, "compared", shadows->compared,
                                     out);
    ngx_http_strangler_metric_result(split, "mismatched", shadows->mismatched,
                                     out);
    ngx_http_strangler_metric_result(split, "failed", shadows->failed, out);

    for (i = 0; i < ngx_http_strangler_drop_n; i++) {
        ngx_http_strangler_out(out, "ficus_split_shadow_total{split=\"%V\","
                               "result=\"dropped_%s\"} %uA\n", &split->name,
                               ngx_http_strangler_drops[i],
                               shadows->dropped[i]);
    }
}


static void
ngx_http_strangler_metric_result(ngx_http_strangler_split_t *split,
    const char *result, ngx_atomic_uint_t n, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_out(out, "ficus_split_shadow_total{split=\"%V\","
                           "result=\"%s\"} %uA\n", &split->name, result, n);
}


void
ngx_http_strangler_metric_in_flight(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    if (split->shadow) {
        ngx_http_strangler_out(out, "ficus_split_shadow_in_flight{"
                               "split=\"%V\"} %ui\n", &split->name,
                               ngx_http_strangler_in_flight(split));
    }
}
