
/*
 * Copyright (C) Ficus authors
 */


/* What each route still needs of the baseline. */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_conf.h"
#include "ngx_http_strangler_ledger.h"


typedef struct {
    time_t                       seconds;
    char                        *name;
} ngx_http_strangler_unit_t;


static void ngx_http_strangler_show_route(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_counts(ngx_http_strangler_split_t *split,
    ngx_atomic_uint_t *count, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_shares(ngx_http_strangler_split_t *split,
    ngx_http_strangler_served_t *served, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_need(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_period(time_t seconds,
    ngx_http_strangler_out_t *out);


ngx_str_t  ngx_http_strangler_verdict_names[] = {
    ngx_string("needed"),
    ngx_string("watching"),
    ngx_string("unneeded")
};


static const ngx_http_strangler_unit_t  ngx_http_strangler_units[] = {
    { 86400, "day" },
    { 3600, "hour" },
    { 60, "minute" },
    { 1, "second" }
};


static const ngx_http_strangler_setting_t  ngx_http_strangler_ledger[] = {

    { ngx_string("quiet="),
      offsetof(ngx_http_strangler_ledger_conf_t, quiet),
      ngx_http_strangler_time_e, 1000, 3650 * (ngx_int_t) 86400000 },

    { ngx_string("every="),
      offsetof(ngx_http_strangler_ledger_conf_t, every),
      ngx_http_strangler_time_e, 1000, 86400000 },

    { ngx_null_string, 0, 0, 0, 0 }
};


char *
ngx_http_strangler_conf_ledger(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_strangler_ledger_conf_t  *ledger;

    if (scf->split == NULL) {
        return "must come after \"strangler\"";
    }

    ledger = &scf->split->ledger;

    if (ledger->given) {
        return "is duplicate";
    }

    ledger->given = 1;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_strangler_conf_setting(cf, ledger,
                                            ngx_http_strangler_ledger,
                                            &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


void
ngx_http_strangler_init_ledger(ngx_http_strangler_split_t *split)
{
    ngx_http_strangler_entry_t  *other;

    other = &split->sh->ledger[NGX_HTTP_STRANGLER_OTHER];

    ngx_memcpy(other->name, "other", 5);
    other->len = 5;
}


/* what the arms have done on a route, from the beginning of the ledger */

void
ngx_http_strangler_route_served(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served)
{
    ngx_uint_t                    i, n, id;
    ngx_http_strangler_past_t    *past;
    ngx_http_strangler_visits_t   sum;

    ngx_memzero(served, sizeof(ngx_http_strangler_served_t));

    for (i = 0; i < split->narms; i++) {
        id = split->arm[i].id;
        past = &split->sh->past[id][route];

        ngx_http_strangler_sum_visits(split->sh->lane[id], route, route, &sum);

        served->requests[i] = past->requests;

        for (n = 0; n < ngx_http_strangler_decided_n; n++) {
            served->requests[i] += sum.requests[n];
        }

        served->pinned[i] = past->pinned + sum.requests[ngx_http_strangler_pin];
        served->last[i] = (time_t) ngx_max(past->last, sum.last);
        served->total += served->requests[i];
        served->last_any = ngx_max(served->last_any, served->last[i]);
    }
}


/* a clock that was set back must not make anything idle for long */

void
ngx_http_strangler_route_need(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served,
    ngx_http_strangler_need_t *need)
{
    time_t  now, last, since, quiet;

    now = ngx_time();
    last = served->last[split->baseline];
    since = (time_t) ngx_max(split->sh->since,
                             split->sh->ledger[route].since);
    quiet = (time_t) (split->ledger.quiet / 1000);

    need->watched = ngx_max(now - since, 0);
    need->idle = ngx_max(now - ngx_max(last, since), 0);
    need->silent = ngx_max(now - ngx_max(served->last_any, since), 0);

    if (last && need->idle < quiet) {
        need->verdict = ngx_http_strangler_needed;

    } else {
        need->verdict = (need->watched < quiet) ? ngx_http_strangler_watching
                                                : ngx_http_strangler_unneeded;
    }
}


/* those that have had requests, and are still in the configuration */

ngx_uint_t
ngx_http_strangler_route_is_shown(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served)
{
    ngx_http_strangler_entry_t  *entry;

    entry = &split->sh->ledger[route];

    if (entry->len == 0) {
        return 0;
    }

    ngx_http_strangler_route_served(split, route, served);

    return served->total
           && (route == NGX_HTTP_STRANGLER_OTHER
               || ngx_http_strangler_is_route(split, entry->name, entry->len));
}


/* whether a location of the configuration is called so */

ngx_uint_t
ngx_http_strangler_is_route(ngx_http_strangler_split_t *split, u_char *name,
    size_t len)
{
    ngx_str_t    *known;
    ngx_uint_t    i;
    ngx_array_t  *routes;

    routes = &split->main->routes;
    known = routes->elts;

    for (i = 1; i < routes->nelts; i++) {
        if (known[i].len == len && ngx_memcmp(known[i].data, name, len) == 0) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_strangler_show_ledger(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    char                         *comma;
    ngx_uint_t                    i;
    ngx_http_strangler_split_t   *split;
    ngx_http_strangler_served_t   served;

    split = call->split;

    ngx_http_strangler_out(out, "{\"split\":\"%V\",\"baseline\":\"%V\","
                           "\"since\":", &split->name,
                           &split->arm[split->baseline].name);
    ngx_http_strangler_out_time(out, (time_t) split->sh->since);
    ngx_http_strangler_out(out, ",\"quiet_seconds\":%M,\"routes\":[",
                           split->ledger.quiet / 1000);

    comma = "";

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {

        if (ngx_http_strangler_route_is_shown(split, i, &served)) {
            ngx_http_strangler_out(out, comma);
            ngx_http_strangler_show_route(split, i, &served, out);

            comma = ",";
        }
    }

    ngx_http_strangler_out(out, "]}\n");

    return NGX_OK;
}


static void
ngx_http_strangler_show_route(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served,
    ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_entry_t  *entry;

    entry = &split->sh->ledger[route];

    ngx_http_strangler_out(out, "{\"route\":");
    ngx_http_strangler_out_json(out, entry->name, entry->len);

    ngx_http_strangler_out(out, ",\"requests\":");
    ngx_http_strangler_show_counts(split, served->requests, out);
    ngx_http_strangler_out(out, ",\"pinned\":");
    ngx_http_strangler_show_counts(split, served->pinned, out);
    ngx_http_strangler_out(out, ",\"share\":");
    ngx_http_strangler_show_shares(split, served, out);

    ngx_http_strangler_out(out, ",\"rescued\":%uA,\"compared\":%uA,"
                           "\"mismatched\":%uA,\"last_baseline\":",
                           entry->rescued, entry->compared, entry->mismatched);

    if (served->last[split->baseline]) {
        ngx_http_strangler_out_time(out, served->last[split->baseline]);

    } else {
        ngx_http_strangler_out(out, "null");
    }

    ngx_http_strangler_show_need(split, route, served, out);
}


static void
ngx_http_strangler_show_counts(ngx_http_strangler_split_t *split,
    ngx_atomic_uint_t *count, ngx_http_strangler_out_t *out)
{
    ngx_uint_t  i;

    for (i = 0; i < split->narms; i++) {
        ngx_http_strangler_out(out, "%c\"%V\":%uA", i ? ',' : '{',
                               &split->arm[i].name, count[i]);
    }

    ngx_http_strangler_out(out, "}");
}


static void
ngx_http_strangler_show_shares(ngx_http_strangler_split_t *split,
    ngx_http_strangler_served_t *served, ngx_http_strangler_out_t *out)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  share;

    for (i = 0; i < split->narms; i++) {
        share = (served->requests[i] * NGX_HTTP_STRANGLER_SLOTS
                 + served->total / 2)
                / served->total;

        ngx_http_strangler_out(out, "%c\"%V\":%uA.%02uA", i ? ',' : '{',
                               &split->arm[i].name, share / 100, share % 100);
    }

    ngx_http_strangler_out(out, "}");
}


static void
ngx_http_strangler_show_need(ngx_http_strangler_split_t *split,
    ngx_uint_t route, ngx_http_strangler_served_t *served,
    ngx_http_strangler_out_t *out)
{
    time_t                     quiet;
    ngx_str_t                 *baseline;
    ngx_http_strangler_need_t  need;

    quiet = (time_t) (split->ledger.quiet / 1000);
    baseline = &split->arm[split->baseline].name;

    ngx_http_strangler_route_need(split, route, served, &need);

    ngx_http_strangler_out(out, ",\"baseline_idle_seconds\":%T,"
                           "\"watched_seconds\":%T,\"verdict\":\"%V\","
                           "\"says\":\"", need.idle, need.watched,
                           &ngx_http_strangler_verdict_names[need.verdict]);

    if (need.verdict == ngx_http_strangler_needed) {
        ngx_http_strangler_out(out, "%V was needed on this route ", baseline);
        ngx_http_strangler_show_period(need.idle, out);
        ngx_http_strangler_out(out, " ago");

    } else if (need.verdict == ngx_http_strangler_watching) {
        ngx_http_strangler_out(out, "nothing has needed %V on this route yet, "
                               "watched for ", baseline);
        ngx_http_strangler_show_period(need.watched, out);
        ngx_http_strangler_out(out, " of ");
        ngx_http_strangler_show_period(quiet, out);

    } else if (need.silent >= quiet) {
        ngx_http_strangler_out(out, "no request at all on this route for ");
        ngx_http_strangler_show_period(need.silent, out);

    } else {
        ngx_http_strangler_out(out, "nothing has needed %V on this route for ",
                               baseline);
        ngx_http_strangler_show_period(need.idle, out);
    }

    ngx_http_strangler_out(out, "\"}");
}


/* in the largest unit of which there are two */

static void
ngx_http_strangler_show_period(time_t seconds, ngx_http_strangler_out_t *out)
{
    ngx_uint_t  i;

    for (i = 0; seconds < 2 * ngx_http_strangler_units[i].seconds; i++) {
        if (ngx_http_strangler_units[i].seconds == 1) {
            break;
        }
    }

    seconds /= ngx_http_strangler_units[i].seconds;

    ngx_http_strangler_out(out, "%T %s%s", seconds,
                           ngx_http_strangler_units[i].name,
                           seconds == 1 ? "" : "s");
}
