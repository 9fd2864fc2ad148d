
/*
 * Copyright (C) Ficus authors
 */


#include "fig_app_parts.h"
#include "fig_metrics.h"
#include "fig_problem.h"


#define FIG_APP_METRICS_MAX  8388608
#define FIG_APP_READY_MAX    8192


static void fig_app_get_health(fig_request_t *request,
    fig_response_t *response);
static void fig_app_get_ready(fig_request_t *request,
    fig_response_t *response);
static bool fig_app_row(fig_buf_t *out, const char *name, const char *wrong);
static void fig_app_get_metrics(fig_request_t *request,
    fig_response_t *response);
static void fig_app_reply(fig_request_t *request, fig_response_t *response,
    fig_buf_t *out);


const fig_route_t  fig_app_routes[] = {
    { "GET", "/healthz", fig_app_get_health, FIG_ROUTE_VITAL },
    { "GET", "/readyz", fig_app_get_ready, FIG_ROUTE_VITAL },
    { "GET", "/metrics", fig_app_get_metrics, FIG_ROUTE_VITAL },
    { NULL, NULL, NULL, 0 }
};


static fig_app_t  *fig_app_shown;


void
fig_app_health(fig_app_t *app)
{
    fig_app_shown = app;
}


static void
fig_app_get_health(fig_request_t *request, fig_response_t *response)
{
    response->body = FIG_STR("{\"status\":\"ok\"}");
}


/* without its store it cannot serve; without the rest it still can */

static void
fig_app_get_ready(fig_request_t *request, fig_response_t *response)
{
    bool                    ready, well;
    size_t                  i;
    fig_buf_t               checks, out;
    const char             *status;
    const fig_app_check_t  *row;

    fig_buf_init(&checks, FIG_APP_READY_MAX);
    fig_buf_init(&out, FIG_APP_READY_MAX);

    ready = fig_store_ping(fig_app_shown->store) == FIG_OK;
    well = fig_app_row(&checks, "store", !ready ? "cannot be read"
                       : fig_store_wrong(fig_app_shown->store));

    for (i = 0; i < fig_app_shown->nchecks; i++) {
        row = &fig_app_shown->checks[i];
        well &= fig_app_row(&checks, row->name, row->check(row->data));
    }

    status = !ready ? "error" : well ? "ok" : "degraded";

    fig_buf_printf(&out, "{\"status\":\"%s\",\"checks\":{", status);
    fig_buf_str(&out, fig_buf_view(&checks));
    fig_buf_puts(&out, "}}");

    response->status = ready ? 200 : 503;
    fig_app_reply(request, response, &out);

    fig_buf_clear(&checks);
}


static bool
fig_app_row(fig_buf_t *out, const char *name, const char *wrong)
{
    fig_buf_puts(out, out->len ? "," : "");
    fig_json_quote(out, fig_str_from(name));
    fig_buf_puts(out, ":");
    fig_json_quote(out, fig_str_from(wrong ? wrong : "ok"));

    return wrong == NULL;
}


static void
fig_app_get_metrics(fig_request_t *request, fig_response_t *response)
{
    fig_buf_t  out;

    fig_buf_init(&out, FIG_APP_METRICS_MAX);
    fig_metrics_write(&out);

    response->type = "text/plain; version=0.0.4; charset=utf-8";
    fig_app_reply(request, response, &out);
}


static void
fig_app_reply(fig_request_t *request, fig_response_t *response, fig_buf_t *out)
{
    if (fig_buf_ok(out)) {
        response->body = fig_arena_dup(request->arena, fig_buf_view(out));
    }

    if (response->body.data == NULL) {
        fig_problem_status(request, response, FIG_NOMEM);
    }

    fig_buf_clear(out);
}
