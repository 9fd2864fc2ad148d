
/*
 * Copyright (C) Ficus authors
 */


#include <curl/curl.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "fig_json.h"


#define CTL_BODY_MAX   ((size_t) 16 * 1024 * 1024)
#define CTL_TOKEN_MAX  4096
#define CTL_FIELD_MAX  (CTL_TOKEN_MAX + 64)


typedef struct {
    CURL               *curl;
    struct curl_slist  *headers;
    bool                change;
    const char         *failed;         /* what is wrong with a header */
    char                error[CURL_ERROR_SIZE];
} ctl_client_t;


static int ctl_exchange(const ctl_options_t *options, const char *method,
    char *path, json_object *body, bool quiet, ctl_answer_t *answer);
static bool ctl_no_worker(const ctl_answer_t *answer);
static int ctl_headers(ctl_client_t *client, const ctl_options_t *options);
static int ctl_token(ctl_client_t *client, const char *file);
static void ctl_author(ctl_client_t *client);
static void ctl_header(ctl_client_t *client, const char *fmt, ...)
    FIG_PRINTF(2, 3);
static void ctl_setup(ctl_client_t *client, const char *method,
    const char *url, json_object *body, ctl_answer_t *answer);
static int ctl_perform(ctl_client_t *client, const ctl_options_t *options,
    bool quiet, ctl_answer_t *answer);
static void ctl_silence(ctl_client_t *client, const ctl_options_t *options,
    CURLcode rc);
static int ctl_parse(ctl_answer_t *answer);
static size_t ctl_write(char *data, size_t size, size_t n, void *arg);


const char *
ctl_source(const ctl_options_t *options)
{
    const char  *source;

    source = options->extra[CTL_OPT_SOURCE];

    return source != NULL ? source : "";
}


char *
ctl_path(const char *fmt, ...)
{
    char        *escaped, *path;
    FILE        *out;
    size_t       len, size;
    va_list      args;
    const char  *p;

    path = NULL;
    out = open_memstream(&path, &size);

    if (out == NULL) {
        return NULL;
    }

    va_start(args, fmt);

    for (p = fmt; *p != '\0'; p++) {

        if (p[0] != '%' || p[1] != 's') {
            fputc(*p, out);
            continue;
        }

        p++;
        escaped = va_arg(args, char *);
        len = strlen(escaped);

        /* to curl a length of 0 means that it has to look for itself */

        if (len > 0) {
            escaped = curl_easy_escape(NULL, escaped, (int) len);
            fputs(escaped != NULL ? escaped : "", out);
            curl_free(escaped);
        }
    }

    va_end(args);

    if (fclose(out) != 0) {
        free(path);
        return NULL;
    }

    return path;
}


int
ctl_call(const ctl_options_t *options, const char *method, char *path,
    json_object *body, bool quiet, ctl_answer_t *answer)
{
    int   rc;
    bool  worker;
    long  status;

    worker = path != NULL && strncmp(path, "/workers/", 9) == 0;
    rc = ctl_exchange(options, method, path, body, quiet, answer);

    if (rc == CTL_OK && worker && !quiet && ctl_no_worker(answer)) {
        ctl_error("the gateway knows no worker \"%s\" that follows others; "
                  "--worker=NAME names another", options->worker);
        ctl_answer_clear(answer);
        return CTL_REFUSED;
    }

    if (rc == CTL_OK && answer->json == NULL) {

        if (!quiet) {
            ctl_foreign(options, answer);
        }

        status = answer->status;
        ctl_answer_clear(answer);
        answer->status = status;
        rc = CTL_UNREACHABLE;
    }

    return rc;
}


int
ctl_fetch(const ctl_options_t *options, char *path, ctl_answer_t *answer)
{
    int  rc;

    rc = ctl_exchange(options, "GET", path, NULL, true, answer);

    if (rc == CTL_OK && (answer->status != 200 || answer->body == NULL)) {
        ctl_answer_clear(answer);
        rc = CTL_REFUSED;
    }

    return rc;
}


