
/*
 * Copyright (C) Ficus authors
 */


#include "fig_bus_nats.h"
#include "fig_log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>


/* ms */
#define FIG_NATS_SERVE     1000

/* that wait; who asks does not wait for ever either */
#define FIG_NATS_REQUESTS  4096


struct fig_nats_serve_s {
    fig_nats_t        *nats;
    char              *subject;
    fig_bus_serve_pt   serve;
    void              *data;
    pthread_t          thread;
    fig_nats_serve_t  *next;
};


static void *fig_nats_serve_main(void *data);
static void fig_nats_serve_session(fig_nats_serve_t *serve,
    fig_nats_session_t *session);
static void fig_nats_reply(fig_nats_serve_t *serve,
    fig_nats_session_t *session, natsMsg *message);


fig_status_t
fig_nats_serve(void *self, const char *subject, fig_bus_serve_pt serve,
    void *data)
{
    int                rc;
    fig_nats_t        *nats;
    fig_nats_serve_t  *server;

    nats = self;
    server = calloc(1, sizeof(fig_nats_serve_t));

    if (server == NULL) {
        return FIG_ERROR;
    }

    server->nats = nats;
    server->serve = serve;
    server->data = data;
    server->subject = strdup(subject);

    if (server->subject == NULL) {
        free(server);
        return FIG_ERROR;
    }

    rc = pthread_create(&server->thread, NULL, fig_nats_serve_main, server);

    if (rc != 0) {
        errno = rc;
        fig_log_errno("can't start a thread that serves %s", subject);
        free(server->subject);
        free(server);
        return FIG_ERROR;
    }

    (void) pthread_mutex_lock(&nats->mutex);
    server->next = nats->serves;
    nats->serves = server;
    (void) pthread_mutex_unlock(&nats->mutex);

    return FIG_OK;
}


void
fig_nats_serve_free(fig_nats_serve_t *serve)
{
    fig_nats_serve_t  *next;

    for ( /* void */ ; serve; serve = next) {
        next = serve->next;
        (void) pthread_join(serve->thread, NULL);
        free(serve->subject);
        free(serve);
    }
}


static void *
fig_nats_serve_main(void *data)
{
    uint64_t             number;
    fig_nats_serve_t    *serve;
    fig_nats_session_t  *session;

    serve = data;
    number = 0;

    for ( ;; ) {
        session = fig_nats_wait(serve->nats, number);

        if (session == NULL) {
            break;
        }

        number = session->number;
        fig_nats_serve_session(serve, session);
        fig_nats_leave(session);
    }

    nats_ReleaseThreadMemory();

    return NULL;
}


static void
fig_nats_serve_session(fig_nats_serve_t *serve, fig_nats_session_t *session)
{
    natsMsg         *message;
    natsStatus       s;
    fig_nats_sub_t  *sub;

    s = fig_nats_listen(session, serve->subject, serve->subject,
                        FIG_NATS_REQUESTS, -1, &sub);

    if (s != NATS_OK) {
        fig_nats_complain(serve->nats, "can't serve %s: %s", serve->subject,
                          natsStatus_GetText(s));
        return;
    }

    for ( ;; ) {
        s = natsSubscription_NextMsg(&message, sub->sub, FIG_NATS_SERVE);

        if (s == NATS_OK) {
            fig_nats_reply(serve, session, message);
            natsMsg_Destroy(message);

        } else if (s != NATS_TIMEOUT && s != NATS_SLOW_CONSUMER) {
            return;
        }
    }
}


static void
fig_nats_reply(fig_nats_serve_t *serve, fig_nats_session_t *session,
    natsMsg *message)
{
    fig_buf_t    out;
    fig_str_t    request;
    const char  *reply;

    reply = natsMsg_GetReply(message);
    request.data = natsMsg_GetData(message);
    request.len = (size_t) natsMsg_GetDataLength(message);

    fig_buf_init(&out, (size_t) natsConnection_GetMaxPayload(session->nc));
    serve->serve(serve->data, request, &out);

    if (fig_buf_ok(&out) && reply) {
        /* when it is lost the other asks again */
        (void) natsConnection_Publish(session->nc, reply,
                                      fig_buf_view(&out).data, (int) out.len);
    }

    fig_buf_clear(&out);
}


fig_status_t
fig_nats_request(void *self, const char *subject, fig_str_t request,
    uint64_t timeout, fig_arena_t *arena, fig_str_t *reply)
{
    natsMsg             *message;
    fig_str_t            answer;
    natsStatus           s;
    fig_nats_session_t  *session;

    *reply = (fig_str_t) { 0 };
    session = fig_nats_enter(self);

    if (session == NULL) {
        return FIG_AGAIN;
    }

    message = NULL;
    s = natsConnection_Request(&message, session->nc, subject, request.data,
                               (int) request.len, (int64_t) timeout);
    fig_nats_leave(session);

    if (s != NATS_OK) {
        return s == NATS_MAX_PAYLOAD ? FIG_INVALID : FIG_AGAIN;
    }

    answer.data = natsMsg_GetData(message);
    answer.len = (size_t) natsMsg_GetDataLength(message);

    if (answer.data == NULL) {
        answer.data = "";
    }

    *reply = fig_arena_dup(arena, answer);
    natsMsg_Destroy(message);

    return reply->data ? FIG_OK : FIG_NOMEM;
}
