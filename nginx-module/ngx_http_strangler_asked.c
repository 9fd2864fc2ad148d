
/*
 * Copyright (C) Ficus authors
 */


/* The directives that say which requests another arm is asked, too. */


#include "ngx_http_strangler_shadow.h"
#include "ngx_http_strangler_conf.h"


#define NGX_HTTP_STRANGLER_RULES  64


/* a list with commas, kept as an array of ngx_str_t at offset */

typedef struct {
    ngx_str_t                    name;
    size_t                       offset;
    ngx_uint_t                   max;
    ngx_uint_t                   lowcase;
} ngx_http_strangler_words_t;


static char *ngx_http_strangler_conf_methods(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *list, ngx_uint_t *methods);
static ngx_uint_t ngx_http_strangler_conf_method(ngx_str_t *name);
static char *ngx_http_strangler_conf_list(ngx_conf_t *cf, ngx_str_t *list,
    const ngx_http_strangler_words_t *words,
    ngx_http_strangler_shadow_conf_t *shadow);
static ngx_uint_t ngx_http_strangler_next_word(ngx_str_t *list,
    ngx_str_t *word);


static const ngx_conf_bitmask_t  ngx_http_strangler_methods[] = {
    { ngx_string("GET"), NGX_HTTP_GET },
    { ngx_string("HEAD"), NGX_HTTP_HEAD },
    { ngx_string("POST"), NGX_HTTP_POST },
    { ngx_string("PUT"), NGX_HTTP_PUT },
    { ngx_string("DELETE"), NGX_HTTP_DELETE },
    { ngx_string("MKCOL"), NGX_HTTP_MKCOL },
    { ngx_string("COPY"), NGX_HTTP_COPY },
    { ngx_string("MOVE"), NGX_HTTP_MOVE },
    { ngx_string("OPTIONS"), NGX_HTTP_OPTIONS },
    { ngx_string("PROPFIND"), NGX_HTTP_PROPFIND },
    { ngx_string("PROPPATCH"), NGX_HTTP_PROPPATCH },
    { ngx_string("LOCK"), NGX_HTTP_LOCK },
    { ngx_string("UNLOCK"), NGX_HTTP_UNLOCK },
    { ngx_string("PATCH"), NGX_HTTP_PATCH },
    { ngx_null_string, 0 }
};


static const ngx_http_strangler_setting_t  ngx_http_strangler_shadow[] = {

    { ngx_string("share="),
      offsetof(ngx_http_strangler_shadow_conf_t, share),
      ngx_http_strangler_percent_e, 0, 10000 },

    { ngx_string("in_flight="),
      offsetof(ngx_http_strangler_shadow_conf_t, in_flight),
      ngx_http_strangler_number_e, 1, 100000 },

    { ngx_string("body="),
      offsetof(ngx_http_strangler_shadow_conf_t, body),
      ngx_http_strangler_size_e, 0, 16 * 1024 * 1024 },

    { ngx_string("noise="),
      offsetof(ngx_http_strangler_shadow_conf_t, noise),
      ngx_http_strangler_number_e, 0, 1000000 },

    { ngx_string("timeout="),
      offsetof(ngx_http_strangler_shadow_conf_t, timeout),
      ngx_http_strangler_time_e, 1, 3600000 },

    { ngx_null_string, 0, 0, 0, 0 }
};


static const ngx_http_strangler_setting_t  ngx_http_strangler_diff[] = {

    { ngx_string("examples="),
      offsetof(ngx_http_strangler_shadow_conf_t, examples),
      ngx_http_strangler_number_e, 0, 100 },

    { ngx_string("relative="),
      offsetof(ngx_http_strangler_shadow_conf_t, relative),
      ngx_http_strangler_percent_e, 0, 10000 },

    { ngx_string("absolute="),
      offsetof(ngx_http_strangler_shadow_conf_t, absolute),
      ngx_http_strangler_percent_e, 0, 10000 },

    { ngx_null_string, 0, 0, 0, 0 }
};


static const ngx_http_strangler_words_t  ngx_http_strangler_words[] = {

    { ngx_string("ignore="),
      offsetof(ngx_http_strangler_shadow_conf_t, ignore),
      NGX_HTTP_STRANGLER_RULES, 0 },

    { ngx_string("headers="),
      offsetof(ngx_http_strangler_shadow_conf_t, headers),
      NGX_HTTP_STRANGLER_HEADERS, 1 },

    { ngx_string("mask="),
      offsetof(ngx_http_strangler_shadow_conf_t, mask),
      NGX_HTTP_STRANGLER_RULES, 1 },

    { ngx_null_string, 0, 0, 0 }
};


static ngx_str_t  ngx_http_strangler_default_headers =
    ngx_string("content-type,grpc-status");

static ngx_str_t  ngx_http_strangler_default_mask =
    ngx_string("passw,pwd,token,secret,authorization,cookie,session,"
               "credential,apikey,api_key,api-key,private,email,phone,"
               "address,birth,iban,card,cvv,ssn");


