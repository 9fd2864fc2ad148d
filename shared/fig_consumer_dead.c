
/*
 * Copyright (C) Ficus authors
 */


#include "fig_consumer_batch.h"
#include "fig_log.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>


/* tries of a letter, each after twice the time */
#define FIG_DEAD_TRIES   8
#define FIG_DEAD_FIRST   3

#define FIG_DEAD_PAGE    100
#define FIG_DEAD_BLOCK   4096
#define FIG_DEAD_ARENA   ((size_t) 64 * 1024 * 1024)
#define FIG_DEAD_TEXT    ((size_t) 32 * 1024 * 1024)


static fig_status_t fig_dead_post(fig_consumer_t *consumer,
    fig_dead_letter_t *letter, int64_t created, fig_arena_t *arena);
static bool fig_dead_known(fig_consumer_t *consumer, const fig_event_t *event,
    fig_arena_t *arena);
static bool fig_dead_due(const fig_dead_letter_t *letter);
static void fig_dead_try(fig_consumer_t *consumer, fig_dead_letter_t *letter,
    fig_arena_t *arena);
static fig_status_t fig_dead_state(fig_consumer_t *consumer,
    const fig_dead_letter_t *letter, fig_batch_t *batch, const char **why);
static fig_status_t fig_dead_source(fig_consumer_t *consumer, fig_str_t key,
    fig_arena_t *arena, fig_event_t *event);
static fig_status_t fig_dead_bring(fig_consumer_t *consumer,
    const fig_dead_letter_t *letter, uint64_t *ver, const char **why);


fig_status_t
fig_dead_message(fig_consumer_t *consumer, const fig_message_t *message,
    const fig_event_t *event, const char *why)
{
    fig_arena_t        *arena;
    fig_status_t        rc;
    fig_dead_letter_t   letter;

    fig_counter_add(consumer->poison, 1);

    if (consumer->dead == NULL) {
        fig_log_error("message %" PRIu64 " of stream %s is skipped: %s",
                      message->seq, consumer->conf.topic->stream.name, why);
        return FIG_OK;
    }

    arena = fig_arena_create(FIG_DEAD_BLOCK, FIG_DEAD_ARENA);

    if (arena == NULL) {
        return FIG_NOMEM;
    }

    rc = FIG_OK;
    memset(&letter, 0, sizeof(fig_dead_letter_t));

    if (event == NULL) {
        letter.cause = FIG_DEAD_DECODE;
        letter.key = fig_event_key(consumer->conf.topic, message->data,
                                   arena);

    } else {
        letter.cause = FIG_DEAD_STATE;
        letter.key = event->key;
        letter.ver = event->ver;
    }

    letter.seq = message->seq;
    letter.error = why;
    letter.tries = 1;
    letter.payload = message->data;

    if (event == NULL || !fig_dead_known(consumer, event, arena)) {
        rc = fig_dead_post(consumer, &letter, consumer->cursor.created, arena);
    }

    fig_arena_destroy(arena);

    return rc;
}


fig_status_t
fig_dead_event(fig_consumer_t *consumer, const fig_event_t *event,
    uint64_t seq, fig_status_t failed)
{
    fig_buf_t           text;
    fig_doc_t           doc;
    fig_arena_t        *arena;
    fig_status_t        rc;
    fig_dead_letter_t   letter;

    arena = fig_arena_create(FIG_DEAD_BLOCK, FIG_DEAD_ARENA);

    if (arena == NULL) {
        return FIG_NOMEM;
    }

    memset(&doc, 0, sizeof(fig_doc_t));
    doc.id = event->key;
    doc.ver = event->ver;
    doc.body = event->body;
    doc.deleted = event->deleted;

    fig_buf_init(&text, FIG_DEAD_TEXT);
    fig_event_encode(&text, consumer->conf.topic, &doc, event->traceparent);

    memset(&letter, 0, sizeof(fig_dead_letter_t));
    letter.cause = FIG_DEAD_APPLY;
    letter.key = event->key;
    letter.ver = event->ver;
    letter.seq = seq;
    letter.error = fig_status_name(failed);
    letter.tries = FIG_DEAD_FIRST;
    letter.payload = fig_buf_view(&text);

    rc = fig_dead_post(consumer, &letter, 0, arena);

    if (rc == FIG_OK) {
        fig_counter_add(consumer->poison, 1);
        atomic_store(&consumer->retry, true);
    }

    fig_buf_clear(&text);
    fig_arena_destroy(arena);

    return rc;
}


