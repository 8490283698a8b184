/* Other libraries' names and arguments. Held to the recordings of docs/porting.md and of the page of schedules by
 * tests/tool/check_port.py. */
#include "port.h"

#define TORCH " maximize foreach- fused- capturable- differentiable!"
#define KERAS_CLIP                                                                                                     \
    " clipnorm>clip_norm=%,clip_by=tensor clipvalue>clip_value "                                                       \
    "global_clipnorm>clip_norm use_ema! ema_momentum- ema_overwrite_frequency- loss_scale_factor! "                    \
    "gradient_accumulation_steps! name-"
#define KERAS " weight_decay>weight_decay=%,decoupled=1" KERAS_CLIP
#define ROOT " eps_root>eps=%,eps_in_root=1!eps"

const port_t PORTS[] = {
    {"torch.optim.SGD", "sgd", "lr momentum dampening weight_decay nesterov" TORCH},
    {"torch.optim.Adam", "adam",
     "lr betas>beta1=%0,beta2=%1 eps weight_decay amsgrad" TORCH " decoupled_weight_decay>decoupled"},
    {"torch.optim.AdamW", "adamw", "lr betas>beta1=%0,beta2=%1 eps weight_decay amsgrad" TORCH},
    {"torch.optim.Adamax", "adamax", "lr betas>beta1=%0,beta2=%1 eps weight_decay" TORCH},
    {"torch.optim.NAdam", "nadam",
     "lr betas>beta1=%0,beta2=%1 eps weight_decay momentum_decay decoupled_weight_decay>decoupled" TORCH},
    {"torch.optim.RAdam", "radam",
     "lr betas>beta1=%0,beta2=%1 eps weight_decay decoupled_weight_decay>decoupled" TORCH},
    {"torch.optim.RMSprop", "rmsprop", "lr alpha eps weight_decay momentum centered" TORCH},
    {"torch.optim.Adagrad", "adagrad",
     "lr lr_decay weight_decay initial_accumulator_value>initial_accumulator eps" TORCH},
    {"torch.optim.Adadelta", "adadelta", "lr rho eps weight_decay" TORCH},
    {"torch.optim.Muon", "muon", "lr weight_decay?weight_decay=0.1 momentum nesterov adjust_lr_fn>scale" TORCH},
    {"torch.optim.Adafactor", "adafactor",
     "lr>relative_step=0,lr=% beta2_decay>decay_rate=-% eps>eps=%0,eps2=%1 d>clip_threshold weight_decay!" TORCH},
    {"torch.optim.Rprop", "rprop", "lr etas>eta_minus=%0,eta_plus=%1 step_sizes>step_min=%0,step_max=%1" TORCH},
    {"torch.optim.ASGD", "asgd", "lr lambd alpha t0 weight_decay" TORCH},

    {"keras.optimizers.SGD", "sgd", "learning_rate>lr momentum nesterov" KERAS},
    {"keras.optimizers.Adam", "padam partial=0.5",
     "learning_rate>lr beta_1>beta1 beta_2>beta2 epsilon>eps?eps=1e-7 amsgrad?amsgrad=0" KERAS},
    {"keras.optimizers.AdamW", "padam partial=0.5,decoupled=1",
     "learning_rate>lr weight_decay?weight_decay=0.004 beta_1>beta1 beta_2>beta2 epsilon>eps?eps=1e-7 "
     "amsgrad?amsgrad=0" KERAS},
    {"keras.optimizers.Nadam", "nadam momentum_decay=1",
     "learning_rate>lr beta_1>beta1 beta_2>beta2 "
     "epsilon>eps?eps=1e-7" KERAS},
    {"keras.optimizers.RMSprop", "rmsprop eps_in_root=1",
     "learning_rate>lr rho>alpha?alpha=0.9 momentum epsilon>eps?eps=1e-7 centered" KERAS},
    {"keras.optimizers.Adagrad", "adagrad eps_in_root=1",
     "learning_rate>lr initial_accumulator_value>initial_accumulator?initial_accumulator=0.1 "
     "epsilon>eps?eps=1e-7" KERAS},
    {"keras.optimizers.Adadelta", "adadelta", "learning_rate>lr rho?rho=0.95 epsilon>eps?eps=1e-7" KERAS},
    {"keras.optimizers.Lion", "lion", "learning_rate>lr beta_1>beta1 beta_2>beta2 weight_decay" KERAS_CLIP},
    {"keras.optimizers.Lamb", "lamb weight_decay=0",
     "learning_rate>lr beta_1>beta1 beta_2>beta2 epsilon>eps?eps=1e-7" KERAS},
    {"keras.optimizers.Ftrl", "ftrl",
     "learning_rate>lr learning_rate_power>lr_power initial_accumulator_value>initial_accumulator "
     "l1_regularization_strength>l1 l2_regularization_strength! l2_shrinkage_regularization_strength>l2_shrinkage "
     "beta" KERAS},

    {"optax.sgd", "sgd", "learning_rate>lr momentum nesterov accumulator_dtype-"},
    {"optax.sign_sgd", "signsgd", "learning_rate>lr"},
    {"optax.adam", "adam", "learning_rate>lr b1>beta1 b2>beta2 eps" ROOT " mu_dtype- nesterov!"},
    {"optax.adamw", "adamw",
     "learning_rate>lr b1>beta1 b2>beta2 eps" ROOT " mu_dtype- weight_decay?weight_decay=1e-4 mask! nesterov!"},
    {"optax.nadam", "nadam momentum_decay=1e6", "learning_rate>lr b1>beta1 b2>beta2 eps" ROOT " mu_dtype-"},
    {"optax.nadamw", "nadam momentum_decay=1e6,decoupled=1",
     "learning_rate>lr b1>beta1 b2>beta2 eps" ROOT " mu_dtype- weight_decay?weight_decay=1e-4 mask!"},
    {"optax.adamax", "adamax", "learning_rate>lr b1>beta1 b2>beta2 eps"},
    {"optax.adamaxw", "adamax decoupled=1",
     "learning_rate>lr b1>beta1 b2>beta2 eps weight_decay?weight_decay=1e-4 mask!"},
    {"optax.rmsprop", "rmsprop eps_in_root=1",
     "learning_rate>lr decay>alpha?alpha=0.9 eps initial_scale>initial_accumulator eps_in_sqrt>eps_in_root centered "
     "momentum nesterov! bias_correction!"},
    {"optax.adagrad", "adagrad eps_in_root=1",
     "learning_rate>lr initial_accumulator_value>initial_accumulator?initial_accumulator=0.1 eps?eps=1e-7"},
    {"optax.adadelta", "adadelta", "learning_rate>lr rho eps weight_decay! weight_decay_mask!"},
    {"optax.lamb", "lamb", "learning_rate>lr b1>beta1 b2>beta2 eps" ROOT " weight_decay?weight_decay=0 mask!"},
    {"optax.lion", "lion beta1=0.9,beta2=0.99",
     "learning_rate>lr b1>beta1 b2>beta2 mu_dtype- weight_decay?weight_decay=1e-3 mask!"},
    {"optax.novograd", "novograd",
     "learning_rate>lr b1>beta1?beta1=0.9 b2>beta2?beta2=0.25 eps?eps=1e-6" ROOT " weight_decay"},
    {"optax.optimistic_gradient_descent", "optimistic_gd", "learning_rate>lr alpha! beta!"},
    {"optax.fromage", "fromage min_norm=1e-6", "learning_rate>lr min_norm"},
    {"optax.contrib.ademamix", "ademamix",
     "learning_rate>lr b1>beta1 b2>beta2 b3>beta3?beta3=0.9999 alpha?alpha=5 b3_scheduler! alpha_scheduler! eps" ROOT
     " mu_dtype- weight_decay?weight_decay=0 mask!"},
    {"optax.contrib.schedule_free_sgd", "schedulefree_sgd", "learning_rate>lr warmup_steps! b1! weight_decay"},
    {"optax.contrib.schedule_free_adamw", "schedulefree_adamw",
     "learning_rate>lr warmup_steps! b1>beta1 b2>beta2 eps weight_decay"},
    {"optax.contrib.madgrad", "madgrad", "learning_rate>lr momentum eps"},
    {"optax.contrib.dowg", "dowg", "learning_rate>lr init_estim_sq_dist>init_sq_dist eps weight_decay"},
    {"optax.contrib.acprop", "acprop", "learning_rate>lr b1>beta1 b2>beta2 eps eps_root weight_decay mask!"},
    /* beside a method, in optax.chain */
    {"optax.clip_by_global_norm", "", "max_norm>clip_norm"},
    {"optax.clip", "", "max_delta>clip_value"},
    {"optax.clip_by_block_rms", " clip_by=tensor,clip_measure=rms", "threshold>clip_norm"},
    {"optax.centralize", "; gc", ""},
    {"optax.zero_nans", "; zero_nans", ""},

    {"pytorch_optimizer.Lion", "lion", "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple!"},
    {"pytorch_optimizer.Tiger", "tiger", "lr beta weight_decay weight_decouple! fixed_decay!"},
    {"pytorch_optimizer.Kate", "kate", "lr delta weight_decay fixed_decay! eps"},
    {"pytorch_optimizer.Fromage", "fromage", "lr"},
    {"pytorch_optimizer.MSVAG", "msvag", "lr beta"},

    {"pytorch_optimizer.AvaGrad", "avagrad",
     "lr! betas>beta1=%0,beta2=%1 weight_decay weight_decouple>decoupled fixed_decay! adam_debias! eps"},
    {"schedulefree.RAdamScheduleFree", "schedulefree_radam",
     "lr betas>beta1=%0,beta2=%1 eps weight_decay r! weight_lr_power! foreach-"},
    {"DeepSpeedCPUAdam", "adamw",
     "lr bias_correction betas>beta1=%0,beta2=%1 eps weight_decay?weight_decay=0 amsgrad! adamw_mode>decoupled "
     "fp32_optimizer_states-"},
    {"DeepSpeedCPULion", "lion", "lr betas>beta1=%0,beta2=%1 weight_decay"},
    {"DeepSpeedCPUAdagrad", "adagrad", "lr eps?eps=1e-10 weight_decay!"},

    {"torch.optim.lr_scheduler.ConstantLR", "constant", "optimizer- factor total_iters>steps"},
    {"torch.optim.lr_scheduler.LinearLR", "linear", "optimizer- start_factor end_factor total_iters>steps"},
    {"torch.optim.lr_scheduler.StepLR", "step", "optimizer- step_size gamma"},
    {"torch.optim.lr_scheduler.MultiStepLR", "multistep", "optimizer- milestones gamma"},
    {"torch.optim.lr_scheduler.ExponentialLR", "exponential", "optimizer- gamma"},
    {"torch.optim.lr_scheduler.PolynomialLR", "polynomial", "optimizer- total_iters>steps power"},
    {"torch.optim.lr_scheduler.CosineAnnealingLR", "cosine", "optimizer- T_max>steps=%,past_end=go_on eta_min>lr_min"},
    {"torch.optim.lr_scheduler.CosineAnnealingWarmRestarts", "cosine_restarts",
     "optimizer- T_0>period T_mult>mult eta_min>lr_min"},
    {"torch.optim.lr_scheduler.OneCycleLR", "onecycle", "optimizer- max_lr- total_steps>steps cycle_momentum"},
    {"torch.optim.lr_scheduler.ReduceLROnPlateau", "plateau", "optimizer- mode factor patience cooldown"},
    {"optax.cosine_decay_schedule", "cosine", "init_value- decay_steps>steps exponent"},
    {"transformers.get_constant_schedule_with_warmup", "linear start_factor=0", "optimizer- num_warmup_steps>steps"},
    {"transformers.get_linear_schedule_with_warmup", "warmup_linear",
     "optimizer- num_warmup_steps>warmup num_training_steps>steps"},
    {"transformers.get_cosine_schedule_with_warmup", "warmup_cosine",
     "optimizer- num_warmup_steps>warmup num_training_steps>steps num_cycles!"},
};
const size_t PORT_COUNT = sizeof PORTS / sizeof *PORTS;
