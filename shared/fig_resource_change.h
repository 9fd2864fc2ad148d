
/*
 * Copyright (C) Ficus authors
 */


/*
 * The steps of a change; for shared/fig_resource*.c only.
 */


#ifndef FIG_RESOURCE_CHANGE_H_INCLUDED
#define FIG_RESOURCE_CHANGE_H_INCLUDED


#include "fig_resource.h"


/* how often a write that lost a race is done again */
#define FIG_CHANGE_TRIES  100


void fig_change_open(fig_change_t *change, fig_arena_t *arena);
void fig_change_close(fig_change_t *change);


/*
 * Reads the document: stored, before and a copy of it in fields.
 * FIG_DECLINED: there is none; stored is set when there is a tombstone.
 */

fig_status_t fig_change_load(const fig_resource_t *resource,
    fig_change_t *change, fig_str_t id) FIG_NODISCARD;


/*
 * The same of a document in stored.
 */

fig_status_t fig_change_parse(fig_change_t *change) FIG_NODISCARD;


/*
 * What the resource says of sent and fields goes to errors and conflicts.
 */

void fig_change_check(const fig_resource_t *resource, fig_change_t *change);


/*
 * Lays sent over fields; deep as RFC 7396 says, or only the first level.
 */

fig_status_t fig_change_merge(fig_change_t *change, bool deep) FIG_NODISCARD;


/*
 * Makes doc of the fields.  FIG_DECLINED: nothing differs.  FIG_INVALID: errors
 * tell.
 */

fig_status_t fig_change_finish(const fig_resource_t *resource,
    fig_change_t *change, fig_str_t id) FIG_NODISCARD;


/*
 * Makes doc the tombstone of the stored document.
 */

void fig_change_bury(fig_change_t *change);


/*
 * Fills an op with doc.
 */

void fig_change_op(const fig_resource_t *resource,
    const fig_change_t *change, fig_op_t *op);


/*
 * Evaluates If-Match and If-None-Match; stored is NULL when there is no
 * document.  FIG_CONFLICT: 412, or 304 for a safe method.  FIG_INVALID: 400,
 * *name is the header.
 */

fig_status_t fig_change_condition(const fig_request_t *request,
    const fig_doc_t *stored, const char **name) FIG_NODISCARD;


/*
 * Whether the bus takes doc.  FIG_INVALID: errors tell.
 */

fig_status_t fig_change_fits(const fig_resource_t *resource,
    fig_change_t *change, fig_str_t traceparent) FIG_NODISCARD;


/*
 * All that makes a new document of sent, up to a doc that the bus takes.
 * FIG_INVALID: errors tell; FIG_TAKEN: conflicts tell, or fig_once_settle().
 */

fig_status_t fig_change_draft(const fig_resource_t *resource,
    fig_change_t *change, fig_str_t traceparent) FIG_NODISCARD;


/*
 * Stores doc, lets happen what has to follow and publishes it; what could not
 * follow is left to the outbox.  FIG_CONFLICT: somebody was faster; FIG_TAKEN:
 * as above.
 */

fig_status_t fig_change_write(const fig_resource_t *resource,
    fig_change_t *change, fig_str_t traceparent) FIG_NODISCARD;
fig_status_t fig_change_written(const fig_resource_t *resource,
    fig_change_t *change, const fig_op_t *op, fig_str_t traceparent)
    FIG_NODISCARD;


/*
 * Idempotency-Key.  read: absent when there is none; FIG_INVALID: it is none,
 * and the response is 400.  mark: what will be made of sent, the place-th of an
 * array or 0, is to be made once; nothing when the key is absent.
 */

fig_status_t fig_once_read(const fig_request_t *request,
    fig_response_t *response, fig_str_t *key) FIG_NODISCARD;
fig_status_t fig_once_mark(fig_change_t *change, fig_str_t key,
    size_t place) FIG_NODISCARD;


/*
 * What the status of a new document comes to.  FIG_OK: it is made, or was made
 * before by the same request and is in doc.  FIG_INVALID, FIG_TAKEN: as
 * above.  FIG_CONFLICT: who has the key has changed, try again.
 */

fig_status_t fig_once_settle(const fig_resource_t *resource,
    fig_change_t *change, fig_status_t status) FIG_NODISCARD;


/*
 * The client's traceparent (W3C Trace Context, 3.2), absent when it is none.
 */

fig_str_t fig_trace_parent(const fig_request_t *request);


/*
 * Answers with a document; with a problem.
 */

void fig_reply_doc(fig_response_t *response, unsigned status,
    const fig_doc_t *doc);
void fig_reply_missing(const fig_resource_t *resource,
    const fig_request_t *request, fig_response_t *response);
fig_str_t fig_errors_detail(const fig_errors_t *errors, fig_arena_t *arena);
const char *fig_errors_slug(unsigned status);
void fig_reply_errors(const fig_request_t *request, fig_response_t *response,
    unsigned status, const fig_errors_t *errors);
void fig_reply_condition(const fig_request_t *request,
    fig_response_t *response, fig_status_t status, const char *name);


#endif /* FIG_RESOURCE_CHANGE_H_INCLUDED */
