
/*
 * Copyright (C) Ficus authors
 */


/* What a ramp has come to at its last look, for other processes to show. */


#include "ngx_http_strangler_ramp.h"


static const char  *ngx_http_strangler_verdicts[] = {
    "advance", "hold", "roll back"
};


const char *
ngx_http_strangler_verdict(ngx_uint_t verdict)
{
    return ngx_http_strangler_verdicts[verdict];
}


void
ngx_http_strangler_say(ngx_http_strangler_why_t *why, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    why->len = ngx_vslprintf(why->text, why->text + sizeof(why->text), fmt,
                             args)
               - why->text;
    va_end(args);
}


/* by the holder */

void
ngx_http_strangler_ramp_tell(ngx_http_strangler_split_t *split,
    ngx_uint_t verdict, ngx_http_strangler_why_t *why)
{
    ngx_slab_pool_t                *shpool;
    ngx_http_strangler_progress_t  *p;

    p = &split->sh->progress;
    shpool = split->zone->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    p->judged = (ngx_atomic_uint_t) split->local->generation;
    p->verdict = verdict;
    p->why_len = (u_char) why->len;
    ngx_memcpy(p->why, why->text, why->len);

    ngx_shmtx_unlock(&shpool->mutex);
}


/* NGX_DECLINED when there is none of this generation yet, or no reason */

ngx_int_t
ngx_http_strangler_ramp_told(ngx_http_strangler_split_t *split,
    uint64_t generation, ngx_uint_t *verdict, ngx_http_strangler_why_t *why)
{
    ngx_int_t                       rc;
    ngx_slab_pool_t                *shpool;
    ngx_http_strangler_progress_t  *p;

    rc = NGX_DECLINED;
    p = &split->sh->progress;
    shpool = split->zone->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    if (p->judged == generation && p->why_len) {
        *verdict = p->verdict;
        why->len = p->why_len;
        ngx_memcpy(why->text, p->why, p->why_len);

        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return rc;
}
