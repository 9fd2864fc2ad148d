
/*
 * Copyright (C) Ficus authors
 */


/*
 * Resource: documents of a collection as an HTTP API, with versions, unique
 * fields, tombstones and pages.  A worker says in a table what is special about
 * its documents and calls the functions below from the handlers of its routes;
 * request.args[0] is the document's id.  fig_app_resource() opens it.
 *
 * Every document has an ETag, its version in quotes.  If-Match and
 * If-None-Match (RFC 9110, 13.1) are honoured everywhere; what can't be parsed
 * in them is 400.  A write that changes nothing keeps the version.  Writes
 * that lose a race against others without If-Match are done again on the newer
 * document.  What is larger than the bus takes, by what is known of it, is 413;
 * what the worker itself changes is written all the same.
 *
 * A document that was made with an Idempotency-Key (an IETF draft, version 07)
 * remembers a digest of it, and one of what was sent.  The key is unique within
 * the collection, so the same request once more makes no second document: it is
 * answered with 201 and the document as it is by then, 410 when that has been
 * deleted; with other content 422; a key that is none 400.  The collection
 * keeps it in its key FIG_STORE_ONCE.
 *
 * Threads: a resource is constant; any number of threads may use it.
 */


#ifndef FIG_RESOURCE_H_INCLUDED
#define FIG_RESOURCE_H_INCLUDED


#include "fig_outbox.h"
#include "fig_problem.h"
#include "fig_rules.h"


#define FIG_RESOURCE_FILTERS  4


typedef struct fig_resource_s  fig_resource_t;


/*
 * One document on its way to its next version.
 */

typedef struct {
    fig_json_t       *fields;        /* as they shall be */
    fig_json_t       *before;        /* as they are; NULL: it is new */
    fig_json_t       *sent;          /* by the client, an object; or NULL */
    const fig_doc_t  *stored;        /* NULL: it is new */
    fig_doc_t         doc;           /* what will be stored */
    bool              touched;       /* write it even if no field differs */
    fig_arena_t      *arena;
    unsigned          refused;       /* the status of errors; 400 at first */
    fig_errors_t      errors;
    fig_errors_t      conflicts;     /* make it a 409, when there is no 400 */
} fig_change_t;


typedef struct {
    const char     *name;            /* of the argument; NULL: no more */
    unsigned        key;             /* of the collection */

    /*
     * The key that the value means; FIG_DECLINED: any; FIG_INVALID, FIG_NOMEM.
     * NULL: the value is the key.
     */
    fig_status_t  (*parse)(fig_arena_t *arena, fig_str_t value,
        fig_str_t *key);
} fig_filter_t;


struct fig_resource_s {
    const fig_topic_t  *topic;       /* its collection and its id's name */
    const char         *path;        /* "/api/users" */
    const char         *noun;        /* "User", in messages */
    const char         *member;      /* "user", in the results of many */
    fig_filter_t        filters[FIG_RESOURCE_FILTERS];

    /* the id of a new document that came without; NULL: it is required */
    fig_status_t      (*make_id)(fig_arena_t *arena, fig_str_t *id);

    /*
     * What a document may hold, as fig_rules_check() has it, its id and keys
     * among it; then check() looks at sent and fields, and adds to errors and
     * conflicts.  Either may be NULL.
     */
    const fig_rule_t   *rules;
    bool                closed;
    void              (*check)(const fig_resource_t *resource,
        fig_change_t *change);

    /* the client's change is good: adds what others know; may be NULL */
    fig_status_t      (*complete)(const fig_resource_t *resource,
        fig_change_t *change);

    /* fills doc.keys from the fields; NULL: a key is the text of its name */
    fig_status_t      (*index)(const fig_resource_t *resource,
        fig_change_t *change);

    /*
     * doc is stored: what has to follow; may be NULL.  Called for every write,
     * the worker's own and those of many documents too, of which only stored
     * and doc are there.  Other than FIG_OK: it could not, and look, of the
     * outbox, gets doc later, with data.
     */
    fig_status_t      (*stored)(const fig_resource_t *resource,
        fig_change_t *change);
    fig_look_pt         look;

    fig_store_t        *store;
    fig_outbox_t       *outbox;
    void               *data;        /* the worker's own */
};


/* 200, 304, 404 */
void fig_resource_get(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response);

/* 200; limit, after, filters; 400 */
void fig_resource_list(const fig_resource_t *resource, fig_request_t *request,
    fig_response_t *response);

/* 201; 400, 409, 410, 412, 413, 422 */
void fig_resource_create(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response);

/*
 * 200; an array of at most 1000, a result for each; 400.  With an
 * Idempotency-Key each element has one of its own, of that and its place.
 */
void fig_resource_create_many(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response);

/* PUT: members replace; PATCH: RFC 7396.  200; 400, 404, 409, 412, 413 */
void fig_resource_update(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response);

/* 200 and the deleted document; 404, 412 */
void fig_resource_delete(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response);

/* 200 {"deleted":n}; 404 when there is none */
void fig_resource_delete_all(const fig_resource_t *resource,
    fig_request_t *request, fig_response_t *response);


/*
 * For make_id, 26 characters, 48 bits of milliseconds and 80 of chance in
 * Crockford's base 32 (the ULID form): documents that are made one after
 * another lie side by side.  FIG_ERROR: no chance to be had; FIG_NOMEM.
 */

fig_status_t fig_resource_ulid(fig_arena_t *arena, fig_str_t *id)
    FIG_NODISCARD;


/*
 * A change made by the worker itself: reads the document, lets edit() alter
 * change.fields (FIG_DECLINED: leave it as it is) and writes it, again when
 * somebody else was faster.  doc.keys and doc.ref are the stored ones at
 * first.  FIG_DECLINED: nothing was written.
 */

typedef fig_status_t (*fig_edit_pt)(void *data, fig_change_t *change);

fig_status_t fig_resource_edit(const fig_resource_t *resource, fig_str_t id,
    fig_arena_t *arena, fig_edit_pt edit, void *data) FIG_NODISCARD;


/*
 * The same for documents that have been read already, each with data of its
 * own, in one write.
 */

typedef struct {
    const fig_doc_t  *doc;
    void             *data;
} fig_edit_t;

fig_status_t fig_resource_edit_many(const fig_resource_t *resource,
    const fig_edit_t *edits, size_t n, fig_arena_t *arena, fig_edit_pt edit)
    FIG_NODISCARD;


#endif /* FIG_RESOURCE_H_INCLUDED */
