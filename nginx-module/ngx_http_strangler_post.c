
/*
 * Copyright (C) Ficus authors
 */


/* The calls that start a ramp and change its course. */


#include "ngx_http_strangler_api.h"
#include "ngx_http_strangler_ramp.h"
#include <math.h>


/* a number of the body; the unit is what one is in the result */

typedef struct {
    char                        *name;
    double                       min;
    double                       max;
    double                       unit;
    char                        *range;
} ngx_http_strangler_limit_t;


static ngx_int_t ngx_http_strangler_ramp_number(
    ngx_http_strangler_call_t *call, struct json_object *object,
    const ngx_http_strangler_limit_t *limit, uint32_t *n);
static void ngx_http_strangler_ramp_to(ngx_http_strangler_call_t *call,
    struct json_object *body);
static void ngx_http_strangler_ramp_guards(ngx_http_strangler_call_t *call,
    struct json_object *body);
static void ngx_http_strangler_ramp_policy(ngx_http_strangler_call_t *call,
    struct json_object *body);
static void ngx_http_strangler_ramp_members(ngx_http_strangler_call_t *call,
    struct json_object *object, const char *const *names);
static ngx_int_t ngx_http_strangler_ramp_course(
    ngx_http_strangler_call_t *call, struct json_object *body,
    ngx_uint_t course);
static ngx_int_t ngx_http_strangler_ramp_begin(
    ngx_http_strangler_call_t *call, ngx_http_strangler_ramp_t *ramp);
static ngx_int_t ngx_http_strangler_ramp_turn(ngx_http_strangler_call_t *call,
    ngx_http_strangler_ramp_t *ramp);
static void ngx_http_strangler_ramp_abort(ngx_http_strangler_call_t *call,
    ngx_http_strangler_ramp_t *ramp);
static void ngx_http_strangler_ramp_reason(ngx_http_strangler_call_t *call,
    char *reason);


static const char *const  ngx_http_strangler_ramp_names[] = {
    "to", "step", "every", "guards", "down", NULL
};

static const char *const  ngx_http_strangler_guard_names[] = {
    "max_error_ratio", "max_latency_ratio", "max_mismatch_ratio", "quantile",
    "min_requests", NULL
};


static const ngx_http_strangler_limit_t  ngx_http_strangler_ramp_step = {
    "step", 0.01, 100, 100, "must be from 0.01 to 100 points"
};

static const ngx_http_strangler_limit_t  ngx_http_strangler_ramp_every = {
    "every", 0.1, 604800, 1000, "must be from 0.1 to 604800 seconds"
};

static const ngx_http_strangler_limit_t  ngx_http_strangler_guard_error = {
    "max_error_ratio", 0, 1, 1e6, "must be from 0 to 1"
};

static const ngx_http_strangler_limit_t  ngx_http_strangler_guard_latency = {
    "max_latency_ratio", 1, 1000, 1000, "must be from 1 to 1000"
};

static const ngx_http_strangler_limit_t  ngx_http_strangler_guard_mismatch = {
    "max_mismatch_ratio", 0, 1, 1e6, "must be from 0 to 1"
};

static const ngx_http_strangler_limit_t  ngx_http_strangler_guard_quantile = {
    "quantile", 0.5, 0.9999, 1e6, "must be from 0.5 to 0.9999"
};

static const ngx_http_strangler_limit_t  ngx_http_strangler_guard_requests = {
    "min_requests", 0, 1e9, 1, "must be from 0 to 1000000000"
};


/* {"to": {...}, "step": 10, "every": 1.0, "guards": {...}} */

