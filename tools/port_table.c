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

    {"keras.optimizers.Adafactor", "adafactor",
     "learning_rate>relative_step=0,lr=% beta_2_decay>decay_rate=-% epsilon_1>eps epsilon_2>eps2 clip_threshold "
     "relative_step!True" KERAS},
    {"keras.optimizers.ScheduleFreeAdamW", "schedulefree_adamw weight_lr_power=0",
     "learning_rate>lr beta_1>beta1 beta_2>beta2 epsilon>eps warmup_steps weight_decay!" KERAS_CLIP},

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

    {"pytorch_optimizer.Lion", "lion",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple!True fixed_decay! maximize foreach-"},
    {"pytorch_optimizer.Tiger", "tiger",
     "lr beta>momentum weight_decay?weight_decay=0.01 weight_decouple!True fixed_decay! maximize foreach-"},
    {"pytorch_optimizer.Kate", "kate", "lr delta weight_decay weight_decouple!True fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.Fromage", "fromage", "lr"},
    {"pytorch_optimizer.MSVAG", "msvag", "lr beta"},

    {"pytorch_optimizer.AvaGrad", "avagrad",
     "lr! betas>beta1=%0,beta2=%1 weight_decay weight_decouple>decoupled fixed_decay! adam_debias! eps"},
    {"pytorch_optimizer.A2Grad", "a2grad", "lr! beta lips rho variant maximize foreach-"},
    {"pytorch_optimizer.AccSGD", "accsgd", "lr kappa xi constant weight_decay maximize foreach-"},
    {"pytorch_optimizer.AdEMAMix", "ademamix",
     "lr betas>beta1=%0,beta2=%1,beta3=%2 weight_decay weight_decouple! fixed_decay! alpha?alpha=5 t_alpha_beta3! "
     "eps maximize foreach-"},
    {"pytorch_optimizer.AdaBelief", "adabelief",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple>decoupled fixed_decay rectify?rectify=0 "
     "n_sma_threshold!5 degenerated_to_sgd ams_bound>amsgrad foreach- eps maximize"},
    {"pytorch_optimizer.AdaBound", "adabound",
     "lr final_lr betas>beta1=%0,beta2=%1 gamma weight_decay weight_decouple>decoupled?decoupled=1 fixed_decay "
     "ams_bound! eps maximize foreach-"},
    {"pytorch_optimizer.AdaDelta", "adadelta",
     "lr rho weight_decay weight_decouple>decoupled fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.AdaGC", "adagc",
     "lr betas>beta1=%0,beta2=%1 beta lambda_abs lambda_rel warmup_steps>warmup weight_decay weight_decouple!True "
     "fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.AdaHessian", "adahessian",
     "lr?lr=0.1 betas>beta1=%0,beta2=%1 weight_decay weight_decouple!True fixed_decay! hessian_power update_period "
     "num_samples!1 hessian_distribution! eps?eps=1e-16 maximize foreach-"},
    {"pytorch_optimizer.AdaMax", "adamax",
     "lr?lr=0.001 betas>beta1=%0,beta2=%1 weight_decay weight_decouple>decoupled fixed_decay! eps maximize "
     "foreach-"},
    {"pytorch_optimizer.AdaMod", "adamod",
     "lr betas>beta1=%0,beta2=%1,beta3=%2?beta2=0.99,beta3=0.9999 weight_decay weight_decouple>decoupled "
     "fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.AdaShift", "adashift",
     "lr betas>beta1=%0,beta2=%1 keep_num reduce_func!torch.max eps maximize foreach-"},
    {"pytorch_optimizer.AdaSmooth", "adasmooth",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple>decoupled fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.AdaTAM", "adatam",
     "lr betas>momentum=%0,beta2=%1 decay_rate weight_decay weight_decouple!True fixed_decay! eps maximize "
     "foreach-"},
    {"pytorch_optimizer.Adalite", "adalite",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple!True fixed_decay! g_norm_min ratio_min tau eps1>eps "
     "eps2 maximize"},
    {"pytorch_optimizer.AdamG", "adamg",
     "lr betas>beta1=%0,beta2=%1,beta3=%2 p q weight_decay weight_decouple>decoupled fixed_decay! eps maximize "
     "foreach-"},
    {"pytorch_optimizer.AdamS", "adams",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple!True fixed_decay! ams_bound>amsgrad eps maximize "
     "foreach-"},
    {"pytorch_optimizer.Adan", "adan", "lr betas! weight_decay weight_decouple! max_grad_norm! foreach- eps maximize"},
    {"pytorch_optimizer.AggMo", "aggmo",
     "lr?lr=0.001 betas weight_decay weight_decouple>decoupled fixed_decay! maximize foreach-"},
    {"pytorch_optimizer.Aida", "aida",
     "lr betas>beta1=%0,beta2=%1 k>rounds xi weight_decay weight_decouple>decoupled fixed_decay! rectify! "
     "n_sma_threshold!5 degenerated_to_sgd!True ams_bound! eps maximize foreach-"},
    {"pytorch_optimizer.Amos", "amos", "lr beta momentum extra_l2 c_coef d_coef foreach- eps maximize"},
    {"pytorch_optimizer.Ano", "ano",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple!True fixed_decay! logarithmic_schedule>log_beta1 eps "
     "maximize foreach-"},
    {"pytorch_optimizer.CAME", "came",
     "lr betas>beta1=%0,beta2=%1,beta3=%2 weight_decay weight_decouple!True fixed_decay! clip_threshold ams_bound! "
     "eps1!1e-30 eps2 maximize foreach-"},
    {"pytorch_optimizer.Conda", "conda",
     "lr betas>beta1=%0,beta2=%1 weight_decay update_proj_gap>update_gap scale projection_type>proj_side eps "
     "maximize foreach-"},
    {"pytorch_optimizer.DAdaptAdaGrad", "dadapt_adagrad",
     "lr momentum d0 growth_rate weight_decay weight_decouple! fixed_decay! eps?eps=0 maximize foreach-"},
    {"pytorch_optimizer.DAdaptAdam", "dadapt_adam",
     "lr betas>beta1=%0,beta2=%1 d0 growth_rate weight_decay weight_decouple>decoupled fixed_decay! "
     "bias_correction eps maximize foreach-"},
    {"pytorch_optimizer.DAdaptLion", "dadapt_lion",
     "lr betas>beta1=%0,beta2=%1?beta2=0.999 d0 weight_decay weight_decouple! fixed_decay! maximize foreach-"},
    {"pytorch_optimizer.DAdaptSGD", "dadapt_sgd",
     "lr momentum?momentum=0.9 d0 growth_rate weight_decay weight_decouple! fixed_decay! maximize foreach-"},
    {"pytorch_optimizer.DiffGrad", "diffgrad",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple>decoupled?decoupled=1 fixed_decay! rectify! "
     "n_sma_threshold!5 degenerated_to_sgd!True ams_bound! eps maximize foreach-"},
    {"pytorch_optimizer.DualAdam", "dual_adam",
     "lr betas>beta1=%0,beta2=%1 switch_rate weight_decay weight_decouple>decoupled fixed_decay! eps maximize "
     "foreach-"},
    {"pytorch_optimizer.EXAdam", "exadam",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple>decoupled fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.FAdam", "fadam",
     "lr betas>beta1=%0,beta2=%1 weight_decay clip p!0.5 eps momentum_dtype! fim_dtype! maximize eps_2>eps2 "
     "foreach-"},
    {"pytorch_optimizer.FOCUS", "focus", "lr betas>beta1=%0,beta2=%1 gamma weight_decay maximize foreach-"},
    {"pytorch_optimizer.FTRL", "ftrl initial_accumulator=0",
     "lr lr_power beta lambda_1>l1 lambda_2>l2 maximize foreach-"},
    {"pytorch_optimizer.FlashAdamW", "adamw",
     "lr betas>beta1=%0,beta2=%1 weight_decay decouple_lr! quantize!False compress_state_dict!True "
     "master_weight_bits! check_numerics! fused- maximize eps foreach-"},
    {"pytorch_optimizer.LARS", "lars exclude_1d=1,eps=0,lr_in_momentum=0",
     "lr?lr=0.001 weight_decay momentum dampening! trust_coefficient nesterov foreach- maximize"},
    {"pytorch_optimizer.LaProp", "laprop",
     "lr betas>beta1=%0,beta2=%1 centered steps_before_using_centered!10 weight_decay weight_decouple>decoupled "
     "fixed_decay! ams_bound>amsgrad eps maximize foreach-"},
    {"pytorch_optimizer.MADGRAD", "madgrad",
     "lr?lr=0.001 momentum weight_decay weight_decouple>decoupled eps maximize foreach-"},
    {"pytorch_optimizer.Nero", "nero", "lr beta constraints eps maximize foreach-"},
    {"pytorch_optimizer.NovoGrad", "novograd",
     "lr?lr=0.001 betas>beta1=%0,beta2=%1 weight_decay weight_decouple! fixed_decay! grad_averaging eps maximize "
     "foreach-"},
    {"pytorch_optimizer.PAdam", "padam amsgrad=0",
     "lr betas>beta1=%0,beta2=%1 partial weight_decay weight_decouple>decoupled fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.PID", "pid",
     "lr momentum?momentum=0 dampening derivative integral weight_decay weight_decouple>decoupled fixed_decay! "
     "maximize foreach-"},
    {"pytorch_optimizer.PNM", "pnm",
     "lr betas>beta1=%0,beta0=%1 weight_decay weight_decouple>decoupled fixed_decay! eps!1e-08 maximize foreach-"},
    {"pytorch_optimizer.Prodigy", "prodigy",
     "lr betas>beta1=%0,beta2=%1 beta3 d0 d_coef growth_rate weight_decay weight_decouple>decoupled fixed_decay! "
     "bias_correction safeguard_warmup eps maximize foreach-"},
    {"pytorch_optimizer.QHM", "qhm",
     "lr?lr=0.001 momentum?momentum=0 nu?nu=1 weight_decay weight_decouple>decoupled fixed_decay! maximize "
     "foreach-"},
    {"pytorch_optimizer.RACS", "racs",
     "lr beta alpha gamma weight_decay weight_decouple!True fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.RAdam", "radam",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple>decoupled?decoupled=1 fixed_decay! n_sma_threshold!5 "
     "degenerated_to_sgd?degenerated_to_sgd=0 eps maximize foreach-"},
    {"pytorch_optimizer.SCION", "scion ns_eps=0",
     "lr momentum>alpha constraint>constrained norm_type!1 norm_kwargs! scale>radius weight_decay "
     "weight_decouple!True foreach- maximize"},
    {"pytorch_optimizer.SGDP", "sgdp",
     "lr?lr=0.001 momentum dampening weight_decay weight_decouple!True fixed_decay! delta wd_ratio nesterov eps "
     "maximize foreach-"},
    {"pytorch_optimizer.SGDSaI", "sgd_sai", "lr momentum weight_decay weight_decouple!True eps maximize foreach-"},
    {"pytorch_optimizer.SGDW", "sgd decoupled=1",
     "lr?lr=0.0001 momentum weight_decay weight_decouple>decoupled dampening nesterov foreach- maximize"},
    {"pytorch_optimizer.SM3", "sm3", "lr momentum beta! eps maximize foreach-"},
    {"pytorch_optimizer.SPlus", "splus",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple!True fixed_decay! ema_rate inverse_steps "
     "nonstandard_constant max_dim?max_dim=10000 eps!1e-30 maximize foreach-"},
    {"pytorch_optimizer.SWATS", "swats",
     "lr betas>beta1=%0,beta2=%1 weight_decay weight_decouple! fixed_decay! ams_bound>amsgrad nesterov! "
     "eps?eps=1e-06 maximize foreach-"},
    {"pytorch_optimizer.SaRA", "sara",
     "lr betas>beta1=%0,beta2=%1 threshold progressive_iter!-1 lambda_rank! weight_decay ams_bound>amsgrad eps "
     "maximize foreach-"},
    {"pytorch_optimizer.ScheduleFreeAdamW", "schedulefree_adamw",
     "lr betas>beta1=%0,beta2=%1 weight_decay r weight_lr_power warmup_steps decoupling_c! ams_bound! eps maximize "
     "foreach-"},
    {"pytorch_optimizer.ScheduleFreeSGD", "schedulefree_sgd",
     "lr momentum weight_decay r weight_lr_power warmup_steps eps!1e-08 maximize foreach-"},
    {"pytorch_optimizer.Shampoo", "shampoo",
     "lr momentum weight_decay weight_decouple>decoupled fixed_decay! "
     "preconditioning_compute_steps>precondition_frequency matrix_eps>eps?eps=1e-06 maximize"},
    {"pytorch_optimizer.SignSGD", "signum",
     "lr?lr=0.001 momentum weight_decay weight_decouple>decoupled?decoupled=1 foreach- maximize"},
    {"pytorch_optimizer.StableAdamW", "stable_adamw",
     "lr betas>beta1=%0,beta2=%1 kahan_sum- weight_decay weight_decouple!True eps foreach- maximize"},
    {"pytorch_optimizer.StableSPAM", "stable_spam",
     "lr betas>beta1=%0,beta2=%1 gamma1 gamma2 theta t_max! eta_min!0.5 weight_decay update_proj_gap>reset eps "
     "maximize foreach-"},
    {"pytorch_optimizer.TAM", "tam",
     "lr momentum decay_rate weight_decay weight_decouple!True fixed_decay! eps maximize foreach-"},
    {"pytorch_optimizer.VSGD", "vsgd",
     "lr ghattg ps tau1 tau2 weight_decay weight_decouple>decoupled eps maximize foreach-"},

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
