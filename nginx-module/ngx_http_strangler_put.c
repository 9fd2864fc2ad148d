
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"


static void ngx_http_strangler_check_sum(ngx_http_strangler_call_t *call);
static void ngx_http_strangler_unknown_arms(ngx_http_strangler_call_t *call,
    struct json_object *body);


/* {"v1": 40, "v2": 60} */

ngx_int_t
ngx_http_strangler_put_weights(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    ngx_uint_t                   i;
    struct json_object          *value;
    ngx_http_strangler_arm_t    *arm;
    ngx_http_strangler_split_t  *split;

    split = call->split;
    arm = split->arm;

    ngx_http_strangler_configured(split, &call->weights);
    ngx_http_strangler_unknown_arms(call, body);

    for (i = 0; i < split->narms; i++) {

        if (!json_object_object_get_ex(body, (char *) arm[i].name.data,
                                       &value))
        {
            (void) ngx_http_strangler_add_error(call, &arm[i].name,
                                                "required", "is missing");
            continue;
        }

        (void) ngx_http_strangler_weight(call, &arm[i].name, value,
                                         &call->weights.weight[i]);
    }

    if (call->errors.nelts == 0) {
        ngx_http_strangler_check_sum(call);
    }

    return NGX_OK;
}


static void
ngx_http_strangler_unknown_arms(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    json_object_object_foreach(body, key, value) {
        if (ngx_http_strangler_find_arm(call->split, (u_char *) key,
                                        ngx_strlen(key))
            == NGX_DECLINED)
        {
            ngx_http_strangler_unknown(call, key, value);
        }
    }
}


static void
ngx_http_strangler_check_sum(ngx_http_strangler_call_t *call)
{
    u_char                      *p;
    ngx_str_t                    field;
    ngx_uint_t                   i, sum;
    ngx_http_strangler_error_t  *error;

    sum = 0;

    for (i = 0; i < call->split->narms; i++) {
        sum += call->weights.weight[i];
    }

    if (sum == NGX_HTTP_STRANGLER_SLOTS) {
        return;
    }

    call->detail = "the weights must add up to 100";

    ngx_str_set(&field, "weights");

    error = ngx_http_strangler_add_error(call, &field, "sum",
                                         "must add up to 100");
    p = ngx_pnalloc(call->request->pool, NGX_INT64_LEN);

    if (error && p) {
        error->value.data = p;
        error->value.len = ngx_sprintf(p, "%ui.%02ui", sum / 100, sum % 100)
                           - p;
    }
}


/* {"p": 40}, the baseline's share of two arms */

ngx_int_t
ngx_http_strangler_put_p(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    uint16_t                     p;
    ngx_str_t                    field;
    struct json_object          *value;
    ngx_http_strangler_split_t  *split;

    split = call->split;

    if (split->narms != 2) {
        return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                          "this split has more than two arms, "
                                          "change its weights instead");
    }

    if (ngx_http_strangler_only(call, body, "p", &value) != NGX_OK) {
        return NGX_OK;
    }

    ngx_str_set(&field, "p");

    if (ngx_http_strangler_weight(call, &field, value, &p) == NGX_OK) {
        ngx_http_strangler_configured(split, &call->weights);

        call->weights.weight[split->baseline] = p;
        call->weights.weight[!split->baseline] = NGX_HTTP_STRANGLER_SLOTS - p;
    }

    return NGX_OK;
}


/* {"generation": 7} */

ngx_int_t
ngx_http_strangler_post_rollback(ngx_http_strangler_call_t *call,
    struct json_object *body)
{
    u_char              *p;
    ngx_str_t            field;
    struct json_object  *value;

    if (ngx_http_strangler_only(call, body, "generation", &value) != NGX_OK) {
        return NGX_OK;
    }

    ngx_str_set(&field, "generation");

    if (ngx_http_strangler_integer(call, &field, value, &call->generation)
        != NGX_OK)
    {
        return NGX_OK;
    }

    call->rollback = 1;

    if (call->reason.len == 0) {
        p = ngx_pnalloc(call->request->pool,
                        sizeof("rollback to ") + NGX_INT64_LEN);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        call->reason.data = p;
        call->reason.len = ngx_sprintf(p, "rollback to %uL", call->generation)
                           - p;
    }

    return NGX_OK;
}


/* the weights of that generation, once no other change can come between */

ngx_int_t
ngx_http_strangler_rollback(ngx_http_strangler_call_t *call)
{
    ngx_uint_t                    i, sum;
    ngx_http_strangler_split_t   *split;
    ngx_http_strangler_table_t   *table;
    ngx_http_strangler_record_t  *record;

    split = call->split;
    table = call->table;

    for (i = 0; i < table->nrecords; i++) {
        if (table->record[i].generation == call->generation) {
            break;
        }
    }

    if (i == table->nrecords) {
        return ngx_http_strangler_problem(call, NGX_HTTP_NOT_FOUND,
                                          "that generation is not kept");
    }

    record = &table->record[i];
    sum = 0;

    ngx_http_strangler_configured(split, &call->weights);

    for (i = 0; i < split->narms; i++) {
        call->weights.weight[i] = record->weight[split->arm[i].id];
        sum += call->weights.weight[i];
    }

    if (sum != NGX_HTTP_STRANGLER_SLOTS) {
        return ngx_http_strangler_problem(call, NGX_HTTP_NOT_FOUND,
                                          "that generation had an arm that is "
                                          "no longer configured");
    }

    return NGX_OK;
}
