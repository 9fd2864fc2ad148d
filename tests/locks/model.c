
/*
 * Copyright (C) Ficus authors
 */


#include "fence.h"
#include "model.h"
#include "watch.h"
#include <ucontext.h>


#define MODEL_STACK     262144
#define MODEL_CHUNK     4096
#define MODEL_FENCES    32
#define MODEL_BYTES     1000
#define MODEL_NAME      96


/* a store on its way to one process; stores of an epoch come in any order */

typedef struct model_store_s  model_store_t;

struct model_store_s {
    model_store_t     *next;
    size_t             offset;
    size_t             size;
    unsigned           epoch;
    u_char             bytes[MODEL_CHUNK];
};


/* the last one is where the next is put */

typedef struct {
    model_store_t     *first;
    model_store_t    **last;
    unsigned           n;
} model_queue_t;


typedef struct {
    ucontext_t         context;
    u_char            *view;
    u_char            *stack;
    size_t             offset;      /* of a store that is being made */
    size_t             size;
    unsigned           epoch;
    unsigned           ended;
    model_queue_t      sent[MODEL_PROCESSES];
    model_queue_t      arrived;     /* and not seen yet */
    model_process_pt   run;
} model_process_t;


/* the memory is not to be watched while the model itself copies */

void *__real_memcpy(void *to, const void *from, size_t n);

static void model_main(int number);
static void model_switch(void);
static unsigned model_below(unsigned n);
static void model_point(void);
static void model_send(model_process_t *p);
static void model_store(model_process_t *p, size_t offset, size_t size);
static void model_put(model_queue_t *queue, model_store_t *store);
static unsigned model_move(model_queue_t *queue, unsigned nth, unsigned epochs,
    model_store_t **store);
static unsigned model_overlaps(model_store_t *from, model_store_t *store);
static void model_deliver(model_process_t *from, unsigned to, unsigned all);
static void model_see(model_process_t *p, unsigned all);
static unsigned model_is_left_out(const char *function, int line);
static void model_clear(model_queue_t *queue);


static model_process_t   model_processes[MODEL_PROCESSES];
static model_process_t  *model_self;        /* NULL between runs */
static unsigned          model_n;
static size_t            model_size;
static uint64_t          model_seed;
static unsigned          model_pace;
static ngx_shmtx_t      *model_mutex;
static const char       *model_failed;
static const char       *model_left_out;
static ucontext_t        model_end;
static char              model_names[MODEL_FENCES][MODEL_NAME];


void
model_run(const model_process_pt *process, unsigned n, void *memory,
    size_t size, uint64_t seed)
{
    unsigned          i, k;
    model_process_t  *p;

    model_n = n;
    model_size = size;
    model_seed = seed * 0x9e3779b97f4a7c15u + 1;
    model_failed = NULL;
    model_mutex = NULL;
    model_pace = 1u << model_below(10);

    for (i = 0; i < n; i++) {
        p = &model_processes[i];

        if (p->stack == NULL) {
            p->stack = malloc(MODEL_STACK);
            p->view = malloc(size);
        }

        memcpy(p->view, memory, size);

        p->run = process[i];
        p->epoch = 0;
        p->ended = 0;
        p->size = 0;
        p->arrived.last = &p->arrived.first;

        for (k = 0; k < n; k++) {
            p->sent[k].last = &p->sent[k].first;
        }

        (void) getcontext(&p->context);

        p->context.uc_stack.ss_sp = p->stack;
        p->context.uc_stack.ss_size = MODEL_STACK;
        p->context.uc_link = NULL;

        makecontext(&p->context, (void (*)(void))(uintptr_t) model_main, 1,
                    (int) i);
    }

    model_self = &model_processes[0];
    (void) swapcontext(&model_end, &model_self->context);
    model_self = NULL;

    for (i = 0; i < n; i++) {
        model_clear(&model_processes[i].arrived);

        for (k = 0; k < n; k++) {
            model_clear(&model_processes[i].sent[k]);
        }
    }
}


static void
model_main(int number)
{
    model_process_t  *p;

    p = &model_processes[number];

    p->run((unsigned) number, p->view);

    model_send(p);
    p->ended = 1;

    model_switch();
}


/* to any that has not ended, itself included */

static void
model_switch(void)
{
    unsigned          i, n;
    model_process_t  *from;

    from = model_self;

    for (i = 0, n = 0; i < model_n; i++) {
        n += !model_processes[i].ended;
    }

    if (n == 0) {
        (void) setcontext(&model_end);
    }

    n = model_below(n);

    for (i = 0; model_processes[i].ended || n--; i++) { /* void */ }

    model_self = &model_processes[i];

    if (model_self != from) {
        (void) swapcontext(&from->context, &model_self->context);
    }
}


/* xorshift64 */

uint64_t
model_random(void)
{
    model_seed ^= model_seed << 13;
    model_seed ^= model_seed >> 7;
    model_seed ^= model_seed << 17;

    return model_seed >> 11;
}


static unsigned
model_below(unsigned n)
{
    return (unsigned) (model_random() % n);
}


/* between any two accesses to the memory */

static void
model_point(void)
{
    unsigned  i, k;

    if (model_below(model_pace)) {
        return;
    }

    for (i = 0; i < model_n; i++) {
        for (k = 0; k < model_n; k++) {
            model_deliver(&model_processes[i], k, 0);
        }

        model_see(&model_processes[i], 0);
    }

    model_switch();
}


