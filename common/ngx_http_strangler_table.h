
/*
 * Copyright (C) Ficus authors
 */


/*
 * The arithmetic of a split: which arm owns a bucket, and which arm the n-th
 * request without a key belongs to.  Pure functions, no nginx type, no
 * allocation: any process and any thread may call them, and they are tested
 * alone.
 *
 * Weights are hundredths of a per cent, 0..10000; those of a split add up to
 * 10000.  Arms are numbered as they stand in the configuration.
 */


#ifndef NGX_HTTP_STRANGLER_TABLE_H_INCLUDED
#define NGX_HTTP_STRANGLER_TABLE_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


#define NGX_HTTP_STRANGLER_SLOTS  10000
#define NGX_HTTP_STRANGLER_ARMS   8
#define NGX_HTTP_STRANGLER_NONE   0xff


typedef struct {
    unsigned   narms;
    unsigned   baseline;
    uint16_t   weight[NGX_HTTP_STRANGLER_ARMS];
} ngx_http_strangler_weights_t;


/* The bucket of a key, 0..9999: murmur2 of salt followed by key. */

unsigned ngx_http_strangler_bucket(const unsigned char *salt, size_t salt_len,
    const unsigned char *key, size_t key_len);


/*
 * Moves as few of the 10000 slots as the new weights allow, to or from the
 * baseline where that is possible.  A slot holds the number of an arm, or
 * NGX_HTTP_STRANGLER_NONE: nobody's, free to take.  All NONE makes a new
 * table.
 *
 * Shrinking arms except the baseline give their highest slots back; growing
 * arms, in order, take free slots and then the baseline's lowest; the baseline
 * keeps what is left.  With two arms the other arm hence owns [0, weight).
 */

void ngx_http_strangler_table_apply(uint8_t *slot,
    const ngx_http_strangler_weights_t *weights);


/*
 * Whether the arms other than the baseline own exactly the lowest slots.  With
 * two arms a key then belongs to the baseline from a weight of 10000 - bucket
 * on.
 */

int ngx_http_strangler_table_is_threshold(const uint8_t *slot,
    const ngx_http_strangler_weights_t *weights);


/*
 * What breakers make of the weights.  level[] is what is left of each arm, from
 * 0 (open) to 10000 (closed).  What an arm loses goes to the baseline; what
 * the baseline loses goes to the other arms that have a weight, in proportion
 * to what is left of them.  Returns 0 when nobody can take it all: the weights
 * are then as configured.
 */

int ngx_http_strangler_table_effective(
    const ngx_http_strangler_weights_t *configured, const uint16_t *level,
    ngx_http_strangler_weights_t *effective);


/*
 * The arm of the n-th request without a key.  Any 10000 consecutive n give
 * each arm exactly its weight, spread as evenly as whole numbers can be.
 */

unsigned ngx_http_strangler_keyless(uint64_t n,
    const ngx_http_strangler_weights_t *weights);


#endif /* NGX_HTTP_STRANGLER_TABLE_H_INCLUDED */