char *
ngx_http_strangler_conf_shadow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t                         *value, list;
    ngx_uint_t                         i;
    ngx_http_strangler_shadow_conf_t  *shadow;

    if (scf->split == NULL) {
        return "must come after \"strangler\"";
    }

    if (scf->split->shadow) {
        return "is duplicate";
    }

    shadow = ngx_pcalloc(cf->pool, sizeof(ngx_http_strangler_shadow_conf_t));
    if (shadow == NULL) {
        return NGX_CONF_ERROR;
    }

    shadow->methods = NGX_HTTP_GET|NGX_HTTP_HEAD;
    shadow->in_flight = 64;
    shadow->body = 65536;
    shadow->noise = 20;
    shadow->timeout = 10000;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "methods=", 8) == 0) {
            list.data = value[i].data + 8;
            list.len = value[i].len - 8;

            shadow->methods = 0;

            if (ngx_http_strangler_conf_methods(cf, &value[i], &list,
                                                &shadow->methods)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_http_strangler_conf_setting(cf, shadow,
                                            ngx_http_strangler_shadow,
                                            &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_array_init(&shadow->ignore, cf->pool, 4, sizeof(ngx_str_t))
        != NGX_OK
        || ngx_http_strangler_conf_list(cf,
                                        &ngx_http_strangler_default_headers,
                                        &ngx_http_strangler_words[1], shadow)
           != NGX_CONF_OK
        || ngx_http_strangler_conf_list(cf, &ngx_http_strangler_default_mask,
                                        &ngx_http_strangler_words[2], shadow)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    shadow->examples = 5;
    shadow->relative = 2000;
    shadow->absolute = 3;

    scf->split->shadow = shadow;
    scf->split->main->shadowed++;

    return NGX_CONF_OK;
}


char *
ngx_http_strangler_conf_shadow_methods(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_strangler_loc_conf_t *lcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (lcf->shadow_methods != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    lcf->shadow_methods = 0;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->shadow_methods = NGX_HTTP_STRANGLER_NO_METHODS;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_strangler_conf_methods(cf, &value[i], &value[i],
                                            &lcf->shadow_methods)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* names with commas between them */

static char *
ngx_http_strangler_conf_methods(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *list, ngx_uint_t *methods)
{
    ngx_str_t   rest, name;
    ngx_uint_t  method;

    rest = *list;

    while (ngx_http_strangler_next_word(&rest, &name)) {

        method = ngx_http_strangler_conf_method(&name);

        if (method == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown method \"%V\" in \"%V\"", &name,
                               value);
            return NGX_CONF_ERROR;
        }

        *methods |= method;
    }

    return NGX_CONF_OK;
}


/* 0 if there is no such method */

static ngx_uint_t
ngx_http_strangler_conf_method(ngx_str_t *name)
{
    const ngx_conf_bitmask_t  *m;

    for (m = ngx_http_strangler_methods; m->name.len; m++) {
        if (m->name.len == name->len
            && ngx_memcmp(m->name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    return m->mask;
}


char *
ngx_http_strangler_conf_diff(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_strangler_srv_conf_t *scf = conf;

    ngx_str_t                         *value, list;
    ngx_uint_t                         i;
    const ngx_http_strangler_words_t  *words;
    ngx_http_strangler_shadow_conf_t  *shadow;

    if (scf->split == NULL || scf->split->shadow == NULL) {
        return "must come after \"strangler_shadow\"";
    }

    shadow = scf->split->shadow;

    if (shadow->diff) {
        return "is duplicate";
    }

    shadow->diff = 1;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (words = ngx_http_strangler_words; words->name.len; words++) {
            if (ngx_strncmp(value[i].data, words->name.data, words->name.len)
                == 0)
            {
                break;
            }
        }

        list.data = value[i].data + words->name.len;
        list.len = value[i].len - words->name.len;

        if (words->name.len
            ? ngx_http_strangler_conf_list(cf, &list, words, shadow)
              != NGX_CONF_OK
            : ngx_http_strangler_conf_setting(cf, shadow,
                                              ngx_http_strangler_diff,
                                              &value[i])
              != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* in the place of what was there; an empty list is none */

static char *
ngx_http_strangler_conf_list(ngx_conf_t *cf, ngx_str_t *list,
    const ngx_http_strangler_words_t *words,
    ngx_http_strangler_shadow_conf_t *shadow)
{
    ngx_str_t     rest, word, *s;
    ngx_array_t  *array;

    array = (ngx_array_t *) ((char *) shadow + words->offset);
    rest = *list;

    if (ngx_array_init(array, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (list->len && ngx_http_strangler_next_word(&rest, &word)) {

        if (word.len == 0 || array->nelts == words->max) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s in \"%V%V\"",
                               word.len ? "too many values" : "empty value",
                               &words->name, list);
            return NGX_CONF_ERROR;
        }

        s = ngx_array_push(array);
        if (s == NULL) {
            return NGX_CONF_ERROR;
        }

        *s = word;

        if (words->lowcase) {
            s->data = ngx_pnalloc(cf->pool, word.len);
            if (s->data == NULL) {
                return NGX_CONF_ERROR;
            }

            ngx_strlow(s->data, word.data, word.len);
        }
    }

    return NGX_CONF_OK;
}


/* 0 at the end; what is between commas, even if that is nothing */

static ngx_uint_t
ngx_http_strangler_next_word(ngx_str_t *list, ngx_str_t *word)
{
    u_char  *p, *end;

    if (list->data == NULL) {
        return 0;
    }

    p = list->data;
    end = p + list->len;

    while (p < end && *p != ',') {
        p++;
    }

    word->data = list->data;
    word->len = p - list->data;

    if (p == end) {
        ngx_str_null(list);

    } else {
        list->len = end - p - 1;
        list->data = p + 1;
    }

    return 1;
}
