
/*
 * Copyright (C) Ficus authors
 */


/*
 * A durable push consumer, whose messages come to an inbox of ours and are
 * numbered: so a number that is missing tells that one was lost on the way,
 * and the server's heartbeats, which say the last number, that it was the
 * last.
 *
 * The consumer acknowledges all before a message together with it.  Messages
 * of one consumer are read in order and applied before the next are read, so
 * one acknowledgement a batch says it all, and the consumer's floor never has
 * holes.
 *
 * The server asks from time to time whether we have read what it sent (flow
 * control) and waits for the answer; otherwise it drops the connection of a
 * reader for whom more than 64 MB wait.
 */


#include "fig_bus_nats.h"
#include "fig_metrics.h"
#include <stdlib.h>
#include <string.h>


#define FIG_NATS_NS         1000000

/* ms */
#define FIG_NATS_HEARTBEAT  1000

/* us */
#define FIG_NATS_SILENCE    3500000

/* messages that wait here; beyond it they are lost and asked for again */
#define FIG_NATS_BYTES      (64 * 1024 * 1024)
#define FIG_NATS_MESSAGES   1024

#define FIG_NATS_TOKENS     12
#define FIG_NATS_FLOW       "$JS.FC."


typedef struct {
    fig_subscription_t   base;
    fig_nats_session_t  *session;
    fig_nats_sub_t      *sub;
    char                *stream;
    char                *durable;
    uint64_t             last;       /* number of the last message */
    uint64_t             heard;      /* us */
} fig_nats_consumer_t;


typedef struct {
    uint64_t             delivered;
    uint64_t             seq;
    uint64_t             number;
    uint64_t             time;
} fig_nats_meta_t;


static fig_status_t fig_nats_make(fig_nats_consumer_t *consumer,
    uint64_t start_seq);
static fig_status_t fig_nats_add(fig_nats_consumer_t *consumer,
    const char *inbox, uint64_t start_seq);
static void fig_nats_consumer_free(fig_nats_consumer_t *consumer);
static fig_status_t fig_nats_receive(fig_nats_consumer_t *consumer,
    int64_t timeout, natsMsg **message);
static bool fig_nats_is_control(natsMsg *message);
static fig_status_t fig_nats_control(fig_nats_consumer_t *consumer,
    natsMsg *message);
static fig_status_t fig_nats_accept(fig_nats_consumer_t *consumer,
    natsMsg *received, fig_message_t *message);
static fig_status_t fig_nats_meta(const char *reply, fig_nats_meta_t *meta);


fig_status_t
fig_nats_subscribe(void *self, const fig_stream_t *stream,
    const char *durable, uint64_t start_seq, fig_subscription_t **out)
{
    fig_status_t          rc;
    fig_nats_consumer_t  *consumer;

    consumer = calloc(1, sizeof(fig_nats_consumer_t));

    if (consumer == NULL) {
        return FIG_ERROR;
    }

    consumer->session = fig_nats_enter(self);

    if (consumer->session == NULL) {
        free(consumer);
        return FIG_AGAIN;
    }

    consumer->stream = strdup(stream->name);
    consumer->durable = strdup(durable);

    rc = FIG_ERROR;

    if (consumer->stream && consumer->durable) {
        rc = fig_nats_make(consumer, start_seq);
    }

    if (rc != FIG_OK) {
        fig_nats_consumer_free(consumer);
        return rc;
    }

    *out = &consumer->base;

    return FIG_OK;
}


static fig_status_t
fig_nats_make(fig_nats_consumer_t *consumer, uint64_t start_seq)
{
    int           messages;
    natsInbox    *inbox;
    natsStatus    s;
    fig_nats_t   *nats;
    fig_status_t  rc;

    nats = consumer->session->nats;
    s = natsInbox_Create(&inbox);

    if (s != NATS_OK) {
        return FIG_ERROR;
    }

    /* all of a window, and the same once more when it is sent again */
    messages = (int) nats->conf.ack_pending * 2 + FIG_NATS_MESSAGES;

    s = fig_nats_listen(consumer->session, inbox, NULL, messages,
                        FIG_NATS_BYTES, &consumer->sub);

    rc = s == NATS_OK ? fig_nats_add(consumer, inbox, start_seq) : FIG_AGAIN;

    natsInbox_Destroy(inbox);

    return rc;
}


