
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>

#include "sim_check.h"


#define U(n)     (unsigned long long) (n)
#define S(s)     (int) (s).len, (s).data ? (s).data : ""


static const sim_version_t *sim_version(const sim_history_t *history,
    uint64_t ver);
static void sim_check_source(const char *name, const fig_doc_t *doc);
static void sim_check_returns(const sim_history_t *history,
    const sim_version_t *now, size_t offset, const char *name);
static void sim_check_replica(const fig_doc_t *doc);
static void sim_check_order(const fig_doc_t *before, const fig_doc_t *doc);


/* of users, of orders */
static size_t         sim_histories_n[2];
static sim_history_t  sim_histories[2][SIM_HISTORIES];


void
sim_check_init(void)
{
    sim_histories_n[0] = 0;
    sim_histories_n[1] = 0;
}


sim_history_t *
sim_history(const char *table, fig_str_t id)
{
    size_t          i, kind;
    sim_history_t  *history;

    kind = strcmp(table, "users") == 0 ? 0 : 1;

    for (i = 0; i < sim_histories_n[kind]; i++) {
        history = &sim_histories[kind][i];

        if (fig_str_eq(history->id, id)) {
            return history;
        }
    }

    if (i == SIM_HISTORIES) {
        sim_violation("too many %s", table);
        return &sim_histories[kind][0];
    }

    sim_histories_n[kind]++;
    history = &sim_histories[kind][i];
    history->id = sim_dup(id);
    history->n = 0;
    history->seen = 0;
    history->acked = 0;
    history->replica = 0;

    return history;
}


/* the newest of that number */

static const sim_version_t *
sim_version(const sim_history_t *history, uint64_t ver)
{
    size_t  i;

    for (i = history->n; i != 0; i--) {

        if (history->versions[i - 1].ver == ver) {
            return &history->versions[i - 1];
        }
    }

    return NULL;
}


/* bodies are written by json-c in one way; values here need no escapes */

fig_str_t
sim_field(fig_str_t body, const char *name)
{
    size_t       len;
    fig_str_t    value;
    const char  *p, *end;
    char         text[40];

    value = (fig_str_t) { 0, NULL };

    len = (size_t) snprintf(text, sizeof(text), "\"%s\":\"", name);
    p = body.data ? memmem(body.data, body.len, text, len) : NULL;

    if (p != NULL) {
        p += len;
        end = memchr(p, '"', body.len - (size_t) (p - body.data));

        if (end != NULL) {
            value.data = p;
            value.len = (size_t) (end - p);
        }
    }

    return value;
}


void
sim_check_commit(const sim_database_t *database, const sim_table_t *table,
    const fig_doc_t *before, const fig_doc_t *doc)
{
    if (strcmp(database->name, table->name) == 0) {
        sim_check_source(table->name, doc);

        if (strcmp(table->name, "orders") == 0) {
            sim_check_order(before, doc);
        }

    } else if (strcmp(table->name, "users") == 0) {
        sim_check_replica(doc);
    }
}


static void
sim_check_source(const char *name, const fig_doc_t *doc)
{
    sim_history_t  *history;
    sim_version_t  *version;

    history = sim_history(name, doc->id);

    if (history->n == SIM_VERSIONS) {
        sim_violation("too many versions of %s %.*s", name, S(doc->id));
        return;
    }

    version = &history->versions[history->n];

    if (history->n != 0 && version[-1].ver >= doc->ver) {
        sim_violation("%s %.*s becomes version %llu, and was %llu", name,
                      S(doc->id), U(doc->ver), U(version[-1].ver));
        return;
    }

    version->ver = doc->ver;
    version->deleted = doc->deleted;
    version->body = doc->body;
    version->email = sim_field(doc->body, "email");
    version->address = sim_field(doc->body, "deliveryAddress");
    version->product = sim_field(doc->body, "productName");

    history->n++;

    if (strcmp(name, "users") == 0) {
        sim_check_returns(history, version, offsetof(sim_version_t, address),
                          "address");

    } else {
        sim_check_returns(history, version, offsetof(sim_version_t, product),
                          "product");
    }
}


/* every value is written once: one that comes back undoes what came between */

static void
sim_check_returns(const sim_history_t *history, const sim_version_t *now,
    size_t offset, const char *name)
{
    bool                  between;
    fig_str_t             a, b;
    const sim_version_t  *v;

    between = false;
    a = *(const fig_str_t *) (const void *) ((const char *) now + offset);

    for (v = now; a.data != NULL && v-- != history->versions; /* void */ ) {
        b = *(const fig_str_t *) (const void *) ((const char *) v + offset);

        if (!fig_str_eq(a, b)) {
            between = true;

        } else if (between) {
            sim_violation("the %s of %.*s, %.*s in version %llu, was undone "
                          "by version %llu", name, S(history->id), S(v[1].body),
                          U(v[1].ver), U(now->ver));
            return;
        }
    }
}


