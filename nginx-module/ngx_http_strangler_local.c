
/*
 * Copyright (C) Ficus authors
 */


/* This process' copy of what lies in shared memory, for requests to read. */


#include "ngx_http_strangler.h"


static void ngx_http_strangler_refresh_table(
    ngx_http_strangler_split_t *split);


/* takes what is valid now into this process: the table and the breakers */

void
ngx_http_strangler_refresh(ngx_http_strangler_split_t *split)
{
    ngx_uint_t                       i;
    ngx_http_strangler_local_t      *local;

    local = split->local;

    local->effect = split->sh->effect;
    ngx_memory_barrier();

    if (local->word != split->sh->word || local->word == 0) {
        ngx_http_strangler_refresh_table(split);
    }

    local->probing = 0;

    for (i = 0; split->breaker.enabled && i < split->narms; i++) {
        local->breaker[i] = split->arm[i].breaker->word;

        if (ngx_http_strangler_state(split, i) == ngx_http_strangler_half_open)
        {
            local->probing = 1;
        }
    }

    (void) ngx_http_strangler_effective(split, &local->configured,
                                        &local->weights);

    ngx_memcpy(local->slot, local->own, NGX_HTTP_STRANGLER_SLOTS);

    if (ngx_memcmp(&local->weights, &local->configured,
                   sizeof(ngx_http_strangler_weights_t))
        != 0)
    {
        ngx_http_strangler_table_apply(local->slot, &local->weights);
    }
}


/* in case that the process which changed a breaker died before it said so */

void
ngx_http_strangler_effect(ngx_http_strangler_split_t *split)
{
    ngx_uint_t  i;

    for (i = 0; i < split->narms; i++) {
        if (split->local->breaker[i] != split->arm[i].breaker->word) {
            ngx_http_strangler_refresh(split);
            return;
        }
    }
}


static void
ngx_http_strangler_refresh_table(ngx_http_strangler_split_t *split)
{
    u_char                           map[NGX_HTTP_STRANGLER_NAMES];
    ngx_uint_t                       i;
    ngx_atomic_uint_t                word;
    ngx_http_strangler_local_t      *local;
    ngx_http_strangler_table_t      *table;
    ngx_http_strangler_weights_t    *weights;

    local = split->local;
    weights = &local->configured;

    /* names that this process does not know: arms of another configuration */

    ngx_memset(map, (int) split->baseline, NGX_HTTP_STRANGLER_NAMES);

    for (i = 0; i < split->narms; i++) {
        map[split->arm[i].id] = (u_char) i;
    }

    do {
        word = split->sh->word;
        ngx_memory_barrier();

        table = &split->sh->table[word & 1];

        for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
            local->own[i] = map[table->slot[i] % NGX_HTTP_STRANGLER_NAMES];
        }

        local->ramp = table->ramp;
        local->shadow = split->shadow ? table->shadow.share : 0;

        ngx_memory_barrier();

    } while (word != split->sh->word);

    ngx_memzero(weights, sizeof(ngx_http_strangler_weights_t));

    weights->narms = (unsigned) split->narms;
    weights->baseline = (unsigned) split->baseline;

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        weights->weight[local->own[i]]++;
    }

    local->word = word;
    local->generation = word >> 1;
}
