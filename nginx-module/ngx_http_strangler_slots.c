
/*
 * Copyright (C) Ficus authors
 */


/*
 * All that decides where a key goes, for a program that does so elsewhere:
 * what would become of these requests with other weights?
 */


#include "ngx_http_strangler_api.h"


static void ngx_http_strangler_slots_arms(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_slots_runs(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out);
static ngx_str_t *ngx_http_strangler_slot_owner(
    ngx_http_strangler_split_t *split, ngx_uint_t id);
#if (NGX_PCRE)
static void ngx_http_strangler_slots_paths(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_slots_location(
    ngx_http_strangler_split_t *split, ngx_http_core_loc_conf_t *clcf,
    ngx_uint_t *n, ngx_http_strangler_out_t *out);
static void ngx_http_strangler_slots_tree(ngx_http_strangler_split_t *split,
    ngx_http_location_tree_node_t *node, ngx_uint_t *n,
    ngx_http_strangler_out_t *out);
static void ngx_http_strangler_slots_regex(ngx_http_strangler_split_t *split,
    ngx_http_regex_t *regex, ngx_uint_t *n, ngx_http_strangler_out_t *out);
#endif


ngx_int_t
ngx_http_strangler_show_slots(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i;
    ngx_http_strangler_split_t  *split;
    ngx_http_strangler_table_t  *table;

    split = call->split;

    table = ngx_palloc(call->request->pool,
                       sizeof(ngx_http_strangler_table_t));
    if (table == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_http_strangler_snapshot(split->sh, table);

    call->generation = table->record[0].generation;

    ngx_http_strangler_out(out, "{\"split\":\"%V\",\"generation\":%uL,"
                           "\"hash\":\"murmur2\",\"salt\":\"",
                           &split->name, call->generation);

    for (i = 0; i < split->salt.len; i++) {
        ngx_http_strangler_out(out, "%02xd",
                               (ngx_uint_t) split->salt.data[i]);
    }

    ngx_http_strangler_out(out, "\",\"baseline\":\"%V\",\"key_sources\":[",
                           &split->arm[split->baseline].name);

    for (i = 0; i < split->nkeys; i++) {
        ngx_http_strangler_out(out, i ? "," : "");
        ngx_http_strangler_out_name(out, &split->key[i].source);
    }

    ngx_http_strangler_out(out, "],\"paths\":[");
#if (NGX_PCRE)
    ngx_http_strangler_slots_paths(call, out);
#endif
    ngx_http_strangler_out(out, "]");

    ngx_http_strangler_slots_arms(split, table, out);
    ngx_http_strangler_slots_runs(split, table, out);
    ngx_http_strangler_out(out, "}\n");

    return NGX_OK;
}


static void
ngx_http_strangler_slots_arms(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out)
{
    ngx_uint_t  i, weight;

    ngx_http_strangler_out(out, ",\"arms\":[");

    for (i = 0; i < split->narms; i++) {
        weight = table->record[0].weight[split->arm[i].id];

        ngx_http_strangler_out(out, "%s{\"name\":\"%V\","
                               "\"configured\":%ui.%02ui}",
                               i ? "," : "", &split->arm[i].name,
                               weight / 100, weight % 100);
    }
}


/* the slots as configured, in order; a breaker moves none of them */

static void
ngx_http_strangler_slots_runs(ngx_http_strangler_split_t *split,
    ngx_http_strangler_table_t *table, ngx_http_strangler_out_t *out)
{
    ngx_str_t   *name;
    ngx_uint_t   i, first;

    ngx_http_strangler_out(out, "],\"slots\":[");

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; /* void */ ) {
        first = i;

        while (++i < NGX_HTTP_STRANGLER_SLOTS
               && table->slot[i] == table->slot[first])
        {
            /* void */
        }

        name = ngx_http_strangler_slot_owner(split, table->slot[first]);

        ngx_http_strangler_out(out, "%s{\"first\":%ui,\"count\":%ui,"
                               "\"arm\":\"%V\"}", first ? "," : "",
                               first, i - first, name);
    }

    ngx_http_strangler_out(out, "]");
}


static ngx_str_t *
ngx_http_strangler_slot_owner(ngx_http_strangler_split_t *split, ngx_uint_t id)
{
    ngx_uint_t  i;

    for (i = 0; i < split->narms; i++) {
        if (split->arm[i].id == id) {
            return &split->arm[i].name;
        }
    }

    return &split->arm[split->baseline].name;
}


#if (NGX_PCRE)


/* the locations whose regular expression captures a key */

static void
ngx_http_strangler_slots_paths(ngx_http_strangler_call_t *call,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i, n;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_core_srv_conf_t   **cscf;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_get_module_main_conf(call->request, ngx_http_core_module);
    cscf = cmcf->servers.elts;
    n = 0;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        clcf = cscf[i]->ctx->loc_conf[ngx_http_core_module.ctx_index];
        ngx_http_strangler_slots_location(call->split, clcf, &n, out);
    }
}


static void
ngx_http_strangler_slots_location(ngx_http_strangler_split_t *split,
    ngx_http_core_loc_conf_t *clcf, ngx_uint_t *n,
    ngx_http_strangler_out_t *out)
{
    ngx_http_core_loc_conf_t  **clcfp;

    if (clcf->regex) {
        ngx_http_strangler_slots_regex(split, clcf->regex, n, out);
    }

    for (clcfp = clcf->regex_locations; clcfp && *clcfp; clcfp++) {
        ngx_http_strangler_slots_location(split, *clcfp, n, out);
    }

    ngx_http_strangler_slots_tree(split, clcf->static_locations, n, out);
}


static void
ngx_http_strangler_slots_tree(ngx_http_strangler_split_t *split,
    ngx_http_location_tree_node_t *node, ngx_uint_t *n,
    ngx_http_strangler_out_t *out)
{
    if (node == NULL) {
        return;
    }

    if (node->exact) {
        ngx_http_strangler_slots_location(split, node->exact, n, out);
    }

    if (node->inclusive) {
        ngx_http_strangler_slots_location(split, node->inclusive, n, out);
    }

    ngx_http_strangler_slots_tree(split, node->left, n, out);
    ngx_http_strangler_slots_tree(split, node->right, n, out);
    ngx_http_strangler_slots_tree(split, node->tree, n, out);
}


static void
ngx_http_strangler_slots_regex(ngx_http_strangler_split_t *split,
    ngx_http_regex_t *regex, ngx_uint_t *n, ngx_http_strangler_out_t *out)
{
    ngx_uint_t  i, k;

    for (k = 0; k < split->nkeys; k++) {

        for (i = 0; i < regex->nvariables; i++) {

            if (regex->variables[i].index != split->key[k].index) {
                continue;
            }

            ngx_http_strangler_out(out, "%s{\"source\":", (*n)++ ? "," : "");
            ngx_http_strangler_out_name(out, &split->key[k].source);
            ngx_http_strangler_out(out, ",\"regex\":");
            ngx_http_strangler_out_name(out, &regex->name);
            ngx_http_strangler_out(out, "}");
        }
    }
}

#endif
