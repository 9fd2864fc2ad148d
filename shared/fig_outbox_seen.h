
/*
 * Copyright (C) Ficus authors
 */


/*
 * What one scan of the store saw marked: a set of hashes of key and version;
 * for shared/fig_outbox*.c only.  Two that fall together make no more of it
 * than that a state is published twice.
 */


#ifndef FIG_OUTBOX_SEEN_H_INCLUDED
#define FIG_OUTBOX_SEEN_H_INCLUDED


#include "fig_buf.h"


typedef struct fig_seen_s  fig_seen_t;


fig_seen_t *fig_seen_create(void);                             /* or NULL */
void fig_seen_destroy(fig_seen_t *seen);                       /* NULL: ok */
void fig_seen_clear(fig_seen_t *seen);


/*
 * A set that is full takes no more and says that it has everything.
 */

void fig_seen_add(fig_seen_t *seen, fig_str_t key, uint64_t ver);
bool fig_seen_has(const fig_seen_t *seen, fig_str_t key, uint64_t ver);


#endif /* FIG_OUTBOX_SEEN_H_INCLUDED */