ngx_int_t
ngx_http_strangler_post_ramp(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    ngx_http_strangler_ramp_t  *ramp;

    ramp = &call->ramp;

    ngx_memzero(ramp, sizeof(ngx_http_strangler_ramp_t));

    ramp->state = ngx_http_strangler_running;
    call->course = ngx_http_strangler_course_start;

    ngx_http_strangler_ramp_members(call, body,
                                    ngx_http_strangler_ramp_names);
    ngx_http_strangler_ramp_to(call, body);

    if (ngx_http_strangler_ramp_number(call, body,
                                       &ngx_http_strangler_ramp_step,
                                       &ramp->step)
        == NGX_DECLINED
        || ngx_http_strangler_ramp_number(call, body,
                                          &ngx_http_strangler_ramp_every,
                                          &ramp->every)
           == NGX_DECLINED)
    {
        call->detail = "a ramp needs \"to\", \"step\" and \"every\"";
    }

    ngx_http_strangler_ramp_guards(call, body);
    ngx_http_strangler_ramp_policy(call, body);

    return NGX_OK;
}


/* how it goes back, NGX_HTTP_STRANGLER_NONE when that is not said */

static void
ngx_http_strangler_ramp_policy(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    ngx_str_t            field;
    ngx_uint_t           i;
    struct json_object  *down;

    call->ramp.down = NGX_HTTP_STRANGLER_NONE;

    if (!json_object_object_get_ex(body, "down", &down)) {
        return;
    }

    for (i = 0; ngx_http_strangler_downs[i]; i++) {
        if (json_object_is_type(down, json_type_string)
            && ngx_strcmp(json_object_get_string(down),
                          ngx_http_strangler_downs[i])
               == 0)
        {
            call->ramp.down = (uint32_t) i;
            return;
        }
    }

    ngx_str_set(&field, "down");
    ngx_http_strangler_value_error(call, &field, down, "value",
                                   "must be snap, release or keep");
}


/* the weights at its end, like those of "weights" */

static void
ngx_http_strangler_ramp_to(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    ngx_str_t            field;
    struct json_object  *to;

    ngx_str_set(&field, "to");

    if (!json_object_object_get_ex(body, "to", &to)) {
        (void) ngx_http_strangler_add_error(call, &field, "required",
                                            "is missing");
        return;
    }

    if (!json_object_is_type(to, json_type_object)) {
        ngx_http_strangler_value_error(call, &field, to, "type",
                                       "must be an object of weights");
        return;
    }

    (void) ngx_http_strangler_put_weights(call, to);
}


static void
ngx_http_strangler_ramp_guards(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    uint32_t                    n;
    ngx_str_t                   field;
    struct json_object         *guards;
    ngx_http_strangler_ramp_t  *ramp;

    ramp = &call->ramp;

    if (!json_object_object_get_ex(body, "guards", &guards)) {
        return;
    }

    ngx_str_set(&field, "guards");

    if (!json_object_is_type(guards, json_type_object)) {
        ngx_http_strangler_value_error(call, &field, guards, "type",
                                       "must be an object");
        return;
    }

    ngx_http_strangler_ramp_members(call, guards,
                                    ngx_http_strangler_guard_names);

    ramp->quantile = 990000;
    ramp->requests = json_object_object_length(guards) ? 100 : 0;

    if (json_object_object_get_ex(guards, "max_error_ratio", NULL)
        && ngx_http_strangler_ramp_number(call, guards,
                                          &ngx_http_strangler_guard_error, &n)
           == NGX_OK)
    {
        ramp->error_ratio = n + 1;
    }

    if (json_object_object_get_ex(guards, "max_latency_ratio", NULL)) {
        (void) ngx_http_strangler_ramp_number(call, guards,
                                           &ngx_http_strangler_guard_latency,
                                           &ramp->latency_ratio);
    }

    if (json_object_object_get_ex(guards, "max_mismatch_ratio", NULL)
        && ngx_http_strangler_ramp_number(call, guards,
                                          &ngx_http_strangler_guard_mismatch,
                                          &n)
           == NGX_OK)
    {
        ramp->mismatch_ratio = n + 1;

        if (call->split->shadow == NULL) {
            ngx_str_set(&field, "max_mismatch_ratio");
            ngx_http_strangler_value_error(call, &field, guards, "shadow",
                                           "needs strangler_shadow in the "
                                           "split");
        }
    }

    if (json_object_object_get_ex(guards, "quantile", NULL)) {
        (void) ngx_http_strangler_ramp_number(call, guards,
                                          &ngx_http_strangler_guard_quantile,
                                          &ramp->quantile);
    }

    if (json_object_object_get_ex(guards, "min_requests", NULL)) {
        (void) ngx_http_strangler_ramp_number(call, guards,
                                          &ngx_http_strangler_guard_requests,
                                          &ramp->requests);
    }
}


