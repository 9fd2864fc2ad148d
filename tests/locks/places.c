
/*
 * Copyright (C) Ficus authors
 */


#include "places.h"


#define PLACES_ZONES  16


ngx_int_t __wrap_ngx_http_strangler_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
ngx_int_t __real_ngx_http_strangler_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);

static void places_forget(void);
static ngx_uint_t places_is_mapped(places_zone_t *zone);
static places_zone_t *places_zone(u_char *p);
static ngx_uint_t places_in(u_char *p, ngx_http_strangler_sh_t *sh,
    place_t *place);
static ngx_uint_t places_try(u_char *p, void *start, const watch_type_t *type,
    ngx_uint_t n, place_t *place);


static places_zone_t         places_zones[PLACES_ZONES];
static ngx_uint_t            places_nzones;
static __thread ngx_uint_t   places_init;


/* nobody can see a new split before this returns */

ngx_int_t
__wrap_ngx_http_strangler_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    u_char         *start;
    ngx_int_t       rc;
    places_zone_t  *zone;

    places_forget();

    start = shm_zone->shm.addr;
    zone = places_zone(start);

    if (zone == NULL && places_nzones < PLACES_ZONES) {
        zone = &places_zones[places_nzones++];
    }

    if (zone) {
        zone->start = start;
        zone->end = start + shm_zone->shm.size;
        zone->shpool = (ngx_slab_pool_t *) start;
        zone->cycle = ngx_cycle;
    }

    places_init++;
    rc = __real_ngx_http_strangler_init_zone(shm_zone, data);
    places_init--;

    return rc;
}


/* what had their addresses may be anything now */

static void
places_forget(void)
{
    ngx_uint_t  i, n;

    for (i = 0, n = 0; i < places_nzones; i++) {
        if (places_zones[i].cycle == ngx_cycle
            || places_is_mapped(&places_zones[i]))
        {
            places_zones[n++] = places_zones[i];
        }
    }

    places_nzones = n;
}


static ngx_uint_t
places_is_mapped(places_zone_t *zone)
{
    ngx_uint_t               i;
    ngx_shm_zone_t          *shm_zone;
    const ngx_list_part_t   *part;

    for (part = (const ngx_list_part_t *) &ngx_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        shm_zone = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (shm_zone[i].shm.addr == zone->start) {
                return 1;
            }
        }
    }

    return 0;
}


static places_zone_t *
places_zone(u_char *p)
{
    ngx_uint_t  i;

    for (i = 0; i < places_nzones; i++) {
        if (p >= places_zones[i].start && p < places_zones[i].end) {
            return &places_zones[i];
        }
    }

    return NULL;
}


ngx_uint_t
places_find(u_char *p, place_t *place)
{
    ngx_http_strangler_sh_t       *sh;
    ngx_http_strangler_segment_t  *segment;

    if (places_init) {
        return 0;
    }

    place->zone = places_zone(p);

    if (place->zone == NULL || place->zone->shpool->data == NULL) {
        return 0;
    }

    segment = place->zone->shpool->data;

    for (sh = segment->splits; sh; sh = sh->next) {
        if (places_in(p, sh, place)) {
            place->sh = sh;
            return 1;
        }
    }

    /* the segment itself, or what belongs to nobody any more */

    place->sh = NULL;
    place->field = NULL;
    place->kind = watch_fixed;
    place->rest = 1;

    return 1;
}


static ngx_uint_t
places_in(u_char *p, ngx_http_strangler_sh_t *sh, place_t *place)
{
    ngx_uint_t                  i;
    ngx_http_strangler_lane_t  *lane;

    if (places_try(p, sh, &watch_sh, 1, place)
        || places_try(p, sh->shadows, &watch_shadows, 1, place))
    {
        return 1;
    }

    for (i = 0; i < NGX_HTTP_STRANGLER_NAMES; i++) {

        for (lane = sh->lane[i]; lane; lane = lane->next) {
            if (places_try(p, lane, &watch_lane, 1, place)) {
                return 1;
            }
        }

        if (places_try(p, sh->breaker[i], &watch_breaker, 1, place)
            || places_try(p, sh->watch[i], &watch_watch, 1, place)
            || places_try(p, sh->past[i], &watch_past,
                          NGX_HTTP_STRANGLER_ROUTES, place))
        {
            return 1;
        }
    }

    return 0;
}


/* whether it is in n objects of the type, and in which field */

static ngx_uint_t
places_try(u_char *p, void *start, const watch_type_t *type, ngx_uint_t n,
    place_t *place)
{
    size_t                offset;
    const watch_field_t  *f;

    if (start == NULL || p < (u_char *) start
        || p >= (u_char *) start + n * type->size)
    {
        return 0;
    }

    place->type = type;
    place->field = NULL;
    place->kind = watch_fixed;
    place->rest = 1;
    offset = (size_t) (p - (u_char *) start) % type->size;

    for (f = type->fields; f->name; f++) {

        if (offset < f->offset || offset >= f->offset + f->size) {
            continue;
        }

        place->field = f;
        place->kind = f->kind;
        place->rest = f->offset + f->size - offset;

        if (f->kind != watch_none) {
            break;
        }

        offset = (offset - f->offset) % f->each;
        place->type = f->type;
        f = f->type->fields - 1;
    }

    return 1;
}
