
/*
 * Copyright (C) Ficus authors
 */


/*
 * Dead letters: events that could not be brought in, kept in a collection of
 * the consumer's store until somebody or something has dealt with them.
 *
 * The body of one is what GET /dlq/{id} answers:
 *
 *     {"id":"u1@7","key":"u1","version":7,"cause":"apply","error":"...",
 *      "stream":"USERS","seq":42,"tries":5,"time":"...","size":312,
 *      "payload":"{...}"}
 *
 * cause: "decode" (it is no event), "state" (an event, but not a state that
 * can be used) or "apply".  key and version are null, seq is 0, where they are
 * not known.  payload ends after FIG_DEAD_PAYLOAD bytes, size is that of all.
 *
 * The id is KEY@VERSION for "apply", else msg-CREATED-SEQ, stream and message;
 * so what comes again is the same letter, and one that was dropped stays
 * dropped.
 *
 * Threads: any.
 */


#ifndef FIG_DEAD_H_INCLUDED
#define FIG_DEAD_H_INCLUDED


#include "fig_event.h"


/*
 * The collection: keys[0] is the key, doc.ref the version.
 */

#define FIG_DEAD_KEYS     { "key" }
#define FIG_DEAD_PAYLOAD  ((size_t) 64 * 1024)


typedef enum {
    FIG_DEAD_DECODE = 0,
    FIG_DEAD_STATE,
    FIG_DEAD_APPLY
} fig_dead_cause_t;

typedef struct {
    fig_str_t                id;          /* as fig_dead_id() makes it */
    fig_str_t                key;         /* absent: not known */
    uint64_t                 ver;         /* 0: not known */
    fig_dead_cause_t         cause;
    const char              *error;
    const char              *stream;
    uint64_t                 seq;         /* 0: it was no message */
    unsigned                 tries;
    int64_t                  time;        /* s since 1970 */
    fig_str_t                payload;
    size_t                   size;

    uint64_t                 row;         /* version of the letter itself */
} fig_dead_letter_t;

typedef struct fig_dead_s  fig_dead_t;


/*
 * most: as many letters may there be; 0: any number.  FIG_ERROR, FIG_BUSY: the
 * store; try again.
 */

fig_status_t fig_dead_open(fig_store_t *store,
    const fig_collection_t *collection, uint64_t most, fig_dead_t **dead)
    FIG_NODISCARD;
void fig_dead_close(fig_dead_t *dead);                         /* NULL: ok */


/* how many there are; whether there may not be another one */
uint64_t fig_dead_count(const fig_dead_t *dead);
bool fig_dead_full(const fig_dead_t *dead);


/* sets letter.id, from created of the stream where it has no version */
void fig_dead_id(fig_dead_letter_t *letter, int64_t created,
    fig_arena_t *arena);


/*
 * Parks a letter.  FIG_CONFLICT: it is there already, or was dropped.
 * FIG_FULL: there are too many, or it is the store.  Else what
 * fig_store_write() returns.
 */

fig_status_t fig_dead_park(fig_dead_t *dead, fig_dead_letter_t *letter)
    FIG_NODISCARD;


/*
 * Writes error and tries of a letter that was read.  FIG_CONFLICT: it is
 * another by now, or gone.
 */

fig_status_t fig_dead_tried(fig_dead_t *dead,
    const fig_dead_letter_t *letter) FIG_NODISCARD;


/*
 * One letter, or a page of them behind an id (absent: the first), in the
 * arena.  FIG_DECLINED: there is none.
 */

fig_status_t fig_dead_get(fig_dead_t *dead, fig_str_t id, fig_arena_t *arena,
    fig_dead_letter_t *letter) FIG_NODISCARD;
fig_status_t fig_dead_list(fig_dead_t *dead, fig_str_t after, unsigned limit,
    fig_arena_t *arena, fig_page_t *page) FIG_NODISCARD;
fig_status_t fig_dead_parse(const fig_doc_t *doc, fig_arena_t *arena,
    fig_dead_letter_t *letter) FIG_NODISCARD;


/* whether there are letters of a key; false, too, when nobody can tell */
bool fig_dead_holds(fig_dead_t *dead, fig_str_t key);


/*
 * Removes a letter.  FIG_DECLINED: there was none.
 */

fig_status_t fig_dead_drop(fig_dead_t *dead, fig_str_t id) FIG_NODISCARD;


/*
 * Removes what is parked of a key up to this version, since it was brought in.
 * Costs nothing while nothing is parked.
 */

fig_status_t fig_dead_heal(fig_dead_t *dead, fig_str_t key, uint64_t ver);


#endif /* FIG_DEAD_H_INCLUDED */