/* NGX_OK, or NGX_DECLINED with an error added */

static ngx_int_t
ngx_http_strangler_ramp_number(ngx_http_strangler_call_t *call,
    struct json_object *object, const ngx_http_strangler_limit_t *limit,
    uint32_t *n)
{
    double               value;
    ngx_str_t            field;
    struct json_object  *member;

    field.data = (u_char *) limit->name;
    field.len = ngx_strlen(limit->name);

    if (!json_object_object_get_ex(object, limit->name, &member)) {
        (void) ngx_http_strangler_add_error(call, &field, "required",
                                            "is missing");
        return NGX_DECLINED;
    }

    if (!json_object_is_type(member, json_type_int)
        && !json_object_is_type(member, json_type_double))
    {
        ngx_http_strangler_value_error(call, &field, member, "type",
                                       "must be a number");
        return NGX_DECLINED;
    }

    value = json_object_get_double(member);

    if (!(value >= limit->min && value <= limit->max)) {
        ngx_http_strangler_value_error(call, &field, member, "range",
                                       limit->range);
        return NGX_DECLINED;
    }

    if (fabs(value * limit->unit - nearbyint(value * limit->unit)) > 1e-6) {
        ngx_http_strangler_value_error(call, &field, member, "decimals",
                                       "has too many decimals");
        return NGX_DECLINED;
    }

    *n = (uint32_t) nearbyint(value * limit->unit);

    return NGX_OK;
}


static void
ngx_http_strangler_ramp_members(ngx_http_strangler_call_t *call,
    struct json_object *object, const char *const *names)
{
    ngx_uint_t  i;

    json_object_object_foreach(object, key, value) {

        for (i = 0; names[i]; i++) {
            if (ngx_strcmp(key, names[i]) == 0) {
                break;
            }
        }

        if (names[i] == NULL) {
            ngx_http_strangler_unknown(call, key, value);
        }
    }
}


ngx_int_t
ngx_http_strangler_post_pause(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    return ngx_http_strangler_ramp_course(call, body,
                                          ngx_http_strangler_course_pause);
}


ngx_int_t
ngx_http_strangler_post_resume(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    return ngx_http_strangler_ramp_course(call, body,
                                          ngx_http_strangler_course_resume);
}


ngx_int_t
ngx_http_strangler_post_abort(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    return ngx_http_strangler_ramp_course(call, body,
                                          ngx_http_strangler_course_abort);
}


static ngx_int_t
ngx_http_strangler_ramp_course(ngx_http_strangler_call_t *call,
    struct json_object *body, ngx_uint_t course)
{
    static const char *const  names[] = { "down", NULL };

    ngx_http_strangler_ramp_members(call, body,
                                    course == ngx_http_strangler_course_abort
                                    ? names : &names[1]);
    ngx_http_strangler_ramp_policy(call, body);

    call->course = course;

    return NGX_OK;
}


/* under the lock: call->weights for this change, or why it cannot be */

ngx_int_t
ngx_http_strangler_ramp_prepare(ngx_http_strangler_call_t *call,
    ngx_http_strangler_ramp_t *ramp)
{
    *ramp = call->table->ramp;

    if (call->course == ngx_http_strangler_course_start) {
        return ngx_http_strangler_ramp_begin(call, ramp);
    }

    return ngx_http_strangler_ramp_turn(call, ramp);
}


