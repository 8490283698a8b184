#!/usr/bin/env python3
"""Records pytorch_optimizer and authors' packages: pip install torch==2.13.0; pip install --no-deps
pytorch-optimizer==4.1.0 madgrad==1.3 adamp==0.3.0 schedulefree==1.4.1; pytorch_optimizer.py [PART]

PART: only the calls that contain it.

foreach=False, for there pytorch_optimizer holds step sizes in f32; without the 1e-15 that it adds to some second moments
inside the root; its Newton-Schulz iterations in f64, which it does in bf16, and the eigenvectors of SPlus and singular
vectors of Fira and Conda, which it takes in f32.
LOMO and AdaLOMO, which step inside the backward pass, get a loss whose gradients are those of all others; they are f32.
"""
import contextlib
import importlib.metadata
import pathlib
import sys

sys.path.remove(str(pathlib.Path(__file__).resolve().parent))  # this file has the package's name
import adamp
import madgrad
import pytorch_optimizer
import schedulefree
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from common import GRADIENTS, START, STEPS, TENSORS, write

torch.set_default_dtype(torch.float64)
pytorch_optimizer.base.optimizer.BaseOptimizer.apply_ams_bound.__defaults__ = (0.0,)
iterate = pytorch_optimizer.optimizer.utils.matrix.zero_power_via_newton_schulz_5
iterate.__defaults__ = (*iterate.__defaults__[:-1], torch.float64)