static int
ctl_exchange(const ctl_options_t *options, const char *method, char *path,
    json_object *body, bool quiet, ctl_answer_t *answer)
{
    int           rc;
    char         *url;
    size_t        len;
    ctl_client_t  client;

    memset(answer, 0, sizeof(ctl_answer_t));
    memset(&client, 0, sizeof(ctl_client_t));

    url = NULL;
    client.curl = curl_easy_init();
    len = strlen(options->url);

    while (len > 0 && options->url[len - 1] == '/') {
        len--;
    }

    if (client.curl == NULL || path == NULL
        || asprintf(&url, "%.*s%s%s", (int) len, options->url,
                    path[0] == '/' ? "" : "/api/v1/", path)
           == -1)
    {
        ctl_error("out of memory");
        url = NULL;
        rc = CTL_UNREACHABLE;
        goto done;
    }

    if (body != NULL) {
        ctl_header(&client, "Content-Type: application/json");
        ctl_header(&client, "Expect:");
    }

    client.change = (strcmp(method, "GET") != 0);
    rc = ctl_headers(&client, options);

    if (rc == CTL_OK) {
        ctl_setup(&client, method, url, body, answer);
        rc = ctl_perform(&client, options, quiet, answer);
    }

done:

    curl_slist_free_all(client.headers);
    curl_easy_cleanup(client.curl);
    json_object_put(body);
    free(path);
    free(url);

    if (rc != CTL_OK) {
        ctl_answer_clear(answer);
    }

    return rc;
}


/* nginx, the gateway's own problem, or a worker without such routes */

static bool
ctl_no_worker(const ctl_answer_t *answer)
{
    return answer->status == 404
           && (answer->json == NULL
               || strncmp(ctl_get_text(answer->json, "detail"),
                          "there is nothing", 16)
                  == 0);
}


static int
ctl_headers(ctl_client_t *client, const ctl_options_t *options)
{
    ctl_header(client, "Accept: application/json, application/problem+json");

    if (!client->change) {
        return CTL_OK;
    }

    ctl_author(client);

    if (options->if_match != NULL) {
        ctl_header(client, "If-Match: \"%s\"", options->if_match);
    }

    if (options->reason != NULL) {
        ctl_header(client, "X-Reason: %s", options->reason);
    }

    if (options->token_file != NULL) {
        return ctl_token(client, options->token_file);
    }

    return CTL_OK;
}


static int
ctl_token(ctl_client_t *client, const char *file)
{
    char   token[CTL_TOKEN_MAX];
    FILE  *in;

    in = fopen(file, "re");

    if (in == NULL || fgets(token, sizeof(token), in) == NULL) {
        ctl_error("no token can be read from %s: %s", file,
                  (in == NULL || ferror(in)) ? strerror(errno) : "it is empty");

        if (in != NULL) {
            fclose(in);
        }

        return CTL_USAGE;
    }

    fclose(in);
    token[strcspn(token, "\r\n")] = '\0';
    ctl_header(client, "Authorization: Bearer %s", token);

    return CTL_OK;
}


/* who it was, for the history; by sudo(8) who has typed that */

static void
ctl_author(ctl_client_t *client)
{
    char            host[65];
    const char     *name;
    struct passwd  *user;

    user = getpwuid(getuid());

    if (user == NULL || gethostname(host, sizeof(host)) != 0) {
        return;
    }

    name = (user->pw_uid == 0) ? getenv("SUDO_USER") : NULL;

    if (name == NULL || name[0] == '\0') {
        name = user->pw_name;
    }

    host[sizeof(host) - 1] = '\0';
    ctl_header(client, "X-Changed-By: %.31s@%.32s", name, host);
}


