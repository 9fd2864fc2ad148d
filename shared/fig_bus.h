
/*
 * Copyright (C) Ficus authors
 */


/*
 * Bus: ordered streams of messages that outlive their sender for a while, and
 * request-reply.  The store is the truth, the bus only carries: whatever it
 * loses is sent or fetched again.
 *
 * Threads: any thread may call anything but fig_bus_close(), which is last.
 * Callbacks run on the bus's own threads and must not block for long.
 */


#ifndef FIG_BUS_H_INCLUDED
#define FIG_BUS_H_INCLUDED


#include "fig_buf.h"


typedef struct {
    const char  *url;               /* nats://[USER:PASSWORD@]HOST:PORT, ... */
    const char  *name;              /* shown by the server */
    uint64_t     stream_max_bytes;
    uint64_t     stream_max_age;    /* ms */
    uint64_t     max_payload;       /* of a message, until a server tells */
    uint64_t     publish_pending;   /* publishes without an answer, at most */
    uint64_t     ack_wait;          /* ms until a message comes again */
    uint64_t     ack_pending;       /* messages without an ack, at most */
} fig_bus_conf_t;

typedef struct fig_bus_s           fig_bus_t;
typedef struct fig_subscription_s  fig_subscription_t;


typedef struct {
    const char  *name;              /* "USERS" */
    const char  *subjects;          /* "users.>" */
} fig_stream_t;

typedef struct {
    int64_t      created;           /* ns since 1970: another stream, another */
    uint64_t     first_seq;
    uint64_t     last_seq;
} fig_stream_info_t;

typedef struct {
    fig_str_t    subject;
    fig_str_t    data;
    uint64_t     seq;               /* in the stream */
    uint64_t     delivered;         /* 1: the first time */
    int64_t      time;              /* ns since 1970, when it was stored */
    void        *handle;            /* the backend's */
} fig_message_t;


typedef void (*fig_bus_ack_pt)(void *data, uint64_t token,
    fig_status_t status);
typedef void (*fig_bus_serve_pt)(void *data, fig_str_t request,
    fig_buf_t *out);


/*
 * Whether a URL has the form of one.  FIG_INVALID: *why is static; do not show
 * the URL, it may hold a password.
 */

fig_status_t fig_bus_verify(const char *url, const char **why) FIG_NODISCARD;


/*
 * Returns at once, connected or not; connects and connects again for ever in
 * the background.  FIG_INVALID: the URL, a line was logged; FIG_ERROR: no
 * memory or threads.  The strings of conf are copied.
 */

fig_status_t fig_bus_open(const fig_bus_conf_t *conf, fig_bus_t **bus)
    FIG_NODISCARD;
void fig_bus_close(fig_bus_t *bus);                            /* NULL: ok */


/*
 * connected: there is a server, and it keeps streams.  session: the number of
 * the present connection, 0 without one; when it is another than it was, what
 * was published before and has got no answer will get none.  Neither blocks.
 */

bool fig_bus_connected(fig_bus_t *bus);
uint64_t fig_bus_session(fig_bus_t *bus);


/*
 * The largest payload of a message with this id, in bytes: of the server of
 * this connection, without one of the last, before the first by conf.  Does not
 * block.
 */

uint64_t fig_bus_max_payload(fig_bus_t *bus, fig_str_t id);


/*
 * Makes the stream with the limits of conf, or gives these limits to the one
 * that is there.  FIG_AGAIN: no answer.  FIG_CONFLICT: there is one with other
 * subjects, retention or storage; the log says what differs.  FIG_ERROR: the
 * server refused; the log says why.
 */

fig_status_t fig_bus_stream(fig_bus_t *bus, const fig_stream_t *stream,
    fig_stream_info_t *info) FIG_NODISCARD;


/*
 * Looks at a stream, or at one of its messages: when it was stored, in ns
 * since 1970.  FIG_DECLINED: there is none; FIG_AGAIN: no answer; for a stream
 * FIG_CONFLICT and FIG_ERROR, too, as above.
 */