static fig_status_t
fig_nats_add(fig_nats_consumer_t *consumer, const char *inbox,
    uint64_t start_seq)
{
    jsCtx             *js;
    jsErrCode          code;
    natsStatus         s;
    fig_nats_t        *nats;
    fig_status_t       rc;
    jsConsumerInfo    *info;
    jsConsumerConfig   config;

    js = consumer->session->js;
    nats = consumer->session->nats;

    s = js_DeleteConsumer(js, consumer->stream, consumer->durable, NULL,
                          &code);

    if (s != NATS_OK && code != JSConsumerNotFoundErr) {
        return fig_nats_status(nats, s, code, consumer->durable);
    }

    s = jsConsumerConfig_Init(&config);

    if (s != NATS_OK) {
        return FIG_ERROR;
    }

    config.Durable = consumer->durable;
    config.DeliverSubject = inbox;
    config.DeliverPolicy = js_DeliverByStartSequence;
    config.OptStartSeq = start_seq ? start_seq : 1;
    config.AckPolicy = js_AckAll;
    config.AckWait = (int64_t) nats->conf.ack_wait * FIG_NATS_NS;
    config.MaxAckPending = (int64_t) nats->conf.ack_pending;
    config.MaxDeliver = -1;
    config.FlowControl = true;
    config.Heartbeat = FIG_NATS_HEARTBEAT * (int64_t) FIG_NATS_NS;

    info = NULL;
    consumer->heard = fig_clock_us();

    s = js_AddConsumer(&info, js, consumer->stream, &config, NULL, &code);
    rc = fig_nats_status(nats, s, code, consumer->durable);

    jsConsumerInfo_Destroy(info);

    return rc;
}


void
fig_nats_unsubscribe(fig_subscription_t *subscription)
{
    fig_nats_consumer_free((fig_nats_consumer_t *) subscription);
}


static void
fig_nats_consumer_free(fig_nats_consumer_t *consumer)
{
    if (consumer->sub) {
        fig_nats_unlisten(consumer->sub);
    }

    fig_nats_leave(consumer->session);
    free(consumer->stream);
    free(consumer->durable);
    free(consumer);
}


fig_status_t
fig_nats_ack_floor(fig_subscription_t *subscription, uint64_t *seq)
{
    jsErrCode             code;
    natsStatus            s;
    fig_status_t          rc;
    jsConsumerInfo       *info;
    fig_nats_consumer_t  *consumer;

    *seq = 0;
    consumer = (fig_nats_consumer_t *) subscription;

    info = NULL;
    s = js_GetConsumerInfo(&info, consumer->session->js, consumer->stream,
                           consumer->durable, NULL, &code);

    rc = fig_nats_status(consumer->session->nats, s, code, consumer->durable);

    if (rc == FIG_OK) {
        *seq = info->AckFloor.Stream;
    }

    jsConsumerInfo_Destroy(info);

    return rc;
}


fig_status_t
fig_nats_next(fig_subscription_t *subscription, uint64_t timeout,
    fig_message_t *message)
{
    natsMsg              *received;
    uint64_t              now, until;
    fig_status_t          rc;
    fig_nats_consumer_t  *consumer;

    consumer = (fig_nats_consumer_t *) subscription;
    now = fig_clock_us();
    until = now + timeout * 1000;

    for ( ;; ) {
        rc = fig_nats_receive(consumer, (int64_t) ((until - now) / 1000),
                              &received);

        if (rc == FIG_OK && fig_nats_is_control(received)) {
            rc = fig_nats_control(consumer, received);
            natsMsg_Destroy(received);

        } else if (rc == FIG_OK) {
            return fig_nats_accept(consumer, received, message);
        }

        now = fig_clock_us();

        if (rc != FIG_AGAIN) {
            return rc;
        }

        if (now - consumer->heard > FIG_NATS_SILENCE) {
            return FIG_DECLINED;
        }

        if (now + 1000 > until) {
            return FIG_AGAIN;
        }
    }
}


static fig_status_t
fig_nats_receive(fig_nats_consumer_t *consumer, int64_t timeout,
    natsMsg **message)
{
    natsStatus  s;

    do {
        /* too slow: what that lost is seen by the numbers */
        s = natsSubscription_NextMsg(message, consumer->sub->sub, timeout);
    } while (s == NATS_SLOW_CONSUMER);

    if (s == NATS_OK) {
        consumer->heard = fig_clock_us();
        return FIG_OK;
    }

    return s == NATS_TIMEOUT ? FIG_AGAIN : FIG_DECLINED;
}


