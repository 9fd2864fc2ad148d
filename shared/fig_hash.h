
/*
 * Copyright (C) Ficus authors
 */


/*
 * Hashes: CRC-32C (Castagnoli, RFC 3720 appendix B.4), which places a key in
 * its partition, and a 64-bit mixing hash for digests.  Pure functions.
 */


#ifndef FIG_HASH_H_INCLUDED
#define FIG_HASH_H_INCLUDED


#include "fig_buf.h"


#define FIG_PARTITIONS  64


uint32_t fig_crc32c(fig_str_t s);
unsigned fig_partition(fig_str_t key);         /* crc32c mod FIG_PARTITIONS */


#endif /* FIG_HASH_H_INCLUDED */
