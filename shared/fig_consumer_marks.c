
/*
 * Copyright (C) Ficus authors
 */


/*
 * States that are in the replica, and nobody knows whether apply() has seen
 * them: what a crash left, and what the store wrote when nobody waited for it
 * any more.
 */


#include "fig_consumer_batch.h"
#include "fig_hash.h"
#include "fig_log.h"
#include <string.h>


/* us between two looks; what is well takes its mark off within a tenth of it */
#define FIG_MARKS_APART  1000000


static fig_status_t fig_marks_all(fig_consumer_t *consumer);
static void fig_marks_round(fig_consumer_t *consumer);
static fig_status_t fig_marks_page(fig_consumer_t *consumer,
    fig_batch_t *batch, fig_str_t after, fig_page_t *page);
static void fig_marks_event(fig_batch_t *batch, const fig_doc_t *doc);
static bool fig_marks_seen(const fig_marks_t *marks, const fig_doc_t *doc);
static void fig_marks_look(fig_marks_t *marks, const fig_page_t *page);
static void fig_marks_behind(fig_marks_t *marks, const fig_page_t *page);


fig_status_t
fig_marks_resume(fig_consumer_t *consumer)
{
    fig_status_t  rc;

    (void) pthread_mutex_lock(&consumer->bring);
    rc = fig_marks_all(consumer);
    (void) pthread_mutex_unlock(&consumer->bring);

    return rc;
}


static fig_status_t
fig_marks_all(fig_consumer_t *consumer)
{
    size_t         i;
    fig_str_t      after;
    fig_page_t     page;
    fig_marks_t    marks;
    fig_batch_t   *batch;
    fig_status_t   rc;

    marks.len = 0;
    batch = consumer->live;

    do {
        after.data = marks.len ? marks.after : NULL;
        after.len = marks.len;

        rc = fig_marks_page(consumer, batch, after, &page);

        if (rc != FIG_OK || page.n == 0) {
            return rc;
        }

        fig_log_info("applying %zu changes of %s again", page.n,
                     consumer->conf.topic->name);

        for (i = 0; i < page.n; i++) {
            fig_marks_event(batch, &page.docs[i]);
        }

        fig_marks_behind(&marks, &page);
        rc = fig_batch_follow(consumer, batch);

        if (rc != FIG_OK) {
            return rc;
        }
    } while (page.more);

    return FIG_OK;
}


void
fig_marks_sweep(fig_consumer_t *consumer)
{
    uint64_t  now;

    now = fig_clock_us();

    if (now < consumer->marks.next) {
        return;
    }

    consumer->marks.next = now + FIG_MARKS_APART;

    (void) pthread_mutex_lock(&consumer->bring);
    fig_marks_round(consumer);
    (void) pthread_mutex_unlock(&consumer->bring);
}


/*
 * A mark that is the same at a second look, which others had the time for
 * between, is not on its way to be taken off.
 */

static void
fig_marks_round(fig_consumer_t *consumer)
{
    size_t         i;
    fig_str_t      after;
    fig_page_t     page;
    fig_marks_t   *marks;
    fig_batch_t   *batch;

    batch = consumer->mend;
    marks = &consumer->marks;
    after.data = marks->len ? marks->after : NULL;
    after.len = marks->len;

    if (fig_marks_page(consumer, batch, after, &page) != FIG_OK) {
        return;
    }

    if (marks->n == 0) {
        fig_marks_look(marks, &page);

        if (page.n == 0) {
            marks->len = 0;
        }

        return;
    }

    for (i = 0; i < page.n; i++) {

        if (fig_marks_seen(marks, &page.docs[i])) {
            fig_marks_event(batch, &page.docs[i]);
        }
    }

    marks->n = 0;
    fig_marks_behind(marks, &page);

    if (batch->n != 0) {
        fig_log_info("applying %zu changes of %s that came late", batch->n,
                     consumer->conf.topic->name);

        if (fig_batch_follow(consumer, batch) != FIG_OK) {
            fig_log_warn("changes of %s that came late can't be applied yet",
                         consumer->conf.topic->name);
        }
    }
}


static fig_status_t
fig_marks_page(fig_consumer_t *consumer, fig_batch_t *batch, fig_str_t after,
    fig_page_t *page)
{
    fig_query_t  query;

    memset(&query, 0, sizeof(fig_query_t));
    query.limit = FIG_CONSUMER_BATCH;
    query.state = FIG_STORE_PENDING;
    query.after = after;

    fig_batch_reset(batch);

    return fig_store_list(consumer->store, consumer->conf.replica, &query,
                          batch->arena, page);
}


static void
fig_marks_event(fig_batch_t *batch, const fig_doc_t *doc)
{
    fig_event_t  *event;

    event = &batch->events[batch->n];
    memset(event, 0, sizeof(fig_event_t));

    event->key = doc->id;
    event->ver = doc->ver;
    event->deleted = doc->deleted;
    event->body = doc->body;
    batch->seqs[batch->n++] = 0;
}


static bool
fig_marks_seen(const fig_marks_t *marks, const fig_doc_t *doc)
{
    size_t    i;
    uint64_t  hash;

    hash = fig_hash64(doc->id, doc->ver);

    for (i = 0; i < marks->n; i++) {

        if (marks->seen[i] == hash) {
            return true;
        }
    }

    return false;
}


static void
fig_marks_look(fig_marks_t *marks, const fig_page_t *page)
{
    for (marks->n = 0; marks->n < page->n; marks->n++) {
        marks->seen[marks->n] = fig_hash64(page->docs[marks->n].id,
                                           page->docs[marks->n].ver);
    }
}


/* where the next page begins: at the first id again behind the last one */

static void
fig_marks_behind(fig_marks_t *marks, const fig_page_t *page)
{
    fig_str_t  id;

    marks->len = 0;

    if (page->more) {
        id = page->docs[page->n - 1].id;
        marks->len = id.len;
        memcpy(marks->after, id.data, id.len);
    }
}
