
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>

#include "demo.h"


#define DEMO_PATIENCE   5.0      /* seconds that an order has to follow */
#define DEMO_ASK_AGAIN  0.001


static void demo_make_order(demo_t *demo, int i);
static demo_job_t *demo_ask(demo_t *demo, demo_kind_t kind, int i,
    const char *method, const char *collection, json_object *body);
static void demo_made_user(demo_t *demo, demo_job_t *job);
static void demo_made_order(demo_t *demo, demo_job_t *job);
static void demo_counted(demo_t *demo, const demo_job_t *job);
static void demo_changed(demo_t *demo, demo_job_t *job);
static void demo_followed(demo_t *demo, demo_job_t *job);
static void demo_dropped(demo_t *demo, demo_job_t *job);
static bool demo_in_step(const demo_t *demo, const demo_job_t *job);
static void demo_add(json_object *body, const char *name, const char *value);


bool
demo_make_user(demo_t *demo, int i)
{
    json_object  *body;
    demo_user_t  *user;

    user = &demo->users[i];
    body = json_object_new_object();
    demo_add(body, "userId", user->id);
    demo_add(body, "email", user->email);
    demo_add(body, "deliveryAddress", user->address);

    user->user = demo_ask(demo, DEMO_USER, i, "POST", "users", body) != NULL;

    return user->user;
}


static void
demo_make_order(demo_t *demo, int i)
{
    json_object  *body;
    demo_user_t  *user;

    user = &demo->users[i];
    body = json_object_new_object();
    demo_add(body, "orderId", user->id);
    demo_add(body, "userId", user->id);
    demo_add(body, "productName", "fig tree");

    /* there is a job: that of the user has just ended */

    user->order = demo_ask(demo, DEMO_ORDER, i, "POST", "orders", body)
                  != NULL;
}


void
demo_read(demo_t *demo)
{
    (void) demo_ask(demo, DEMO_READ, (int) (lrand48() % DEMO_USERS), "GET",
                    "users", NULL);
}


/* of a user the e-mail, then the address, in turns; false: all are busy */

bool
demo_change(demo_t *demo)
{
    int           i, n;
    bool          email;
    char          text[DEMO_TEXT];
    json_object  *body;
    demo_user_t  *user;

    i = (int) (lrand48() % DEMO_USERS);

    for (n = 0; demo->users[i].busy; n++) {

        if (n == DEMO_USERS) {
            return false;
        }

        i = (i + 1) % DEMO_USERS;
    }

    user = &demo->users[i];
    body = json_object_new_object();
    email = user->changes % 2 != 0;

    if (email) {
        (void) snprintf(text, sizeof(text), "%.48s.%u@example.org", user->id,
                        user->changes);

    } else {
        (void) snprintf(text, sizeof(text), "%u Fig Street", user->changes);
    }

    demo_add(body, email ? "email" : "deliveryAddress", text);

    if (demo_ask(demo, DEMO_CHANGE, i, "PUT", "users", body) == NULL) {
        return false;
    }

    memcpy(email ? user->email : user->address, text, sizeof(text));
    user->changes++;
    user->busy = true;

    return true;
}


/* asks the orders again that had not followed yet */

void
demo_follow(demo_t *demo)
{
    int           i;
    double        now;
    demo_user_t  *user;

    now = demo_now();

    for (i = 0; i < DEMO_USERS; i++) {
        user = &demo->users[i];

        if (user->follow && user->next <= now
            && demo_ask(demo, DEMO_FOLLOW, i, "GET", "orders", NULL) != NULL)
        {
            user->follow = false;
        }
    }
}


bool
demo_verify(demo_t *demo, int i)
{
    return demo_ask(demo, DEMO_VERIFY, i, "GET", "orders", NULL) != NULL;
}


/* the order first, then the user */

bool
demo_drop(demo_t *demo, int i)
{
    demo_kind_t   kind;
    demo_user_t  *user;

    user = &demo->users[i];

    if (user->dropping || (!user->order && !user->user)) {
        return true;
    }

    kind = user->order ? DEMO_DROP_ORDER : DEMO_DROP_USER;

    user->dropping = demo_ask(demo, kind, i, "DELETE",
                              user->order ? "orders" : "users", NULL)
                     != NULL;

    return user->dropping;
}


