
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the server's answer to a write says of each op.
 */


#include "fig_store_mongo.h"
#include <string.h>


/* it had an error that does not decide it */

#define ANSWER_OPEN  FIG_DECLINED


typedef struct {
    size_t              n;
    size_t              wrong;     /* of them */
    const size_t       *sent;      /* which ops of the group */
    fig_mongo_group_t  *group;
} answer_t;


static fig_status_t answer_errors(answer_t *answer, const bson_t *reply);
static fig_status_t answer_error(answer_t *answer, bson_iter_t *error);
static void answer_broken(answer_t *answer, const char *message);
static void answer_duplicate(answer_t *answer, fig_op_t *op,
    const char *message);
static size_t answer_number(const bson_t *bson, const char *name);
static bool answer_some(const bson_t *bson, const char *name);


/*
 * Either all that has no error of its own was counted, or it is open; of one
 * alone, unless an earlier answer was lost, nothing counted is an answer.
 */

fig_status_t
fig_mongo_answer(fig_mongo_group_t *group, const size_t *sent, size_t n,
    const bson_t *reply, bool ok)
{
    size_t        i, done;
    answer_t      answer;
    fig_op_t     *op;
    fig_status_t  status;

    answer.group = group;
    answer.sent = sent;
    answer.n = n;
    answer.wrong = 0;

    done = answer_number(reply, "nInserted")
           + answer_number(reply, "nMatched")
           + answer_number(reply, "nUpserted");

    status = ok && !answer_some(reply, "writeConcernErrors") ? FIG_OK
             : answer_errors(&answer, reply);

    for (i = 0; i < n; i++) {
        op = &group->ops[sent[i]];

        if (op->status == ANSWER_OPEN) {
            op->status = FIG_AGAIN;

        } else if (op->status == FIG_AGAIN && done == n - answer.wrong) {
            op->status = FIG_OK;

        } else if (op->status == FIG_AGAIN && status == FIG_OK
                   && n == 1 && !group->doubt)
        {
            op->status = FIG_CONFLICT;
        }
    }

    return status != FIG_OK && done != 0 ? FIG_UNKNOWN : status;
}


static fig_status_t
answer_errors(answer_t *answer, const bson_t *reply)
{
    bson_iter_t          iter, error;
    fig_status_t         status;
    const bson_error_t  *last;

    if (answer_some(reply, "writeConcernErrors")) {
        return FIG_UNKNOWN;
    }

    if (!answer_some(reply, "writeErrors")) {
        last = &answer->group->error;

        if (strstr(last->message, "UNIQUE constraint failed") == NULL) {
            return fig_mongo_status(last);
        }

        answer_broken(answer, last->message);

        return FIG_OK;
    }

    status = FIG_OK;

    if (bson_iter_init_find(&iter, reply, "writeErrors")
        && bson_iter_recurse(&iter, &error))
    {
        while (status == FIG_OK && bson_iter_next(&error)) {
            status = answer_error(answer, &error);
        }
    }

    return status;
}


static fig_status_t
answer_error(answer_t *answer, bson_iter_t *error)
{
    int64_t        index, code;
    fig_op_t      *op;
    const char    *message;
    bson_iter_t    iter;
    bson_error_t  *last;

    index = -1;
    code = 0;
    message = "";

    if (!bson_iter_recurse(error, &iter)) {
        return FIG_UNKNOWN;
    }

    while (bson_iter_next(&iter)) {

        if (strcmp(bson_iter_key(&iter), "index") == 0) {
            index = bson_iter_as_int64(&iter);

        } else if (strcmp(bson_iter_key(&iter), "code") == 0) {
            code = bson_iter_as_int64(&iter);

        } else if (strcmp(bson_iter_key(&iter), "errmsg") == 0
                   && BSON_ITER_HOLDS_UTF8(&iter))
        {
            message = bson_iter_utf8(&iter, NULL);
        }
    }

    if (index < 0 || (uint64_t) index >= answer->n) {
        return FIG_UNKNOWN;
    }

    answer->wrong++;
    op = &answer->group->ops[answer->sent[index]];

    if (code == MONGOC_ERROR_DUPLICATE_KEY) {
        answer_duplicate(answer, op, message);
        return FIG_OK;
    }

    op->status = ANSWER_OPEN;
    last = &answer->group->error;
    bson_set_error(last, MONGOC_ERROR_SERVER, (uint32_t) code, "%s", message);

    return fig_mongo_status(last);
}


/*
 * FerretDB 1 ends a command of several changes with the first duplicate.
 */

static void
answer_broken(answer_t *answer, const char *message)
{
    size_t              i;
    fig_mongo_group_t  *group;

    group = answer->group;

    for (i = 0; i < answer->n; i++) {
        group->ops[answer->sent[i]].status = ANSWER_OPEN;
    }

    if (answer->n == 1) {
        answer_duplicate(answer, &group->ops[answer->sent[0]], message);
    }
}


/*
 * A server that does not name the index may not name the right op of several
 * changes either (FerretDB 1).  A raise that met its own id was told too late
 * that there is one, and may be above it.
 */

static void
answer_duplicate(answer_t *answer, fig_op_t *op, const char *message)
{
    unsigned            key;
    fig_mongo_group_t  *group;

    group = answer->group;

    if (fig_mongo_taken(message, &key) == FIG_OK) {

        if (key != FIG_STORE_KEYS) {
            op->status = FIG_TAKEN;
            op->key = key;

        } else {
            op->status = group->insert && !group->doubt ? FIG_CONFLICT
                         : ANSWER_OPEN;
        }

    } else if (group->insert || answer->n == 1) {
        op->status = FIG_TAKEN;
        op->key = FIG_STORE_KEYS;

    } else {
        op->status = ANSWER_OPEN;
    }
}


static size_t
answer_number(const bson_t *bson, const char *name)
{
    int64_t      n;
    bson_iter_t  iter;

    if (!bson_iter_init_find(&iter, bson, name)) {
        return 0;
    }

    n = bson_iter_as_int64(&iter);

    return n > 0 ? (size_t) n : 0;
}


static bool
answer_some(const bson_t *bson, const char *name)
{
    bson_iter_t  iter, child;

    return bson_iter_init_find(&iter, bson, name)
           && bson_iter_recurse(&iter, &child)
           && bson_iter_next(&child);
}