static void
ctl_header(ctl_client_t *client, const char *fmt, ...)
{
    int                 n;
    char                line[CTL_FIELD_MAX];
    va_list             args;
    const char         *p;
    struct curl_slist  *list;

    va_start(args, fmt);
    n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);

    if (n < 0 || (size_t) n >= sizeof(line)) {
        client->failed = "a header is too long";
        return;
    }

    for (p = line; *p != '\0'; p++) {

        /* a line end would begin another header */

        if ((unsigned char) *p < ' ' || *p == 0x7f) {
            client->failed = "a reason, a generation and a token are one line "
                             "without control characters";
            return;
        }
    }

    list = curl_slist_append(client->headers, line);

    if (list == NULL) {
        client->failed = "out of memory";
        return;
    }

    client->headers = list;
}


static void
ctl_setup(ctl_client_t *client, const char *method, const char *url,
    json_object *body, ctl_answer_t *answer)
{
    CURL  *curl;

    curl = client->curl;

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->error);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ctl_write);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    (void) curl_easy_setopt(curl, CURLOPT_USERAGENT, "ficusctl");
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 3000L);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 15000L);
    (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");

    if (body != NULL) {
        (void) curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS,
                                json_object_to_json_string_ext(body,
                                                      JSON_C_TO_STRING_PLAIN));
    }
}


static int
ctl_perform(ctl_client_t *client, const ctl_options_t *options, bool quiet,
    ctl_answer_t *answer)
{
    CURLcode  rc;

    if (client->failed != NULL) {
        ctl_error("%s", client->failed);
        return CTL_USAGE;
    }

    rc = curl_easy_perform(client->curl);

    if (rc != CURLE_OK) {

        if (!quiet) {
            ctl_silence(client, options, rc);
        }

        return CTL_UNREACHABLE;
    }

    (void) curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE,
                             &answer->status);

    return ctl_parse(answer);
}


/* what was sent may have been heard */

static void
ctl_silence(ctl_client_t *client, const ctl_options_t *options, CURLcode rc)
{
    long         sent;
    const char  *error;

    sent = 0;
    (void) curl_easy_getinfo(client->curl, CURLINFO_REQUEST_SIZE, &sent);
    error = client->error[0] != '\0' ? client->error
                                     : curl_easy_strerror(rc);

    if (sent == 0) {
        ctl_error("%s can't be reached: %s\n"
                  "  does nginx run there? --url=URL names another admin port",
                  options->url, error);

    } else if (client->change) {
        ctl_error("%s has not answered: %s\n"
                  "  the change may have been made or not; ficusctl status "
                  "tells", options->url, error);

    } else {
        ctl_error("%s has not answered: %s", options->url, error);
    }
}


/* an answer with a NUL in it is no JSON */

static int
ctl_parse(ctl_answer_t *answer)
{
    char              *text;
    fig_status_t       rc;
    fig_json_error_t   error;

    if (answer->body == NULL || strlen(answer->body) != answer->len) {
        return CTL_OK;
    }

    text = strdup(answer->body);

    if (text == NULL) {
        ctl_error("out of memory");
        return CTL_UNREACHABLE;
    }

    ctl_defuse(text);
    rc = fig_json_parse(fig_str_from(text), &answer->json, &error);
    free(text);

    if (rc == FIG_OK && !json_object_is_type(answer->json, json_type_object)
        && !json_object_is_type(answer->json, json_type_array))
    {
        json_object_put(answer->json);
        answer->json = NULL;
    }

    return CTL_OK;
}


static size_t
ctl_write(char *data, size_t size, size_t n, void *arg)
{
    char          *body;
    size_t         len;
    ctl_answer_t  *answer;

    answer = arg;
    len = size * n;

    if (len > CTL_BODY_MAX - answer->len) {
        return 0;
    }

    body = realloc(answer->body, answer->len + len + 1);

    if (body == NULL) {
        return 0;
    }

    memcpy(body + answer->len, data, len);
    answer->len += len;
    body[answer->len] = '\0';
    answer->body = body;

    return len;
}


void
ctl_answer_clear(ctl_answer_t *answer)
{
    json_object_put(answer->json);
    free(answer->body);
    memset(answer, 0, sizeof(ctl_answer_t));
}
