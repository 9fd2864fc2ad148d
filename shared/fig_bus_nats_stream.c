
/*
 * Copyright (C) Ficus authors
 */


#include "fig_bus_nats.h"
#include "fig_log.h"
#include <stdio.h>
#include <string.h>


#define FIG_NATS_NS        1000000
#define FIG_NATS_TEXT      512

/* how long a message id is remembered, ns */
#define FIG_NATS_DUPLICATES  (120000 * (int64_t) FIG_NATS_NS)


static fig_status_t fig_nats_declare(fig_nats_session_t *session,
    const fig_stream_t *stream, jsStreamInfo **info);
static fig_status_t fig_nats_create(fig_nats_session_t *session,
    const fig_stream_t *stream, jsStreamInfo **info);
static fig_status_t fig_nats_compare(fig_nats_session_t *session,
    const fig_stream_t *stream, jsStreamInfo **info);
static fig_status_t fig_nats_agrees(fig_nats_t *nats,
    const fig_stream_t *stream, const jsStreamConfig *is);
static const char *fig_nats_differs(const fig_stream_t *stream,
    const jsStreamConfig *is, char *text, size_t size);
static fig_status_t fig_nats_update(fig_nats_session_t *session,
    jsStreamInfo **info);
static void fig_nats_limits(fig_nats_t *nats, jsStreamConfig *config);
static void fig_nats_tell(fig_stream_info_t *info, jsStreamInfo *is);


fig_status_t
fig_nats_stream(void *self, const fig_stream_t *stream,
    fig_stream_info_t *info)
{
    fig_status_t         rc;
    jsStreamInfo        *is;
    fig_nats_session_t  *session;

    memset(info, 0, sizeof(fig_stream_info_t));
    session = fig_nats_enter(self);

    if (session == NULL) {
        return FIG_AGAIN;
    }

    is = NULL;
    rc = fig_nats_declare(session, stream, &is);

    if (rc == FIG_OK) {
        fig_nats_tell(info, is);
    }

    jsStreamInfo_Destroy(is);
    fig_nats_leave(session);

    return rc;
}


fig_status_t
fig_nats_stream_info(void *self, const fig_stream_t *stream,
    fig_stream_info_t *info)
{
    jsErrCode            code;
    natsStatus           s;
    fig_status_t         rc;
    jsStreamInfo        *is;
    fig_nats_session_t  *session;

    memset(info, 0, sizeof(fig_stream_info_t));
    session = fig_nats_enter(self);

    if (session == NULL) {
        return FIG_AGAIN;
    }

    is = NULL;
    s = js_GetStreamInfo(&is, session->js, stream->name, NULL, &code);
    rc = fig_nats_status(self, s, code, stream->name);

    if (rc == FIG_OK) {
        rc = fig_nats_agrees(self, stream, is->Config);
    }

    if (rc == FIG_OK) {
        fig_nats_tell(info, is);
    }

    jsStreamInfo_Destroy(is);
    fig_nats_leave(session);

    return rc;
}


fig_status_t
fig_nats_stream_time(void *self, const fig_stream_t *stream, uint64_t seq,
    int64_t *time)
{
    natsMsg             *message;
    jsErrCode            code;
    natsStatus           s;
    fig_status_t         rc;
    fig_nats_session_t  *session;

    *time = 0;
    session = fig_nats_enter(self);

    if (session == NULL) {
        return FIG_AGAIN;
    }

    message = NULL;
    s = js_GetMsg(&message, session->js, stream->name, seq, NULL, &code);
    rc = fig_nats_status(self, s, code, stream->name);

    if (rc == FIG_OK) {
        *time = natsMsg_GetTime(message);
    }

    natsMsg_Destroy(message);
    fig_nats_leave(session);

    return rc;
}


static fig_status_t
fig_nats_declare(fig_nats_session_t *session, const fig_stream_t *stream,
    jsStreamInfo **info)
{
    jsErrCode     code;
    natsStatus    s;
    fig_status_t  rc;

    s = js_GetStreamInfo(info, session->js, stream->name, NULL, &code);
    rc = fig_nats_status(session->nats, s, code, stream->name);

    if (rc == FIG_DECLINED) {
        rc = fig_nats_create(session, stream, info);

        if (rc != FIG_CONFLICT) {
            return rc;
        }

        /* another process was faster */
        s = js_GetStreamInfo(info, session->js, stream->name, NULL, &code);
        rc = fig_nats_status(session->nats, s, code, stream->name);
    }

    if (rc == FIG_OK) {
        rc = fig_nats_compare(session, stream, info);
    }

    return rc;
}


