#include "fleet.h"

#include <math.h>
#include <stdlib.h>

#include "random.h"

static double exponential(uint64_t *state) {
    return -log(1 - random_uniform(state));
}

static double normal(uint64_t *state) {
    const double radius = sqrt(2 * exponential(state));
    return radius * cos(6.283185307179586 * random_uniform(state));
}

int fleet_create(fleet_t *fleet, const fleet_model_t *model, int64_t clients, uint64_t seed) {
    *fleet = (fleet_t){.model = *model, .clients = clients};
    fleet->client = calloc((size_t)clients, sizeof *fleet->client);
    for (int64_t c = 0; fleet->client != NULL && c < clients; ++c) {
        fleet_client_t *f = &fleet->client[c];
        f->random = seed * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)c;
        f->random = random_bits(&f->random);
        f->step = model->step * exp(model->spread * normal(&f->random));
        f->step *= random_uniform(&f->random) < model->stragglers ? model->slow : 1;
        f->down = model->down * exp(model->link_spread * normal(&f->random));
        f->up = model->up * exp(model->link_spread * normal(&f->random));
    }
    return fleet->client == NULL ? -1 : 0;
}

void fleet_destroy(fleet_t *fleet) {
    free(fleet->client);
    free(fleet->heap);
}

/* ---- The queue: a heap by time, then by number ---- */

static int is_before(const fleet_event_t *a, const fleet_event_t *b) {
    return a->time < b->time || (!(b->time < a->time) && a->number < b->number);
}

static void push(fleet_t *fleet, fleet_event_t event) {
    if (fleet->events == fleet->room) {
        const size_t room = 2 * fleet->room + 64;
        fleet_event_t *heap = realloc(fleet->heap, room * sizeof *heap);
        fleet->failed |= heap == NULL;
        if (heap == NULL)
            return;
        fleet->heap = heap;
        fleet->room = room;
    }
    event.number = fleet->number++;
    size_t i = fleet->events++;
    for (; i > 0 && is_before(&event, &fleet->heap[(i - 1) / 2]); i = (i - 1) / 2)
        fleet->heap[i] = fleet->heap[(i - 1) / 2];
    fleet->heap[i] = event;
}

static fleet_event_t pop(fleet_t *fleet) {
    const fleet_event_t first = fleet->heap[0], last = fleet->heap[--fleet->events];
    size_t i = 0;
    for (size_t k = 1; k < fleet->events; k = 2 * i + 1) {
        k += k + 1 < fleet->events && is_before(&fleet->heap[k + 1], &fleet->heap[k]);
        if (!is_before(&fleet->heap[k], &last))
            break;
        fleet->heap[i] = fleet->heap[k];
        i = k;
    }
    fleet->heap[i] = last;
    return first;
}

/* ---- Tasks ---- */

/* The server's line carries so many bytes from `time` on or later: when it begins to. */
static double take_line(double *line_free, double time, double seconds) {
    const double begins = fmax(*line_free, time);
    *line_free = begins + seconds;
    return begins;
}

static void lose(fleet_t *fleet, int64_t client, double time) {
    fleet_client_t *f = &fleet->client[client];
    f->back = fmax(f->back, time + fleet->model.repair * exponential(&f->random));
    push(fleet, (fleet_event_t){time + fleet->model.notice, 0, client, f->task, FLEET_LOST, 0});
}

static double draw_crash(const fleet_t *fleet, fleet_client_t *f, double now) {
    const double life = exponential(&f->random);
    return fleet->model.failures > 0 ? now + life / fleet->model.failures : (double)INFINITY;
}

void fleet_begin(fleet_t *fleet, int64_t client, double now, double steps, double down, double up) {
    const fleet_model_t *m = &fleet->model;
    fleet_client_t *f = &fleet->client[client];
    ++f->task;
    if (now < f->back) {
        push(fleet, (fleet_event_t){now + m->notice, 0, client, f->task, FLEET_LOST, 0});
        return;
    }
    fleet->bytes_down += down;
    const double begins = take_line(&fleet->out_free, now, down / m->server);
    f->began = begins + down / fmin(f->down, m->server) + m->latency * exponential(&f->random);
    f->crash = draw_crash(fleet, f, now);
    if (steps < 0)
        return;
    const double through = f->began + steps * f->step * (1 + m->jitter * exponential(&f->random));
    if (f->crash < through)
        lose(fleet, client, f->crash);
    else
        push(fleet, (fleet_event_t){through, 0, client, f->task, FLEET_UPLOAD, up});
}

double fleet_steps(const fleet_t *fleet, int64_t client, double now) {
    const fleet_client_t *f = &fleet->client[client];
    return now <= f->began ? 0 : floor((now - f->began) / f->step);
}

void fleet_ask(fleet_t *fleet, int64_t client, double now, double up) {
    fleet_client_t *f = &fleet->client[client];
    ++f->task;
    if (now < f->back || f->crash < now) {
        f->back = fmax(f->back, f->crash + fleet->model.repair * exponential(&f->random));
        f->crash = (double)INFINITY;
        push(fleet, (fleet_event_t){now + fleet->model.notice, 0, client, f->task, FLEET_LOST, 0});
        return;
    }
    const double asked = now + fleet->model.latency * exponential(&f->random);
    push(fleet, (fleet_event_t){asked, 0, client, f->task, FLEET_UPLOAD, up});
}

static void upload(fleet_t *fleet, const fleet_event_t *event) {
    const fleet_model_t *m = &fleet->model;
    fleet_client_t *f = &fleet->client[event->client];
    const double begins = take_line(&fleet->in_free, event->time, event->bytes / m->server);
    const double arrives = begins + event->bytes / fmin(f->up, m->server) + m->latency * exponential(&f->random);
    if (f->crash < arrives) {
        lose(fleet, event->client, fmax(f->crash, event->time));
        return;
    }
    push(fleet, (fleet_event_t){arrives, 0, event->client, event->task, FLEET_ARRIVED, event->bytes});
}

void fleet_forget(fleet_t *fleet, int64_t client) {
    ++fleet->client[client].task;
}

void fleet_tick(fleet_t *fleet, double time) {
    push(fleet, (fleet_event_t){time, 0, -1, ++fleet->tick, FLEET_TICK, 0});
}

int fleet_next(fleet_t *fleet, fleet_event_t *event) {
    while (fleet->events > 0) {
        *event = pop(fleet);
        const uint32_t task = event->kind == FLEET_TICK ? fleet->tick : fleet->client[event->client].task;
        if (event->task != task)
            continue;
        if (event->kind != FLEET_UPLOAD) {
            fleet->bytes_up += event->bytes;
            return 1;
        }
        upload(fleet, event);
    }
    return 0;
}

double fleet_expected(const fleet_t *fleet, int64_t client, double steps, double down, double up) {
    const fleet_model_t *m = &fleet->model;
    const fleet_client_t *f = &fleet->client[client];
    return down / fmin(f->down, m->server) + up / fmin(f->up, m->server) + 2 * m->latency +
           steps * f->step * (1 + m->jitter);
}
