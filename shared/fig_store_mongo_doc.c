
/*
 * Copyright (C) Ficus authors
 */


/*
 * Documents to BSON and back.
 */


#include "fig_store_mongo.h"
#include "fig_log.h"
#include <string.h>


typedef enum {
    DOC_ID = 1,
    DOC_VER = 2,
    DOC_REF = 4,
    DOC_DELETED = 8,
    DOC_ALL = 15
} doc_part_t;


static bool doc_write_keys(bson_t *bson, const fig_collection_t *collection,
    const fig_doc_t *doc);
static fig_status_t doc_part(const bson_iter_t *iter, fig_arena_t *arena,
    fig_doc_t *doc, unsigned *parts);
static unsigned doc_number(const bson_iter_t *iter, unsigned part,
    uint64_t *number);
static fig_status_t doc_text(const bson_iter_t *iter, fig_arena_t *arena,
    fig_str_t *text);


const char *const  fig_mongo_keys[FIG_STORE_KEYS] = {
    "k1", "k2", "k3", "k4"
};


bool
fig_mongo_append(bson_t *bson, const char *name, fig_str_t value)
{
    return bson_append_utf8(bson, name, -1, value.data, (int) value.len);
}


bool
fig_mongo_doc_write(bson_t *bson, const fig_collection_t *collection,
    const fig_doc_t *doc, const bson_oid_t *mark)
{
    return fig_mongo_append(bson, "_id", doc->id)
           && bson_append_int64(bson, "ver", -1, (int64_t) doc->ver)
           && bson_append_int64(bson, "ref", -1, (int64_t) doc->ref)
           && bson_append_bool(bson, "deleted", -1, doc->deleted)
           && (!doc->pending || fig_mongo_append(bson, "pending", doc->id))
           && doc_write_keys(bson, collection, doc)
           && (doc->changed.data == NULL
               || fig_mongo_append(bson, "changed", doc->changed))
           && (doc->made.data == NULL
               || fig_mongo_append(bson, "made", doc->made))
           && bson_append_oid(bson, "write", -1, mark)
           && (doc->body.data == NULL
               || fig_mongo_append(bson, "body", doc->body));
}


fig_status_t
fig_mongo_doc_read(fig_mongo_t *store, const bson_t *bson, fig_arena_t *arena,
    fig_doc_t *doc)
{
    unsigned      parts;
    bson_iter_t   iter;
    fig_status_t  status;

    memset(doc, 0, sizeof(fig_doc_t));
    parts = 0;

    if (bson_iter_init(&iter, bson)) {

        while (bson_iter_next(&iter)) {
            status = doc_part(&iter, arena, doc, &parts);

            if (status != FIG_OK) {
                return status;
            }
        }
    }

    if (parts != DOC_ALL) {
        fig_log_error("store %s: a document \"%.64s\" is not one of Ficus",
                      store->name, doc->id.data ? doc->id.data : "");
        return FIG_ERROR;
    }

    return FIG_OK;
}


static bool
doc_write_keys(bson_t *bson, const fig_collection_t *collection,
    const fig_doc_t *doc)
{
    bool        ok;
    unsigned    i;
    fig_str_t   key;

    ok = true;

    for (i = 0; i < FIG_STORE_KEYS; i++) {
        key = doc->keys[i];

        if (key.data != NULL) {
            ok = ok && fig_mongo_append(bson, fig_mongo_keys[i], key);

        } else if (collection->keys[i] != NULL && collection->unique[i]
                   && i != FIG_STORE_ONCE)
        {
            ok = ok && bson_append_binary(bson, fig_mongo_keys[i], -1,
                                          BSON_SUBTYPE_BINARY,
                                          (const uint8_t *) doc->id.data,
                                          (uint32_t) doc->id.len);
        }
    }

    return ok;
}


static fig_status_t
doc_part(const bson_iter_t *iter, fig_arena_t *arena, fig_doc_t *doc,
    unsigned *parts)
{
    unsigned     i;
    const char  *name;

    name = bson_iter_key(iter);

    if (strcmp(name, "_id") == 0) {
        *parts |= BSON_ITER_HOLDS_UTF8(iter) ? DOC_ID : 0;
        return doc_text(iter, arena, &doc->id);
    }

    if (strcmp(name, "body") == 0) {
        return doc_text(iter, arena, &doc->body);
    }

    if (strcmp(name, "changed") == 0) {
        return doc_text(iter, arena, &doc->changed);
    }

    if (strcmp(name, "made") == 0) {
        return doc_text(iter, arena, &doc->made);
    }

    if (strcmp(name, "ver") == 0) {
        *parts |= doc_number(iter, DOC_VER, &doc->ver);

    } else if (strcmp(name, "ref") == 0) {
        *parts |= doc_number(iter, DOC_REF, &doc->ref);

    } else if (strcmp(name, "deleted") == 0) {
        *parts |= BSON_ITER_HOLDS_BOOL(iter) ? DOC_DELETED : 0;
        doc->deleted = bson_iter_as_bool(iter);

    } else if (strcmp(name, "pending") == 0) {
        doc->pending = true;
    }

    for (i = 0; i < FIG_STORE_KEYS; i++) {

        if (strcmp(name, fig_mongo_keys[i]) == 0) {
            return doc_text(iter, arena, &doc->keys[i]);
        }
    }

    return FIG_OK;
}


/*
 * A tool that copies data may have made it another kind of number.
 */

static unsigned
doc_number(const bson_iter_t *iter, unsigned part, uint64_t *number)
{
    int64_t  value;

    value = bson_iter_as_int64(iter);

    if (!BSON_ITER_HOLDS_NUMBER(iter) || value < 0) {
        return 0;
    }

    *number = (uint64_t) value;

    return part;
}


static fig_status_t
doc_text(const bson_iter_t *iter, fig_arena_t *arena, fig_str_t *text)
{
    uint32_t   len;
    fig_str_t  s;

    if (!BSON_ITER_HOLDS_UTF8(iter)) {
        return FIG_OK;
    }

    s.data = bson_iter_utf8(iter, &len);
    s.len = len;
    *text = fig_arena_dup(arena, s);

    return text->data == NULL ? FIG_NOMEM : FIG_OK;
}
