
/*
 * Copyright (C) Ficus authors
 */


/* Where in shared memory an address is, and in which field of what. */


#ifndef PLACES_H_INCLUDED
#define PLACES_H_INCLUDED


#include "ngx_http_strangler.h"
#include "watch.h"


typedef struct {
    u_char                   *start;
    u_char                   *end;
    ngx_slab_pool_t          *shpool;
    const volatile void      *cycle;    /* the present one, when it was made */
} places_zone_t;


/* kind is "fixed" where nothing of ours is; sh and field are NULL there */

typedef struct {
    places_zone_t            *zone;
    ngx_http_strangler_sh_t  *sh;
    const watch_type_t       *type;
    const watch_field_t      *field;
    watch_kind_e              kind;
    size_t                    rest;     /* of the field */
} place_t;


/* 0 when it is in no zone, or in one that nobody else can see yet */

ngx_uint_t places_find(u_char *p, place_t *place);


#endif /* PLACES_H_INCLUDED */
