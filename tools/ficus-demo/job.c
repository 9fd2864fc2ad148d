
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "demo.h"


static void demo_setup(demo_job_t *job, const char *method, const char *url,
    json_object *body);
static size_t demo_body(char *data, size_t size, size_t n, void *arg);
static size_t demo_header(char *data, size_t size, size_t n, void *arg);
static void demo_finish(demo_t *demo, CURL *curl, CURLcode rc);


double
demo_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


int
demo_open(demo_t *demo)
{
    int  i;

    demo->multi = curl_multi_init();

    if (demo->multi == NULL) {
        return -1;
    }

    (void) curl_multi_setopt(demo->multi, CURLMOPT_MAXCONNECTS,
                             (long) DEMO_JOBS);

    for (i = 0; i < DEMO_JOBS; i++) {
        demo->jobs[i].curl = curl_easy_init();

        if (demo->jobs[i].curl == NULL) {
            return -1;
        }
    }

    return 0;
}


void
demo_close(demo_t *demo)
{
    int  i;

    for (i = 0; i < DEMO_JOBS; i++) {

        if (demo->jobs[i].busy) {
            (void) curl_multi_remove_handle(demo->multi, demo->jobs[i].curl);
        }

        curl_slist_free_all(demo->jobs[i].headers);
        curl_easy_cleanup(demo->jobs[i].curl);
    }

    (void) curl_multi_cleanup(demo->multi);
    json_object_put(demo->weights);
}


demo_job_t *
demo_start(demo_t *demo, demo_kind_t kind, int user, const char *method,
    const char *url, json_object *body)
{
    int          i;
    demo_job_t  *job;

    for (i = 0; i < DEMO_JOBS && demo->jobs[i].busy; i++) { /* void */ }

    if (i == DEMO_JOBS) {
        json_object_put(body);
        return NULL;
    }

    job = &demo->jobs[i];
    job->busy = true;
    job->done = false;
    job->kind = kind;
    job->user = user;
    job->step = demo->step;
    job->status = 0;
    job->len = 0;
    job->body[0] = '\0';
    job->version[0] = '\0';
    job->error[0] = '\0';

    (void) snprintf(job->what, sizeof(job->what), "%s %s", method, url);
    demo_setup(job, method, url, body);
    json_object_put(body);

    (void) curl_multi_add_handle(demo->multi, job->curl);
    demo->running++;

    return job;
}


static void
demo_setup(demo_job_t *job, const char *method, const char *url,
    json_object *body)
{
    CURL  *curl;
    char   visitor[64];

    curl = job->curl;
    curl_easy_reset(curl);
    curl_slist_free_all(job->headers);
    job->headers = NULL;

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void) curl_easy_setopt(curl, CURLOPT_PRIVATE, job);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, job->error);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, demo_body);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, job);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, demo_header);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERDATA, job);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10000L);
    (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");

    /* each of them comes from somebody else, so that the split has keys */

    if (job->kind == DEMO_READ || job->kind == DEMO_CHANGE) {
        (void) snprintf(visitor, sizeof(visitor), "uid=%08x%08x",
                        (unsigned) mrand48(), (unsigned) mrand48());
        (void) curl_easy_setopt(curl, CURLOPT_COOKIE, visitor);
    }

    if (body == NULL) {
        return;
    }

    job->headers = curl_slist_append(NULL, "Content-Type: application/json");

    if (job->kind == DEMO_CALL) {
        job->headers = curl_slist_append(job->headers, "X-Reason: demo");
    }

    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, job->headers);
    (void) curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS,
                            json_object_to_json_string_ext(body,
                                                      JSON_C_TO_STRING_PLAIN));
}


/* what does not fit is of no interest here */

static size_t
demo_body(char *data, size_t size, size_t n, void *arg)
{
    size_t       len;
    demo_job_t  *job;

    job = arg;
    len = size * n;

    if (len > sizeof(job->body) - 1 - job->len) {
        len = sizeof(job->body) - 1 - job->len;
    }

    memcpy(job->body + job->len, data, len);
    job->len += len;
    job->body[job->len] = '\0';

    return size * n;
}


static size_t
demo_header(char *data, size_t size, size_t n, void *arg)
{
    size_t             len, max, i;
    demo_job_t        *job;
    static const char  name[] = "X-Service-Version: ";

    job = arg;
    len = size * n;

    if (len <= sizeof(name) - 1
        || strncasecmp(data, name, sizeof(name) - 1) != 0)
    {
        return len;
    }

    data += sizeof(name) - 1;
    max = len - (sizeof(name) - 1);
    max = (max < sizeof(job->version)) ? max : sizeof(job->version) - 1;

    for (i = 0; i < max && data[i] > ' '; i++) {
        job->version[i] = data[i];
    }

    job->version[i] = '\0';

    return len;
}


void
demo_turn(demo_t *demo, int ms)
{
    int       n;
    CURLMsg  *message;

    (void) curl_multi_poll(demo->multi, NULL, 0, ms, NULL);
    (void) curl_multi_perform(demo->multi, &n);

    for ( ;; ) {
        message = curl_multi_info_read(demo->multi, &n);

        if (message == NULL) {
            return;
        }

        if (message->msg == CURLMSG_DONE) {
            demo_finish(demo, message->easy_handle, message->data.result);
        }
    }
}


static void
demo_finish(demo_t *demo, CURL *curl, CURLcode rc)
{
    void        *private;
    demo_job_t  *job;

    private = NULL;
    (void) curl_easy_getinfo(curl, CURLINFO_PRIVATE, &private);
    job = private;

    if (rc == CURLE_OK) {
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &job->status);

    } else if (job->error[0] == '\0') {
        (void) snprintf(job->error, sizeof(job->error), "%s",
                        curl_easy_strerror(rc));
    }

    job->ended = demo_now();
    job->done = true;
    job->busy = (job->kind == DEMO_CALL);
    demo->running--;
    (void) curl_multi_remove_handle(demo->multi, curl);

    demo_ended(demo, job);
}


demo_job_t *
demo_call(demo_t *demo, const char *method, const char *path,
    json_object *body)
{
    char         url[512];
    demo_job_t  *job;

    (void) snprintf(url, sizeof(url), "%s%s", demo->admin, path);

    if (demo->call != NULL) {
        demo->call->busy = false;
        demo->call = NULL;
    }

    while (demo->running >= DEMO_JOBS) {
        demo_turn(demo, 10);
    }

    job = demo_start(demo, DEMO_CALL, 0, method, url, body);
    demo->call = job;

    while (!job->done) {
        demo_turn(demo, 10);
    }

    return job;
}


json_object *
demo_json(const demo_job_t *job)
{
    return json_tokener_parse(job->body);
}


void
demo_error(demo_t *demo, const demo_job_t *job, const char *why)
{
    demo->errors++;

    if (job->step >= 0) {
        demo->steps[job->step].errors++;
    }

    if (demo->first_error[0] != '\0') {
        return;
    }

    if (job->status == 0) {
        why = job->error;
    }

    (void) snprintf(demo->first_error, sizeof(demo->first_error),
                    "%s: %ld %s", job->what, job->status, why);
}
