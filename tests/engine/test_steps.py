"""Optimizers and schedules that do not fit: told before anything is trained."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import SGD, lr_scheduler

import coursekit as ck


def sgd(net):
    return SGD(net.parameters(), lr=0.1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: SGD, "the optimizer must be an object, as torch.optim.SGD.*, not SGD"),
        (lambda net: "adam", "the optimizer must be an object, .*, not str"),
        (lambda net: None, "the optimizer must be an object, .*, not NoneType"),
        (lambda net: sgd(nn.Linear(64, 3)), "no parameter of this model, .* make the optimizer ag"),
        (lambda net: torch.optim.LBFGS(net.parameters()), "LBFGS .* take another optimizer"),
    ],
)
def test_an_optimizer_that_does_not_fit(pictures, make, words):
    check(pictures, words, lambda net: (make(net), None))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda own, other: lr_scheduler.StepLR, "the schedule must be an object, .*, not StepLR"),
        (lambda own, other: 0.5**3, "the schedule must be an object, .*, not float"),
        (
            lambda own, other: lr_scheduler.StepLR(other, 5),
            "belongs to another optimizer, .* again",
        ),
        (
            lambda own, other: lr_scheduler.ReduceLROnPlateau(own),
            "ReduceLROnPlateau wants a metric",
        ),
    ],
)
def test_a_schedule_that_does_not_fit(pictures, make, words):
    check(pictures, words, lambda net: (own := sgd(net), make(own, sgd(net))))


def check(pictures, words, make):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    optimizer, schedule = make(net)
    before, options = copy.deepcopy(net.state_dict()), {"epochs": 1, "progress": False}
    with pytest.raises(ValueError, match=words):
        ck.fit(net, pictures.loader(20), optimizer=optimizer, scheduler=schedule, **options)
    assert all(map(torch.equal, before.values(), net.state_dict().values()))


def test_what_fits_is_not_refused(pictures):
    """Part of a model, several groups with the parameters of a loss; a chain of schedules."""
    net, centres = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), nn.Linear(9, 3)), nn.Linear(3, 3)
    optimizer = SGD([{"params": net[2].parameters()}, {"params": centres.parameters()}], lr=0.1)
    chain = [lr_scheduler.LinearLR(optimizer), lr_scheduler.ExponentialLR(optimizer, 0.9)]
    for schedule in (*chain, lr_scheduler.ChainedScheduler(chain)):
        options = {"optimizer": optimizer, "scheduler": schedule, "progress": False}
        assert ck.fit(net, pictures.loader(20), epochs=1, **options).train_loss