static fig_status_t
fig_nats_create(fig_nats_session_t *session, const fig_stream_t *stream,
    jsStreamInfo **info)
{
    jsErrCode        code;
    natsStatus       s;
    const char      *subjects;
    jsStreamConfig   config;

    s = jsStreamConfig_Init(&config);

    if (s != NATS_OK) {
        return FIG_ERROR;
    }

    subjects = stream->subjects;
    config.Name = stream->name;
    config.Subjects = &subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    config.Retention = js_LimitsPolicy;
    fig_nats_limits(session->nats, &config);

    s = js_AddStream(info, session->js, &config, NULL, &code);

    if (s != NATS_OK && code == JSStreamNameExistErr) {
        return FIG_CONFLICT;
    }

    if (s == NATS_OK) {
        fig_log_info("made stream %s", stream->name);
    }

    return fig_nats_status(session->nats, s, code, stream->name);
}


static fig_status_t
fig_nats_compare(fig_nats_session_t *session, const fig_stream_t *stream,
    jsStreamInfo **info)
{
    jsStreamConfig  before, *is;

    is = (*info)->Config;

    if (fig_nats_agrees(session->nats, stream, is) != FIG_OK) {
        return FIG_CONFLICT;
    }

    before = *is;
    fig_nats_limits(session->nats, is);

    if (before.MaxBytes == is->MaxBytes && before.MaxAge == is->MaxAge
        && before.Discard == is->Discard
        && before.Duplicates == is->Duplicates)
    {
        return FIG_OK;
    }

    fig_log_info("stream %s gets other limits", stream->name);

    return fig_nats_update(session, info);
}


static fig_status_t
fig_nats_agrees(fig_nats_t *nats, const fig_stream_t *stream,
    const jsStreamConfig *is)
{
    const char  *differs;
    char         text[FIG_NATS_TEXT];

    differs = fig_nats_differs(stream, is, text, sizeof(text));

    if (differs == NULL) {
        return FIG_OK;
    }

    fig_nats_complain(nats, "stream %s is there with other %s; rename or "
                      "remove it", stream->name, differs);

    return FIG_CONFLICT;
}


/* static, or in text */

static const char *
fig_nats_differs(const fig_stream_t *stream, const jsStreamConfig *is,
    char *text, size_t size)
{
    if (is->SubjectsLen == 0) {
        return "subjects (none)";
    }

    if (is->SubjectsLen != 1
        || strcmp(is->Subjects[0], stream->subjects) != 0)
    {
        (void) snprintf(text, size, "subjects (\"%s\"%s, not \"%s\")",
                        is->Subjects[0], is->SubjectsLen > 1 ? ", ..." : "",
                        stream->subjects);
        return text;
    }

    if (is->Retention == js_InterestPolicy) {
        return "retention (interest, not limits)";
    }

    if (is->Retention == js_WorkQueuePolicy) {
        return "retention (workqueue, not limits)";
    }

    if (is->Storage != js_FileStorage) {
        return "storage (memory, not file)";
    }

    return NULL;
}


static fig_status_t
fig_nats_update(fig_nats_session_t *session, jsStreamInfo **info)
{
    jsErrCode      code;
    natsStatus     s;
    fig_status_t   rc;
    jsStreamInfo  *updated;

    updated = NULL;
    s = js_UpdateStream(&updated, session->js, (*info)->Config, NULL, &code);
    rc = fig_nats_status(session->nats, s, code, (*info)->Config->Name);

    if (rc == FIG_OK) {
        jsStreamInfo_Destroy(*info);
        *info = updated;
    }

    return rc;
}


static void
fig_nats_limits(fig_nats_t *nats, jsStreamConfig *config)
{
    config->MaxBytes = (int64_t) nats->conf.stream_max_bytes;
    config->MaxAge = (int64_t) nats->conf.stream_max_age * FIG_NATS_NS;
    config->Discard = js_DiscardOld;
    config->Duplicates = FIG_NATS_DUPLICATES;

    /* the server wants it not to be longer than a message lives */
    if (config->MaxAge != 0 && config->MaxAge < config->Duplicates) {
        config->Duplicates = config->MaxAge;
    }
}


static void
fig_nats_tell(fig_stream_info_t *info, jsStreamInfo *is)
{
    info->created = is->Created;
    info->first_seq = is->State.FirstSeq;
    info->last_seq = is->State.LastSeq;
}


fig_status_t
fig_nats_status(fig_nats_t *nats, natsStatus s, jsErrCode code,
    const char *what)
{
    const char  *text;

    if (s == NATS_OK) {
        return FIG_OK;
    }

    switch (code) {

    case JSStreamNotFoundErr:
    case JSConsumerNotFoundErr:
    case JSNoMessageFoundErr:
        return FIG_DECLINED;

    case JSNotEnabledErr:
    case JSNotEnabledForAccountErr:
        return FIG_AGAIN;

    default:
        break;
    }

    if (code != 0) {
        text = nats_GetLastError(NULL);
        fig_nats_complain(nats, "JetStream refused %s: %s (%d)", what,
                          text ? text : natsStatus_GetText(s), (int) code);
        return FIG_ERROR;
    }

    return s == NATS_NOT_FOUND ? FIG_DECLINED
         : s == NATS_NO_MEMORY ? FIG_ERROR : FIG_AGAIN;
}
