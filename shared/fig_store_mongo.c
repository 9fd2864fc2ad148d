
/*
 * Copyright (C) Ficus authors
 */


/*
 * MongoDB: a database on a server, or a replica set of servers, that any
 * number of processes use.  Nothing here needs a transaction, so that a
 * standalone server will do.
 */


#include "fig_store_mongo.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <stdlib.h>
#include <string.h>


/* us between two tries to find the schema */
#define MONGO_AGAIN  1000000

/* us for each ms of a socket's timeout: a quarter of it */
#define MONGO_PART   250


static fig_status_t mongo_verify(const char *where, const char **why);
static fig_status_t mongo_open(const fig_store_conf_t *conf,
    const char *where, const fig_collection_t *const *collections,
    void **self);
static uint64_t mongo_base(void *self);
static const char *mongo_wrong(void *self);
static fig_status_t mongo_ping(void *self);

static bool mongo_made(fig_mongo_t *store);
static fig_status_t mongo_make(fig_mongo_t *store);
static void mongo_configure(void);
static fig_status_t mongo_connect(fig_mongo_t *store,
    const fig_store_conf_t *conf);
static fig_status_t mongo_server_status(uint32_t code);


const fig_store_backend_t  fig_store_mongo = {
    .scheme = "mongodb",
    .open = mongo_open,
    .close = fig_mongo_destroy,
    .write = fig_mongo_write,
    .write_later = fig_mongo_write_later,
    .get = fig_mongo_get,
    .list = fig_mongo_list,
    .base = mongo_base,
    .ping = mongo_ping,
    .wrong = mongo_wrong,
    .verify = mongo_verify
};


static fig_status_t
mongo_verify(const char *where, const char **why)
{
    return strncmp(where, "//", 2) == 0 && where[2] != '\0' ? FIG_OK
                                                            : FIG_INVALID;
}


static fig_status_t
mongo_open(const fig_store_conf_t *conf, const char *where,
    const fig_collection_t *const *collections, void **self)
{
    fig_mongo_t   *store;
    fig_status_t   status;

    *self = NULL;
    store = fig_mongo_create(conf, collections);

    if (store == NULL) {
        return FIG_ERROR;
    }

    status = mongo_make(store);

    /* a server that is away is waited for, one that is wrong is not */

    if (status == FIG_BUSY || status == FIG_UNKNOWN) {
        fig_log_warn("store %s: is away; it is used as soon as it is there",
                     store->name);
        status = FIG_OK;
    }

    if (status != FIG_OK || fig_mongo_later_start(store) != FIG_OK) {
        fig_mongo_destroy(store);
        return FIG_ERROR;
    }

    *self = store;

    return FIG_OK;
}


fig_mongo_t *
fig_mongo_create(const fig_store_conf_t *conf,
    const fig_collection_t *const *collections)
{
    fig_mongo_t            *store;
    static pthread_once_t   once = PTHREAD_ONCE_INIT;

    (void) pthread_once(&once, mongo_configure);

    store = calloc(1, sizeof(fig_mongo_t));

    if (store == NULL) {
        fig_log_error("store: out of memory");
        return NULL;
    }

    store->collections = collections;
    (void) pthread_mutex_init(&store->making, NULL);

    if (mongo_connect(store, conf) != FIG_OK) {
        fig_mongo_destroy(store);
        return NULL;
    }

    return store;
}


void
fig_mongo_destroy(void *self)
{
    fig_mongo_t  *store = self;

    fig_mongo_later_stop(store);

    if (store->pool != NULL) {
        mongoc_client_pool_destroy(store->pool);
    }

    (void) pthread_mutex_destroy(&store->making);
    free(store->database);
    free(store->name);
    free(store);
}


static uint64_t
mongo_base(void *self)
{
    fig_mongo_t  *store = self;

    return store->base;
}


static const char *
mongo_wrong(void *self)
{
    fig_mongo_t  *store = self;

    return atomic_load(&store->full) ? "its disk is full" : NULL;
}


static fig_status_t
mongo_ping(void *self)
{
    fig_doc_t                doc;
    fig_arena_t             *arena;
    fig_status_t             status;
    const fig_collection_t   meta = { .name = FIG_MONGO_META };

    arena = fig_arena_create(1024, 4096);

    if (arena == NULL) {
        return FIG_ERROR;
    }

    status = fig_mongo_get(self, &meta, FIG_STR("no document"), arena, &doc);
    fig_arena_destroy(arena);

    return status == FIG_DECLINED ? FIG_OK : status;
}


/* one thread tries, and not all the time: nobody else waits for it */

static bool
mongo_made(fig_mongo_t *store)
{
    fig_status_t  status;

    if (atomic_load_explicit(&store->made, memory_order_acquire)) {
        return true;
    }

    if (pthread_mutex_trylock(&store->making) != 0) {
        return false;
    }

    status = FIG_BUSY;

    if (atomic_load(&store->made)) {
        status = FIG_OK;

    } else if (fig_clock_us() >= store->next) {
        status = mongo_make(store);
    }

    (void) pthread_mutex_unlock(&store->making);

    return status == FIG_OK;
}