/* until the store takes it, since it is lost when nobody has it */

static fig_status_t
fig_dead_post(fig_consumer_t *consumer, fig_dead_letter_t *letter,
    int64_t created, fig_arena_t *arena)
{
    bool          full;
    uint64_t      wait;
    fig_status_t  rc;

    wait = 100;
    letter->stream = consumer->conf.topic->stream.name;
    fig_dead_id(letter, created, arena);

    for ( ;; ) {
        rc = fig_dead_park(consumer->dead, letter);

        if (rc == FIG_OK) {
            atomic_store(&consumer->crowded, false);
            fig_log_error("message %" PRIu64 " of stream %s is dead letter "
                          "%.*s: %s", letter->seq, letter->stream,
                          (int) letter->id.len, letter->id.data,
                          letter->error);
            return FIG_OK;
        }

        if (rc == FIG_CONFLICT) {
            return FIG_OK;
        }

        full = rc == FIG_FULL && fig_dead_full(consumer->dead);

        if (!full) {
            fig_log_warn("can't write dead letter %.*s: %s; trying again",
                         (int) letter->id.len, letter->id.data,
                         fig_status_name(rc));

        } else if (!atomic_exchange(&consumer->crowded, true)) {
            fig_log_error("there are %" PRIu64 " dead letters, and may not be "
                          "more: stream %s is not read on until some are "
                          "redriven or dropped",
                          fig_dead_count(consumer->dead), letter->stream);
        }

        if (letter->cause == FIG_DEAD_APPLY) {
            return full ? FIG_FULL : FIG_AGAIN;
        }

        if (fig_batch_pause(consumer, &wait) != FIG_OK) {
            return FIG_AGAIN;
        }
    }
}


/* a state that is older than what is here harms nobody */

static bool
fig_dead_known(fig_consumer_t *consumer, const fig_event_t *event,
    fig_arena_t *arena)
{
    fig_doc_t  doc;

    return fig_store_get(consumer->store, consumer->conf.replica, event->key,
                         arena, &doc) == FIG_OK
           && doc.ver >= event->ver;
}


void
fig_dead_again(fig_consumer_t *consumer)
{
    bool                left;
    size_t              i;
    fig_str_t           after;
    fig_page_t          page;
    fig_arena_t        *arena;
    fig_dead_letter_t   letter;

    arena = fig_arena_create(FIG_DEAD_BLOCK, FIG_DEAD_ARENA);

    if (arena == NULL) {
        return;
    }

    left = false;
    page.more = false;
    after = (fig_str_t) { 0 };

    do {
        if (fig_dead_list(consumer->dead, after, FIG_DEAD_PAGE, arena, &page)
            != FIG_OK)
        {
            left = true;
            break;
        }

        for (i = 0; i < page.n && fig_consumer_going(consumer); i++) {
            after = page.docs[i].id;

            if (fig_dead_parse(&page.docs[i], arena, &letter) != FIG_OK
                || letter.cause != FIG_DEAD_APPLY
                || letter.tries >= FIG_DEAD_TRIES)
            {
                continue;
            }

            left = true;

            if (fig_dead_due(&letter)) {
                fig_dead_try(consumer, &letter, arena);
            }
        }
    } while (page.more && fig_consumer_going(consumer));

    if (!left) {
        atomic_store(&consumer->retry, false);
    }

    fig_arena_destroy(arena);
}


/* 1, 3, 7, ... s after it was parked; or the clock was set back */

static bool
fig_dead_due(const fig_dead_letter_t *letter)
{
    int64_t   now;
    unsigned  tries;

    now = (int64_t) time(NULL);
    tries = letter->tries > FIG_DEAD_FIRST ? letter->tries - FIG_DEAD_FIRST
                                           : 0;

    return now < letter->time
           || now - letter->time >= ((int64_t) 2 << tries) - 1;
}


