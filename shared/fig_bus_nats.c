
/*
 * Copyright (C) Ficus authors
 */


#include "fig_bus_nats.h"
#include "fig_hash.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


/* ms */
#define FIG_NATS_TICK         1000
#define FIG_NATS_RETRY        250
#define FIG_NATS_JITTER       100

/* ticks */
#define FIG_NATS_UNANSWERED   5

/* us */
#define FIG_NATS_COMPLAIN     60000000


static fig_status_t fig_nats_open(const fig_bus_conf_t *conf, void **self);
static fig_status_t fig_nats_start(fig_nats_t *nats);
static void fig_nats_close(void *self);
static void fig_nats_stop(fig_nats_t *nats);
static void fig_nats_free(fig_nats_t *nats);
static bool fig_nats_connected(void *self);
static uint64_t fig_nats_number(void *self);
static void *fig_nats_main(void *data);
static void fig_nats_pause(fig_nats_t *nats);
static void fig_nats_trouble(fig_nats_t *nats, natsStatus s);
static void fig_nats_begin(fig_nats_t *nats, fig_nats_session_t *session);
static void fig_nats_run(fig_nats_session_t *session);
static void fig_nats_look(fig_nats_session_t *session);
static void fig_nats_end(fig_nats_session_t *session);
static bool fig_nats_stopped(fig_nats_t *nats);
static void fig_nats_hold(fig_nats_session_t *session);


const fig_bus_backend_t  fig_bus_nats = {
    "nats",
    fig_nats_open,
    fig_nats_close,
    fig_nats_connected,
    fig_nats_number,
    fig_nats_max_payload,
    fig_nats_stream,
    fig_nats_stream_info,
    fig_nats_stream_time,
    fig_nats_publisher,
    fig_nats_publisher_close,
    fig_nats_publish,
    fig_nats_subscribe,
    fig_nats_unsubscribe,
    fig_nats_ack_floor,
    fig_nats_next,
    fig_nats_ack,
    fig_nats_drop,
    fig_nats_serve,
    fig_nats_request
};


static fig_status_t
fig_nats_open(const fig_bus_conf_t *conf, void **self)
{
    fig_nats_t    *nats;
    fig_status_t   rc;

    nats = calloc(1, sizeof(fig_nats_t));

    if (nats == NULL) {
        return FIG_ERROR;
    }

    nats->conf = *conf;
    atomic_store(&nats->max_payload, conf->max_payload);
    rc = fig_nats_options(nats, conf);

    if (rc == FIG_OK) {
        rc = fig_nats_start(nats);
    }

    if (rc != FIG_OK) {
        fig_nats_options_free(nats);
        free(nats);
        return rc;
    }

    *self = nats;

    return FIG_OK;
}


static fig_status_t
fig_nats_start(fig_nats_t *nats)
{
    int                 rc;
    pthread_condattr_t  attr;

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);

    (void) pthread_mutex_init(&nats->mutex, NULL);
    (void) pthread_mutex_init(&nats->ack_mutex, NULL);
    (void) pthread_mutex_init(&nats->complaint_mutex, NULL);
    (void) pthread_cond_init(&nats->changed, &attr);
    (void) pthread_condattr_destroy(&attr);

    rc = pthread_create(&nats->thread, NULL, fig_nats_main, nats);

    if (rc != 0) {
        errno = rc;
        fig_log_errno("can't start the bus's thread");
        return FIG_ERROR;
    }

    if (fig_nats_clock_start(nats) != FIG_OK) {
        fig_nats_stop(nats);
        (void) pthread_join(nats->thread, NULL);
        return FIG_ERROR;
    }

    return FIG_OK;
}


static void
fig_nats_close(void *self)
{
    fig_nats_t  *nats;

    nats = self;

    fig_nats_stop(nats);
    (void) pthread_join(nats->thread, NULL);
    fig_nats_clock_join(nats);

    fig_nats_serve_free(nats->serves);
    fig_nats_free(nats);
}