fig_status_t fig_bus_stream_info(fig_bus_t *bus, const fig_stream_t *stream,
    fig_stream_info_t *info) FIG_NODISCARD;
fig_status_t fig_bus_stream_time(fig_bus_t *bus, const fig_stream_t *stream,
    uint64_t seq, int64_t *time) FIG_NODISCARD;


/*
 * Whoever publishes registers first: ack is called, on a thread of the bus,
 * once for what the server has stored (FIG_OK) or refused (FIG_INVALID: it is
 * larger than the stream takes; FIG_ERROR: try later, the log says why).
 * FIG_DECLINED with token 0: no stream took something that somebody
 * published.  After fig_bus_publisher_close() ack is not called any more; not
 * to be called by ack.  FIG_ERROR: there are 16 already.
 */

fig_status_t fig_bus_publisher(fig_bus_t *bus, fig_bus_ack_pt ack, void *data,
    unsigned *publisher) FIG_NODISCARD;
void fig_bus_publisher_close(fig_bus_t *bus, unsigned publisher);


/*
 * Sends a message to its stream; a token is above 0.  id makes a repetition
 * within two minutes harmless.  Messages that one thread publishes on one
 * connection are stored in that order.  FIG_AGAIN: not connected, or too many
 * without an answer; FIG_INVALID: larger than the server takes.  There may
 * never be an answer: who publishes repeats.
 */

fig_status_t fig_bus_publish(fig_bus_t *bus, unsigned publisher,
    const char *subject, const char *id, fig_str_t payload, uint64_t token)
    FIG_NODISCARD;


/*
 * A durable consumer of a stream that begins with message start_seq (1: the
 * first); one that is there already is thrown away with all that it remembers,
 * since the reader knows best what it has read.  One thread reads it, and one
 * process at a time.  FIG_AGAIN: no answer; FIG_DECLINED: there is no such
 * stream; FIG_ERROR: the server refused, the log says why.
 */

fig_status_t fig_bus_subscribe(fig_bus_t *bus, const fig_stream_t *stream,
    const char *durable, uint64_t start_seq,
    fig_subscription_t **subscription) FIG_NODISCARD;
void fig_bus_unsubscribe(fig_subscription_t *subscription);    /* NULL: ok */


/*
 * The last sequence number that the server knows to be acknowledged with all
 * before it.  FIG_DECLINED: the consumer is gone; FIG_AGAIN: no answer.
 */

fig_status_t fig_bus_ack_floor(fig_subscription_t *subscription,
    uint64_t *seq) FIG_NODISCARD;


/*
 * The next message, waiting timeout ms at most: FIG_AGAIN.  FIG_DECLINED: no
 * more will come, since the connection is lost, the consumer vanished or a
 * message was missed: unsubscribe, and subscribe behind what was read.
 *
 * The message is the caller's, who gives it back with fig_bus_ack() (done with
 * it and with all before it) or fig_bus_drop() (it comes again after ack_wait
 * unless a later one is acknowledged).
 */

fig_status_t fig_bus_next(fig_subscription_t *subscription, uint64_t timeout,
    fig_message_t *message) FIG_NODISCARD;
void fig_bus_ack(fig_subscription_t *subscription, fig_message_t *message);
void fig_bus_drop(fig_subscription_t *subscription, fig_message_t *message);


/*
 * Request and reply.  serve() answers requests for a subject, one at a time,
 * shared with all who serve the same one, on a thread of its own until the bus
 * is closed; data must live so long.  The reply goes into out, and what is
 * marked failed there is not sent.
 *
 * FIG_AGAIN: nobody answered in timeout ms, or nobody is there who could;
 * FIG_INVALID: the request is larger than the server takes.
 */

fig_status_t fig_bus_serve(fig_bus_t *bus, const char *subject,
    fig_bus_serve_pt serve, void *data) FIG_NODISCARD;
fig_status_t fig_bus_request(fig_bus_t *bus, const char *subject,
    fig_str_t request, uint64_t timeout, fig_arena_t *arena,
    fig_str_t *reply) FIG_NODISCARD;


#endif /* FIG_BUS_H_INCLUDED */
