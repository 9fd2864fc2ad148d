
/*
 * Copyright (C) Ficus authors
 */


#include "fig_bus_nats.h"
#include "fig_json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* the header of a published message: NATS/1.0, Nats-Msg-Id and blanks */
#define FIG_NATS_HEADER  40


static natsStatus fig_nats_send(fig_nats_session_t *session,
    const char *subject, const char *reply, const char *id,
    fig_str_t payload);
static void fig_nats_uncount(fig_nats_t *nats);
static void fig_nats_answered(fig_nats_session_t *session, natsMsg *message);
static void fig_nats_unheard(fig_nats_t *nats);
static fig_status_t fig_nats_stored(fig_nats_t *nats, fig_str_t answer);
static fig_status_t fig_nats_refused(fig_nats_t *nats, fig_json_t *answer);


fig_status_t
fig_nats_publisher(void *self, fig_bus_ack_pt ack, void *data,
    unsigned *publisher)
{
    unsigned               i;
    fig_nats_t            *nats;
    fig_nats_publisher_t  *slot;

    nats = self;

    (void) pthread_mutex_lock(&nats->ack_mutex);

    for (i = 0; i < FIG_NATS_PUBLISHERS; i++) {
        slot = &nats->publishers[i];

        if (slot->ack == NULL) {
            slot->ack = ack;
            slot->data = data;
            break;
        }
    }

    (void) pthread_mutex_unlock(&nats->ack_mutex);

    *publisher = i;

    return i < FIG_NATS_PUBLISHERS ? FIG_OK : FIG_ERROR;
}


void
fig_nats_publisher_close(void *self, unsigned publisher)
{
    fig_nats_t  *nats;

    nats = self;

    (void) pthread_mutex_lock(&nats->ack_mutex);
    nats->publishers[publisher].ack = NULL;
    (void) pthread_mutex_unlock(&nats->ack_mutex);
}


uint64_t
fig_nats_max_payload(void *self, fig_str_t id)
{
    uint64_t     max, header;
    fig_nats_t  *nats;

    nats = self;
    max = atomic_load(&nats->max_payload);
    header = FIG_NATS_HEADER + id.len;

    return max > header ? max - header : 0;
}


fig_status_t
fig_nats_publish(void *self, unsigned publisher, const char *subject,
    const char *id, fig_str_t payload, uint64_t token)
{
    natsStatus           s;
    fig_nats_t          *nats;
    fig_nats_session_t  *session;
    char                 reply[128];

    nats = self;
    session = fig_nats_enter(nats);

    if (session == NULL) {
        return FIG_AGAIN;
    }

    /* counted before, since the answer may be faster than we are */

    if (atomic_fetch_add(&nats->unanswered, 1) >= nats->conf.publish_pending) {
        s = NATS_INSUFFICIENT_BUFFER;

    } else {
        (void) snprintf(reply, sizeof(reply), "%s.%u.%llu", session->inbox,
                        publisher, (unsigned long long) token);

        s = fig_nats_send(session, subject, reply, id, payload);
    }

    if (s != NATS_OK) {
        fig_nats_uncount(nats);
    }

    fig_nats_leave(session);

    return s == NATS_OK ? FIG_OK
         : s == NATS_MAX_PAYLOAD ? FIG_INVALID : FIG_AGAIN;
}


static natsStatus
fig_nats_send(fig_nats_session_t *session, const char *subject,
    const char *reply, const char *id, fig_str_t payload)
{
    natsMsg     *message;
    natsStatus   s;

    if (payload.len > fig_nats_max_payload(session->nats, fig_str_from(id))) {
        return NATS_MAX_PAYLOAD;
    }

    s = natsMsg_Create(&message, subject, reply, payload.data,
                       (int) payload.len);

    if (s != NATS_OK) {
        return s;
    }

    s = natsMsgHeader_Set(message, "Nats-Msg-Id", id);

    if (s == NATS_OK) {
        s = natsConnection_PublishMsg(session->nc, message);
    }

    natsMsg_Destroy(message);

    return s;
}


/* never below zero: the count is reset when answers stay away */

