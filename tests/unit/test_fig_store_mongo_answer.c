
/*
 * Copyright (C) Ficus authors
 */


/*
 * What MongoDB's answers say of ops, in the words of a server and of the
 * driver's, as FerretDB gives few of them.
 */


#include "fig_store_mongo.h"
#include "unit.h"
#include <stdio.h>
#include <string.h>


#define OPS      5

#define OK       FIG_OK
#define OPEN     FIG_AGAIN
#define TAKEN    FIG_TAKEN
#define REFUSED  FIG_CONFLICT

#define E11000   "E11000 duplicate key error collection: ficus.users index: "
#define BY_ID    "'" E11000 "_id_ dup key: { _id: k1-unique }'"
#define BY_KEY   "'" E11000 "k1-unique dup key: { k1: a@x }'"


typedef struct {
    const char    *name;
    size_t         n;
    bool           insert;
    bool           doubt;
    const char    *reply;
    fig_status_t   status;
    fig_status_t   ops[OPS];

} case_t;


static const case_t  cases[] = {

    { "all inserted", 3, true, false,
      "{'nInserted': 3, 'writeErrors': []}",
      FIG_OK, { OK, OK, OK } },

    { "ids and keys of others", 4, true, false,
      "{'nInserted': 2, 'writeErrors': ["
      "{'index': 1, 'code': 11000, 'errmsg': " BY_ID "},"
      "{'index': 3, 'code': 11000, 'errmsg': " BY_KEY "}]}",
      FIG_OK, { OK, REFUSED, OK, TAKEN } },

    { "an id that may be our own", 1, true, true,
      "{'nInserted': 0, 'writeErrors': ["
      "{'index': 0, 'code': 11000, 'errmsg': " BY_ID "}]}",
      FIG_OK, { OPEN } },

    { "all changed, some made", 4, false, false,
      "{'nMatched': 3, 'nUpserted': 1, 'upserted': [{'index': 2, '_id': 'u'}]}",
      FIG_OK, { OK, OK, OK, OK } },

    { "one of several did not match", 3, false, false,
      "{'nMatched': 2, 'nUpserted': 0}",
      FIG_OK, { OPEN, OPEN, OPEN } },

    { "one alone did not match", 1, false, false,
      "{'nMatched': 0, 'nUpserted': 0}",
      FIG_OK, { REFUSED } },

    { "the same after a lost answer", 1, false, true,
      "{'nMatched': 0, 'nUpserted': 0}",
      FIG_OK, { OPEN } },

    { "a raise met its id, a put a key", 4, false, false,
      "{'nMatched': 2, 'nUpserted': 0, 'writeErrors': ["
      "{'index': 0, 'code': 11000, 'errmsg': " BY_ID "},"
      "{'index': 2, 'code': 11000, 'errmsg': " BY_KEY "}]}",
      FIG_OK, { OPEN, OK, TAKEN, OK } },

    { "not on a majority yet", 2, true, false,
      "{'nInserted': 2, 'writeErrors': [], 'writeConcernErrors': ["
      "{'code': 64, 'errmsg': 'waiting for replication timed out'}]}",
      FIG_UNKNOWN, { OK, OK } },

    { "the disk is full", 2, true, false,
      "{'nInserted': 0, 'writeErrors': ["
      "{'index': 0, 'code': 14031, 'errmsg': 'no space left'},"
      "{'index': 1, 'code': 14031, 'errmsg': 'no space left'}]}",
      FIG_FULL, { OPEN, OPEN } },

    { "the disk got full", 2, true, false,
      "{'nInserted': 1, 'writeErrors': ["
      "{'index': 1, 'code': 14031, 'errmsg': 'no space left'}]}",
      FIG_UNKNOWN, { OK, OPEN } },

    { "an answer about no op of ours", 1, true, false,
      "{'nInserted': 0, 'writeErrors': ["
      "{'index': 7, 'code': 11000, 'errmsg': " BY_ID "}]}",
      FIG_UNKNOWN, { OPEN } },

    { "nothing at all", 2, false, false, "{}", FIG_OK, { OPEN, OPEN } }
};


/* JSON with the other kind of quotation marks */

