
/*
 * Copyright (C) Ficus authors
 */


#include "fig_bus_nats.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static natsStatus fig_nats_session_set(fig_nats_session_t *session);


natsStatus
fig_nats_session_open(fig_nats_t *nats, fig_nats_session_t **out)
{
    natsStatus           s;
    fig_nats_session_t  *session;

    session = calloc(1, sizeof(fig_nats_session_t));

    if (session == NULL) {
        return NATS_NO_MEMORY;
    }

    session->nats = nats;
    session->refs = 1;

    s = natsConnection_Connect(&session->nc, nats->options);

    if (s == NATS_OK) {
        s = fig_nats_session_set(session);
    }

    if (s != NATS_OK) {
        fig_nats_session_free(session);
        return s;
    }

    *out = session;

    return NATS_OK;
}


static natsStatus
fig_nats_session_set(fig_nats_session_t *session)
{
    jsOptions   options;
    natsStatus  s;
    char        subject[128];

    s = jsOptions_Init(&options);

    if (s == NATS_OK) {
        options.Wait = FIG_NATS_WAIT;
        s = natsConnection_JetStream(&session->js, session->nc, &options);
    }

    if (s == NATS_OK) {
        s = natsInbox_Create(&session->inbox);
    }

    if (s == NATS_OK) {
        session->inbox_len = strlen(session->inbox);
        (void) snprintf(subject, sizeof(subject), "%s.>", session->inbox);
        s = fig_nats_listen(session, subject, NULL, -1, -1, &session->answers);
    }

    return s;
}


void
fig_nats_session_free(fig_nats_session_t *session)
{
    fig_nats_sub_t  *sub, *next;

    /* nothing arrives any more when it returns */
    natsConnection_Close(session->nc);

    for (sub = session->subs; sub; sub = next) {
        next = sub->next;
        natsSubscription_Destroy(sub->sub);
        free(sub);
    }

    natsInbox_Destroy(session->inbox);
    jsCtx_Destroy(session->js);
    natsConnection_Destroy(session->nc);
    free(session);
}


natsStatus
fig_nats_listen(fig_nats_session_t *session, const char *subject,
    const char *group, int messages, int bytes, fig_nats_sub_t **out)
{
    natsStatus       s;
    fig_nats_sub_t  *sub;

    sub = calloc(1, sizeof(fig_nats_sub_t));

    if (sub == NULL) {
        return NATS_NO_MEMORY;
    }

    if (group) {
        s = natsConnection_QueueSubscribeSync(&sub->sub, session->nc, subject,
                                              group);

    } else {
        s = natsConnection_SubscribeSync(&sub->sub, session->nc, subject);
    }

    if (s != NATS_OK) {
        free(sub);
        return s;
    }

    (void) pthread_mutex_lock(&session->nats->mutex);
    sub->next = session->subs;
    session->subs = sub;
    (void) pthread_mutex_unlock(&session->nats->mutex);

    s = natsSubscription_SetPendingLimits(sub->sub, messages, bytes);

    if (s != NATS_OK) {
        fig_nats_unlisten(sub);
        return s;
    }

    *out = sub;

    return NATS_OK;
}


void
fig_nats_unlisten(fig_nats_sub_t *sub)
{
    natsMsg  *message;

    while (natsSubscription_NextMsg(&message, sub->sub, 0) == NATS_OK) {
        natsMsg_Destroy(message);
    }

    (void) natsSubscription_Unsubscribe(sub->sub);
}
