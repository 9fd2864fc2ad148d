
/*
 * Copyright (C) Ficus authors
 */


#include "ngx_http_strangler_ledger.h"


/* changes with the layout of anything in shared memory */

#define NGX_HTTP_STRANGLER_MAGIC  0x4669637573000c


static ngx_int_t ngx_http_strangler_init_segment(
    ngx_http_strangler_zone_t *zone);
static ngx_int_t ngx_http_strangler_attach(ngx_http_strangler_zone_t *zone,
    ngx_http_strangler_split_t *split);
static ngx_http_strangler_sh_t *ngx_http_strangler_find_sh(
    ngx_http_strangler_segment_t *segment, ngx_str_t *name);
static ngx_int_t ngx_http_strangler_add_name(
    ngx_http_strangler_split_t *split, u_char *data, size_t len,
    ngx_uint_t *id);


ngx_int_t
ngx_http_strangler_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_strangler_zone_t *old = data;

    ngx_uint_t                    i;
    ngx_http_strangler_zone_t    *zone;
    ngx_http_strangler_split_t  **split;

    zone = shm_zone->data;
    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old) {
        zone->segment = old->segment;

    } else if (shm_zone->shm.exists) {
        zone->segment = zone->shpool->data;

    } else if (ngx_http_strangler_init_segment(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    if (zone->segment->magic != NGX_HTTP_STRANGLER_MAGIC
        || zone->segment->size != sizeof(ngx_http_strangler_sh_t))
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" was made by another version of the module, "
                      "nginx has to be restarted", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    split = zone->splits.elts;

    for (i = 0; i < zone->splits.nelts; i++) {

        if (ngx_http_strangler_attach(zone, split[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_strangler_load(split[i], shm_zone->shm.log) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_init_segment(ngx_http_strangler_zone_t *zone)
{
    size_t      len;
    ngx_str_t  *name;

    name = &zone->shm_zone->shm.name;

    zone->segment = ngx_slab_calloc(zone->shpool,
                                    sizeof(ngx_http_strangler_segment_t));
    if (zone->segment == NULL) {
        return NGX_ERROR;
    }

    zone->segment->magic = NGX_HTTP_STRANGLER_MAGIC;
    zone->segment->size = sizeof(ngx_http_strangler_sh_t);

    zone->shpool->data = zone->segment;

    len = sizeof(" in strangler zone \"\"") + name->len;

    zone->shpool->log_ctx = ngx_slab_alloc(zone->shpool, len);
    if (zone->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(zone->shpool->log_ctx, " in strangler zone \"%V\"%Z", name);

    return NGX_OK;
}


static ngx_int_t
ngx_http_strangler_attach(ngx_http_strangler_zone_t *zone,
    ngx_http_strangler_split_t *split)
{
    ngx_uint_t                 i;
    ngx_http_strangler_sh_t   *sh;
    ngx_http_strangler_arm_t  *arm;

    sh = ngx_http_strangler_find_sh(zone->segment, &split->name);

    if (sh == NULL) {
        sh = ngx_slab_calloc(zone->shpool, sizeof(ngx_http_strangler_sh_t));
        if (sh == NULL) {
            goto nomem;
        }

        sh->name_len = split->name.len;
        ngx_memcpy(sh->name, split->name.data, split->name.len);

        sh->next = zone->segment->splits;
        zone->segment->splits = sh;
    }

    split->sh = sh;
    ngx_http_strangler_init_ledger(split);

    arm = split->arm;

    if (split->shadow && sh->shadows == NULL) {
        sh->shadows = ngx_slab_calloc(zone->shpool,
                                      sizeof(ngx_http_strangler_shadows_t));
        if (sh->shadows == NULL) {
            goto nomem;
        }

        sh->shadows->found.since = (uint64_t) ngx_time();
    }

    for (i = 0; i < split->narms; i++) {

        if (ngx_http_strangler_add_name(split, arm[i].name.data,
                                        arm[i].name.len, &arm[i].id)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm_zone->shm.log, 0,
                          "arm \"%V\" of split \"%V\": too many names of arms "
                          "since the start, nginx has to be restarted",
                          &arm[i].name, &split->name);
            return NGX_ERROR;
        }

        if (ngx_http_strangler_add_lanes(split, i) != NGX_OK) {
            goto nomem;
        }
    }

    ngx_http_strangler_lanes(split, 0);

    return NGX_OK;

nomem:

    ngx_log_error(NGX_LOG_EMERG, zone->shm_zone->shm.log, 0,
                  "zone \"%V\" is too small for split \"%V\"",
                  &zone->shm_zone->shm.name, &split->name);

    return NGX_ERROR;
}


static ngx_http_strangler_sh_t *
ngx_http_strangler_find_sh(ngx_http_strangler_segment_t *segment,
    ngx_str_t *name)
{
    ngx_http_strangler_sh_t  *sh;

    for (sh = segment->splits; sh; sh = sh->next) {
        if (sh->name_len == name->len
            && ngx_memcmp(sh->name, name->data, name->len) == 0)
        {
            break;
        }
    }

    return sh;
}


static ngx_int_t
ngx_http_strangler_add_name(ngx_http_strangler_split_t *split, u_char *data,
    size_t len, ngx_uint_t *id)
{
    ngx_uint_t                  i;
    ngx_slab_pool_t            *shpool;
    ngx_http_strangler_sh_t    *sh;
    ngx_http_strangler_name_t  *name;

    sh = split->sh;
    shpool = split->zone->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    for (i = 0; i < sh->nnames; i++) {
        if (sh->arm[i].len == len
            && ngx_memcmp(sh->arm[i].data, data, len) == 0)
        {
            goto found;
        }
    }

    if (i == NGX_HTTP_STRANGLER_NAMES) {
        ngx_shmtx_unlock(&shpool->mutex);
        return NGX_ERROR;
    }

    name = &sh->arm[i];
    name->len = (u_char) len;
    ngx_memcpy(name->data, data, len);

    ngx_memory_barrier();

    sh->nnames = i + 1;

found:

    ngx_shmtx_unlock(&shpool->mutex);

    *id = i;

    return NGX_OK;
}


/*
 * Another segment of this process that has the split: its zone changed.  Of
 * several, which other splits have kept, the one that was used last.
 */

ngx_http_strangler_sh_t *
ngx_http_strangler_old_sh(ngx_http_strangler_split_t *split)
{
    ngx_uint_t                  i;
    ngx_shm_zone_t             *shm_zone;
    ngx_list_part_t            *part;
    ngx_http_strangler_sh_t    *sh, *last;
    ngx_http_strangler_zone_t  *zone;

    last = NULL;

    for (part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        shm_zone = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (shm_zone[i].tag != &ngx_http_strangler_module
                || shm_zone[i].data == NULL)
            {
                continue;
            }

            zone = shm_zone[i].data;

            if (zone == split->zone || zone->segment == NULL
                || zone->segment == split->zone->segment)
            {
                continue;
            }

            sh = ngx_http_strangler_find_sh(zone->segment, &split->name);

            if (sh && sh->word > (last ? last->word : 0)) {
                last = sh;
            }
        }
    }

    return last;
}


ngx_atomic_uint_t
ngx_http_strangler_snapshot(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_table_t *table)
{
    ngx_atomic_uint_t  word;

    do {
        word = sh->word;
        ngx_memory_barrier();

        *table = sh->table[word & 1];

        ngx_memory_barrier();

    } while (word != sh->word);

    return word;
}


/*
 * Makes a table the valid one, unless another process was quicker: word is
 * what it was made from.
 */

ngx_int_t
ngx_http_strangler_publish(ngx_http_strangler_split_t *split,
    ngx_atomic_uint_t word, ngx_http_strangler_table_t *table)
{
    ngx_uint_t                active;
    ngx_slab_pool_t          *shpool;
    ngx_http_strangler_sh_t  *sh;

    sh = split->sh;
    shpool = split->zone->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    if (sh->word != word) {
        ngx_shmtx_unlock(&shpool->mutex);
        return NGX_AGAIN;
    }

    active = !(word & 1);
    sh->table[active] = *table;

    ngx_memory_barrier();

    sh->word = (ngx_atomic_uint_t) table->record[0].generation << 1 | active;

    ngx_shmtx_unlock(&shpool->mutex);

    return NGX_OK;
}


/* takes over what another process or an earlier run has left */

ngx_int_t
ngx_http_strangler_adopt(ngx_http_strangler_split_t *split,
    ngx_http_strangler_image_t *image)
{
    ngx_uint_t                    i, n, id[NGX_HTTP_STRANGLER_NAMES];
    ngx_http_strangler_table_t    table;
    ngx_http_strangler_record_t  *to, *from;

    for (i = 0; i < image->nnames; i++) {
        if (ngx_http_strangler_add_name(split, image->name[i].data,
                                        image->name[i].len, &id[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    table = image->table;

    for (n = 0; n < table.nrecords; n++) {
        to = &table.record[n];
        from = &image->table.record[n];

        to->arms = 0;
        ngx_memzero(to->weight, sizeof(to->weight));

        for (i = 0; i < image->nnames; i++) {
            if (from->arms & (1u << i)) {
                to->arms |= 1u << id[i];
                to->weight[id[i]] = from->weight[i];
            }
        }
    }

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        table.slot[i] = (u_char) id[table.slot[i]];
    }

    table.ramp.arms = 0;

    for (i = 0; i < image->nnames; i++) {
        if (image->table.ramp.arms & (1u << i)) {
            table.ramp.arms |= 1u << id[i];
            table.ramp.from[id[i]] = image->table.ramp.from[i];
            table.ramp.to[id[i]] = image->table.ramp.to[i];
        }
    }

    return ngx_http_strangler_publish(split, split->sh->word, &table);
}


/* what a segment holds, with its names */

void
ngx_http_strangler_image(ngx_http_strangler_sh_t *sh,
    ngx_http_strangler_image_t *image)
{
    (void) ngx_http_strangler_snapshot(sh, &image->table);

    image->nnames = sh->nnames;
    ngx_memcpy(image->name, sh->arm, sizeof(image->name));
}