static void
fig_nats_uncount(fig_nats_t *nats)
{
    uint64_t  n;

    n = atomic_load(&nats->unanswered);

    while (n != 0
           && !atomic_compare_exchange_weak(&nats->unanswered, &n, n - 1))
    {
        /* void */
    }
}


natsStatus
fig_nats_answers(fig_nats_session_t *session, int64_t timeout)
{
    natsMsg     *message;
    natsStatus   s;

    s = natsSubscription_NextMsg(&message, session->answers->sub, timeout);

    if (s == NATS_OK) {
        fig_nats_uncount(session->nats);
        fig_nats_answered(session, message);
        natsMsg_Destroy(message);

    } else if (s == NATS_NO_RESPONDERS) {
        fig_nats_uncount(session->nats);
        fig_nats_unheard(session->nats);
        s = NATS_OK;
    }

    return s;
}


/* its subject is INBOX.PUBLISHER.TOKEN */

static void
fig_nats_answered(fig_nats_session_t *session, natsMsg *message)
{
    char                  *end;
    fig_str_t              answer;
    fig_nats_t            *nats;
    const char            *subject;
    fig_status_t           rc;
    unsigned long          publisher;
    unsigned long long     token;
    fig_nats_publisher_t  *slot;

    nats = session->nats;
    subject = natsMsg_GetSubject(message);
    publisher = strtoul(subject + session->inbox_len + 1, &end, 10);

    if (*end != '.' || publisher >= FIG_NATS_PUBLISHERS) {
        return;
    }

    token = strtoull(end + 1, NULL, 10);

    answer.data = natsMsg_GetData(message);
    answer.len = (size_t) natsMsg_GetDataLength(message);
    rc = fig_nats_stored(nats, answer);

    (void) pthread_mutex_lock(&nats->ack_mutex);

    slot = &nats->publishers[publisher];

    if (slot->ack) {
        slot->ack(slot->data, token, rc);
    }

    (void) pthread_mutex_unlock(&nats->ack_mutex);
}


/* libnats does not say whose message it was that nobody took */

static void
fig_nats_unheard(fig_nats_t *nats)
{
    unsigned               i;
    fig_nats_publisher_t  *slot;

    (void) pthread_mutex_lock(&nats->ack_mutex);

    for (i = 0; i < FIG_NATS_PUBLISHERS; i++) {
        slot = &nats->publishers[i];

        if (slot->ack) {
            slot->ack(slot->data, 0, FIG_DECLINED);
        }
    }

    (void) pthread_mutex_unlock(&nats->ack_mutex);
}


/* a good answer, {"stream":"USERS","seq":7}, is not parsed */

static fig_status_t
fig_nats_stored(fig_nats_t *nats, fig_str_t answer)
{
    fig_json_t        *value;
    fig_status_t       rc;
    fig_json_error_t   error;

    if (answer.len != 0
        && memmem(answer.data, answer.len, "\"error\"", 7) == NULL
        && memmem(answer.data, answer.len, "\"seq\"", 5))
    {
        return FIG_OK;
    }

    if (fig_json_parse(answer, &value, &error) != FIG_OK) {
        fig_nats_complain(nats, "nats-server gave an answer to a publish that "
                          "is no JSON");
        return FIG_ERROR;
    }

    rc = fig_nats_refused(nats, value);
    json_object_put(value);

    return rc;
}


static fig_status_t
fig_nats_refused(fig_nats_t *nats, fig_json_t *answer)
{
    int          code;
    fig_str_t    text;
    fig_json_t  *error, *value;

    code = 0;
    error = NULL;
    value = NULL;

    if (json_object_is_type(answer, json_type_object)) {
        (void) json_object_object_get_ex(answer, "error", &error);
    }

    if (!json_object_is_type(error, json_type_object)) {
        error = NULL;
    }

    if (error && json_object_object_get_ex(error, "err_code", &value)) {
        code = json_object_get_int(value);
    }

    if (code == JSStreamMessageExceedsMaximumErr) {
        return FIG_INVALID;
    }

    text = error ? fig_json_string(error, "description") : (fig_str_t) { 0 };

    fig_nats_complain(nats, "JetStream refused an event: %.*s (%d)",
                      (int) text.len, text.data ? text.data : "", code);

    return FIG_ERROR;
}