CASES = {
    "pytorch_optimizer.FTRL(lr=0.1, beta=0.2, lambda_1=0.3, lambda_2=0.4)":
        "ftrl lr=0.1,initial_accumulator=0,l1=0.3,l2=0.4,beta=0.2",
    "pytorch_optimizer.LaProp(lr=0.01)": "laprop lr=0.01",
    "pytorch_optimizer.LaProp(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1)":
        "laprop lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.1",
    "pytorch_optimizer.LaProp(lr=0.01, betas=(0.8, 0.95), centered=True, ams_bound=True)":
        "laprop lr=0.01,beta1=0.8,beta2=0.95,centered=1,amsgrad=1",
    "madgrad.MADGRAD(lr=0.01)": "madgrad lr=0.01",
    "madgrad.MADGRAD(lr=0.1, momentum=0.0, weight_decay=0.1, eps=1e-3)": "madgrad lr=0.1,momentum=0,weight_decay=0.1,eps=1e-3",
    "madgrad.MADGRAD(lr=0.1, momentum=0.5, weight_decay=0.1, decouple_decay=True)":
        "madgrad lr=0.1,momentum=0.5,weight_decay=0.1,decoupled=1",
    "adamp.AdamP(lr=0.01, weight_decay=0.1)": "adamp lr=0.01,weight_decay=0.1",
    "adamp.AdamP(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, delta=0.5, wd_ratio=0.3, nesterov=True)":
        "adamp lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.1,delta=0.5,wd_ratio=0.3,nesterov=1",
    "adamp.AdamP(lr=0.01, weight_decay=0.1, delta=1.5)": "adamp lr=0.01,weight_decay=0.1,delta=1.5",
    "adamp.SGDP(lr=0.1, momentum=0.9, weight_decay=0.1, delta=1.0, nesterov=True)":
        "sgdp lr=0.1,momentum=0.9,weight_decay=0.1,delta=1,nesterov=1",
    "pytorch_optimizer.SGDP(lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.1, delta=1.5)":
        "sgdp lr=0.1,momentum=0.9,dampening=0.1,weight_decay=0.1,delta=1.5",
    "pytorch_optimizer.StableAdamW(lr=0.01)": "stable_adamw lr=0.01",
    "pytorch_optimizer.StableAdamW(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, eps=0.1)":
        "stable_adamw lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.1,eps=0.1",
    "pytorch_optimizer.MARS(lr=0.01, optimize_1d=True)": "mars lr=0.01",
    "pytorch_optimizer.MARS(lr=0.01, betas=(0.8, 0.95), gamma=0.1, optimize_1d=True, weight_decay=0.1, ams_bound=True)":
        "mars lr=0.01,beta1=0.8,beta2=0.95,gamma=0.1,weight_decay=0.1,amsgrad=1",
    "pytorch_optimizer.MARS(lr=0.01, mars_type='lion', optimize_1d=True, weight_decay=0.1)":
        "mars lr=0.01,form=lion,weight_decay=0.1",
    "pytorch_optimizer.LaProp(lr=0.01, cautious=True)": "laprop lr=0.01; cautious",
    "pytorch_optimizer.Grams(lr=0.01)": "adamw lr=0.01,eps=1e-6,weight_decay=0; grams",
    "pytorch_optimizer.GrokFastAdamW(lr=0.01, normalize_lr=False, weight_decay=0.1, eps=0.0)":
        "adamw lr=0.01,beta2=0.99,eps=0,weight_decay=0.1; grokfast",
    "pytorch_optimizer.GrokFastAdamW(lr=0.01, grokfast_alpha=0.8, grokfast_lamb=0.5, normalize_lr=False, eps=0.0)":
        "adamw lr=0.01,beta2=0.99,eps=0,weight_decay=0; grokfast alpha=0.8,lamb=0.5",
    "pytorch_optimizer.OrthoGrad(torch.optim.SGD(tensors, lr=0.1, momentum=0.9))": "sgd lr=0.1,momentum=0.9; orthograd",
    "pytorch_optimizer.TRAC(torch.optim.SGD(tensors, lr=0.1))": "sgd lr=0.1; trac",
    "pytorch_optimizer.TRAC(torch.optim.AdamW(tensors, lr=0.01), betas=(0.9, 0.99, 0.999), s_prev=0.1)":
        "adamw lr=0.01; trac num_betas=3,s_init=0.1",
    "pytorch_optimizer.Kate(lr=0.01)": "kate lr=0.01",
    "pytorch_optimizer.Kate(lr=0.01, delta=0.3, weight_decay=0.1, eps=1e-3)":
        "kate lr=0.01,delta=0.3,weight_decay=0.1,eps=1e-3",
    "pytorch_optimizer.Ano(lr=0.01)": "ano lr=0.01",
    "pytorch_optimizer.Ano(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, logarithmic_schedule=True, eps=1e-3)":
        "ano lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.1,log_beta1=1,eps=1e-3",
    "pytorch_optimizer.PID(lr=0.01, momentum=0.9)": "pid lr=0.01",
    "pytorch_optimizer.PID(lr=0.01, momentum=0.5, dampening=0.2, derivative=2.0, integral=3.0, weight_decay=0.1)":
        "pid lr=0.01,momentum=0.5,dampening=0.2,derivative=2,integral=3,weight_decay=0.1",
    "pytorch_optimizer.PID(lr=0.1)": "pid lr=0.1,momentum=0",
    "pytorch_optimizer.Fromage(lr=0.1)": "fromage lr=0.1",
    "pytorch_optimizer.Tiger(lr=0.01, weight_decay=0.1)": "tiger lr=0.01,weight_decay=0.1",
    "pytorch_optimizer.AdaNorm(lr=0.01, eps=0.0)": "adanorm lr=0.01,eps=0",
    "pytorch_optimizer.AdaNorm(lr=0.01, betas=(0.8, 0.95), r=0.7, weight_decay=0.1, weight_decouple=False, "
    "ams_bound=True, eps=0.0)": "adanorm lr=0.01,beta1=0.8,beta2=0.95,r=0.7,weight_decay=0.1,decoupled=0,amsgrad=1,eps=0",
    "pytorch_optimizer.MSVAG(lr=0.1)": "msvag lr=0.1",
    "pytorch_optimizer.AvaGrad(lr=0.1)": "avagrad",
    "pytorch_optimizer.AvaGrad(lr=0.1, betas=(0.8, 0.95), weight_decay=0.1, weight_decouple=False, eps=1e-3)":
        "avagrad beta1=0.8,beta2=0.95,weight_decay=0.1,decoupled=0,eps=1e-3",
    "pytorch_optimizer.A2Grad()": "a2grad",
    "pytorch_optimizer.A2Grad(beta=2.0, lips=5.0, variant='inc')": "a2grad beta=2,lips=5,variant=inc",
    "pytorch_optimizer.A2Grad(beta=2.0, lips=5.0, rho=0.8, variant='exp')": "a2grad beta=2,lips=5,rho=0.8,variant=exp",
    "pytorch_optimizer.Amos(lr=0.01)": "amos lr=0.01",
    "pytorch_optimizer.Amos(lr=0.1, beta=0.95, momentum=0.9, c_coef=0.5, d_coef=0.7)":
        "amos lr=0.1,beta=0.95,momentum=0.9,c_coef=0.5,d_coef=0.7",
    "pytorch_optimizer.ApolloDQN(lr=0.01, warmup_steps=0, weight_decay=0.1)": "apollo_dqn lr=0.01,weight_decay=0.1",
    "pytorch_optimizer.ApolloDQN(lr=0.01, beta=0.8, warmup_steps=0, rebound='belief', weight_decay=0.1, "
    "weight_decay_type='decoupled')": "apollo_dqn lr=0.01,beta=0.8,rebound=belief,weight_decay=0.1,decoupled=1",
    "pytorch_optimizer.StableSPAM(lr=0.01, weight_decay=0.1)": "stable_spam lr=0.01,weight_decay=0.1",
    "pytorch_optimizer.StableSPAM(lr=0.01, betas=(0.8, 0.95), gamma1=0.6, gamma2=0.8, theta=0.9, update_proj_gap=6, "
    "eps=1e-3)": "stable_spam lr=0.01,beta1=0.8,beta2=0.95,gamma1=0.6,gamma2=0.8,theta=0.9,reset=6,eps=1e-3",
    "schedulefree.RAdamScheduleFree(lr=0.01)": "schedulefree_radam lr=0.01",
    "schedulefree.RAdamScheduleFree(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, silent_sgd_phase=False)":
        "schedulefree_radam lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.1,rectify=plain",
    "pytorch_optimizer.AccSGD(lr=0.01)": "accsgd lr=0.01",
    "pytorch_optimizer.AccSGD(lr=0.01, kappa=100.0, xi=5.0, constant=0.5, weight_decay=0.1)":
        "accsgd lr=0.01,kappa=100,xi=5,constant=0.5,weight_decay=0.1",
    "pytorch_optimizer.PNM(lr=0.01)": "pnm lr=0.01",
    "pytorch_optimizer.PNM(lr=0.1, betas=(0.8, 0.5), weight_decay=0.1, weight_decouple=False)":
        "pnm lr=0.1,beta1=0.8,beta0=0.5,weight_decay=0.1,decoupled=0",
    "pytorch_optimizer.AdaPNM(lr=0.01, eps=0.0)": "adapnm lr=0.01,eps=0",
    "pytorch_optimizer.AdaPNM(lr=0.01, betas=(0.8, 0.95, 0.5), weight_decay=0.1, ams_bound=False, eps=0.0)":
        "adapnm lr=0.01,beta1=0.8,beta2=0.95,beta0=0.5,weight_decay=0.1,amsgrad=0,eps=0",
    "pytorch_optimizer.AdaSmooth(lr=0.01)": "adasmooth lr=0.01",
    "pytorch_optimizer.AdaSmooth(lr=0.01, betas=(0.3, 0.9), weight_decay=0.1, weight_decouple=True, eps=1e-3)":
        "adasmooth lr=0.01,beta1=0.3,beta2=0.9,weight_decay=0.1,decoupled=1,eps=1e-3",
    "pytorch_optimizer.AdamG()": "adamg",
    "pytorch_optimizer.AdamG(lr=0.3, betas=(0.8, 0.95, 0.9), p=0.5, q=0.3, weight_decay=0.1, eps=1e-3)":
        "adamg lr=0.3,beta1=0.8,beta2=0.95,beta3=0.9,p=0.5,q=0.3,weight_decay=0.1,eps=1e-3",
    "pytorch_optimizer.EXAdam(lr=0.01)": "exadam lr=0.01",
    "pytorch_optimizer.EXAdam(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, eps=1e-3)":
        "exadam lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.1,eps=1e-3",
    "pytorch_optimizer.VSGD()": "vsgd",
    "pytorch_optimizer.VSGD(lr=0.01, ghattg=3.0, ps=0.1, tau1=0.5, tau2=0.6, weight_decay=0.1)":
        "vsgd lr=0.01,ghattg=3,ps=0.1,tau1=0.5,tau2=0.6,weight_decay=0.1",
    "pytorch_optimizer.FOCUS(lr=0.01)": "focus lr=0.01",
    "pytorch_optimizer.FOCUS(lr=0.01, betas=(0.8, 0.95), gamma=0.3, weight_decay=0.1)":
        "focus lr=0.01,beta1=0.8,beta2=0.95,gamma=0.3,weight_decay=0.1",
    "pytorch_optimizer.TAM(lr=0.01)": "tam lr=0.01",
    "pytorch_optimizer.TAM(lr=0.1, momentum=0.5, decay_rate=0.8, weight_decay=0.1, eps=0.1)":
        "tam lr=0.1,momentum=0.5,decay_rate=0.8,weight_decay=0.1,eps=0.1",
    "pytorch_optimizer.AdaTAM(lr=0.01)": "adatam lr=0.01",
    "pytorch_optimizer.AdaTAM(lr=0.01, betas=(0.8, 0.95), decay_rate=0.8, weight_decay=0.1, eps=1e-3)":
        "adatam lr=0.01,momentum=0.8,beta2=0.95,decay_rate=0.8,weight_decay=0.1,eps=1e-3",
    "pytorch_optimizer.FAdam(lr=0.01, momentum_dtype=torch.float64, fim_dtype=torch.float64)": "fadam lr=0.01",
    "pytorch_optimizer.FAdam(lr=0.01, betas=(0.8, 0.95), weight_decay=0.3, clip=0.5, eps=0.1, eps_2=0.02, "
    "momentum_dtype=torch.float64, fim_dtype=torch.float64)":
        "fadam lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.3,clip=0.5,eps=0.1,eps2=0.02",
    "pytorch_optimizer.SGDSaI(lr=0.01)": "sgd_sai lr=0.01",
    "pytorch_optimizer.SGDSaI(lr=0.01, momentum=0.0, weight_decay=0.1, eps=0.1)":
        "sgd_sai lr=0.01,momentum=0,weight_decay=0.1,eps=0.1",
    "pytorch_optimizer.AdaGC(lr=0.01)": "adagc lr=0.01",
    "pytorch_optimizer.AdaGC(lr=0.01, betas=(0.8, 0.95), beta=0.9, lambda_abs=2.0, lambda_rel=1.1, warmup_steps=5, eps=1e-3)":
        "adagc lr=0.01,beta1=0.8,beta2=0.95,beta=0.9,lambda_abs=2,lambda_rel=1.1,warmup=5,eps=1e-3",
    "pytorch_optimizer.AdamS(lr=0.01)": "adams lr=0.01",
    "pytorch_optimizer.AdamS(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, ams_bound=True, eps=1e-3)":
        "adams lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.1,amsgrad=1,eps=1e-3",
    "pytorch_optimizer.Aida(lr=0.01)": "aida lr=0.01",
    "pytorch_optimizer.Aida(lr=0.01, betas=(0.8, 0.95), k=1, weight_decay=0.1, weight_decouple=True, eps=1e-4)":
        "aida lr=0.01,beta1=0.8,beta2=0.95,rounds=1,weight_decay=0.1,decoupled=1,eps=1e-4",
    "pytorch_optimizer.DualAdam(lr=0.01)": "dual_adam lr=0.01",
    "pytorch_optimizer.DualAdam(lr=0.01, betas=(0.8, 0.95), switch_rate=0.1, weight_decay=0.1, weight_decouple=True, eps=1e-3)":
        "dual_adam lr=0.01,beta1=0.8,beta2=0.95,switch_rate=0.1,weight_decay=0.1,decoupled=1,eps=1e-3",
    "pytorch_optimizer.AdamWSN([{'params': tensors[:2], 'sn': True}], lr=0.01)": "subset_norm lr=0.01",
    "pytorch_optimizer.AdamWSN([{'params': tensors[:2], 'sn': True}], lr=0.01, betas=(0.8, 0.95), subset_size=5, weight_decay=0.1, "
    "eps=1e-3)": "subset_norm lr=0.01,beta1=0.8,beta2=0.95,subset=5,weight_decay=0.1,eps=1e-3",
    "pytorch_optimizer.RACS(lr=0.1)": "racs lr=0.1",
    "pytorch_optimizer.RACS(lr=0.1, beta=0.8, alpha=0.5, gamma=1.2, weight_decay=0.1, eps=1e-3)":
        "racs lr=0.1,beta=0.8,alpha=0.5,gamma=1.2,weight_decay=0.1,eps=1e-3",
    "pytorch_optimizer.SCION(lr=0.01)": "scion lr=0.01,ns_eps=0",
    "pytorch_optimizer.SCION(lr=0.1, momentum=0.3, constraint=True, scale=2.0)":
        "scion lr=0.1,alpha=0.3,constrained=1,radius=2,ns_eps=0",
    "pytorch_optimizer.SCION([tensors[0]], lr=0.01, norm_type=4, weight_decay=0.1)": "scion lr=0.01,norm=sign,weight_decay=0.1",
    "pytorch_optimizer.SCION([tensors[0]], lr=0.01, norm_type=6)": "scion lr=0.01,norm=column",
    "pytorch_optimizer.SCION([tensors[0]], lr=0.01, norm_type=7)": "scion lr=0.01,norm=row",
    "pytorch_optimizer.SCIONLight(lr=0.01, momentum=1.0)": "scion lr=0.01,alpha=1,ns_eps=0",
    "pytorch_optimizer.SPlus()": "splus max_dim=10000",
    "pytorch_optimizer.SPlus(lr=0.3, betas=(0.8, 0.95), weight_decay=0.1, ema_rate=0.9, inverse_steps=3, "
    "nonstandard_constant=0.1)":
        "splus lr=0.3,beta1=0.8,beta2=0.95,weight_decay=0.1,ema_rate=0.9,inverse_steps=3,nonstandard_constant=0.1,max_dim=10000",
    "pytorch_optimizer.AdamC(lr=0.01, weight_decay=0.1, eps=0.0)": "adamw lr=0.01,eps=0,weight_decay=0.1",
    "pytorch_optimizer.MuonClip([{'params': tensors[:1], 'use_muon': True}], lr=0.01, weight_decay=0.1)": 
        "muon lr=0.01,weight_decay=0.1,nesterov=0,scale=match_rms_adamw,ns_eps=0",
    "pytorch_optimizer.FlashAdamW(lr=0.01, quantize=False, weight_decay=0.1)": "adamw lr=0.01,weight_decay=0.1",
    "pytorch_optimizer.LOMO(model, lr=0.01)": "sgd lr=0.01",
    "pytorch_optimizer.AdaLOMO(model, lr=0.01)": "adafactor relative_step=0,lr=0.01",
    "pytorch_optimizer.AdaShift(lr=0.01)": "adashift lr=0.01",
    "pytorch_optimizer.AdaShift(lr=0.1, betas=(0.8, 0.95), keep_num=3, reduce_func=None, eps=1e-3)":
        "adashift lr=0.1,beta1=0.8,beta2=0.95,keep_num=3,reduce=none,eps=1e-3",
    "pytorch_optimizer.AdaShift(lr=0.1, betas=(0.8, 0.95), keep_num=1, eps=0.1)":
        "adashift lr=0.1,beta1=0.8,beta2=0.95,keep_num=1,eps=0.1",
    "pytorch_optimizer.Nero()": "nero",
    "pytorch_optimizer.Nero(lr=0.1, beta=0.9, constraints=False, eps=1e-3)": "nero lr=0.1,beta=0.9,constraints=0,eps=1e-3",
    "pytorch_optimizer.Nero(lr=0.1, beta=0.5, eps=0.0)": "nero lr=0.1,beta=0.5,eps=0",
    "pytorch_optimizer.Fira([{'params': tensors, 'rank': 2, 'update_proj_gap': 200, 'scale': 1.0, 'projection_type': 'std'}], "
    "lr=0.01)": "fira lr=0.01,rank=2",
    "pytorch_optimizer.Fira([{'params': tensors, 'rank': 1, 'update_proj_gap': 50, 'scale': 0.5, 'projection_type': 'left'}], "
    "lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, eps=1e-3)":
        "fira lr=0.01,rank=1,update_gap=50,scale=0.5,proj_side=left,beta1=0.8,beta2=0.95,weight_decay=0.1,eps=1e-3",
    "pytorch_optimizer.Fira([{'params': tensors, 'rank': 2, 'update_proj_gap': 50, 'scale': 1.0, 'projection_type': 'full'}], "
    "lr=0.1)": "fira lr=0.1,rank=2,update_gap=50,proj_side=full",
    "pytorch_optimizer.Conda(lr=0.01)": "conda lr=0.01",
    "pytorch_optimizer.Conda(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, scale=0.5, projection_type='left', eps=1e-3)":
        "conda lr=0.01,beta1=0.8,beta2=0.95,weight_decay=0.1,scale=0.5,proj_side=left,eps=1e-3",
    "pytorch_optimizer.Conda(lr=0.1, projection_type='full', eps=0.1)": "conda lr=0.1,proj_side=full,eps=0.1",
    "pytorch_optimizer.Adalite(lr=0.01)": "adalite lr=0.01",
    "pytorch_optimizer.Adalite(lr=0.1, betas=(0.8, 0.95), weight_decay=0.1, g_norm_min=3.0, ratio_min=0.2, tau=0.5, eps1=1e-3, "
    "eps2=1e-4)": "adalite lr=0.1,beta1=0.8,beta2=0.95,weight_decay=0.1,g_norm_min=3,ratio_min=0.2,tau=0.5,eps=1e-3,eps2=1e-4",
    "pytorch_optimizer.DASH(lr=0.01, inverse_root_method='eigh', matrix_eps=1e-3)": "dash lr=0.01,matrix_eps=2e-3",
    "pytorch_optimizer.DASH(lr=0.01, betas=(0.8, 0.9), grafting_beta=0.99, weight_decay=0.1, block_size=2, precondition_frequency=3, "
    "start_preconditioning_step=2, inverse_root_method='eigh', momentum=0.5, eps=1e-3, matrix_eps=0.1)":
        "dash lr=0.01,beta1=0.8,beta2=0.9,grafting_beta=0.99,weight_decay=0.1,block_size=2,precondition_frequency=3,start=2,"
        "momentum=0.5,eps=1e-3,matrix_eps=0.2",
    "pytorch_optimizer.DASH(lr=0.01, betas=(0.0, 0.95), block_size=3, precondition_frequency=1, inverse_root_method='eigh', "
    "momentum=0.9, nesterov=False, correct_bias=False, matrix_eps=0.1)":
        "dash lr=0.01,beta1=0,block_size=3,precondition_frequency=1,momentum=0.9,nesterov=0,bias_correction=0,matrix_eps=0.2",
    "pytorch_optimizer.SaRA(lr=0.01, threshold=0.7)": "sara lr=0.01,threshold=0.7",
    "pytorch_optimizer.SaRA(lr=0.1, betas=(0.8, 0.95), threshold=0.7, progressive_iter=5, weight_decay=0.1, ams_bound=True, "
    "eps=1e-3)": "sara lr=0.1,beta1=0.8,beta2=0.95,threshold=0.7,progressive_iter=5,weight_decay=0.1,amsgrad=1,eps=1e-3",
}
TOLERANCES = {"AdaGC": 1e-8, "SCION": 1e-5, "LOMO": 1e-5}