static void
fig_nats_stop(fig_nats_t *nats)
{
    fig_nats_session_t  *session;

    (void) pthread_mutex_lock(&nats->mutex);

    nats->stop = true;
    session = nats->session;

    if (session) {
        fig_nats_hold(session);
    }

    (void) pthread_cond_broadcast(&nats->changed);
    (void) pthread_mutex_unlock(&nats->mutex);

    if (session) {
        /* wakes all who wait for a message */
        natsConnection_Close(session->nc);
        fig_nats_leave(session);
    }
}


static void
fig_nats_free(fig_nats_t *nats)
{
    (void) pthread_cond_destroy(&nats->changed);
    (void) pthread_mutex_destroy(&nats->complaint_mutex);
    (void) pthread_mutex_destroy(&nats->ack_mutex);
    (void) pthread_mutex_destroy(&nats->mutex);

    fig_nats_options_free(nats);
    free(nats);
}


static bool
fig_nats_connected(void *self)
{
    fig_nats_t  *nats;

    nats = self;

    return atomic_load(&nats->streams) && atomic_load(&nats->number) != 0;
}


static uint64_t
fig_nats_number(void *self)
{
    fig_nats_t  *nats;

    nats = self;

    return atomic_load(&nats->number);
}


/* one session after the other */

static void *
fig_nats_main(void *data)
{
    fig_nats_t          *nats;
    natsStatus           s, trouble;
    fig_nats_session_t  *session;

    nats = data;
    trouble = NATS_OK;

    while (!fig_nats_stopped(nats)) {

        s = fig_nats_session_open(nats, &session);

        if (s == NATS_OK) {
            fig_nats_begin(nats, session);
            fig_nats_run(session);
            fig_nats_end(session);

        } else {
            if (s != trouble) {
                fig_nats_trouble(nats, s);
            }

            fig_nats_pause(nats);
        }

        trouble = s;
    }

    nats_ReleaseThreadMemory();

    return NULL;
}


static void
fig_nats_pause(fig_nats_t *nats)
{
    uint64_t         ms;
    struct timespec  until;

    ms = FIG_NATS_RETRY + fig_clock_us() % FIG_NATS_JITTER;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long) ms * 1000000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }

    (void) pthread_mutex_lock(&nats->mutex);

    if (!nats->stop) {
        (void) pthread_cond_timedwait(&nats->changed, &nats->mutex, &until);
    }

    (void) pthread_mutex_unlock(&nats->mutex);
}


static void
fig_nats_trouble(fig_nats_t *nats, natsStatus s)
{
    if (s == NATS_CONNECTION_AUTH_FAILED) {
        fig_log_error("nats-server at %s refused user or password; trying on",
                      nats->where.data);

    } else {
        fig_log_warn("nats-server at %s can't be reached: %s; trying on",
                     nats->where.data, natsStatus_GetText(s));
    }
}


static void
fig_nats_begin(fig_nats_t *nats, fig_nats_session_t *session)
{
    fig_nats_look(session);

    (void) pthread_mutex_lock(&nats->mutex);

    session->number = ++nats->sessions;
    nats->session = session;

    atomic_store(&nats->unanswered, 0);
    atomic_store(&nats->max_payload,
                 (uint64_t) natsConnection_GetMaxPayload(session->nc));
    atomic_store(&nats->number, session->number);

    (void) pthread_cond_broadcast(&nats->changed);
    (void) pthread_mutex_unlock(&nats->mutex);

    fig_log_info("%s nats-server at %s",
                 session->number == 1 ? "connected to" : "reconnected to",
                 nats->where.data);

    if (!atomic_load(&nats->streams)) {
        fig_log_error("nats-server at %s has no JetStream for us; looking on",
                      nats->where.data);
    }
}


/* reads answers until the connection is lost */

static void
fig_nats_run(fig_nats_session_t *session)
{
    uint64_t     before;
    unsigned     idle;
    natsStatus   s;
    fig_nats_t  *nats;

    nats = session->nats;
    idle = 0;

    while (!fig_nats_stopped(nats)) {

        before = atomic_load(&nats->unanswered);
        s = fig_nats_answers(session, FIG_NATS_TICK);

        if (s == NATS_OK) {
            idle = 0;
            continue;
        }

        if (s != NATS_TIMEOUT) {
            return;
        }

        if (before == 0) {
            idle = 0;

        } else if (++idle == FIG_NATS_UNANSWERED) {
            /* these answers will never come: do not count them for ever */
            atomic_store(&nats->unanswered, 0);
            idle = 0;
        }

        if (!atomic_load(&nats->streams)) {
            fig_nats_look(session);
        }
    }
}