static ngx_int_t
ngx_http_strangler_ramp_begin(ngx_http_strangler_call_t *call,
    ngx_http_strangler_ramp_t *ramp)
{
    u_char                       *p;
    ngx_str_t                     field;
    ngx_uint_t                    i, id, way;
    ngx_http_strangler_split_t   *split;
    ngx_http_strangler_record_t  *record;

    if (ramp->state == ngx_http_strangler_running
        || ramp->state == ngx_http_strangler_paused)
    {
        return ngx_http_strangler_problem(call, NGX_HTTP_CONFLICT,
                                          "a ramp is under way");
    }

    split = call->split;
    record = &call->table->record[0];

    *ramp = call->ramp;
    ramp->id = record->generation + 1;

    if (ramp->down == NGX_HTTP_STRANGLER_NONE) {
        ramp->down = ngx_http_strangler_down_snap;
    }

    way = 0;

    for (i = 0; i < split->narms; i++) {
        id = split->arm[i].id;

        ramp->arms |= 1u << id;
        ramp->from[id] = record->weight[id];
        ramp->to[id] = call->target.weight[i];

        way = ngx_max(way, (ngx_uint_t) ngx_abs(ramp->to[id]
                                                - ramp->from[id]));
    }

    if (way == 0) {
        ngx_str_set(&field, "to");
        (void) ngx_http_strangler_add_error(call, &field, "same",
                                            "is what the weights are now");
        return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                          "there is nothing to ramp");
    }

    ramp->of = (uint32_t) ((way + ramp->step - 1) / ramp->step);
    ramp->n = 1;

    ngx_http_strangler_ramp_weights(split, ramp, 1, &call->weights);

    if (call->reason.len == 0) {
        p = ngx_pnalloc(call->request->pool, sizeof("ramp step 1 of ")
                                             + NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        call->reason.data = p;
        call->reason.len = ngx_sprintf(p, "ramp step 1 of %ui",
                                       (ngx_uint_t) ramp->of)
                           - p;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_ramp_turn(ngx_http_strangler_call_t *call,
    ngx_http_strangler_ramp_t *ramp)
{
    ngx_uint_t  running, paused;

    running = (ramp->state == ngx_http_strangler_running);
    paused = (ramp->state == ngx_http_strangler_paused);

    if (call->course == ngx_http_strangler_course_resume ? !paused
        : call->course == ngx_http_strangler_course_pause ? !running
        : !running && !paused)
    {
        return ngx_http_strangler_problem(call, NGX_HTTP_CONFLICT,
                                          paused ? "the ramp is paused"
                                          : running ? "the ramp is running"
                                          : "no ramp is under way");
    }

    ngx_http_strangler_ramp_weights(call->split, ramp, ramp->n,
                                    &call->weights);

    switch (call->course) {

    case ngx_http_strangler_course_pause:
        ramp->state = ngx_http_strangler_paused;
        ngx_http_strangler_ramp_reason(call, "ramp paused");
        break;

    case ngx_http_strangler_course_resume:
        ramp->state = ngx_http_strangler_running;
        ngx_http_strangler_ramp_reason(call, "ramp resumed");
        break;

    default: /* ngx_http_strangler_course_abort */
        ngx_http_strangler_ramp_abort(call, ramp);
        break;
    }

    return NGX_OK;
}


static void
ngx_http_strangler_ramp_abort(ngx_http_strangler_call_t *call,
    ngx_http_strangler_ramp_t *ramp)
{
    ngx_str_t   why;
    ngx_uint_t  n;

    ngx_str_set(&why, "aborted by an operator");

    if (call->ramp.down != NGX_HTTP_STRANGLER_NONE) {
        ramp->down = call->ramp.down;
    }

    ngx_http_strangler_ramp_why(ramp, why.data, why.len);

    n = ngx_http_strangler_ramp_down(ramp, ngx_http_strangler_aborted);

    ngx_http_strangler_ramp_weights(call->split, ramp, n, &call->weights);
    ngx_http_strangler_ramp_reason(call,
                                   ramp->down == ngx_http_strangler_down_keep
                                   ? "ramp aborted, weights kept"
                                   : n ? "ramp aborted, it goes back"
                                   : "ramp aborted");
}


static void
ngx_http_strangler_ramp_reason(ngx_http_strangler_call_t *call, char *reason)
{
    if (call->reason.len == 0) {
        call->reason.data = (u_char *) reason;
        call->reason.len = ngx_strlen(reason);
    }
}
