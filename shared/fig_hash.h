
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


/*
 * The same on every machine and in every version, since sums of it are
 * compared between processes: FNV-1a from the seed, and MurmurHash3's last
 * steps to mix the bits.  Whoever wants to can find strings that collide.
 */

uint64_t fig_hash64(fig_str_t s, uint64_t seed);


/*
 * For tables in memory of what somebody else has chosen: SipHash-2-4 with a
 * key that each process draws by chance, so nobody can choose strings that
 * collide.  Any thread.
 */

uint64_t fig_hash_table(fig_str_t s);


#endif /* FIG_HASH_H_INCLUDED */
