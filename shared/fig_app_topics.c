
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a worker publishes and what it follows: opened in start() and after
 * it, closed in the other order when it has stopped.
 */


#include "fig_app_parts.h"


/* ms that the last changes have to get out */
#define FIG_APP_FLUSH  5000


static const char *fig_app_check_outboxes(void *data);
static const char *fig_app_check_sync(void *data);


fig_status_t
fig_app_resource(fig_app_t *app, fig_resource_t *resource)
{
    fig_status_t             rc;
    fig_source_t            *source;
    const fig_collection_t  *collection;

    if (app->nresources == FIG_APP_TOPICS) {
        fig_log_error("more than %d resources", FIG_APP_TOPICS);
        return FIG_ERROR;
    }

    collection = resource->topic->collection;

    if (collection->keys[FIG_STORE_ONCE] == NULL
        || !collection->unique[FIG_STORE_ONCE])
    {
        fig_log_error("collection \"%s\" has no unique key FIG_STORE_ONCE",
                      collection->name);
        return FIG_ERROR;
    }

    source = &app->sources[app->nresources];

    /* look may be called at once, and writes */

    resource->store = app->store;

    rc = fig_outbox_open(app->store, app->bus, resource->topic, resource->look,
                         resource->data, &resource->outbox);
    if (rc != FIG_OK) {
        return rc;
    }

    app->outboxes[app->nresources] = resource->outbox;

    if (app->nresources++ == 0) {
        fig_app_check(app, "outbox", fig_app_check_outboxes, app);
    }

    source->store = app->store;
    source->topic = resource->topic;

    return fig_source_serve(source, app->bus);
}


/* what it follows may call it at once, so start() has to be over */

fig_status_t
fig_app_follow(fig_app_t *app)
{
    fig_status_t                rc;
    fig_consumer_conf_t         conf;
    const fig_consumer_conf_t  *follows;

    follows = app->worker->follows;

    if (follows == NULL) {
        return FIG_OK;
    }

    for (/* void */; follows->topic != NULL; follows++) {

        if (app->nconsumers == FIG_APP_TOPICS) {
            fig_log_error("more than %d topics to follow", FIG_APP_TOPICS);
            return FIG_ERROR;
        }

        conf = *follows;
        conf.interval = app->conf->sync_interval;
        conf.deletes = app->conf->sync_delete;
        conf.letters = app->conf->dead_letters;
        conf.data = app->data;

        rc = fig_consumer_open(app->store, app->bus, &conf,
                               &app->consumers[app->nconsumers]);
        if (rc != FIG_OK) {
            return rc;
        }

        app->nconsumers++;
    }

    fig_app_check(app, "sync", fig_app_check_sync, app);

    return FIG_OK;
}


void
fig_app_topics_close(fig_app_t *app)
{
    while (app->nconsumers != 0) {
        fig_consumer_close(app->consumers[--app->nconsumers]);
    }

    while (app->nresources != 0) {
        fig_outbox_close(app->outboxes[--app->nresources], FIG_APP_FLUSH);
    }
}


static const char *
fig_app_check_outboxes(void *data)
{
    size_t       i;
    fig_app_t   *app = data;
    const char  *wrong;

    wrong = NULL;

    for (i = 0; wrong == NULL && i < app->nresources; i++) {
        wrong = fig_outbox_check(app->outboxes[i]);
    }

    return wrong;
}


static const char *
fig_app_check_sync(void *data)
{
    size_t       i;
    fig_app_t   *app = data;
    const char  *wrong;

    wrong = NULL;

    for (i = 0; wrong == NULL && i < app->nconsumers; i++) {
        wrong = fig_consumer_check(app->consumers[i]);
    }

    return wrong;
}