/* a heartbeat, or a question whether we are still there to read */

static bool
fig_nats_is_control(natsMsg *message)
{
    const char  *reply;

    reply = natsMsg_GetReply(message);

    return natsMsg_GetDataLength(message) == 0
           && (reply == NULL
               || strncmp(reply, FIG_NATS_FLOW, strlen(FIG_NATS_FLOW)) == 0);
}


static fig_status_t
fig_nats_control(fig_nats_consumer_t *consumer, natsMsg *message)
{
    uint64_t     last;
    const char  *reply, *text;

    reply = natsMsg_GetReply(message);

    if (reply == NULL
        && natsMsgHeader_Get(message, "Nats-Consumer-Stalled", &text)
           == NATS_OK)
    {
        /* our answer was lost */
        reply = text;
    }

    if (reply) {
        (void) natsConnection_Publish(consumer->session->nc, reply, NULL, 0);
    }

    if (natsMsgHeader_Get(message, "Nats-Last-Consumer", &text) != NATS_OK
        || fig_str_uint(fig_str_from(text), UINT64_MAX, &last) != FIG_OK
        || last <= consumer->last)
    {
        return FIG_AGAIN;
    }

    return FIG_DECLINED;
}


static fig_status_t
fig_nats_accept(fig_nats_consumer_t *consumer, natsMsg *received,
    fig_message_t *message)
{
    const char       *reply;
    fig_nats_meta_t   meta;

    reply = natsMsg_GetReply(received);

    if (reply == NULL || fig_nats_meta(reply, &meta) != FIG_OK
        || meta.number != consumer->last + 1)
    {
        natsMsg_Destroy(received);
        return FIG_DECLINED;
    }

    consumer->last = meta.number;

    message->subject = fig_str_from(natsMsg_GetSubject(received));
    message->data.data = natsMsg_GetData(received);
    message->data.len = (size_t) natsMsg_GetDataLength(received);
    message->seq = meta.seq;
    message->delivered = meta.delivered;
    message->time = (int64_t) meta.time;
    message->handle = received;

    return FIG_OK;
}


/*
 * $JS.ACK.STREAM.CONSUMER.DELIVERED.SEQ.NUMBER.TIME.PENDING, or, in newer
 * servers, with domain and account behind ACK and one token more at the end.
 */

static fig_status_t
fig_nats_meta(const char *reply, fig_nats_meta_t *meta)
{
    size_t       n, base;
    uint64_t    *value;
    const char  *p;
    fig_str_t    tokens[FIG_NATS_TOKENS];

    n = 0;

    for (p = reply; n < FIG_NATS_TOKENS; p++) {
        tokens[n].data = p;
        tokens[n].len = strcspn(p, ".");
        p += tokens[n++].len;

        if (*p == '\0') {
            break;
        }
    }

    if (n < 9 || !fig_str_eq(tokens[1], FIG_STR("ACK"))) {
        return FIG_INVALID;
    }

    base = n < 11 ? 4 : 6;
    value = &meta->delivered;

    if (fig_str_uint(tokens[base], UINT64_MAX, value) != FIG_OK
        || fig_str_uint(tokens[base + 1], UINT64_MAX, &meta->seq) != FIG_OK
        || fig_str_uint(tokens[base + 2], UINT64_MAX, &meta->number) != FIG_OK
        || fig_str_uint(tokens[base + 3], INT64_MAX, &meta->time) != FIG_OK)
    {
        return FIG_INVALID;
    }

    return FIG_OK;
}


void
fig_nats_ack(fig_subscription_t *subscription, fig_message_t *message)
{
    natsMsg              *received;
    fig_nats_consumer_t  *consumer;

    consumer = (fig_nats_consumer_t *) subscription;
    received = message->handle;

    /* when it is lost the message comes again, which does no harm */
    (void) natsConnection_PublishString(consumer->session->nc,
                                        natsMsg_GetReply(received), "+ACK");

    fig_nats_drop(subscription, message);
}


void
fig_nats_drop(fig_subscription_t *subscription, fig_message_t *message)
{
    natsMsg_Destroy(message->handle);
    message->handle = NULL;
}