static void
fig_dead_try(fig_consumer_t *consumer, fig_dead_letter_t *letter,
    fig_arena_t *arena)
{
    uint64_t      ver;
    const char   *why;
    fig_status_t  rc;

    rc = fig_dead_bring(consumer, letter, &ver, &why);

    if (rc == FIG_INVALID) {
        letter->tries++;
        rc = fig_dead_tried(consumer->dead, letter);
    }

    if (rc != FIG_OK && rc != FIG_CONFLICT && rc != FIG_DECLINED) {
        fig_log_warn("can't try dead letter %.*s: %s", (int) letter->id.len,
                     letter->id.data, fig_status_name(rc));
    }
}


fig_status_t
fig_dead_redrive(fig_consumer_t *consumer, fig_str_t id, fig_arena_t *arena,
    uint64_t *ver, const char **why)
{
    fig_status_t        rc;
    fig_dead_letter_t   letter;

    *why = NULL;
    rc = fig_dead_get(consumer->dead, id, arena, &letter);

    if (rc != FIG_OK) {
        return rc;
    }

    rc = fig_dead_bring(consumer, &letter, ver, why);

    if (rc == FIG_INVALID) {
        letter.tries++;
        letter.error = *why;

        if (fig_dead_tried(consumer->dead, &letter) != FIG_OK) {
            fig_log_warn("can't note why dead letter %.*s failed again",
                         (int) id.len, id.data);
        }
    }

    return rc;
}


/* the state that counts now, through the way that all states go */

static fig_status_t
fig_dead_bring(fig_consumer_t *consumer, const fig_dead_letter_t *letter,
    uint64_t *ver, const char **why)
{
    fig_batch_t   *batch;
    fig_status_t   rc;

    *why = "out of memory";
    batch = fig_batch_create();

    if (batch == NULL) {
        return FIG_NOMEM;
    }

    batch->once = true;
    rc = fig_dead_state(consumer, letter, batch, why);

    if (rc == FIG_OK) {
        *why = "it can't be applied";
        *ver = batch->events[0].ver;
        batch->n = 1;
        rc = fig_batch_bring(consumer, batch);
    }

    if (rc == FIG_OK && batch->n != 0) {
        *ver = batch->events[0].ver;
    }

    if (rc == FIG_OK) {
        rc = fig_dead_drop(consumer->dead, letter->id);
    }

    fig_batch_destroy(batch);

    /* it was healed by the way */
    return rc == FIG_DECLINED ? FIG_OK : rc;
}


/* of the source, else what is in the letter */

static fig_status_t
fig_dead_state(fig_consumer_t *consumer, const fig_dead_letter_t *letter,
    fig_batch_t *batch, const char **why)
{
    fig_event_t   *event;
    fig_status_t   rc;

    rc = FIG_DECLINED;
    event = &batch->events[0];
    *why = "the source has no such document";

    if (letter->key.data) {
        rc = fig_dead_source(consumer, letter->key, batch->arena, event);
    }

    if (rc != FIG_OK && letter->size == letter->payload.len) {
        rc = fig_event_decode(consumer->conf.topic, letter->payload,
                              batch->arena, event, why);
    }

    if (rc != FIG_OK) {
        return rc == FIG_NOMEM ? FIG_NOMEM : FIG_INVALID;
    }

    if (consumer->conf.check && !event->deleted) {
        *why = consumer->conf.check(consumer->conf.data, event, batch->arena);

        return *why ? FIG_INVALID : FIG_OK;
    }

    return FIG_OK;
}


static fig_status_t
fig_dead_source(fig_consumer_t *consumer, fig_str_t key, fig_arena_t *arena,
    fig_event_t *event)
{
    fig_repair_t       *repair;
    fig_status_t        rc;
    fig_repair_conf_t   conf;

    memset(&conf, 0, sizeof(fig_repair_conf_t));
    conf.bus = consumer->bus;
    conf.topic = consumer->conf.topic;

    repair = fig_repair_create(&conf);

    if (repair == NULL) {
        return FIG_NOMEM;
    }

    rc = fig_repair_get(repair, key, arena, event);
    fig_repair_destroy(repair);

    return rc;
}