def is_fused(call):
    """Whether steps are taken inside the backward pass, of a model."""
    return "(model" in call


def names_of(call):
    """Those whose code fails on scalars get none, those of matrices alone one."""
    alone = "tensors[0]" in call or "tensors[:1]" in call
    return [name for name, shape in TENSORS.items() if (len(shape) == 2 or not alone) and
            (shape or not any(part in call for part in ("TRAC", "(model", "tensors[:2]")))]


def run(call):
    dtype = torch.float32 if is_fused(call) else torch.float64
    tensors = {name: torch.nn.Parameter(torch.tensor(START[name], dtype=dtype).reshape(TENSORS[name])) for name in names_of(call)}
    name, options = call[:-1].split("(", 1)
    arguments = ["tensors", options, "foreach=False" * name.startswith("pytorch_optimizer")]
    full = call if "tensors" in call or is_fused(call) else f"{name}({', '.join(filter(None, arguments))})"
    model = torch.nn.ParameterDict(tensors)
    optimizer = eval(full, globals() | {"tensors": list(tensors.values()), "model": model})
    if call.startswith("schedulefree"):
        optimizer.train()
    for step in range(STEPS):
        gradients = {key: torch.tensor(GRADIENTS[step][key], dtype=dtype).reshape(tensors[key].shape) for key in tensors}
        if is_fused(call):
            optimizer.fused_backward(sum((gradients[key] * tensors[key]).sum() for key in tensors), lr=optimizer.lr)
        else:
            for key, tensor in tensors.items():
                tensor.grad = gradients[key]
            optimizer.step()
        yield {key: tensor.detach().flatten().tolist() for key, tensor in tensors.items()}


class InDouble:
    """SPlus takes eigenvectors, Fira and Conda singular vectors, of x.float()."""

    def __enter__(self):
        self.float, torch.Tensor.float = torch.Tensor.float, lambda x: x

    def __exit__(self, *_):
        torch.Tensor.float = self.float


for number, (call, ours) in enumerate(CASES.items(), 1):
    if not all(part in call for part in sys.argv[1:]):
        continue
    package = call.split(".")[0]
    tolerance = next((tolerance for part, tolerance in TOLERANCES.items() if part in call), 1e-12)
    with InDouble() if any(part in call for part in ("SPlus", "Fira", "Conda")) else contextlib.nullcontext():
        write(f"pytorch_optimizer_{number:03}_{ours.split()[0]}",
              f"{package} {importlib.metadata.version(package.replace('_', '-'))} on torch {torch.__version__}", call, ours,
              list(run(call)), tolerance)
