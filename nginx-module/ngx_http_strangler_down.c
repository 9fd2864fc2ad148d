
/*
 * Copyright (C) Ficus authors
 */


/*
 * The way back of a ramp: at once, or step by step, so that those who came
 * last leave first, or not at all, for those who cannot go back.
 */


#include "ngx_http_strangler_ramp.h"


/*
 * The step whose weights are next; a ramp that is back ends in the given
 * state.
 */

ngx_uint_t
ngx_http_strangler_ramp_down(ngx_http_strangler_ramp_t *ramp, ngx_uint_t end)
{
    switch (ramp->down) {

    case ngx_http_strangler_down_release:
        ramp->n--;
        ramp->end = (uint32_t) end;
        ramp->state = ramp->n ? ngx_http_strangler_running : ramp->end;
        return ramp->n;

    case ngx_http_strangler_down_keep:
        ramp->state = ngx_http_strangler_aborted;
        return ramp->n;

    default: /* ngx_http_strangler_down_snap */
        ramp->state = (uint32_t) end;
        return 0;
    }
}


void
ngx_http_strangler_ramp_why(ngx_http_strangler_ramp_t *ramp, u_char *text,
    size_t len)
{
    ramp->why_len = (u_char) ngx_min(len, NGX_HTTP_STRANGLER_REASON_LEN);
    ngx_memcpy(ramp->why, text, ramp->why_len);
}