static demo_job_t *
demo_ask(demo_t *demo, demo_kind_t kind, int i, const char *method,
    const char *collection, json_object *body)
{
    char         url[512];
    bool         post;
    demo_job_t  *job;

    post = strcmp(method, "POST") == 0;

    (void) snprintf(url, sizeof(url), "%s/api/%s%s%s", demo->gateway,
                    collection, post ? "" : "/",
                    post ? "" : demo->users[i].id);

    job = demo_start(demo, kind, i, method, url, body);

    /* waiting for an order is not what the load is */

    if (job != NULL && kind != DEMO_FOLLOW) {
        demo->requests++;
    }

    return job;
}


void
demo_ended(demo_t *demo, demo_job_t *job)
{
    switch (job->kind) {

    case DEMO_CALL:
        break;

    case DEMO_USER:
        demo_made_user(demo, job);
        break;

    case DEMO_ORDER:
        demo_made_order(demo, job);
        break;

    case DEMO_READ:
        demo_counted(demo, job);

        if (job->status != 200) {
            demo_error(demo, job, "for a user that is there");
        }

        break;

    case DEMO_CHANGE:
        demo_counted(demo, job);
        demo_changed(demo, job);
        break;

    case DEMO_FOLLOW:
        demo_followed(demo, job);
        break;

    case DEMO_VERIFY:
        if (job->status != 200) {
            demo_error(demo, job, "for an order that is there");
        }

        if (!demo_in_step(demo, job)) {
            demo->behind++;
        }

        break;

    case DEMO_DROP_ORDER:
    case DEMO_DROP_USER:
        demo_dropped(demo, job);
        break;
    }
}


static void
demo_made_user(demo_t *demo, demo_job_t *job)
{
    if (job->status != 201) {
        demo_error(demo, job, "for a new user");
        return;
    }

    demo_make_order(demo, job->user);
}


static void
demo_made_order(demo_t *demo, demo_job_t *job)
{
    demo->made++;

    if (job->status != 201) {
        demo_error(demo, job, "for a new order");
    }
}


/* which arm served it */

static void
demo_counted(demo_t *demo, const demo_job_t *job)
{
    demo_step_t  *step;

    if (job->step < 0 || job->version[0] == '\0') {
        return;
    }

    step = &demo->steps[job->step];
    step->requests++;

    if (strcmp(job->version, "v1") == 0) {
        step->v1++;
    }
}


static void
demo_changed(demo_t *demo, demo_job_t *job)
{
    demo_user_t  *user;

    user = &demo->users[job->user];

    if (job->status != 200) {
        demo_error(demo, job, "for a change");
        user->busy = false;
        return;
    }

    demo->changes++;
    demo->steps[job->step].changes++;
    user->changed = job->ended;
    user->next = job->ended;
    user->follow = true;
    demo_follow(demo);
}


static void
demo_followed(demo_t *demo, demo_job_t *job)
{
    double        lag;
    demo_step_t  *step;
    demo_user_t  *user;

    user = &demo->users[job->user];
    lag = job->ended - user->changed;

    if (job->status != 200) {
        demo_error(demo, job, "for an order that is there");
    }

    if (demo_in_step(demo, job)) {
        user->busy = false;
        step = &demo->steps[demo->step];

        if (step->nlags < DEMO_LAGS) {
            step->lags[step->nlags++] = lag;
        }

        return;
    }

    if (lag > DEMO_PATIENCE) {
        demo_error(demo, job, "but the order did not follow its user in 5 s");
        user->busy = false;
        return;
    }

    user->follow = true;
    user->next = job->ended + DEMO_ASK_AGAIN;
}


/*
 * A user whose making got no answer may not be there.  What is refused is
 * tried again for a while, and no error until then.
 */

static void
demo_dropped(demo_t *demo, demo_job_t *job)
{
    demo_user_t  *user;

    user = &demo->users[job->user];
    user->dropping = false;

    if (job->status != 200 && job->status != 404) {
        return;
    }

    if (job->kind == DEMO_DROP_USER) {
        user->user = false;
        return;
    }

    user->order = false;
    (void) demo_drop(demo, job->user);
}


static bool
demo_in_step(const demo_t *demo, const demo_job_t *job)
{
    bool                same;
    json_object        *order, *email, *address;
    const demo_user_t  *user;

    user = &demo->users[job->user];
    order = demo_json(job);

    same = json_object_object_get_ex(order, "email", &email)
           && json_object_object_get_ex(order, "deliveryAddress", &address)
           && email != NULL && address != NULL
           && strcmp(json_object_get_string(email), user->email) == 0
           && strcmp(json_object_get_string(address), user->address) == 0;

    json_object_put(order);

    return same;
}


static void
demo_add(json_object *body, const char *name, const char *value)
{
    (void) json_object_object_add(body, name, json_object_new_string(value));
}