int
watch_access(void *addr, size_t size, watch_access_e access, void *pc)
{
    size_t  offset;

    if (model_self == NULL) {
        return 0;
    }

    offset = (size_t) ((u_char *) addr - model_self->view);

    if ((u_char *) addr < model_self->view || offset >= model_size) {
        return 0;
    }

    model_send(model_self);

    /* who reads byte by byte is not to be that much slower than others */

    if (size > 1 || model_below(MODEL_BYTES) == 0) {
        model_point();
    }

    if (access != watch_read) {
        model_self->offset = offset;
        model_self->size = size;
    }

    return 0;
}


void
watch_enter(void)
{
    /* void */
}


void
watch_leave(void *pc)
{
    if (model_self) {
        model_send(model_self);
    }
}


/* what the process has stored last is in its view by now */

static void
model_send(model_process_t *p)
{
    size_t  n, offset;

    for (offset = p->offset; p->size; offset += n, p->size -= n) {
        n = ngx_min(p->size, MODEL_CHUNK);
        model_store(p, offset, n);
    }
}


static void
model_store(model_process_t *p, size_t offset, size_t size)
{
    unsigned        i;
    model_store_t  *store;

    for (i = 0; i < model_n; i++) {

        if (p == &model_processes[i]) {
            continue;
        }

        store = malloc(sizeof(model_store_t));

        if (store == NULL) {
            abort();
        }

        store->offset = offset;
        store->size = size;
        store->epoch = p->epoch;
        __real_memcpy(store->bytes, p->view + offset, size);

        model_put(&p->sent[i], store);
    }
}


static void
model_put(model_queue_t *queue, model_store_t *store)
{
    store->next = NULL;
    *queue->last = store;
    queue->last = &store->next;
    queue->n++;
}


/* takes the n-th out, unless it has to come after one before it */

static unsigned
model_move(model_queue_t *queue, unsigned nth, unsigned epochs,
    model_store_t **store)
{
    model_store_t  **p, *s;

    for (p = &queue->first; *p && nth; p = &(*p)->next) {
        nth--;
    }

    s = *p;

    if (s == NULL || (epochs && s->epoch != queue->first->epoch)
        || model_overlaps(queue->first, s))
    {
        return 0;
    }

    *p = s->next;

    if (queue->last == &s->next) {
        queue->last = p;
    }

    queue->n--;
    *store = s;

    return 1;
}


/* whether one of those before it is to the same place */

static unsigned
model_overlaps(model_store_t *from, model_store_t *store)
{
    for ( /* void */ ; from != store; from = from->next) {
        if (from->offset < store->offset + store->size
            && store->offset < from->offset + from->size)
        {
            return 1;
        }
    }

    return 0;
}


static void
model_deliver(model_process_t *from, unsigned to, unsigned all)
{
    unsigned        left;
    model_store_t  *store;
    model_queue_t  *queue;

    queue = &from->sent[to];
    left = all ? 0 : model_below(queue->n + 1);

    while (queue->n > left) {
        if (model_move(queue, all ? 0 : model_below(queue->n), 1, &store))
        {
            model_put(&model_processes[to].arrived, store);
        }
    }
}


static void
model_see(model_process_t *p, unsigned all)
{
    unsigned        left;
    model_store_t  *store;

    left = all ? 0 : model_below(p->arrived.n + 1);

    while (p->arrived.n > left) {
        if (model_move(&p->arrived, all ? 0 : model_below(p->arrived.n), 0,
                       &store))
        {
            __real_memcpy(p->view + store->offset, store->bytes, store->size);
            free(store);
        }
    }
}


static void
model_clear(model_queue_t *queue)
{
    model_store_t  *store;

    while (queue->first) {
        store = queue->first;
        queue->first = store->next;
        free(store);
    }

    queue->last = &queue->first;
    queue->n = 0;
}


/* what is stored later comes later; what is loaded later is not older */

void
model_fence(const char *function, int line)
{
    model_send(model_self);
    model_point();

    if (model_is_left_out(function, line)) {
        return;
    }

    model_self->epoch++;
    model_see(model_self, 1);
}


static unsigned
model_is_left_out(const char *function, int line)
{
    char      name[MODEL_NAME];
    unsigned  i;

    (void) snprintf(name, sizeof(name), "%s:%d", function, line);

    for (i = 0; i < MODEL_FENCES && model_names[i][0]; i++) {
        if (strcmp(model_names[i], name) == 0) {
            break;
        }
    }

    if (i < MODEL_FENCES) {
        memcpy(model_names[i], name, sizeof(name));
    }

    return model_left_out && strcmp(model_left_out, name) == 0;
}


/* a mutex is a barrier for its holders, and all that one has done is there */

void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    model_send(model_self);

    do {
        model_point();
    } while (model_mutex);

    model_mutex = mtx;
    model_self->epoch++;
    model_see(model_self, 1);
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    unsigned  i;

    model_send(model_self);
    model_point();

    for (i = 0; i < model_n; i++) {
        model_deliver(model_self, i, 1);
    }

    model_self->epoch++;
    model_mutex = NULL;
}


void
model_fail(const char *text)
{
    if (model_failed == NULL) {
        model_failed = text;
    }
}


const char *
model_failure(void)
{
    return model_failed;
}


void
model_leave_out(const char *fence)
{
    model_left_out = fence;
}


void
model_fences(void)
{
    unsigned  i;

    for (i = 0; i < MODEL_FENCES && model_names[i][0]; i++) {
        printf("%s\n", model_names[i]);
    }
}
