#include "subject.h"

#include <stdlib.h>

#include "buffer.h"

static size_t slab_elements(const model_t *model) {
    const size_t line = BUFFER_ALIGNMENT / 2; /* of the smallest format */
    size_t elements = 0;
    for (size_t i = 0; i < model->tensors; ++i)
        elements += (shape_elements(&model->shapes[i]) + line - 1) / line * line;
    return elements;
}

bool lent_take(lent_t *lent, const model_t *model, const recipe_t *recipe, int threads) {
    const size_t elements = slab_elements(model);
    lent->data = buffer_numbers(recipe->dtype, elements, threads);
    lent->grad = buffer_numbers(recipe->grad_dtype, elements, threads);
    return lent->data != NULL && lent->grad != NULL;
}

void lent_refresh(const lent_t *lent, const model_t *model, const recipe_t *recipe, int threads) {
    buffer_fill(lent->data, recipe->dtype, slab_elements(model), threads);
    buffer_fill(lent->grad, recipe->grad_dtype, slab_elements(model), threads);
}

void lent_free(lent_t *lent) {
    buffer_free(lent->data);
    buffer_free(lent->grad);
    *lent = (lent_t){0};
}

static bool wrap(optim_t *opt, const recipe_t *recipe) {
    for (int i = 0; i < recipe->wrapper_count; ++i)
        if (optim_wrap(opt, recipe->wrappers[i], recipe->wrapper_options[i]) < 0)
            return false;
    return true;
}

bool subject_create(subject_t *subject, const recipe_t *recipe, int threads) {
    optim_description about = {.size = sizeof about};
    *subject = (subject_t){0};
    if (optim_describe(OPTIM_ALGORITHM, recipe->method, &about) < 0 ||
        optim_create(&subject->opt, recipe->method, recipe->options) < 0)
        return false;
    subject->reads_loss = (about.needs & OPTIM_NEEDS_LOSS) != 0;
    return wrap(subject->opt, recipe) && optim_set_components(subject->opt, 8) == OPTIM_OK &&
           optim_set_constraints(subject->opt, 1, 0) == OPTIM_OK &&
           optim_set_threads(subject->opt, threads) == OPTIM_OK;
}

bool subject_add(subject_t *subject, const model_t *model, const recipe_t *recipe, const lent_t *lent) {
    char *data = lent->data, *grad = lent->grad;
    for (size_t i = 0; i < model->tensors; ++i) {
        const shape_t *shape = &model->shapes[i];
        const size_t elements = shape_elements(shape);
        if (optim_add_param(subject->opt, 0, NULL, recipe->dtype, shape->ndim, shape->dims, data, grad) < 0)
            return false;
        if (recipe->grad_dtype != recipe->dtype && optim_set_grad_dtype(subject->opt, (int)i, recipe->grad_dtype) < 0)
            return false;
        data += buffer_align(elements * dtype_bytes(recipe->dtype));
        grad += buffer_align(elements * dtype_bytes(recipe->grad_dtype));
    }
    return true;
}

void subject_destroy(subject_t *subject) {
    optim_destroy(subject->opt);
    *subject = (subject_t){0};
}

void subject_step(void *subject) {
    subject_t *s = subject;
    if (s->status != OPTIM_OK)
        return;
    if (s->reads_loss)
        optim_set_loss(s->opt, 1);
    s->status = optim_step(s->opt);
}

size_t subject_state_bytes(const subject_t *subject, const model_t *model) {
    size_t bytes = 0;
    optim_memory(subject->opt, &bytes, NULL);
    return (size_t)((double)bytes / (double)model->elements + 0.5);
}
