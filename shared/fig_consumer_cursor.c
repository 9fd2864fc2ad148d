
/*
 * Copyright (C) Ficus authors
 */


#include "fig_consumer_batch.h"
#include "fig_json.h"
#include "fig_log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>


/* us; what is not saved when the process dies is read once more */
#define FIG_CURSOR_SAVE  100000

#define FIG_CURSOR_TEXT  128


static void fig_cursor_op(fig_consumer_t *consumer, fig_op_t *op, char *text);
static void fig_cursor_parse(fig_consumer_t *consumer, fig_str_t body);
static int64_t fig_cursor_number(fig_json_t *value, const char *name);
static fig_status_t fig_cursor_compare(fig_consumer_t *consumer,
    const fig_stream_info_t *info, const char **why);
static void fig_cursor_reset(fig_consumer_t *consumer, const char *why);
static fig_status_t fig_cursor_floor(fig_consumer_t *consumer,
    const fig_stream_info_t *info);


fig_status_t
fig_cursor_load(fig_consumer_t *consumer)
{
    fig_doc_t     doc;
    fig_status_t  rc;

    memset(&consumer->cursor, 0, sizeof(fig_cursor_t));
    fig_arena_reset(consumer->live->arena);

    rc = fig_store_get(consumer->store, consumer->conf.cursors,
                       fig_str_from(consumer->conf.durable),
                       consumer->live->arena, &doc);

    if (rc == FIG_DECLINED) {
        return FIG_OK;
    }

    if (rc != FIG_OK) {
        return rc;
    }

    consumer->cursor.ver = doc.ver;
    fig_cursor_parse(consumer, doc.body);

    return FIG_OK;
}


static void
fig_cursor_parse(fig_consumer_t *consumer, fig_str_t body)
{
    fig_json_t        *value;
    fig_cursor_t      *cursor;
    fig_json_error_t   error;

    cursor = &consumer->cursor;

    if (fig_json_parse(body, &value, &error) != FIG_OK) {
        fig_log_warn("cursor %s can't be read; reading from the first message",
                     consumer->conf.durable);
        return;
    }

    cursor->created = fig_cursor_number(value, "created");
    cursor->seq = (uint64_t) fig_cursor_number(value, "seq");
    cursor->time = fig_cursor_number(value, "time");

    atomic_store(&consumer->seq, cursor->seq);
    json_object_put(value);
}


/* 0 for what is not there */

static int64_t
fig_cursor_number(fig_json_t *value, const char *name)
{
    int64_t      n;
    fig_json_t  *member;

    if (!json_object_is_type(value, json_type_object)
        || !json_object_object_get_ex(value, name, &member))
    {
        return 0;
    }

    n = json_object_get_int64(member);

    return n > 0 ? n : 0;
}


void
fig_cursor_move(fig_consumer_t *consumer, uint64_t seq, int64_t time)
{
    /* what comes again is behind it already */

    if (seq > consumer->cursor.seq) {
        consumer->cursor.seq = seq;
        consumer->cursor.time = time;
        consumer->unsaved = true;
        atomic_store(&consumer->seq, seq);
    }
}


void
fig_cursor_save(fig_consumer_t *consumer, bool now)
{
    fig_op_t  op;
    uint64_t  clock;
    char      text[FIG_CURSOR_TEXT];

    clock = fig_clock_us();

    if (consumer->unsaved
        && (now || clock - consumer->saved >= FIG_CURSOR_SAVE))
    {
        fig_cursor_op(consumer, &op, text);
        fig_store_write_later(consumer->store, &op, 1);

        consumer->saved = clock;
        consumer->unsaved = false;
    }
}


void
fig_cursor_keep(fig_consumer_t *consumer)
{
    fig_op_t      op;
    fig_status_t  rc;
    char          text[FIG_CURSOR_TEXT];

    if (consumer->cursor.created == 0) {
        return;
    }

    fig_cursor_op(consumer, &op, text);
    rc = fig_store_write(consumer->store, &op, 1);

    if (rc != FIG_OK) {
        fig_log_warn("can't write cursor %s: %s; some messages will be read "
                     "again", consumer->conf.durable, fig_status_name(rc));
    }
}


static void
fig_cursor_op(fig_consumer_t *consumer, fig_op_t *op, char *text)
{
    int            n;
    fig_cursor_t  *cursor;

    cursor = &consumer->cursor;

    n = snprintf(text, FIG_CURSOR_TEXT, "{\"created\":%" PRId64 ",\"seq\":%"
                 PRIu64 ",\"time\":%" PRId64 "}", cursor->created,
                 cursor->seq, cursor->time);

    memset(op, 0, sizeof(fig_op_t));

    op->kind = FIG_STORE_RAISE;
    op->collection = consumer->conf.cursors;
    op->doc.id = fig_str_from(consumer->conf.durable);
    op->doc.ver = ++cursor->ver;
    op->doc.body.data = text;
    op->doc.body.len = (size_t) n;
}