static fig_status_t
mongo_make(fig_mongo_t *store)
{
    fig_status_t      status;
    mongoc_client_t  *client;

    client = mongoc_client_pool_pop(store->pool);

    if (client == NULL) {
        return FIG_BUSY;
    }

    status = fig_mongo_schema(store, client);
    fig_mongo_give(store, client);

    if (status == FIG_OK) {
        atomic_store_explicit(&store->made, true, memory_order_release);
        fig_mongo_works(store);
    }

    store->next = fig_clock_us() + MONGO_AGAIN;

    return status;
}


mongoc_client_t *
fig_mongo_take(fig_mongo_t *store)
{
    mongoc_client_t  *client;

    if (!mongo_made(store)) {
        return NULL;
    }

    client = mongoc_client_pool_pop(store->pool);

    if (client == NULL && !atomic_exchange(&store->away, true)) {
        fig_log_error("store %s: all connections are busy for too long",
                      store->name);
    }

    return client;
}


void
fig_mongo_give(fig_mongo_t *store, mongoc_client_t *client)
{
    if (client != NULL) {
        mongoc_client_pool_push(store->pool, client);
    }
}


fig_status_t
fig_mongo_failed(fig_mongo_t *store, const bson_error_t *error,
    const char *what)
{
    fig_status_t  status;

    status = fig_mongo_status(error);

    if ((status != FIG_BUSY && status != FIG_UNKNOWN)
        || !atomic_exchange(&store->away, true))
    {
        fig_log_error("store %s: %s: %s (%u.%u)", store->name, what,
                      error->message, error->domain, error->code);
    }

    return status;
}


fig_status_t
fig_mongo_status(const bson_error_t *error)
{
    switch (error->domain) {

    case MONGOC_ERROR_SERVER_SELECTION:
        return FIG_BUSY;

    case MONGOC_ERROR_STREAM:
        return error->code == MONGOC_ERROR_STREAM_CONNECT
               || error->code == MONGOC_ERROR_STREAM_NAME_RESOLUTION
               || error->code == MONGOC_ERROR_STREAM_NOT_ESTABLISHED
               ? FIG_BUSY : FIG_UNKNOWN;

    case MONGOC_ERROR_PROTOCOL:
    case MONGOC_ERROR_WRITE_CONCERN:
        return FIG_UNKNOWN;

    case MONGOC_ERROR_SERVER:
        return mongo_server_status(error->code);

    default:
        return FIG_ERROR;
    }
}


void
fig_mongo_works(fig_mongo_t *store)
{
    if (atomic_load_explicit(&store->away, memory_order_relaxed)
        && atomic_exchange(&store->away, false))
    {
        fig_log_info("store %s: can be used again", store->name);
    }
}


/*
 * For the whole process; what the driver has to say is said in its errors.
 */

static void
mongo_configure(void)
{
    mongoc_log_set_handler(NULL, NULL);
    mongoc_init();
}


static fig_status_t
mongo_connect(fig_mongo_t *store, const fig_store_conf_t *conf)
{
    bson_error_t   error;
    mongoc_uri_t  *uri;

    uri = fig_mongo_uri(conf, &store->name, &store->database);

    if (uri == NULL) {
        return FIG_ERROR;
    }

    store->again = MONGO_PART * (uint64_t)
                   mongoc_uri_get_option_as_int32(uri,
                                                  MONGOC_URI_SOCKETTIMEOUTMS,
                                                  0);
    store->pool = mongoc_client_pool_new_with_error(uri, &error);
    mongoc_uri_destroy(uri);

    if (store->pool == NULL) {
        fig_log_error("store %s: cannot be used: %s", store->name,
                      error.message);
        return FIG_ERROR;
    }

    (void) mongoc_client_pool_set_error_api(store->pool,
                                            MONGOC_ERROR_API_VERSION_2);

    return FIG_OK;
}


static fig_status_t
mongo_server_status(uint32_t code)
{
    switch (code) {

    case 24:        /* LockTimeout */
    case 43:        /* CursorNotFound */
    case 46:        /* LockBusy */
    case 112:       /* WriteConflict */
    case 133:       /* FailedToSatisfyReadPreference */
    case 134:       /* ReadConcernMajorityNotAvailableYet */
    case 175:       /* QueryPlanKilled */
    case 237:       /* CursorKilled */
    case 10107:     /* NotWritablePrimary */
    case 13435:     /* NotPrimaryNoSecondaryOk */
    case 13436:     /* NotPrimaryOrSecondary */
        return FIG_BUSY;

    case 6:         /* HostUnreachable, of a shard, as the next ones */
    case 7:         /* HostNotFound */
    case 50:        /* MaxTimeMSExpired */
    case 64:        /* WriteConcernFailed */
    case 89:        /* NetworkTimeout */
    case 91:        /* ShutdownInProgress */
    case 189:       /* PrimarySteppedDown */
    case 262:       /* ExceededTimeLimit */
    case 9001:      /* SocketException */
    case 11600:     /* InterruptedAtShutdown */
    case 11601:     /* Interrupted */
    case 11602:     /* InterruptedDueToReplStateChange */
        return FIG_UNKNOWN;

    case 14031:     /* OutOfDiskSpace */
        return FIG_FULL;

    default:
        return FIG_ERROR;
    }
}
