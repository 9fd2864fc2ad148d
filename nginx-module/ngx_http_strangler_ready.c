
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_api.h"


typedef enum {
    ngx_http_strangler_ok = 0,
    ngx_http_strangler_degraded,
    ngx_http_strangler_unready
} ngx_http_strangler_ready_e;


static ngx_http_strangler_ready_e ngx_http_strangler_check_zones(
    ngx_http_strangler_main_conf_t *mcf, ngx_http_strangler_out_t *out);
static ngx_http_strangler_ready_e ngx_http_strangler_check_ready(
    ngx_http_strangler_split_t *split, ngx_http_strangler_out_t *out);
static ngx_uint_t ngx_http_strangler_is_writable(
    ngx_http_strangler_split_t *split);


/* speaks of zones, splits and state files only, not of the arms' servers */

ngx_int_t
ngx_http_strangler_ready_handler(ngx_http_request_t *r)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i, status;
    ngx_http_strangler_out_t           out, checks;
    ngx_http_strangler_ready_e         one, all;
    ngx_http_strangler_split_t       **split;
    ngx_http_strangler_main_conf_t    *mcf;
    static char                       *names[] = { "ok", "degraded", "error" };

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_strangler_not_allowed(r);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_strangler_module);
    split = mcf->splits.elts;

    ngx_http_strangler_out_init(&checks, r->pool);

    all = ngx_http_strangler_check_zones(mcf, &checks);

    for (i = 0; i < mcf->splits.nelts; i++) {
        one = ngx_http_strangler_check_ready(split[i], &checks);
        all = ngx_max(all, one);
    }

    ngx_http_strangler_out_init(&out, r->pool);

    ngx_http_strangler_out(&out, "{\"status\":\"%s\",\"checks\":{",
                           names[all]);

    /* every check ends with a comma */

    if (checks.last > checks.start) {
        ngx_http_strangler_out_data(&out, checks.start,
                                    checks.last - checks.start - 1);
    }

    ngx_http_strangler_out(&out, "}}\n");

    out.failed |= checks.failed;
    status = (all == ngx_http_strangler_unready)
             ? NGX_HTTP_SERVICE_UNAVAILABLE : NGX_HTTP_OK;

    return ngx_http_strangler_send(r, status, "application/json", &out);
}


static ngx_http_strangler_ready_e
ngx_http_strangler_check_zones(ngx_http_strangler_main_conf_t *mcf,
    ngx_http_strangler_out_t *out)
{
    ngx_uint_t                   i, ok;
    ngx_http_strangler_zone_t  **zone;
    ngx_http_strangler_ready_e   all;

    all = ngx_http_strangler_ok;
    zone = mcf->zones.elts;

    for (i = 0; i < mcf->zones.nelts; i++) {
        ok = (zone[i]->segment
              && zone[i]->segment->size == sizeof(ngx_http_strangler_sh_t));

        if (!ok) {
            all = ngx_http_strangler_unready;
        }

        ngx_http_strangler_out_name(out, &zone[i]->check);
        ngx_http_strangler_out(out, ":\"%s\",",
                               ok ? "ok" : "has another layout");
    }

    return all;
}


static ngx_http_strangler_ready_e
ngx_http_strangler_check_ready(ngx_http_strangler_split_t *split,
    ngx_http_strangler_out_t *out)
{
    char  *state;

    if (split->sh == NULL || split->sh->word == 0) {
        ngx_http_strangler_out(out, "\"split %V\":\"has no weights\",",
                               &split->name);
        return ngx_http_strangler_unready;
    }

    ngx_http_strangler_out(out, "\"split %V\":\"ok\",", &split->name);

    if (split->state_file.len == 0) {
        return ngx_http_strangler_ok;
    }

    state = "ok";

    if (!ngx_http_strangler_is_writable(split)) {
        state = "the state directory is not writable";

    } else if (split->sh->write_failed) {
        state = "the last change could not be written";

    } else if (split->sh->history_failed) {
        state = "the history could not be written";

    } else if (split->sh->save_failed) {
        state = "the ledger could not be written";
    }

    ngx_http_strangler_out(out, "\"state %V\":\"%s\",", &split->name, state);

    return state[0] == 'o' ? ngx_http_strangler_ok
                           : ngx_http_strangler_degraded;
}


static ngx_uint_t
ngx_http_strangler_is_writable(ngx_http_strangler_split_t *split)
{
    ngx_file_info_t  fi;

    return ngx_file_info(split->state_dir.data, &fi) != NGX_FILE_ERROR
           && ngx_is_dir(&fi)
           && access((char *) split->state_dir.data, W_OK|X_OK) == 0;
}
