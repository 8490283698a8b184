#include "player.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"

/* ---- Parameters ---- */

unsigned char *param_data(const param_t *param) {
    return param->data_block + param->misalign;
}
unsigned char *param_grad(const param_t *param) {
    return param->grad_block == NULL ? NULL : param->grad_block + param->misalign;
}
size_t param_bytes(const param_t *param) {
    return param->count * element_size(param->dtype);
}

param_t param_new(optim_dtype dtype, optim_dtype grad_dtype, size_t count, size_t misalign) {
    param_t param = {.dtype = dtype, .grad_dtype = grad_dtype, .count = count, .misalign = misalign};
    param.data_block = fuzz_memory(count * element_size(dtype) + misalign);
    param.grad_block = fuzz_memory(count * element_size(grad_dtype) + misalign);
    for (size_t i = 0; i < count; ++i) {
        element_write(dtype, param_data(&param), i, 0.5 + 0.25 * (double)(i % 5));
        element_write(grad_dtype, param_grad(&param), i, 0);
    }
    return param;
}

void param_free(param_t *param) {
    free(param->data_block);
    free(param->grad_block);
    free(param->lower);
    free(param->upper);
    *param = (param_t){0};
}

param_t param_moved(const param_t *param, size_t misalign, bool frozen) {
    param_t moved = param_new(param->dtype, param->grad_dtype, param->count, misalign);
    memcpy(param_data(&moved), param_data(param), param_bytes(param));
    moved.frozen = param->frozen;
    if (frozen) {
        free(moved.grad_block);
        moved.grad_block = NULL;
    }
    return moved;
}

/* ---- Handles ---- */

static size_t all_bytes(const player_t *player) {
    size_t bytes = 0;
    for (int i = 0; i < player->params; ++i)
        bytes += param_bytes(&player->param[i]);
    return bytes;
}

unsigned char *player_values(const player_t *player) {
    unsigned char *values = fuzz_memory(all_bytes(player)), *at = values;
    for (int i = 0; i < player->params; at += param_bytes(&player->param[i]), ++i)
        memcpy(at, param_data(&player->param[i]), param_bytes(&player->param[i]));
    return values;
}

bool player_has_values(const player_t *player, const unsigned char *values) {
    unsigned char *now = player_values(player);
    const bool same = memcmp(now, values, all_bytes(player)) == 0;
    free(now);
    return same;
}

void player_check_frozen(const player_t *player, const unsigned char *values) {
    for (int i = 0; i < player->params; values += param_bytes(&player->param[i]), ++i)
        if (player->param[i].frozen &&
            memcmp(values, param_data(&player->param[i]), param_bytes(&player->param[i])) != 0)
            fuzz_fail("a step moved parameter %d, which is frozen", i);
}

void player_end(player_t *player) {
    optim_destroy(player->opt);
    for (int i = 0; i < player->params; ++i)
        param_free(&player->param[i]);
    saved_free(&player->begin);
    free(player->begin_values);
    free(player->log);
    for (int i = 0; i < player->inputs; ++i)
        free(player->input[i]);
    *player = (player_t){0};
}

/* ---- Evaluations ---- */

static double gradient_at(unsigned pattern, double x, size_t i) {
    switch (pattern % 10) {
    case 0:
        return 0;
    case 1:
        return i % 2 == 0 ? 1 : -1;
    case 2:
        return i == 0 ? (double)NAN : 0.5;
    case 3:
        return i == 0 ? (double)INFINITY : 0.5;
    case 4:
        return 1e30 * (i % 2 == 0 ? 1 : -1);
    case 5:
        return 1e-40;
    default:
        return x - 0.25 + 0.01 * (double)(pattern / 10) * (double)(i % 3);
    }
}

void player_evaluate(player_t *player, unsigned pattern, bool silent) {
    double loss = 0;
    for (int k = 0; k < player->params; ++k) {
        const param_t *param = &player->param[k];
        for (size_t i = 0; i < param->count; ++i) {
            const double x = element_read(param->dtype, param_data(param), i), g = gradient_at(pattern, x, i);
            loss += g * g / 2;
            if (param->grad_block != NULL)
                element_write(param->grad_dtype, param_grad(param), i, g);
        }
    }
    if (!silent && optim_set_loss(player->opt, loss) != OPTIM_OK)
        fuzz_fail("the loss %g was refused", loss);
}

void player_multiply(player_t *player, unsigned pattern) {
    for (int k = 0; k < player->params; ++k) {
        const param_t *param = &player->param[k];
        const optim_dtype dtype = param->dtype == OPTIM_F64 ? OPTIM_F64 : OPTIM_F32;
        const void *direction = NULL;
        void *product = NULL;
        if (optim_hvp_vector(player->opt, k, &direction) != OPTIM_OK ||
            optim_hvp_result(player->opt, k, &product) != OPTIM_OK)
            fuzz_fail("a product is asked for, but there is no place for parameter %d", k);
        for (size_t i = 0; direction != NULL && i < param->count; ++i)
            element_write(dtype, product, i,
                          pattern % 10 == 2 ? (double)NAN
                                            : (1 + (double)(pattern % 3)) * element_read(dtype, direction, i));
    }
}

static optim_request open_request(const player_t *player) {
    optim_request request = {.size = sizeof request};
    if (optim_request_info(player->opt, &request) != OPTIM_OK)
        fuzz_fail("a handle does not say what it asks for");
    return request;
}

void player_compare(player_t *player, unsigned pattern) {
    const optim_request request = open_request(player);
    if (request.component < 0 || request.count < 1)
        fuzz_fail("losses of %d components from %d on are asked for", (int)request.count, (int)request.component);
    double *losses = fuzz_memory((size_t)request.count * sizeof *losses);
    for (int64_t i = 0; i < request.count; ++i)
        losses[i] = gradient_at(pattern, (double)(request.component + i), (size_t)i);
    if (optim_set_losses(player->opt, losses, (size_t)request.count) != OPTIM_OK)
        fuzz_fail("the losses that are asked for are refused");
    free(losses);
}

void player_constrain(player_t *player, unsigned pattern) {
    double *values = NULL;
    if (optim_constraint_values(player->opt, &values) != OPTIM_OK || values == NULL)
        fuzz_fail("values of constraints are asked for, but there is no place for them");
    for (size_t i = 0; i < player->constraints; ++i)
        values[i] = gradient_at(pattern, 0.5, i);
}

/* ---- What a call may not change ---- */

before_t before_take(const player_t *player) {
    return (before_t){saved_make(player->opt), player_values(player), optim_steps(player->opt),
                      optim_skipped(player->opt)};
}

void before_check(before_t *before, const player_t *player, const char *call, bool state_too) {
    saved_t now = saved_make(player->opt);
    if (!player_has_values(player, before->values))
        fuzz_fail("%s failed and changed parameters", call);
    if (optim_steps(player->opt) != before->steps || optim_skipped(player->opt) != before->skipped)
        fuzz_fail("%s failed and counted a step", call);
    if (state_too && !saved_same(&before->state, &now))
        fuzz_fail("%s failed and changed the handle:\n%.*s\n%.*s", call, (int)before->state.size,
                  before->state.bytes == NULL ? "" : before->state.bytes + 8, (int)now.size,
                  now.bytes == NULL ? "" : now.bytes + 8);
    saved_free(&now);
}

void before_free(before_t *before) {
    saved_free(&before->state);
    free(before->values);
}