static void
fig_nats_look(fig_nats_session_t *session)
{
    bool            there;
    jsErrCode       code;
    natsStatus      s;
    jsAccountInfo  *info;

    info = NULL;
    s = js_GetAccountInfo(&info, session->js, NULL, &code);
    jsAccountInfo_Destroy(info);

    there = (s == NATS_OK);
    atomic_store(&session->nats->streams, there);

    if (there && session->number != 0) {
        fig_log_info("nats-server has JetStream for us now");
    }
}


static void
fig_nats_end(fig_nats_session_t *session)
{
    bool         stop;
    fig_nats_t  *nats;
    natsStatus   s;
    const char  *text;

    nats = session->nats;
    s = natsConnection_GetLastError(session->nc, &text);

    (void) pthread_mutex_lock(&nats->mutex);

    stop = nats->stop;
    nats->session = NULL;
    atomic_store(&nats->number, 0);

    (void) pthread_mutex_unlock(&nats->mutex);

    if (!stop && !atomic_load(&session->given_up)) {
        fig_log_warn("lost the connection to nats-server at %s: %s",
                     nats->where.data, natsStatus_GetText(s));
    }

    natsConnection_Close(session->nc);
    fig_nats_leave(session);
}


static bool
fig_nats_stopped(fig_nats_t *nats)
{
    bool  stop;

    (void) pthread_mutex_lock(&nats->mutex);
    stop = nats->stop;
    (void) pthread_mutex_unlock(&nats->mutex);

    return stop;
}


fig_nats_session_t *
fig_nats_enter(fig_nats_t *nats)
{
    fig_nats_session_t  *session;

    (void) pthread_mutex_lock(&nats->mutex);

    session = nats->session;

    if (session) {
        fig_nats_hold(session);
    }

    (void) pthread_mutex_unlock(&nats->mutex);

    return session;
}


fig_nats_session_t *
fig_nats_wait(fig_nats_t *nats, uint64_t but)
{
    fig_nats_session_t  *session;

    (void) pthread_mutex_lock(&nats->mutex);

    while (!nats->stop
           && (nats->session == NULL || nats->session->number == but))
    {
        (void) pthread_cond_wait(&nats->changed, &nats->mutex);
    }

    session = nats->stop ? NULL : nats->session;

    if (session) {
        fig_nats_hold(session);
    }

    (void) pthread_mutex_unlock(&nats->mutex);

    return session;
}


static void
fig_nats_hold(fig_nats_session_t *session)
{
    session->refs++;
}


void
fig_nats_leave(fig_nats_session_t *session)
{
    unsigned     refs;
    fig_nats_t  *nats;

    nats = session->nats;

    (void) pthread_mutex_lock(&nats->mutex);
    refs = --session->refs;
    (void) pthread_mutex_unlock(&nats->mutex);

    if (refs == 0) {
        fig_nats_session_free(session);
    }
}


void
fig_nats_complain(fig_nats_t *nats, const char *fmt, ...)
{
    bool                   said;
    va_list                args;
    unsigned               i;
    uint64_t               hash, now;
    fig_nats_complaint_t  *complaint;
    char                   text[1024];

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    said = false;
    now = fig_clock_us();
    hash = fig_hash_table(fig_str_from(text));

    (void) pthread_mutex_lock(&nats->complaint_mutex);

    for (i = 0; i < FIG_NATS_COMPLAINTS; i++) {
        complaint = &nats->complaints[i];

        if (complaint->hash == hash && complaint->time != 0
            && now - complaint->time < FIG_NATS_COMPLAIN)
        {
            said = true;
        }
    }

    if (!said) {
        complaint = &nats->complaints[nats->complaint++ % FIG_NATS_COMPLAINTS];
        complaint->hash = hash;
        complaint->time = now;
    }

    (void) pthread_mutex_unlock(&nats->complaint_mutex);

    if (!said) {
        fig_log_error("%s", text);
    }
}
