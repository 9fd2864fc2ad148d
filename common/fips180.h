
/*
 * Copyright (C) Ficus authors
 */


/*
 * SHA-256 of FIPS 180-4, for the chain of the history, since nginx itself has
 * no more than SHA-1, and for Idempotency-Key.  Pure function, any thread.
 */


#ifndef FIPS180_H_INCLUDED
#define FIPS180_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


#define FIPS180_SHA256  32


/* of len bytes of data; sum has room for 32 bytes */

void fips180_sha256(const unsigned char *data, size_t len,
    unsigned char *sum);


#endif /* FIPS180_H_INCLUDED */
