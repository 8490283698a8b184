/*
 * Learning rate, weight decay and batch size.
 *
 *     linear  lr B' / B (SGD),  sqrt  lr sqrt(B' / B) (Adam): Granziol, Zohren, Roberts, "Learning Rates as a Function
 *             of Batch Size: A Random Matrix Theory Approach to Neural Network Training", 2022; above a critical batch
 *             neither
 *     surge   lr_peak / (1/2 (sqrt(B_noise / B) + sqrt(B / B_noise))): Li et al., "Surge Phenomenon in Optimal Learning
 *             Rate and Batch Size Scaling", 2024
 *     noise   |G|^2 = (B q_B - b q_b) / (B - b),  S = (q_b - q_B) / (1/b - 1/B),
 *             B_simple = S / |G|^2: McCandlish, Kaplan,
 *             Amodei, "An Empirical Model of Large-Batch Training", 2018, appendix A.1
 *     power lines  tau = B / (lr lambda D),  tau_opt = 1.084 (D / N)^-0.527,  lambda_opt = B / (lr D tau_opt),
 *             B_opt = 0.0306 D^0.383,  B_crit = 0.0471 D^0.462: Bergsma et al., "Power Lines: Scaling Laws for Weight
 *             Decay and Batch Size in LLM Pre-training", 2025. The exponent -0.527 is confirmed by a public review; the
 *             other constants are from memory of the paper. They belong to its GPT-like setup with muP.
 */
#include "advice/guard.h"
#include "optim/advice.h"
#include "optimizer/abi.h"

double optim_lr_linear(double lr, double batch, double new_batch) {
    return batch > 0 && new_batch > 0 ? lr * new_batch / batch : NAN;
}

double optim_lr_sqrt(double lr, double batch, double new_batch) {
    return batch > 0 && new_batch > 0 ? lr * sqrt(new_batch / batch) : NAN;
}

double optim_lr_surge(double lr_peak, double noise_batch, double batch) {
    if (!(noise_batch > 0) || !(batch > 0))
        return NAN;
    return lr_peak / ((sqrt(noise_batch / batch) + sqrt(batch / noise_batch)) / 2);
}

optim_status optim_noise_scale(double small_square, double big_square, double small_batch, double big_batch,
                               double *gradient_square, double *trace) {
    optim_status status = refuse_null(gradient_square, "gradient_square");
    if (status == OPTIM_OK)
        status = refuse_null(trace, "trace");
    if (status == OPTIM_OK)
        status = advice_refuse_number(small_batch, "small_batch");
    if (status == OPTIM_OK && (!(big_batch > small_batch) || !isfinite(big_batch)))
        status = error_set(OPTIM_ERR_ARGUMENT, "big_batch = %g must exceed small_batch = %g", big_batch, small_batch);
    if (status == OPTIM_OK) {
        *gradient_square = (big_batch * big_square - small_batch * small_square) / (big_batch - small_batch);
        *trace = (small_square - big_square) / (1 / small_batch - 1 / big_batch);
    }
    return status;
}

optim_status optim_power_lines(double parameters, double tokens, double batch, double lr, optim_power_line *line) {
    optim_status status = refuse_null(line, "line");
    if (status == OPTIM_OK)
        status = advice_refuse_number(parameters, "parameters");
    if (status == OPTIM_OK)
        status = advice_refuse_number(tokens, "tokens");
    if (status == OPTIM_OK)
        status = advice_refuse_number(batch, "batch");
    if (status == OPTIM_OK)
        status = advice_refuse_number(lr, "lr");
    if (status != OPTIM_OK)
        return status;
    const double timescale = 1.084 * pow(tokens / parameters, -0.527);
    const optim_power_line ours = {.timescale = timescale,
                                   .weight_decay = batch / (lr * tokens * timescale),
                                   .optimal_batch = 0.0306 * pow(tokens, 0.383),
                                   .critical_batch = 0.0471 * pow(tokens, 0.462)};
    return abi_write(line, &ours, sizeof ours, "optim_power_line");
}