static bson_t *
reply_of(const char *text)
{
    char          json[1024], *p;
    bson_t       *reply;
    bson_error_t  error;

    (void) snprintf(json, sizeof(json), "%s", text);

    for (p = strchr(json, '\''); p != NULL; p = strchr(p, '\'')) {
        *p = '"';
    }

    reply = bson_new_from_json((const uint8_t *) json, -1, &error);
    ck_assert_msg(reply != NULL, "%s: %s", json, error.message);

    return reply;
}


START_TEST(test_answers)
{
    size_t              i;
    bson_t             *reply;
    fig_op_t            ops[OPS];
    const case_t       *c;
    fig_mongo_group_t   group;
    static const size_t  sent[OPS] = { 0, 1, 2, 3, 4 };

    c = &cases[_i];
    memset(&group, 0, sizeof(fig_mongo_group_t));
    memset(ops, 0, sizeof(ops));

    for (i = 0; i < OPS; i++) {
        ops[i].status = FIG_AGAIN;
    }

    group.insert = c->insert;
    group.doubt = c->doubt;
    group.ops = ops;
    group.n = c->n;

    reply = reply_of(c->reply);
    ck_assert_msg(fig_mongo_answer(&group, sent, c->n, reply,
                                   strstr(c->reply, "errmsg") == NULL)
                  == c->status, "%s", c->name);

    for (i = 0; i < c->n; i++) {
        ck_assert_msg(ops[i].status == c->ops[i], "%s: op %zu: %s", c->name, i,
                      fig_status_name(ops[i].status));
    }

    bson_destroy(reply);
}
END_TEST


START_TEST(test_errors)
{
    size_t        i;
    bson_error_t  error;

    static const struct {
        uint32_t      domain;
        uint32_t      code;
        fig_status_t  status;

    } errors[] = {
        { MONGOC_ERROR_SERVER_SELECTION, MONGOC_ERROR_SERVER_SELECTION_FAILURE,
          FIG_BUSY },
        { MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT, FIG_BUSY },
        { MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_NAME_RESOLUTION, FIG_BUSY },
        { MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET, FIG_UNKNOWN },
        { MONGOC_ERROR_PROTOCOL, MONGOC_ERROR_PROTOCOL_INVALID_REPLY,
          FIG_UNKNOWN },
        { MONGOC_ERROR_WRITE_CONCERN, 64, FIG_UNKNOWN },
        { MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE, FIG_ERROR },
        { MONGOC_ERROR_BSON, MONGOC_ERROR_BSON_INVALID, FIG_ERROR },
        { MONGOC_ERROR_SERVER, 10107, FIG_BUSY },
        { MONGOC_ERROR_SERVER, 13435, FIG_BUSY },
        { MONGOC_ERROR_SERVER, 43, FIG_BUSY },
        { MONGOC_ERROR_SERVER, 112, FIG_BUSY },
        { MONGOC_ERROR_SERVER, 133, FIG_BUSY },
        { MONGOC_ERROR_SERVER, 237, FIG_BUSY },
        { MONGOC_ERROR_SERVER, 6, FIG_UNKNOWN },
        { MONGOC_ERROR_SERVER, 89, FIG_UNKNOWN },
        { MONGOC_ERROR_SERVER, 91, FIG_UNKNOWN },
        { MONGOC_ERROR_SERVER, 189, FIG_UNKNOWN },
        { MONGOC_ERROR_SERVER, 11600, FIG_UNKNOWN },
        { MONGOC_ERROR_SERVER, 9001, FIG_UNKNOWN },
        { MONGOC_ERROR_SERVER, 11601, FIG_UNKNOWN },
        { MONGOC_ERROR_SERVER, 11602, FIG_UNKNOWN },
        { MONGOC_ERROR_SERVER, 14031, FIG_FULL },
        { MONGOC_ERROR_SERVER, 13, FIG_ERROR }
    };

    for (i = 0; i < UNIT_COUNT(errors); i++) {
        bson_set_error(&error, errors[i].domain, errors[i].code, "x");
        ck_assert_msg(fig_mongo_status(&error) == errors[i].status, "%u.%u",
                      errors[i].domain, errors[i].code);
    }
}
END_TEST


int
main(void)
{
    int       failed;
    TCase    *tc;
    Suite    *suite;
    SRunner  *runner;

    suite = suite_create("answers of MongoDB");
    tc = tcase_create("all");
    tcase_add_loop_test(tc, test_answers, 0, UNIT_COUNT(cases));
    tcase_add_test(tc, test_errors);
    suite_add_tcase(suite, tc);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed != 0;
}