static void
sim_check_replica(const fig_doc_t *doc)
{
    sim_history_t        *history;
    const sim_version_t  *version;

    history = sim_history("users", doc->id);
    version = sim_version(history, doc->ver);

    if (version == NULL || version->deleted != doc->deleted
        || (!doc->deleted && !fig_str_eq(version->body, doc->body)))
    {
        sim_violation("nobody wrote what the replica has of %.*s, version "
                      "%llu: %.*s", S(doc->id), U(doc->ver), S(doc->body));
        return;
    }

    if (history->replica > doc->ver) {
        sim_violation("the replica of %.*s goes back from version %llu to "
                      "%llu", S(doc->id), U(history->replica), U(doc->ver));
        return;
    }

    history->replica = doc->ver;
}


/* what a bound order has of its user is one version's, and never an older */

static void
sim_check_order(const fig_doc_t *before, const fig_doc_t *doc)
{
    fig_str_t             user, email, address;
    const sim_version_t  *version;

    user = sim_field(doc->body, "userId");

    if (doc->deleted || user.data == NULL || doc->ref == 0) {
        return;
    }

    email = sim_field(doc->body, "email");
    address = sim_field(doc->body, "deliveryAddress");
    version = sim_version(sim_history("users", user), doc->ref);

    if (version == NULL || !fig_str_eq(version->email, email)
        || !fig_str_eq(version->address, address))
    {
        sim_violation("order %.*s has of %.*s, version %llu, what nobody "
                      "wrote: %.*s", S(doc->id), S(user), U(doc->ref),
                      S(doc->body));
        return;
    }

    if (before != NULL && !before->deleted && before->ref > doc->ref
        && fig_str_eq(sim_field(before->body, "userId"), user))
    {
        sim_violation("order %.*s goes back from version %llu of %.*s to %llu",
                      S(doc->id), U(before->ref), S(user), U(doc->ref));
    }
}


void
sim_check_got(sim_history_t *history, uint64_t seen, uint64_t ver,
    fig_str_t body, bool written)
{
    const sim_version_t  *version;

    version = sim_version(history, ver);

    if (version == NULL || version->deleted
        || !fig_str_eq(version->body, body))
    {
        sim_violation("%.*s: version %llu was answered and is not there: "
                      "%.*s", S(history->id), U(ver), S(body));
        return;
    }

    if (ver < seen) {
        sim_violation("%.*s: version %llu was answered, but %llu was seen "
                      "before", S(history->id), U(ver), U(seen));
        return;
    }

    if (ver > history->seen) {
        history->seen = ver;
    }

    if (written && ver > history->acked) {
        history->acked = ver;
    }
}


void
sim_check_deleted(sim_history_t *history, uint64_t seen)
{
    size_t  i;

    for (i = 0; i < history->n; i++) {

        if (history->versions[i].deleted && history->versions[i].ver > seen) {
            break;
        }
    }

    if (i == history->n) {
        sim_violation("%.*s is not deleted, though this was answered",
                      S(history->id));
        return;
    }

    if (history->versions[i].ver > history->acked) {
        history->acked = history->versions[i].ver;
    }
}


void
sim_check_missing(const sim_history_t *history, uint64_t seen)
{
    size_t  i;

    for (i = 0; i < history->n; i++) {

        if (history->versions[i].deleted && history->versions[i].ver >= seen) {
            return;
        }
    }

    if (seen != 0) {
        sim_violation("%.*s is not found, but version %llu was seen before",
                      S(history->id), U(seen));
    }
}


void
sim_check_acked(void)
{
    size_t            i, kind;
    sim_table_t      *table;
    sim_history_t    *history;
    const fig_doc_t  *row;

    static const char  *const names[] = { "users", "orders" };

    for (kind = 0; kind < 2; kind++) {
        table = sim_table(names[kind], names[kind]);

        for (i = 0; table && i < sim_histories_n[kind]; i++) {
            history = &sim_histories[kind][i];
            row = sim_row(table, history->id);

            if (history->acked != 0
                && (row == NULL || row->ver < history->acked))
            {
                sim_violation("%s %.*s: version %llu was answered, and is "
                              "lost", names[kind], S(history->id),
                              U(history->acked));
            }
        }
    }
}
