
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_ledger.h"


typedef void (*ngx_http_strangler_arm_metric_pt)(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);


typedef struct {
    char                              *name;
    char                              *type;
    char                              *help;
    ngx_http_strangler_arm_metric_pt   arm;
    ngx_http_strangler_arm_metric_pt   split;
} ngx_http_strangler_family_t;


static void ngx_http_strangler_metric_requests(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_weight(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_responses(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_seconds(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_generation(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_overrides(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_failures(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_state(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_rescued(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_refused(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_opened(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_route_requests(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_route_rescued(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_route_last(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_metric_route_verdict(
    ngx_http_strangler_split_t *split, ngx_uint_t arm,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_route_metric(ngx_http_strangler_split_t *split,
    ngx_uint_t route, char *name, ngx_http_strangler_out_t *out);


static const ngx_http_strangler_family_t  ngx_http_strangler_families[] = {

    { "requests_total", "counter",
      "Requests by the arm chosen and by what decided.",
      ngx_http_strangler_metric_requests, NULL },

    { "weight", "gauge",
      "Weight of an arm in per cent.",
      ngx_http_strangler_metric_weight, NULL },

    { "responses_total", "counter",
      "Responses by the arm that served and by status code.",
      ngx_http_strangler_metric_responses, NULL },

    { "failures_total", "counter",
      "Tries that failed, by the arm that was tried.",
      ngx_http_strangler_metric_failures, NULL },

    { "rescued_total", "counter",
      "Requests that an arm failed and the baseline answered.",
      ngx_http_strangler_metric_rescued, NULL },

    { "rescues_refused_total", "counter",
      "Requests that an arm failed and nobody else was asked, and why.",
      NULL, ngx_http_strangler_metric_refused },

    { "breaker_state", "gauge",
      "1 for the state that the breaker of an arm is in.",
      ngx_http_strangler_metric_state, NULL },

    { "breaker_opened_total", "counter",
      "How often the breaker of an arm has opened.",
      ngx_http_strangler_metric_opened, NULL },

    { "seconds", "histogram",
      "Time from asking for a server to the end of its response.",
      ngx_http_strangler_metric_seconds, NULL },

    { "shadow_total", "counter",
      "Requests that another arm was asked, too, by what came of them.",
      NULL, ngx_http_strangler_metric_shadow },

    { "shadow_in_flight", "gauge",
      "Requests chosen to be shadowed that are not done with.",
      NULL, ngx_http_strangler_metric_in_flight },

    { "diff_total", "counter",
      "Answers of another arm that differed from the baseline, by field.",
      NULL, ngx_http_strangler_metric_diff },

    { "generation", "gauge",
      "Generation of the weights.",
      NULL, ngx_http_strangler_metric_generation },

    { "overrides_ignored_total", "counter",
      "Overrides that were not allowed or named no arm.",
      NULL, ngx_http_strangler_metric_overrides },

    { "route_requests_total", "counter",
      "Requests by route and by the arm chosen.",
      NULL, ngx_http_strangler_metric_route_requests },

    { "route_rescued_total", "counter",
      "Requests of a route that an arm failed and the baseline answered.",
      NULL, ngx_http_strangler_metric_route_rescued },

    { "route_baseline_timestamp_seconds", "gauge",
      "When a route has last needed the baseline, in Unix time.",
      NULL, ngx_http_strangler_metric_route_last },

    { "route_verdict", "gauge",
      "1 for what the ledger says of a route's need of the baseline.",
      NULL, ngx_http_strangler_metric_route_verdict },

    { NULL, NULL, NULL, NULL, NULL }
};


/* in seconds, as in ngx_http_strangler_bounds */

static char  *ngx_http_strangler_le[NGX_HTTP_STRANGLER_BOUNDS + 1] = {
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
    "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"
};


ngx_int_t
ngx_http_strangler_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    ngx_uint_t                           i, n;
    ngx_http_strangler_out_t             out;
    ngx_http_strangler_split_t         **split;
    ngx_http_strangler_main_conf_t      *mcf;
    const ngx_http_strangler_family_t   *f;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_strangler_not_allowed(r);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_strangler_module);
    split = mcf->splits.elts;

    ngx_http_strangler_out_init(&out, r->pool);

    for (f = ngx_http_strangler_families; f->name; f++) {

        ngx_http_strangler_out(&out, "# HELP ficus_split_%s %s\n"
                               "# TYPE ficus_split_%s %s\n",
                               f->name, f->help, f->name, f->type);

        for (i = 0; i < mcf->splits.nelts; i++) {

            if (f->split) {
                f->split(split[i], 0, &out);
                continue;
            }

            for (n = 0; n < split[i]->narms; n++) {
                f->arm(split[i], n, &out);
            }
        }
    }

    return ngx_http_strangler_send(r, NGX_HTTP_OK,
                                   "text/plain; version=0.0.4; charset=utf-8",
                                   &out);
}


static void
ngx_http_strangler_metric_requests(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i;
    ngx_http_strangler_visits_t  sum;

    ngx_http_strangler_sum_visits(split->sh->lane[split->arm[arm].id], 0,
                                  NGX_HTTP_STRANGLER_OTHER, &sum);

    for (i = 0; i < ngx_http_strangler_decided_n; i++) {
        ngx_http_strangler_out(out, "ficus_split_requests_total{split=\"%V\","
                               "arm=\"%V\",decided=\"%V\"} %uA\n",
                               &split->name, &split->arm[arm].name,
                               &ngx_http_strangler_decided_names[i],
                               sum.requests[i]);
    }
}


static void
ngx_http_strangler_metric_weight(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i, weight;
    ngx_http_strangler_local_t  *local;
    static char                 *kind[] = { "configured", "effective" };

    local = split->local;

    if (local->word != split->sh->word || local->effect != split->sh->effect) {
        ngx_http_strangler_refresh(split);
    }

    for (i = 0; i < 2; i++) {
        weight = i ? local->weights.weight[arm]
                   : local->configured.weight[arm];

        ngx_http_strangler_out(out, "ficus_split_weight{split=\"%V\","
                               "arm=\"%V\",kind=\"%s\"} %ui.%02ui\n",
                               &split->name, &split->arm[arm].name, kind[i],
                               weight / 100, weight % 100);
    }
}


static void
ngx_http_strangler_metric_responses(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                  i;
    ngx_http_strangler_lane_t   sum;

    ngx_http_strangler_sum(split, arm, &sum);

    for (i = 0; /* void */ ; i++) {
        ngx_http_strangler_out(out, "ficus_split_responses_total{"
                               "split=\"%V\",arm=\"%V\",code=",
                               &split->name, &split->arm[arm].name);

        if (ngx_http_strangler_codes[i] == 0) {
            break;
        }

        ngx_http_strangler_out(out, "\"%ui\"} %uA\n",
                               ngx_http_strangler_codes[i], sum.code[i]);
    }

    ngx_http_strangler_out(out, "\"other\"} %uA\n", sum.code[i]
                           + sum.code[NGX_HTTP_STRANGLER_CODES - 1]);
}


static void
ngx_http_strangler_metric_failures(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_tries_t  tries;

    ngx_http_strangler_tries(split, arm, &tries);

    ngx_http_strangler_out(out, "ficus_split_failures_total{split=\"%V\","
                           "arm=\"%V\"} %uA\n", &split->name,
                           &split->arm[arm].name, tries.failed);
}


static void
ngx_http_strangler_metric_rescued(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_lane_t  sum;

    if (arm == split->baseline) {
        return;
    }

    ngx_http_strangler_sum(split, arm, &sum);

    ngx_http_strangler_out(out, "ficus_split_rescued_total{split=\"%V\","
                           "from=\"%V\",to=\"%V\"} %uA\n", &split->name,
                           &split->arm[arm].name,
                           &split->arm[split->baseline].name, sum.rescued);
}


static void
ngx_http_strangler_metric_refused(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_sh_t  *sh;

    sh = split->sh;

    ngx_http_strangler_out(out, "ficus_split_rescues_refused_total{"
                           "split=\"%V\",why=\"budget\"} %uA\n"
                           "ficus_split_rescues_refused_total{"
                           "split=\"%V\",why=\"unsafe\"} %uA\n",
                           &split->name, sh->rescue_spent, &split->name,
                           sh->rescue_unsafe);
}


static void
ngx_http_strangler_metric_state(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t  i, state;

    state = ngx_http_strangler_state(split, arm);

    for (i = 0; i <= ngx_http_strangler_recovering; i++) {
        ngx_http_strangler_out(out, "ficus_split_breaker_state{split=\"%V\","
                               "arm=\"%V\",state=\"%V\"} %ui\n",
                               &split->name, &split->arm[arm].name,
                               &ngx_http_strangler_state_names[i],
                               (ngx_uint_t) (i == state));
    }
}


static void
ngx_http_strangler_metric_opened(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_out(out, "ficus_split_breaker_opened_total{"
                           "split=\"%V\",arm=\"%V\"} %uA\n", &split->name,
                           &split->arm[arm].name,
                           split->arm[arm].breaker->opened);
}


static void
ngx_http_strangler_metric_seconds(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i;
    ngx_atomic_t               *bound;
    ngx_atomic_uint_t           n;
    ngx_http_strangler_lane_t   sum;

    ngx_http_strangler_sum(split, arm, &sum);

    n = 0;
    name = &split->arm[arm].name;

    for (i = 0; i <= NGX_HTTP_STRANGLER_BOUNDS; i++) {
        bound = &sum.bound[NGX_HTTP_STRANGLER_FINE * i];
        n += bound[0] + bound[1] + bound[2];

        ngx_http_strangler_out(out, "ficus_split_seconds_bucket{split=\"%V\","
                               "arm=\"%V\",le=\"%s\"} %uA\n", &split->name,
                               name, ngx_http_strangler_le[i], n);
    }

    ngx_http_strangler_out(out, "ficus_split_seconds_sum{split=\"%V\","
                           "arm=\"%V\"} %uA.%09uA\n", &split->name, name,
                           sum.nsec / 1000000000, sum.nsec % 1000000000);
    ngx_http_strangler_out(out, "ficus_split_seconds_count{split=\"%V\","
                           "arm=\"%V\"} %uA\n", &split->name, name, n);
}


static void
ngx_http_strangler_metric_generation(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_out(out, "ficus_split_generation{split=\"%V\"} %uA\n",
                           &split->name, split->sh->word >> 1);
}


static void
ngx_http_strangler_metric_overrides(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_out(out, "ficus_split_overrides_ignored_total{"
                           "split=\"%V\"} %uA\n", &split->name,
                           split->sh->overrides_ignored);
}


static void
ngx_http_strangler_metric_route_requests(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i;
    ngx_http_strangler_served_t  served;

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {

        if (!ngx_http_strangler_route_is_shown(split, i, &served)) {
            continue;
        }

        for (arm = 0; arm < split->narms; arm++) {
            ngx_http_strangler_route_metric(split, i, "route_requests_total",
                                            out);
            ngx_http_strangler_out(out, ",arm=\"%V\"} %uA\n",
                                   &split->arm[arm].name,
                                   served.requests[arm]);
        }
    }
}


static void
ngx_http_strangler_metric_route_rescued(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i;
    ngx_http_strangler_served_t  served;

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {

        if (ngx_http_strangler_route_is_shown(split, i, &served)) {
            ngx_http_strangler_route_metric(split, i, "route_rescued_total",
                                            out);
            ngx_http_strangler_out(out, "} %uA\n",
                                   split->sh->ledger[i].rescued);
        }
    }
}


static void
ngx_http_strangler_metric_route_last(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i;
    ngx_http_strangler_served_t  served;

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {

        if (ngx_http_strangler_route_is_shown(split, i, &served)) {
            ngx_http_strangler_route_metric(split, i,
                                            "route_baseline_timestamp_seconds",
                                            out);
            ngx_http_strangler_out(out, "} %T\n", served.last[split->baseline]);
        }
    }
}


static void
ngx_http_strangler_metric_route_verdict(ngx_http_strangler_split_t *split,
    ngx_uint_t arm, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i, n;
    ngx_http_strangler_need_t    need;
    ngx_http_strangler_served_t  served;

    for (i = 0; i < NGX_HTTP_STRANGLER_ROUTES; i++) {

        if (!ngx_http_strangler_route_is_shown(split, i, &served)) {
            continue;
        }

        ngx_http_strangler_route_need(split, i, &served, &need);

        for (n = 0; n < ngx_http_strangler_verdict_n; n++) {
            ngx_http_strangler_route_metric(split, i, "route_verdict", out);
            ngx_http_strangler_out(out, ",verdict=\"%V\"} %ui\n",
                                   &ngx_http_strangler_verdict_names[n],
                                   (ngx_uint_t) (n == need.verdict));
        }
    }
}


/* a label is escaped as a string of JSON without control characters is */

static void
ngx_http_strangler_route_metric(ngx_http_strangler_split_t *split,
    ngx_uint_t route, char *name, ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_entry_t  *entry;

    entry = &split->sh->ledger[route];

    ngx_http_strangler_out(out, "ficus_split_%s{split=\"%V\",route=", name,
                           &split->name);
    ngx_http_strangler_out_json(out, entry->name, entry->len);
}
