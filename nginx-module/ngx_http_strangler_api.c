
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"


typedef struct {
    ngx_uint_t                   status;
    char                        *slug;
    char                        *title;
} ngx_http_strangler_problem_t;


static ngx_int_t ngx_http_strangler_find_route(
    ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_find_split(
    ngx_http_strangler_call_t *call, u_char *name, size_t len);
static ngx_int_t ngx_http_strangler_check_method(
    ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_show(ngx_http_strangler_call_t *call);
static ngx_int_t ngx_http_strangler_set_etag(ngx_http_request_t *r,
    uint64_t generation);
static ngx_int_t ngx_http_strangler_send_problem(
    ngx_http_strangler_call_t *call);
static void ngx_http_strangler_out_error(ngx_http_strangler_out_t *out,
    ngx_http_strangler_error_t *error);


static const ngx_http_strangler_route_t  ngx_http_strangler_all_route = {
    ngx_null_string, NGX_HTTP_GET, ngx_http_strangler_show_splits, NULL, 0
};


static const ngx_http_strangler_route_t  ngx_http_strangler_routes[] = {

    { ngx_string(""),
      NGX_HTTP_GET,
      ngx_http_strangler_show_split,
      NULL,
      0 },

    { ngx_string("/weights"),
      NGX_HTTP_PUT,
      NULL,
      ngx_http_strangler_put_weights,
      0 },

    { ngx_string("/p"),
      NGX_HTTP_PUT,
      NULL,
      ngx_http_strangler_put_p,
      0 },

    { ngx_string("/shadow"),
      NGX_HTTP_PUT,
      NULL,
      ngx_http_strangler_put_shadow,
      0 },

    { ngx_string("/diff"),
      NGX_HTTP_GET,
      ngx_http_strangler_show_diff,
      NULL,
      0 },

    { ngx_string("/diff"),
      NGX_HTTP_DELETE,
      ngx_http_strangler_delete_diff,
      NULL,
      1 },

    { ngx_string("/explain"),
      NGX_HTTP_GET,
      ngx_http_strangler_show_explain,
      NULL,
      0 },

    { ngx_string("/slots"),
      NGX_HTTP_GET,
      ngx_http_strangler_show_slots,
      NULL,
      0 },

    { ngx_string("/history"),
      NGX_HTTP_GET,
      ngx_http_strangler_show_history,
      NULL,
      0 },

    { ngx_string("/ledger"),
      NGX_HTTP_GET,
      ngx_http_strangler_show_ledger,
      NULL,
      0 },

    { ngx_string("/rollback"),
      NGX_HTTP_POST,
      NULL,
      ngx_http_strangler_post_rollback,
      0 },

    { ngx_string("/ramp"),
      NGX_HTTP_POST,
      NULL,
      ngx_http_strangler_post_ramp,
      0 },

    { ngx_string("/ramp/pause"),
      NGX_HTTP_POST,
      NULL,
      ngx_http_strangler_post_pause,
      1 },

    { ngx_string("/ramp/resume"),
      NGX_HTTP_POST,
      NULL,
      ngx_http_strangler_post_resume,
      1 },

    { ngx_string("/ramp/abort"),
      NGX_HTTP_POST,
      NULL,
      ngx_http_strangler_post_abort,
      1 },

    { ngx_null_string, 0, NULL, NULL, 0 }
};


static const ngx_http_strangler_problem_t  ngx_http_strangler_problems[] = {

    { 400, "bad-request", "Bad request" },
    { 401, "unauthorized", "Unauthorized" },
    { 403, "forbidden", "Forbidden" },
    { 404, "not-found", "Not found" },
    { 405, "method-not-allowed", "Method not allowed" },
    { 409, "conflict", "Conflict" },
    { 412, "precondition-failed", "Precondition failed" },
    { 413, "content-too-large", "Content too large" },
    { 415, "unsupported-media-type", "Unsupported media type" },
    { 421, "misdirected-request", "Misdirected request" },
    { 503, "unavailable", "Unavailable" },
    { 500, "internal-error", "Internal error" }
};


ngx_int_t
ngx_http_strangler_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_strangler_call_t  *call;

    call = ngx_http_strangler_create_call(r);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_strangler_guard(call);

    if (rc == NGX_OK) {
        rc = ngx_http_strangler_find_route(call);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_strangler_check_method(call);
    }

    if (rc == NGX_OK && call->route->method != NGX_HTTP_GET) {
        rc = ngx_http_strangler_guard_change(call);
    }

    if (rc != NGX_OK) {
        return ngx_http_strangler_finish(call, rc);
    }

    if (call->route->parse) {
        return ngx_http_strangler_read_body(call);
    }

    return ngx_http_strangler_finish(call, ngx_http_strangler_show(call));
}


ngx_http_strangler_call_t *
ngx_http_strangler_create_call(ngx_http_request_t *r)
{
    ngx_http_strangler_call_t  *call;

    call = ngx_pcalloc(r->pool, sizeof(ngx_http_strangler_call_t));
    if (call == NULL) {
        return NULL;
    }

    call->request = r;
    call->dir = NGX_INVALID_FILE;

    ngx_http_strangler_out_init(&call->body, r->pool);

    if (ngx_array_init(&call->errors, r->pool, 4,
                       sizeof(ngx_http_strangler_error_t))
        != NGX_OK)
    {
        return NULL;
    }

    return call;
}


/* NGX_OK with route and split set, or the 404 */

static ngx_int_t
ngx_http_strangler_find_route(ngx_http_strangler_call_t *call)
{
    u_char                            *p, *end, *name;
    ngx_http_request_t                *r;
    ngx_http_core_loc_conf_t          *clcf;
    const ngx_http_strangler_route_t  *route;

    r = call->request;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    p = r->uri.data + ngx_min(clcf->name.len, r->uri.len);
    end = r->uri.data + r->uri.len;

    if (p < end && *p == '/') {
        p++;
    }

    if (end - p < 6 || ngx_memcmp(p, "splits", 6) != 0) {
        goto not_found;
    }

    p += 6;

    if (p == end) {
        call->route = &ngx_http_strangler_all_route;
        return NGX_OK;
    }

    if (*p++ != '/') {
        goto not_found;
    }

    name = p;

    while (p < end && *p != '/') {
        p++;
    }

    if (ngx_http_strangler_find_split(call, name, p - name) != NGX_OK) {
        return ngx_http_strangler_problem(call, NGX_HTTP_NOT_FOUND,
                                          "there is no split of this name");
    }

    for (route = ngx_http_strangler_routes; route->method; route++) {

        if ((size_t) (end - p) != route->name.len
            || ngx_memcmp(p, route->name.data, route->name.len) != 0)
        {
            continue;
        }

        call->methods |= route->method;

        if (call->route == NULL || (r->method & route->method)) {
            call->route = route;
        }
    }

    if (call->route) {
        return NGX_OK;
    }

not_found:

    return ngx_http_strangler_problem(call, NGX_HTTP_NOT_FOUND,
                                      "there is nothing at this path");
}


static ngx_int_t
ngx_http_strangler_find_split(ngx_http_strangler_call_t *call, u_char *name,
    size_t len)
{
    ngx_uint_t                        i;
    ngx_http_strangler_split_t      **split;
    ngx_http_strangler_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(call->request,
                                        ngx_http_strangler_module);
    split = mcf->splits.elts;

    for (i = 0; i < mcf->splits.nelts; i++) {
        if (split[i]->name.len == len
            && ngx_memcmp(split[i]->name.data, name, len) == 0)
        {
            call->split = split[i];
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_strangler_check_method(ngx_http_strangler_call_t *call)
{
    ngx_str_t            allow;
    ngx_http_request_t  *r;

    r = call->request;

    if (r->method & call->route->method
        || (r->method & NGX_HTTP_HEAD && call->route->method == NGX_HTTP_GET))
    {
        return NGX_OK;
    }

    switch (call->methods) {

    case NGX_HTTP_PUT:
        ngx_str_set(&allow, "PUT");
        break;

    case NGX_HTTP_GET|NGX_HTTP_DELETE:
        ngx_str_set(&allow, "GET, HEAD, DELETE");
        break;

    case NGX_HTTP_POST:
        ngx_str_set(&allow, "POST");
        break;

    default:
        ngx_str_set(&allow, "GET, HEAD");
        break;
    }

    if (ngx_http_strangler_set_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_strangler_problem(call, NGX_HTTP_NOT_ALLOWED,
                                      "the method is not allowed here");
}


static ngx_int_t
ngx_http_strangler_show(ngx_http_strangler_call_t *call)
{
    ngx_int_t                  rc;
    ngx_http_request_t        *r;
    ngx_http_strangler_out_t   out;

    r = call->request;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (call->split) {
        ngx_http_strangler_look(call->split, r->connection->log);
    }

    ngx_http_strangler_out_init(&out, r->pool);

    rc = call->route->show(call, &out);

    if (rc != NGX_OK) {
        return rc;
    }

    /* only a change has preconditions */

    if (r->headers_in.if_match) {
        r->disable_not_modified = 1;
    }

    if (call->generation
        && ngx_http_strangler_set_etag(r, call->generation) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_strangler_send(r, NGX_HTTP_OK, "application/json", &out);
}


/* 200 with the state that a change has made */

ngx_int_t
ngx_http_strangler_answer(ngx_http_strangler_call_t *call)
{
    ngx_http_request_t        *r;
    ngx_http_strangler_out_t   out;

    r = call->request;

    ngx_http_strangler_out_init(&out, r->pool);
    ngx_http_strangler_show_state(call->split, call->table, &out);
    ngx_http_strangler_out(&out, "\n");

    /* nginx would compare the new ETag with If-Match */

    r->disable_not_modified = 1;

    if (ngx_http_strangler_set_etag(r, call->table->record[0].generation)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_strangler_send(r, call->course
                                      == ngx_http_strangler_course_start
                                      ? NGX_HTTP_CREATED : NGX_HTTP_OK,
                                   "application/json", &out);
}


static ngx_int_t
ngx_http_strangler_set_etag(ngx_http_request_t *r, uint64_t generation)
{
    ngx_table_elt_t  *etag;

    etag = ngx_list_push(&r->headers_out.headers);
    if (etag == NULL) {
        return NGX_ERROR;
    }

    etag->hash = 1;
    ngx_str_set(&etag->key, "ETag");
#if (nginx_version >= 1023000)
    etag->next = NULL;
#endif

    etag->value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN + 2);
    if (etag->value.data == NULL) {
        etag->hash = 0;
        return NGX_ERROR;
    }

    etag->value.len = ngx_sprintf(etag->value.data, "\"%uL\"", generation)
                      - etag->value.data;

    r->headers_out.etag = etag;

    return NGX_OK;
}


ngx_http_strangler_error_t *
ngx_http_strangler_add_error(ngx_http_strangler_call_t *call,
    ngx_str_t *field, char *code, char *message)
{
    ngx_http_strangler_error_t  *error;

    error = ngx_array_push(&call->errors);
    if (error == NULL) {
        return NULL;
    }

    error->field = *field;
    error->code = code;
    error->message = message;

    ngx_str_null(&error->value);

    return error;
}


/* refuses the call; returns NGX_DECLINED, for ngx_http_strangler_finish() */

ngx_int_t
ngx_http_strangler_problem(ngx_http_strangler_call_t *call, ngx_uint_t status,
    char *detail)
{
    call->status = status;
    call->detail = detail;

    return NGX_DECLINED;
}


/* what to return to nginx, or to finalize the request with */

ngx_int_t
ngx_http_strangler_finish(ngx_http_strangler_call_t *call, ngx_int_t rc)
{
    return rc == NGX_DECLINED ? ngx_http_strangler_send_problem(call) : rc;
}


/* RFC 9457 */

static ngx_int_t
ngx_http_strangler_send_problem(ngx_http_strangler_call_t *call)
{
    ngx_int_t                            rc;
    ngx_uint_t                           i;
    ngx_http_request_t                  *r;
    ngx_http_strangler_out_t             out;
    ngx_http_strangler_error_t          *error;
    const ngx_http_strangler_problem_t  *problem;

    r = call->request;
    problem = ngx_http_strangler_problems;

    while (problem->status != call->status && problem->status != 500) {
        problem++;
    }

    if (r->request_body == NULL) {
        rc = ngx_http_discard_request_body(r);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_strangler_out_init(&out, r->pool);

    ngx_http_strangler_out(&out, "{\"type\":\"urn:ficus:problem/%s\","
                           "\"title\":\"%s\",\"status\":%ui,\"detail\":",
                           problem->slug, problem->title, call->status);
    ngx_http_strangler_out_json(&out, (u_char *) call->detail,
                                ngx_strlen(call->detail));
    ngx_http_strangler_out(&out, ",\"message\":");
    ngx_http_strangler_out_json(&out, (u_char *) call->detail,
                                ngx_strlen(call->detail));
    ngx_http_strangler_out(&out, ",\"errors\":[");

    error = call->errors.elts;

    for (i = 0; i < call->errors.nelts; i++) {
        ngx_http_strangler_out(&out, i ? "," : "");
        ngx_http_strangler_out_error(&out, &error[i]);
    }

    ngx_http_strangler_out(&out, "]}\n");

    r->disable_not_modified = 1;

    return ngx_http_strangler_send(r, call->status,
                                   "application/problem+json", &out);
}


static void
ngx_http_strangler_out_error(ngx_http_strangler_out_t *out,
    ngx_http_strangler_error_t *error)
{
    ngx_http_strangler_out(out, "{\"field\":");
    ngx_http_strangler_out_name(out, &error->field);
    ngx_http_strangler_out(out, ",\"code\":\"%s\",\"message\":", error->code);
    ngx_http_strangler_out_json(out, (u_char *) error->message,
                                ngx_strlen(error->message));

    if (error->value.len) {
        ngx_http_strangler_out(out, ",\"value\":");
        ngx_http_strangler_out_data(out, error->value.data,
                                    error->value.len);
    }

    ngx_http_strangler_out(out, "}");
}
