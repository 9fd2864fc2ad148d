
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"


static void ngx_http_strangler_show_arms(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_arm(ngx_http_strangler_split_t *split,
    ngx_uint_t i, ngx_http_strangler_table_t *table, ngx_uint_t effective,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_cause(ngx_http_strangler_split_t *split,
    ngx_uint_t i, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_record(ngx_http_strangler_split_t *split,
    ngx_http_strangler_record_t *record, ngx_uint_t from,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_record_t *record, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_show_change(
    ngx_http_strangler_record_t *record, ngx_http_strangler_out_t *out);
static ngx_int_t ngx_http_strangler_explain_key(
    ngx_http_strangler_call_t *call, ngx_str_t *key);
static ngx_int_t ngx_http_strangler_unescape(ngx_http_request_t *r,
    ngx_str_t *text);


/* the whole state of a split; table is one consistent copy */

void
ngx_http_strangler_show_state(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out)
{
    ngx_uint_t  i;

    ngx_http_strangler_out(out, "{\"name\":\"%V\",\"generation\":%uL,"
                           "\"baseline\":\"%V\",\"key_sources\":[",
                           &split->name, table->record[0].generation,
                           &split->arm[split->baseline].name);

    for (i = 0; i < split->nkeys; i++) {
        ngx_http_strangler_out(out, i ? "," : "");
        ngx_http_strangler_out_name(out, &split->key[i].source);
    }

    ngx_http_strangler_show_arms(split, table, out);
    ngx_http_strangler_show_change(&table->record[0], out);
    ngx_http_strangler_show_ramp(split, table, out);
    ngx_http_strangler_show_shadow(split, table, out);
    ngx_http_strangler_out(out, "}");
}


static void
ngx_http_strangler_show_arms(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                     i, live;
    ngx_http_strangler_weights_t   weights, effective;

    ngx_http_strangler_keep_weights(split, table, &weights);

    live = ngx_http_strangler_effective(split, &weights, &effective);

    ngx_http_strangler_out(out, "],\"arms\":[");

    for (i = 0; i < split->narms; i++) {
        ngx_http_strangler_out(out, i ? "," : "");
        ngx_http_strangler_show_arm(split, i, table, effective.weight[i], out);
    }

    ngx_http_strangler_out(out, "],\"effective_reason\":\"%s\",",
                           !live ? "no arm is left that could take over, the "
                                   "configured weights are used"
                                 : ngx_memcmp(&weights, &effective,
                                       sizeof(ngx_http_strangler_weights_t))
                                   ? "breaker" : "configured");
}


static void
ngx_http_strangler_show_arm(ngx_http_strangler_split_t *split, ngx_uint_t i,
    ngx_http_strangler_table_t *table, ngx_uint_t effective,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   n, weight, slots;
    ngx_http_strangler_arm_t    *arm;
    ngx_http_strangler_lane_t    sum;

    arm = &split->arm[i];
    weight = table->record[0].weight[arm->id];
    slots = 0;

    for (n = 0; n < NGX_HTTP_STRANGLER_SLOTS; n++) {
        slots += (table->slot[n] == arm->id);
    }

    ngx_http_strangler_sum(split, i, &sum);

    ngx_http_strangler_out(out, "{\"name\":\"%V\","
                           "\"configured\":%ui.%02ui,"
                           "\"effective\":%ui.%02ui,\"slots\":%ui,"
                           "\"state\":\"%V\",\"requests\":%uA,"
                           "\"failures\":%uA,\"rescued\":%uA,"
                           "\"state_reason\":",
                           &arm->name, weight / 100, weight % 100,
                           effective / 100, effective % 100, slots,
           &ngx_http_strangler_state_names[ngx_http_strangler_state(split, i)],
                           ngx_http_strangler_requests(split, i), sum.failures,
                           sum.rescued);

    ngx_http_strangler_show_cause(split, i, out);
}


static void
ngx_http_strangler_show_cause(ngx_http_strangler_split_t *split, ngx_uint_t i,
    ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_breaker_t  *breaker;

    breaker = split->arm[i].breaker;

    switch (ngx_http_strangler_cause(split, i)) {

    case ngx_http_strangler_in_a_row:
        ngx_http_strangler_out(out, "\"%uA tries in a row failed\"}",
                               breaker->cause_failed);
        break;

    case ngx_http_strangler_too_many:
        ngx_http_strangler_out(out, "\"%uA of %uA tries failed\"}",
                               breaker->cause_failed, breaker->cause_total);
        break;

    case ngx_http_strangler_probe_failed:
        ngx_http_strangler_out(out, "\"a probe failed\"}");
        break;

    default: /* ngx_http_strangler_no_cause */
        ngx_http_strangler_out(out, "null}");
        break;
    }
}


/* who, when and why */

static void
ngx_http_strangler_show_change(ngx_http_strangler_record_t *record,
    ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_out(out, "\"reason\":");
    ngx_http_strangler_out_json(out, record->reason, record->reason_len);
    ngx_http_strangler_out(out, ",\"changed_at\":");
    ngx_http_strangler_out_time(out, (time_t) record->changed_at);
    ngx_http_strangler_out(out, ",\"changed_by\":");
    ngx_http_strangler_out_json(out, record->by, record->by_len);
}


ngx_int_t
ngx_http_strangler_show_splits(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t                        i;
    ngx_http_strangler_split_t      **split;
    ngx_http_strangler_table_t       *table;
    ngx_http_strangler_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(call->request,
                                        ngx_http_strangler_module);
    split = mcf->splits.elts;

    table = ngx_palloc(call->request->pool,
                       sizeof(ngx_http_strangler_table_t));
    if (table == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_strangler_out(out, "[");

    for (i = 0; i < mcf->splits.nelts; i++) {
        ngx_http_strangler_look(split[i], call->request->connection->log);

        (void) ngx_http_strangler_snapshot(split[i]->sh, table);

        ngx_http_strangler_out(out, i ? "," : "");
        ngx_http_strangler_show_state(split[i], table, out);
    }

    ngx_http_strangler_out(out, "]\n");

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_show_split(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_table_t  *table;

    table = ngx_palloc(call->request->pool,
                       sizeof(ngx_http_strangler_table_t));
    if (table == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_http_strangler_snapshot(call->split->sh, table);

    ngx_http_strangler_show_state(call->split, table, out);
    ngx_http_strangler_out(out, "\n");

    call->generation = table->record[0].generation;

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_show_explain(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    ngx_str_t                    key;
    ngx_uint_t                   bucket, at;
    ngx_http_strangler_split_t  *split;
    ngx_http_strangler_local_t  *local;

    if (ngx_http_strangler_explain_key(call, &key) != NGX_OK) {
        return ngx_http_strangler_problem(call, NGX_HTTP_BAD_REQUEST,
                                          "the argument \"key\" is missing "
                                          "or not well-formed");
    }

    split = call->split;
    local = split->local;

    if (local->word != split->sh->word || local->effect != split->sh->effect) {
        ngx_http_strangler_refresh(split);
    }

    bucket = ngx_http_strangler_bucket(split->salt.data, split->salt.len,
                                       key.data, key.len);

    ngx_http_strangler_out(out, "{\"key\":");
    ngx_http_strangler_out_name(out, &key);
    ngx_http_strangler_out(out, ",\"bucket\":%ui,\"arm\":\"%V\","
                           "\"rule\":\"%s\",\"changes_at\":",
                           bucket, &split->arm[local->slot[bucket]].name,
                           local->slot[bucket] == local->own[bucket]
                           ? "key" : "breaker");

    if (split->narms == 2
        && ngx_http_strangler_table_is_threshold(local->own,
                                                 &local->configured))
    {
        at = NGX_HTTP_STRANGLER_SLOTS - bucket;
        ngx_http_strangler_out(out, "%ui.%02ui}\n", at / 100, at % 100);

    } else {
        ngx_http_strangler_out(out, "null}\n");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_explain_key(ngx_http_strangler_call_t *call, ngx_str_t *key)
{
    ngx_str_t            field;
    ngx_http_request_t  *r;

    r = call->request;

    if (ngx_http_arg(r, (u_char *) "key", 3, key) == NGX_OK
        && key->len
        && ngx_http_strangler_unescape(r, key) == NGX_OK)
    {
        return NGX_OK;
    }

    ngx_str_set(&field, "key");
    (void) ngx_http_strangler_add_error(call, &field, "required",
                                        "must be given, percent-encoded");

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_strangler_unescape(ngx_http_request_t *r, ngx_str_t *text)
{
    u_char     *p, *src, *end;
    ngx_int_t   c;

    src = text->data;
    end = src + text->len;

    p = ngx_pnalloc(r->pool, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    while (src < end) {
        c = *src++;

        if (c == '%') {
            c = (end - src < 2) ? NGX_ERROR : ngx_hextoi(src, 2);

            if (c == NGX_ERROR) {
                return NGX_ERROR;
            }

            src += 2;
        }

        *p++ = (u_char) c;
    }

    text->len = p - text->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_strangler_show_history(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    ngx_str_t                    value;
    ngx_uint_t                   i;
    ngx_http_strangler_table_t  *table;

    if (ngx_http_arg(call->request, (u_char *) "verify", 6, &value) == NGX_OK
        && value.len == 1 && value.data[0] == '1')
    {
        return ngx_http_strangler_verify(call, out);
    }

    table = ngx_palloc(call->request->pool,
                       sizeof(ngx_http_strangler_table_t));
    if (table == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_http_strangler_snapshot(call->split->sh, table);

    ngx_http_strangler_out(out, "[");

    for (i = 0; i < table->nrecords; i++) {
        ngx_http_strangler_out(out, i ? ",\n" : "");
        ngx_http_strangler_show_record(call->split, &table->record[i],
                                       i + 1 < table->nrecords, out);
    }

    ngx_http_strangler_out(out, "]\n");

    return NGX_OK;
}


static void
ngx_http_strangler_show_record(ngx_http_strangler_split_t *split,
    ngx_http_strangler_record_t *record, ngx_uint_t from,
    ngx_http_strangler_out_t *out)
{
    ngx_http_strangler_out(out, "{\"generation\":%uL,\"weights\":",
                           record->generation);
    ngx_http_strangler_show_weights(split, record, out);
    ngx_http_strangler_out(out, ",\"from\":");

    if (from) {
        ngx_http_strangler_show_weights(split, &record[1], out);

    } else {
        ngx_http_strangler_out(out, "null");
    }

    ngx_http_strangler_out(out, ",");
    ngx_http_strangler_show_change(record, out);
    ngx_http_strangler_out(out, ",\"hash\":\"%*xs\"}",
                           sizeof(record->hash), record->hash);
}


static void
ngx_http_strangler_show_weights(ngx_http_strangler_split_t *split,
    ngx_http_strangler_record_t *record, ngx_http_strangler_out_t *out)
{
    ngx_uint_t                  i, n;
    ngx_http_strangler_name_t  *name;

    ngx_http_strangler_out(out, "{");

    n = 0;
    name = split->sh->arm;

    for (i = 0; i < NGX_HTTP_STRANGLER_NAMES; i++) {
        if (record->arms & (1u << i)) {
            ngx_http_strangler_out(out, "%s\"%*s\":%ui.%02ui", n++ ? "," : "",
                                   (size_t) name[i].len, name[i].data,
                                   (ngx_uint_t) record->weight[i] / 100,
                                   (ngx_uint_t) record->weight[i] % 100);
        }
    }

    ngx_http_strangler_out(out, "}");
}
