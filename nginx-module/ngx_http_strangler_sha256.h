
/*
 * Copyright (C) Ficus authors
 */


/*
 * SHA-256 of FIPS 180-4, for the chain of the history: nginx itself has no
 * more than SHA-1.  Pure function, any thread.
 */


#ifndef NGX_HTTP_STRANGLER_SHA256_H_INCLUDED
#define NGX_HTTP_STRANGLER_SHA256_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


#define NGX_HTTP_STRANGLER_SHA256_LEN  32


/* of len bytes of data; sum has room for 32 bytes */

void ngx_http_strangler_sha256(const unsigned char *data, size_t len,
    unsigned char *sum);


#endif /* NGX_HTTP_STRANGLER_SHA256_H_INCLUDED */
