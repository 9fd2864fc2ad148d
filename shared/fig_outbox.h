
/*
 * Copyright (C) Ficus authors
 */


/*
 * Outbox: writes that are published, always, whatever crashes.  The write and
 * the mark that it has to be published are one conditional write of one
 * document; the relay, a thread, publishes committed states from memory,
 * repeats what got no answer, and clears the mark under the condition that
 * the version is still the one that was acknowledged.  A scan each second
 * finds what a crash, another process's death or a full queue left behind.
 * States coalesce: what counts is the last.
 *
 * The same mark keeps what has to follow a write from being forgotten: what is
 * stored is published only when somebody has looked at it, so that a state that
 * nobody could look at (the process died, the store did not answer and wrote it
 * later, looking failed) is found by the scan, which has it looked at.
 *
 * Metrics: ficus_outbox_pending (rows in this process's hands),
 * ficus_outbox_published_total, ficus_outbox_repeated_total,
 * ficus_outbox_seconds (commit to acknowledgement).
 *
 * Threads: any.
 */


#ifndef FIG_OUTBOX_H_INCLUDED
#define FIG_OUTBOX_H_INCLUDED


#include "fig_event.h"


typedef struct fig_outbox_s  fig_outbox_t;


/*
 * Called on a thread of the outbox with a state that the scan found, tombstones
 * too; the arena is for this call.  FIG_OK: all that has to follow it has
 * followed.  Else it is asked again, and the state is not published before.
 */

typedef fig_status_t (*fig_look_pt)(void *data, const fig_doc_t *doc,
    fig_arena_t *arena);


/*
 * topic, store, bus and data must outlive it; look may be NULL.  *outbox is set
 * before look is called.
 */

fig_status_t fig_outbox_open(fig_store_t *store, fig_bus_t *bus,
    const fig_topic_t *topic, fig_look_pt look, void *data,
    fig_outbox_t **outbox) FIG_NODISCARD;


/*
 * Publishes what waits, for timeout ms at most, then ends; what is left stays
 * marked in the store.  NULL is fine.
 */

void fig_outbox_close(fig_outbox_t *outbox, uint64_t timeout);


/*
 * For /readyz: what keeps it from publishing for longer, or NULL.
 */

const char *fig_outbox_check(void *data);


/*
 * Whether the bus takes a state that is to be written, as far as it is known
 * now: a broker that comes later may have a smaller limit.  FIG_INVALID: its
 * event has *size bytes, of which the bus takes *max; FIG_NOMEM.
 */

fig_status_t fig_outbox_fits(fig_outbox_t *outbox, const fig_doc_t *doc,
    fig_str_t traceparent, uint64_t *size, uint64_t *max) FIG_NODISCARD;


/*
 * fig_store_write() of FIG_STORE_PUT ops, whose documents are published.  The
 * caller has set doc.changed (fig_event_changed).
 */

fig_status_t fig_outbox_write(fig_outbox_t *outbox, fig_op_t *ops, size_t n,
    fig_str_t traceparent) FIG_NODISCARD;


/*
 * The two halves of it, for whoever has something to do between them: what is
 * stored and not published is found by the scan.
 */

fig_status_t fig_outbox_store(fig_outbox_t *outbox, fig_op_t *ops, size_t n)
    FIG_NODISCARD;
void fig_outbox_publish(fig_outbox_t *outbox, const fig_doc_t *doc,
    fig_str_t traceparent);


#endif /* FIG_OUTBOX_H_INCLUDED */