fig_status_t
fig_cursor_start(fig_consumer_t *consumer)
{
    const char          *why;
    fig_status_t         rc;
    fig_stream_info_t    info;
    const fig_stream_t  *stream;

    stream = &consumer->conf.topic->stream;
    rc = fig_bus_stream_info(consumer->bus, stream, &info);

    if (rc == FIG_DECLINED) {
        rc = fig_bus_stream(consumer->bus, stream, &info);
    }

    if (rc != FIG_OK) {
        return rc;
    }

    rc = fig_cursor_compare(consumer, &info, &why);

    if (rc != FIG_OK) {
        return rc;
    }

    if (why) {
        fig_cursor_reset(consumer, why);
    }

    if (consumer->cursor.created == 0) {
        fig_sync_want(consumer, FIG_SYNC_FIRST);
    }

    if (consumer->cursor.created != info.created) {
        consumer->cursor.created = info.created;
        consumer->unsaved = true;
    }

    if (info.first_seq > consumer->cursor.seq + 1) {
        fig_cursor_gap(consumer, info.first_seq);
    }

    fig_cursor_save(consumer, true);
    consumer->next = consumer->cursor.seq + 1;

    return fig_bus_subscribe(consumer->bus, stream, consumer->conf.durable,
                             consumer->cursor.seq + 1, &consumer->sub);
}


/* *why: the stream is not the one that the cursor is of; NULL: it is */

static fig_status_t
fig_cursor_compare(fig_consumer_t *consumer, const fig_stream_info_t *info,
    const char **why)
{
    int64_t        time;
    fig_cursor_t  *cursor;
    fig_status_t   rc;

    *why = NULL;
    cursor = &consumer->cursor;

    if (cursor->created == 0) {
        return FIG_OK;
    }

    if (cursor->created != info->created) {
        *why = "was made anew";
        return FIG_OK;
    }

    if (info->last_seq < cursor->seq) {
        *why = "has lost its end";
        return FIG_OK;
    }

    if (cursor->seq == 0 || cursor->time == 0
        || cursor->seq < info->first_seq)
    {
        return FIG_OK;
    }

    /* an older copy of it may have grown beyond the cursor since */

    rc = fig_bus_stream_time(consumer->bus, &consumer->conf.topic->stream,
                             cursor->seq, &time);

    if (rc == FIG_OK && time != cursor->time) {
        *why = "has other messages than were read";
    }

    return rc == FIG_DECLINED ? FIG_OK : rc;
}


/* versions, not sequence numbers, keep what is read again from harm */

static void
fig_cursor_reset(fig_consumer_t *consumer, const char *why)
{
    fig_log_warn("stream %s %s (cursor %" PRIu64 "); reading it from its first "
                 "message", consumer->conf.topic->stream.name, why,
                 consumer->cursor.seq);

    fig_counter_add(consumer->resets, 1);

    consumer->cursor.seq = 0;
    consumer->cursor.time = 0;
    consumer->unsaved = true;
    atomic_store(&consumer->seq, 0);

    /* what it has lost, only the source has */
    fig_sync_want(consumer, "stream is another one");
}


/* the stream has discarded what was not read yet */

void
fig_cursor_gap(fig_consumer_t *consumer, uint64_t first_seq)
{
    uint64_t       missed;
    fig_cursor_t  *cursor;

    cursor = &consumer->cursor;
    missed = first_seq - cursor->seq - 1;

    fig_log_error("stream %s has discarded messages %" PRIu64 " to %" PRIu64
                  " before %s read them", consumer->conf.topic->stream.name,
                  cursor->seq + 1, first_seq - 1, consumer->conf.durable);

    fig_counter_add(consumer->missed, missed);
    fig_sync_want(consumer, "messages were discarded");
    fig_cursor_move(consumer, first_seq - 1, 0);
}


fig_status_t
fig_cursor_look(fig_consumer_t *consumer)
{
    fig_status_t       rc;
    fig_stream_info_t  info;

    rc = fig_bus_stream_info(consumer->bus, &consumer->conf.topic->stream,
                             &info);

    if (rc == FIG_OK && (info.created != consumer->cursor.created
                         || info.last_seq < consumer->cursor.seq))
    {
        return FIG_DECLINED;
    }

    if (rc == FIG_OK) {
        rc = fig_cursor_floor(consumer, &info);
    }

    return rc;
}


static fig_status_t
fig_cursor_floor(fig_consumer_t *consumer, const fig_stream_info_t *info)
{
    uint64_t      floor, tail;
    fig_status_t  rc;

    rc = fig_bus_ack_floor(consumer->sub, &floor);

    if (rc != FIG_OK) {
        return rc;
    }

    if (floor > consumer->cursor.seq) {
        fig_log_warn("message %" PRIu64 " of stream %s was acknowledged for "
                     "%s, but %" PRIu64 " is the last that was applied",
                     floor, consumer->conf.topic->stream.name,
                     consumer->conf.durable, consumer->cursor.seq);

        fig_counter_add(consumer->resets, 1);
        return FIG_DECLINED;
    }

    /* there was more to read the last time, and nothing came since: once */

    tail = consumer->tail;
    consumer->tail = info->last_seq;

    if (tail <= consumer->cursor.seq || tail == consumer->stuck) {
        return FIG_OK;
    }

    fig_log_warn("stream %s has messages up to %" PRIu64 ", but none after %"
                 PRIu64 " comes to %s", consumer->conf.topic->stream.name,
                 tail, consumer->cursor.seq, consumer->conf.durable);

    /* a new durable may not get them either */
    fig_sync_want(consumer, "messages do not come");
    consumer->stuck = tail;

    return FIG_DECLINED;
}
