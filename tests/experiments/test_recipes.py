"""What makes another recipe of a function and what does not, told after a restart.

Two processes, with different hashes of strings, go through the tables as notebooks do: one makes
the first runs of the old recipes, the other continues with the new ones, and then with the old ones
once more.
"""

import json
import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(120)

# The first cell of each notebook.
SETUP = """\
import abc, collections, contextlib, dataclasses, enum, functools, logging, math, operator
import pathlib, random, threading, types, typing
import numpy as np
import torch
import coursekit as ck
from torch import nn

def images(pixel=0, label=0, classes="ab", **options):
    pixels = torch.arange(4 * 3 * 8 * 8).view(4, 3, 8, 8).to(torch.uint8)
    pixels[1, 2, 3, 4] = pixel
    return ck.Images(pixels, torch.tensor([0, 1, 0, label]), classes, "made (synthetic)", **options)
"""

# A heading has a name and a part of what the refusal says; <<old|new>> is what changes, and %%
# begins a module beside the notebook.
CHANGED = """
## a global: LR was 0.1, now 0.2
LR = <<0.1|0.2>>
def run(seed):
    return seed * LR

## its type: LR was 1, now True
LR = <<1|True>>
def run(seed):
    return seed * LR

## sign of zero: LR was 0.0, now -0.0
LR = <<0.0|-0.0>>
def run(seed):
    return seed * LR

## end of a long text: T was str
T = "x" * 100 + "<<a|b>>"
def run(seed):
    return len(T)

## sparse tensor: S was Tensor
S = torch.eye(3).to_sparse() * <<2|3>>
def run(seed):
    return S.to_dense().sum()

## dict with its keys as attributes: S was Attributes
class Attributes(dict):
    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)
S = Attributes(lr=<<0.1|0.2>>)
def run(seed):
    return S.lr

## code from a text in a module beside: double
from helpers import double
def run(seed):
    return double(seed)
%% helpers.py
space = {}
exec("def double(x): return x * <<2|3>>", space)
double = space["double"]

## list: WIDTHS was [8, 16], now [8, 32]
WIDTHS = [8, <<16|32>>]
def run(seed):
    return WIDTHS[0]

## end of a long list: W was list
W = [0] * 99 + [<<1|2>>]
def run(seed):
    return W[0]

## nested containers: C was {'a': [1, {'b': 2}]}, now {'a': [1, {'b': 3}]}
C = {"a": [1, {"b": <<2|3>>}]}
def run(seed):
    return len(C)

## order of a dict: N was {1: 2, 3: 4}, now {3: 4, 1: 2}
N = {<<1: 2, 3: 4|3: 4, 1: 2>>}
def run(seed):
    return next(iter(N))

## order of a dict of layers: LAYERS was dict
LAYERS = {<<"a": nn.ReLU(), "b": nn.Tanh()|"b": nn.Tanh(), "a": nn.ReLU()>>}
def run(seed):
    return len(LAYERS)

## ordered dict: L was OrderedDict
L = collections.OrderedDict(<<a=1, b=2|b=2, a=1>>)
def run(seed):
    return len(L)

## set: KEEP was set
KEEP = {"a", "<<b|c>>"}
def run(seed):
    return len(KEEP)

## deque: D was deque
D = collections.deque([1, <<2|3>>])
def run(seed):
    return len(D)

## range: R was range
R = range(<<2|3>>)
def run(seed):
    return len(R)

## path: P was
P = pathlib.Path("<<a|b>>")
def run(seed):
    return len(P.name)

## array: W was ndarray
W = np.array([1, <<2|3>>])
def run(seed):
    return W[0]

## array of objects: W was ndarray
W = np.array([1, "<<2|3>>"], object)
def run(seed):
    return W[0]

## shape of an array: W was ndarray
W = np.zeros(<<4|(2, 2)>>)
def run(seed):
    return W.ndim

## type of an array: W was ndarray
W = np.zeros(4, <<"int32"|"float32">>)
def run(seed):
    return W[0]

## number of NumPy: LR was float64
LR = np.float64(<<0.1|0.2>>)
def run(seed):
    return LR

## tensor: W was Tensor
W = torch.tensor([1.0, <<2|3>>])
def run(seed):
    return W[0]

## type of tensors: KIND was dtype
KIND = torch.<<half|float>>
def run(seed):
    return torch.ones((), dtype=KIND)

## device: D was device
D = torch.device("<<cpu|meta>>")
def run(seed):
    return len(str(D))

## pandas frame: F was DataFrame
import pandas
F = pandas.DataFrame({"a": [1, <<2|3>>]})
def run(seed):
    return len(F)

## seed of a generator: G was Generator
G = torch.Generator().manual_seed(<<1|2>>)
def run(seed):
    return torch.rand((), generator=G)

## seed of NumPy's generator: G was Generator
G = np.random.default_rng(<<1|2>>)
def run(seed):
    return G.random()

## seed of NumPy's old generator: G was RandomState
G = np.random.RandomState(<<1|2>>)
def run(seed):
    return len(G.bytes(1))

## seed of Python's generator: G was Random
G = random.Random(<<1|2>>)
def run(seed):
    return G.random()

## namespace: C was SimpleNamespace
C = types.SimpleNamespace(lr=<<0.1|0.2>>)
def run(seed):
    return C.lr

## constant in the code: code of run was
def run(seed):
    return seed * <<2|3>>

## operator: code of run was
def run(seed):
    return seed <<*|+>> 2

## order of two draws: code of run was
def run(seed):
    return <<torch.rand(()) + np.random.rand()|np.random.rand() + torch.rand(())>>

## set in the code: code of run was
def run(seed):
    return seed in {1, <<2|3>>}

## what is called: code of run was
def run(seed):
    return math.<<sin|cos>>(2)

## what a try guards: code of run was
def f():
    pass
def run(seed):
    try:
        f()
<<        f()
    except TypeError:
        f()
|    except TypeError:
        f()
    else:
        f()
>>    return 0

## nested function: code of run was
def run(seed):
    def inner(x):
        return x * <<2|3>>
    return inner(seed)

## generator in the code: code of run was
def run(seed):
    return sum(i * <<2|3>> for i in range(seed))

## lambda: code of <lambda> was
run = lambda seed: seed * <<2|3>>

## helper: code of part was
def part(x):
    return x * <<2|3>>
def run(seed):
    return part(seed)

## generator function: code of each was
def each():
    yield <<2|3>>
def run(seed):
    return sum(each())

## global of a helper's helper: A was 2, now 3
A = <<2|3>>
def one():
    return A
def two():
    return one()
def run(seed):
    return two()

## mutual recursion: code of even was
def even(n):
    return <<2|3>> if n == 0 else odd(n - 1)
def odd(n):
    return 0 if n == 0 else even(n - 1)
def run(seed):
    return odd(3)

## global in a lambda inside: A was 2, now 3
A = <<2|3>>
def run(seed):
    return sum((lambda: A)() for _ in range(2))

## default argument: lr of run was 0.1, now 0.2
LR = <<0.1|0.2>>
def run(seed, lr=LR):
    return seed * lr

## keyword-only default: lr of run was 0.1, now 0.2
def run(seed, *, lr=<<0.1|0.2>>):
    return seed * lr

## default of a helper: by of part was 2, now 3
def part(x, by=<<2|3>>):
    return x * by
def run(seed):
    return part(seed)

## mutable default: widths of run was [2], now [3]
def run(seed, widths=[<<2|3>>]):
    return seed * widths[0]

## keyword of a partial: lr of f was 0.1, now 0.2
def f(seed, lr):
    return seed * lr
run = functools.partial(f, lr=<<0.1|0.2>>)

## argument of a partial: argument 1 of f was 0.1, now 0.2
def f(lr, seed):
    return seed * lr
run = functools.partial(f, <<0.1|0.2>>)

## function of a partial: code of f was
def f(lr, seed):
    return seed * lr * <<2|3>>
run = functools.partial(f, 1)

## partial that is called: argument 1 of half was 2, now 3
def f(a):
    return a
half = functools.partial(f, <<2|3>>)
def run(seed):
    return half()

## closure: lr was 0.1, now 0.2
def made(lr):
    def run(seed):
        return seed * lr
    return run
run = made(<<0.1|0.2>>)

## closure of a decorator: n was 2, now 3
def times(n):
    def wrap(f):
        @functools.wraps(f)
        def inner(seed):
            return n * f(seed)
        return inner
    return wrap
@times(<<2|3>>)
def run(seed):
    return seed

## decorated function: code of f was
def twice(f):
    @functools.wraps(f)
    def inner(seed):
        return 2 * f(seed)
    return inner
@twice
def run(seed):
    return seed * <<2|3>>

## code of a decorator: code of run was
def times(f):
    @functools.wraps(f)
    def inner(seed):
        return <<2|3>> * f(seed)
    return inner
@times
def run(seed):
    return seed

## helper with a memory: part was
@functools.lru_cache
def part(x):
    return x * <<2|3>>
def run(seed):
    return part(seed)

## helper without gradients: was
@torch.no_grad()
def part(x):
    return x * <<2|3>>
def run(seed):
    return part(seed)

## attribute of a function: was
def run(seed):
    return seed * run.lr
run.lr = <<0.1|0.2>>

## class attribute: lr of C was 0.1, now 0.2
class C:
    lr = <<0.1|0.2>>
def run(seed):
    return C.lr

## class attribute that is set later: lr of C was 0.1, now 0.2
class C:
    lr = 0
C.lr = <<0.1|0.2>>
def run(seed):
    return C.lr

## static method: f of C was
class C:
    @staticmethod
    def f():
        return <<2|3>>
def run(seed):
    return C.f()

## class method: f of C was
class C:
    @classmethod
    def f(cls):
        return <<2|3>>
def run(seed):
    return C.f()

## property: f of C was
class C:
    @property
    def f(self):
        return <<2|3>>
def run(seed):
    return C().f

## cached property: C was
class C:
    @functools.cached_property
    def f(self):
        return <<2|3>>
def run(seed):
    return C().f

## method: f of C was
class C:
    def f(self):
        return <<2|3>>
def run(seed):
    return C().f()

## global that a method reads: was
A = <<2|3>>
class C:
    def f(self):
        return A
def run(seed):
    return C().f()

## base class: was
class B:
    lr = <<0.1|0.2>>
class C(B):
    pass
def run(seed):
    return C.lr

## another base class: was
class A:
    lr = 1
class B:
    lr = 2
class C(<<A|B>>):
    pass
def run(seed):
    return C.lr

## order of bases: was
class A:
    lr = 1
class B:
    lr = 2
class C(<<A, B|B, A>>):
    pass
def run(seed):
    return C.lr

## mixin: was
class Mixin:
    def rate(self):
        return <<2|3>>
class C(Mixin, dict):
    pass
def run(seed):
    return C().rate()

## abstract base: was
class A(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
    def g(self):
        return <<2|3>>
class C(A):
    def f(self):
        return 1
def run(seed):
    return C().g()

## metaclass: was
class M(type):
    def lr(cls):
        return <<2|3>>
class C(metaclass=M):
    pass
def run(seed):
    return C.lr()

## enum: was
class E(enum.Enum):
    LR = <<2|3>>
def run(seed):
    return E.LR.value

## member of an enum: LR was
class E(enum.Enum):
    A = 1
    B = 2
LR = E.<<A|B>>
def run(seed):
    return LR.value

## configuration object: lr of config was 0.1, now 0.2
class Config:
    def __init__(self, lr):
        self.lr = lr
config = Config(<<0.1|0.2>>)
def run(seed):
    return config.lr

## method of an object that is read: was
class Config:
    def lr(self):
        return <<2|3>>
config = Config()
def run(seed):
    return config.lr()

## object with slots: config was
class Config:
    __slots__ = ("lr",)
config = Config()
config.lr = <<0.1|0.2>>
def run(seed):
    return config.lr

## dataclass: lr of config was 0.1, now 0.2
@dataclasses.dataclass
class Config:
    lr: float = 0.1
config = Config(<<0.1|0.2>>)
def run(seed):
    return config.lr

## default of a dataclass: was
@dataclasses.dataclass(frozen=True)
class Config:
    lr: float = <<0.1|0.2>>
def run(seed):
    return Config().lr

## factory of a dataclass: was
@dataclasses.dataclass
class Config:
    lr: list = dataclasses.field(default_factory=lambda: [<<0.1|0.2>>])
def run(seed):
    return Config().lr[0]

## named tuple: config was
class Config(typing.NamedTuple):
    lr: float
config = Config(<<0.1|0.2>>)
def run(seed):
    return config.lr

## default of a named tuple: was
class Config(typing.NamedTuple):
    lr: float = <<0.1|0.2>>
def run(seed):
    return Config().lr

## class made in a function: was
def made(lr):
    class C:
        def f(self):
            return lr
    return C
C = made(<<2|3>>)
def run(seed):
    return C().f()

## class made by type: lr of C was 2, now 3
C = type("C", (), {"lr": <<2|3>>})
def run(seed):
    return C.lr

## object of a bound method: object of run was
class C:
    def __init__(self, lr):
        self.lr = lr
    def run(self, seed):
        return seed * self.lr
run = C(<<0.1|0.2>>).run

## code of a bound method: code of run was
class C:
    def run(self, seed):
        return seed * <<2|3>>
run = C().run

## callable object: C was
class C:
    def __init__(self, lr):
        self.lr = lr
    def __call__(self, seed):
        return seed * self.lr
run = C(<<0.1|0.2>>)

## code of a callable object: C was
class C:
    def __call__(self, seed):
        return seed * <<2|3>>
run = C()

## order of layers: net was Sequential
LAYERS = collections.OrderedDict(<<a=nn.ReLU(), b=nn.Tanh()|b=nn.Tanh(), a=nn.ReLU()>>)
net = nn.Sequential(LAYERS)
def run(seed):
    return net(torch.tensor(1.0))

## masked array: W was MaskedArray
W = np.ma.array([1, 2, 3], mask=[0, <<0, 1|1, 0>>])
def run(seed):
    return W.mean()

## bound method of a dict: rate was
rate = {"a": <<2|3>>}.get
def run(seed):
    return rate("a")

## bound method of a generator: draw was
draw = np.random.default_rng(<<2|3>>).random
def run(seed):
    return draw()

## bound method in a list: WAYS was list
class C:
    def __init__(self, lr):
        self.lr = lr
    def rate(self):
        return self.lr
WAYS = [C(<<2|3>>).rate]
def run(seed):
    return WAYS[0]()

## code beside an argument called code: code of run was
def run(seed, code=1, globals=2, closure=3):
    return seed * <<2|3>>

## global beside an argument called globals: A was 2, now 3
A = <<2|3>>
def run(seed, code=1, globals=2, closure=3):
    return seed * A

## argument beside an attribute of its name: was 2, now 3
def run(seed, lr=<<2|3>>):
    return seed * lr
run.lr = 1

## base beside a member called make: was
class B:
    lr = <<2|3>>
class C(B):
    make = globals = closure = code = 1
def run(seed):
    return C.lr

## object beside a lock: lr of config was 0.1, now 0.2
class Config:
    def __init__(self, lr):
        self.lock, self.lr = threading.Lock(), lr
config = Config(<<0.1|0.2>>)
def run(seed):
    return config.lr

## container beside a lock: BOTH was list
BOTH = [threading.Lock(), <<2|3>>]
def run(seed):
    return BOTH[1]

## context manager: was
@contextlib.contextmanager
def rate():
    yield <<2|3>>
def run(seed):
    with rate() as lr:
        return lr

## function for each type: was
@functools.singledispatch
def part(x):
    return x
@part.register
def _(x: int):
    return x * <<2|3>>
def run(seed):
    return part(seed)

## local class: code of run was
def run(seed):
    class C:
        lr = <<2|3>>
    return C.lr

## default of a lambda in a dict: WAYS was dict
WAYS = {"a": lambda x, by=<<2|3>>: x * by}
def run(seed):
    return WAYS["a"](seed)

## function in a set: WAYS was set
WAYS = {lambda x: x * <<2|3>>}
def run(seed):
    return sum(way(seed) for way in WAYS)

## text of one's own kind: T was
class Text(str):
    pass
T = Text("<<a|b>>")
def run(seed):
    return len(T)

## counter: N was Counter
N = collections.Counter(a=<<2|3>>)
def run(seed):
    return N["a"]

## attribute of a list of one's own: WAYS was
class Ways(list):
    pass
WAYS = Ways([1])
WAYS.lr = <<2|3>>
def run(seed):
    return WAYS.lr

## item of a list of one's own with attributes: WAYS was
class Ways(list):
    pass
WAYS = Ways([<<2|3>>])
WAYS.lr = 1
def run(seed):
    return WAYS[0]

## array of one's own with attributes: was
class Grey(np.ndarray):
    pass
W = np.array([1, <<2|3>>]).view(Grey)
W.source = "grey"
def run(seed):
    return W[1]

## error of one's own with attributes: was
class Problem(Exception):
    pass
problem = Problem(<<2|3>>)
problem.lr = 1
def run(seed):
    return problem.args[0]

## number of one's own with attributes: was
class Rate(float):
    pass
LR = Rate(<<0.1|0.2>>)
LR.unit = "per step"
def run(seed):
    return LR

## slots beside attributes: was
class Base:
    __slots__ = ("lr",)
class Config(Base):
    pass
config = Config()
config.lr, config.name = <<0.1|0.2>>, "a"
def run(seed):
    return config.lr

## function in a dict: WAYS was dict
WAYS = {"a": lambda x: x * <<2|3>>}
def run(seed):
    return WAYS["a"](seed)

## function in a list: WAYS was list
def f(x):
    return x * <<2|3>>
WAYS = [f]
def run(seed):
    return WAYS[0](seed)

## class in a tuple: WAYS was tuple
class C:
    lr = <<2|3>>
WAYS = (C,)
def run(seed):
    return WAYS[0].lr

## circle of objects: one was
class C:
    lr = <<2|3>>
one = C()
one.me = one
def run(seed):
    return one.lr

## function of a module beside: code of part was
from helpers import part
def run(seed):
    return part(seed)
%% helpers.py
def part(x):
    return x * <<2|3>>

## constant of a module beside: A was 2, now 3
from helpers import part
def run(seed):
    return part(seed)
%% helpers.py
A = <<2|3>>
def part(x):
    return x * A

## module beside: helpers was module
import helpers
def run(seed):
    return helpers.part(seed)
%% helpers.py
def part(x):
    return x * <<2|3>>

## base class of a module beside: was
import helpers
class C(helpers.B):
    pass
def run(seed):
    return C.lr
%% helpers.py
class B:
    lr = <<2|3>>

## module beside that is imported in the function: was
def run(seed):
    from helpers import part
    return part(seed)
%% helpers.py
def part(x):
    return x * <<2|3>>

## imported function: f was
from math import <<sin|cos>> as f
def run(seed):
    return f(2)

## imported module: m was module
import <<math|cmath>> as m
def run(seed):
    return m.sqrt(4).real

## activation: act was
act = nn.functional.<<relu|gelu>>
def run(seed):
    return act(torch.tensor(1.0))

## method of a type: f was
f = str.<<upper|lower>>
def run(seed):
    return len(f("a"))

## universal function: f was ufunc
f = np.<<sin|cos>>
def run(seed):
    return f(2)

## getter: f was itemgetter
f = operator.itemgetter(<<0|1>>)
def run(seed):
    return f((1, 2))

## class of an optimizer: Optimizer was
Optimizer = torch.optim.<<SGD|Adam>>
def run(seed):
    return len(str(Optimizer))

## rate of an optimizer: optimizer was SGD
optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=<<0.1|0.2>>)
def run(seed):
    return optimizer.param_groups[0]["lr"]

## transform: transform was Compose
from torchvision.transforms import v2
transform = v2.Compose([v2.RandomHorizontalFlip(<<0.5|0.6>>)])
def run(seed):
    return len(transform.transforms)

## weights of torchvision: W was
from torchvision.models import ResNet50_Weights
W = ResNet50_Weights.IMAGENET1K_<<V1|V2>>
def run(seed):
    return len(W.name)

## estimator of scikit-learn: svm was SVC
from sklearn.svm import SVC
svm = SVC(C=<<1|2>>)
def run(seed):
    return svm.C

## weights: net was Linear
torch.manual_seed(0)
net = nn.Linear(2, 2)
net.bias.data[0] = <<2|3>>
def run(seed):
    return len(net.bias)

## frozen weights: net was Linear
torch.manual_seed(0)
net = nn.Linear(2, 2).requires_grad_(<<True|False>>)
def run(seed):
    return len(net.bias)

## dropout: net was Sequential
net = nn.Sequential(nn.Dropout(<<0.1|0.2>>))
def run(seed):
    return len(net)

## running mean: net was BatchNorm2d
net = nn.BatchNorm2d(2)
net.running_mean[0] = <<2|3>>
def run(seed):
    return len(net.bias)

## mode of a network: net was Dropout
net = nn.Dropout().train(<<True|False>>)
def run(seed):
    return net.p

## forward: forward of Net was
class Net(nn.Module):
    def forward(self, x):
        return x * <<2|3>>
def run(seed):
    return Net()(seed)

## layers: __init__ of Net was
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, <<2|3>>)
def run(seed):
    return Net().layer.out_features

## forward of a network that is read: net was Net
class Net(nn.Module):
    def forward(self, x):
        return x * <<2|3>>
net = Net()
def run(seed):
    return net(seed)

## pixel: data was Images
data = images(pixel=<<2|3>>)
def run(seed):
    return len(data)

## label: data was Images
data = images(label=<<1|0>>)
def run(seed):
    return len(data)

## names of the classes: data was Images
data = images(classes="<<ab|abc>>")
def run(seed):
    return len(data.classes)

## normalisation: data was Images
data = images(mean=0.5, std=<<0.5|0.25>>)
def run(seed):
    return len(data)

## augmentation: data was Images
data = images(augment=[<<|ck.augment.RandomCrop(4)>>])
def run(seed):
    return len(data)

## strength of an augmentation: data was Images
data = images(augment=[ck.augment.RandomCrop(<<2|3>>)])
def run(seed):
    return len(data)

## augmentation of one's own: data was Images
data = images(augment=[lambda x: x // <<2|3>>])
def run(seed):
    return len(data)

## images of one's own: data was Brighter
class Brighter(ck.Images):
    def __getitems__(self, indices):
        x, y = super().__getitems__(indices)
        return x + <<2|3>>, y
data = images()
data = Brighter(data.images, data.labels, data.classes, data.source)
def run(seed):
    return data[0][0].mean()

## size of a batch: batches was DataLoader
batches = images().loader(<<2|3>>)
def run(seed):
    return len(batches)

## order of batches: batches was DataLoader
batches = images().loader(2, shuffle=<<True|False>>)
def run(seed):
    return len(batches)

## subset: data was Subset
data = torch.utils.data.Subset(images(), [0, <<1|2>>])
def run(seed):
    return len(data)

## data set of one's own: x of data was Tensor
class Data(torch.utils.data.Dataset):
    def __init__(self, n):
        self.x = torch.arange(n)
data = Data(<<2|3>>)
def run(seed):
    return len(data.x)

## argument that is a data set: data of score was Images
def score(seed, data):
    return len(data)
run = functools.partial(score, data=images(pixel=<<2|3>>))
"""

# What may differ from one session to the next and changes no run.
UNCHANGED = """
## comment and blank lines
<<|# the rate

>>LR = 0.1
def run(seed):<<|

    # as in the paper>>
    return seed * LR<<|  # once>>

## docstring
def run(seed):
    "<<One run.|A single run.>>"
    return seed

## order of imports
<<import json
import math|import math
import json>>
def run(seed):
    return math.sqrt(seed) + len(json.dumps(1))

## order of cells
<<def run(seed):
    return part(seed) + LR
LR = 0.1
def part(x):
    return x|LR = 0.1
def part(x):
    return x
def run(seed):
    return part(seed) + LR>>

## another global
OTHER = <<1|2>>
def other():
    return OTHER
def run(seed):
    return seed

## cell that is executed twice
class C:
    def f(self):
        return 2
<<|
class C:
    def f(self):
        return 2
>>def run(seed):
    return C().f()

## equal texts
NAMES = ["train", <<"train"|"".join(["tr", "ain"])>>]
KIND = {"train": 1, <<"test"|"".join(["te", "st"])>>: 2}
def run(seed):
    return len(NAMES) + KIND["train"]

## equal numbers
W = <<[1000, 1000]|[1000, int("1000")]>>
def run(seed):
    return W[0]

## sets of texts
KEEP = {"high", "middle", "low", "left", "right"}
FROZEN = frozenset(KEEP)
DEEP = {"a": [{"x", "y", "z"}, {("p", 1), ("q", 2)}]}
def run(seed):
    return len(KEEP) + len(FROZEN) + len(DEEP) + ("x" in {"x", "y", "z", "low"})

## set of functions
def f(x):
    return x
def g(x):
    return 2 * x
BOTH = {f, g}
def run(seed):
    return len(BOTH)

## data set that is made anew
data = images(label=1, mean=0.5, std=0.25, augment=[ck.augment.RandomCrop(2)])
<<|data.loader(2)
data[0]
>>part, rest = data.split(0.5, seed=1)
def run(seed):
    return len(data) + len(part)

## loaders and subsets
batches = images().loader(2, shuffle=True)
some = torch.utils.data.Subset(images(), [0, 2])
<<|list(batches)
>>def run(seed):
    return len(batches) + len(some)

## network that is made anew
torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2))
def run(seed):
    return len(net)

## network that was used
torch.manual_seed(0)
net = nn.Linear(2, 2)
<<|net(torch.ones(1, 2)).sum()
>>def run(seed):
    return len(net.bias)

## optimizer
optimizer = torch.optim.Adam(nn.Linear(2, 2).requires_grad_(False).parameters(), lr=0.1)
for group in optimizer.param_groups:
    for weights in group["params"]:
        weights.fill_(1)
def run(seed):
    return optimizer.param_groups[0]["lr"]

## memory layout
W = torch.arange(6).view(2, 3)<<|.T.contiguous().T>>
A = np.arange(6).reshape(2, 3)<<|.T.copy().T>>
def run(seed):
    return W[0, 1] + A[0, 1]

## module that is imported in the function
def run(seed):
    import helpers
    return helpers.part(seed)
%% helpers.py
<<|# how it was

>>def part(x):
    return 2 * x

## plot
axis = ck.plots.axes()[1]
def run(seed):
    axis.plot([seed], [seed])
    return seed

## generators that have drawn
G, N = torch.Generator().manual_seed(1), np.random.default_rng(1)
P, R = random.Random(1), np.random.RandomState(1)
<<|torch.rand(3, generator=G)
N.random()
>>def run(seed):
    return torch.rand((), generator=G) + N.random() + P.random() + R.rand()

## functions that draw
from random import randint, shuffle
from random import random as uniform
from numpy.random import rand
<<|random.seed(5)
np.random.seed(5)
torch.manual_seed(5)
>>def run(seed):
    return randint(1, 2) + uniform() + rand() + torch.rand(())

## function that has run
def part(x):
    return sum(i * x for i in range(20))
def run(seed):
    return part(seed)
<<|for _ in range(100):
    run(3)
>>
## helper with a memory
@functools.lru_cache
def part(x):
    return 2 * x
<<|part(3)
>>def run(seed):
    return part(seed)

## abstract class that was asked
class A(abc.ABC):
    pass
class C(A):
    lr = 1
<<|isinstance(3, A), isinstance(C(), A), issubclass(int, A)
>>def run(seed):
    return C.lr + isinstance(seed, A)

## class with all kinds of members
class C:
    lr = 0.1
    def __init__(self, lr=0.2):
        self.lr = lr
    @staticmethod
    def f():
        return 1
    @classmethod
    def g(cls):
        return cls.lr
    @property
    def h(self):
        return super().__repr__()
c = C()
def run(seed):
    return c.f() + c.g() + C.lr + len(c.h)

## dataclass, enum and named tuple
@dataclasses.dataclass(order=True)
class D:
    lr: float = 0.1
    names: list = dataclasses.field(default_factory=list)
class E(enum.Enum):
    A = 1
    B = "b"
class T(typing.NamedTuple):
    x: int = 1
d, e, t = D(names=["a"]), E.A, T()
def run(seed):
    return d.lr + e.value + t.x + D().lr + E.A.value + T().x

## generic class
X = typing.TypeVar("X")
class Box(typing.Generic[X]):
    def __init__(self, x: X):
        self.x = x
box = Box[int](3)
def run(seed):
    return box.x + Box(2).x

## annotations
def run(seed: <<int|"int">>) -> float:
    rate: float = 0.1
    return seed * rate

## closures and decorators
def times(n):
    def wrap(f):
        @functools.wraps(f)
        def inner(seed):
            return n * f(seed)
        return inner
    return wrap
@times(2)
def run(seed):
    return seed

## partial of a method
class C:
    def run(self, seed, lr):
        return seed * lr
run = functools.partial(C().run, lr=0.1)

## circles
one, two = [1], {}
one.append(one)
two["me"] = two
def even(n):
    return n == 0 or odd(n - 1)
def odd(n):
    return n != 0 and even(n - 1)
def run(seed):
    return len(one) + len(two) + even(4)

## bare objects
class Bare:
    pass
bare, marks = Bare(), [object(), object()]
def run(seed):
    return len(repr(bare)) + len(marks)

## lab
lab = ck.Lab(seed=0, minutes={"smoke": 1})
def run(seed):
    return lab.pick(smoke=1, laptop=2, full=3)

## history and evaluation
history = ck.History("made (synthetic)", train_loss=[1.0])
def run(seed):
    return history.train_loss[0]

## logger
log = logging.getLogger("course")
<<|log.setLevel("ERROR")
>>def run(seed):
    log.debug("%s", seed)
    return seed

## transforms and weights of torchvision
from torchvision.models import ResNet18_Weights
from torchvision.transforms import v2
transform = v2.Compose([v2.RandomCrop(4, padding=2), v2.ToDtype(torch.float32, scale=True)])
W = ResNet18_Weights.DEFAULT
def run(seed):
    return len(transform.transforms) + len(W.name)

## estimators of scikit-learn
from sklearn.decomposition import PCA
from sklearn.svm import SVC
pca = PCA(2).fit(np.eye(4, 3) * [[1, 2, 3]])
svm = SVC().fit(np.eye(4), [0, 1, 0, 1])
def run(seed):
    return pca.n_components + svm.C

## pandas frame
import pandas
F = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=["p", "q"])
def run(seed):
    return len(F)

## hook on a layer, whatever hooks there were before
layer = nn.Linear(2, 2)
nn.init.ones_(layer.weight), nn.init.ones_(layer.bias)
<<|nn.ReLU().register_forward_hook(print)
>>layer.register_forward_hook(lambda module, x, y: y * 2)
def run(seed):
    return layer(torch.ones(2)).sum()

## module beside
import helpers
from helpers import Net, part
def run(seed):
    return part(seed) + helpers.part(seed) + Net().lr
%% helpers.py
<<import os
import sys
|import sys
import os

# how it was
>>A = 2
def part(x):
    return x * A<<|  # twice>>
class Net:
    lr = 0.1
"""

# What cannot be described: a change of it goes unnoticed, and that is printed.
UNKNOWN = """
## lock
lock = threading.Lock()
def run(seed):
    with lock:
        return seed

## eval: what eval finds of run
K = 2
def run(seed):
    return eval("K")

## imported by a text: what import_module finds of run
import importlib
def run(seed):
    def inside():
        return importlib.import_module("math").pi
    return inside()

## environment: what environ finds of run
import os
def run(seed):
    return len(os.environ.get("PATH", ""))

## half of an iterator
numbers = (i for i in range(5))
def run(seed):
    return next(numbers)
"""

# What each process does: run each notebook as its ``__main__``, with its folder in front.
DRIVER = """
import contextlib, io, json, pathlib, sys, types
import coursekit as ck
from coursekit.experiments import processes

processes.renew = lambda: None  # there are none here, and to see what has changed takes its time
told = {}
for number, (name, text, kept) in enumerate(json.load(sys.stdin)):
    notebook, *modules = text.split("%% ")
    folder = pathlib.Path(sys.argv[1], str(number))
    folder.mkdir()
    for file, text in (part.split("\\n", 1) for part in modules):
        (folder / file).write_text(text)
    sys.path.insert(0, str(folder))
    sys.modules.pop("helpers", None)
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    said, error = io.StringIO(), None
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(notebook, f"<cell {number} in {folder}>", "exec"), vars(main))
            ck.repeat(main.run, [0], folder=kept)
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
    told[name] = error, said.getvalue()
    sys.path.pop(0)
print(json.dumps(told))
"""


def cases(text):
    """By name: the words of the refusal, the old notebook, the new one."""
    found, gap = {}, re.compile(r"<<(.*?)\|(.*?)>>", re.DOTALL)
    for head, body in re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", text, re.MULTILINE):
        name, _, words = head.partition(": ")
        assert name not in found
        found[name] = words, gap.sub(r"\1", body), gap.sub(r"\2", body)
    return found


GOES_ON = "1 of 1 runs are there already, none left to do\n"
CHANGES, RESTARTS, SECRETS = map(cases, (CHANGED, UNCHANGED, UNKNOWN))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the second process was told: by table and name, the error or None, and the output."""
    root = tmp_path_factory.mktemp("recipes")

    def process(number, *tables):
        (root / number).mkdir()
        notebooks = [
            (f"{table} {name}", SETUP + case[side], str(root / f"{kept} {name}"))
            for table, kept, found, side in tables
            for name, case in found.items()
        ]
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", DRIVER, root / number],
            input=json.dumps(notebooks),
            env={**os.environ, "PYTHONHASHSEED": number, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and not done.stderr, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def tables(side):
        return [("changed", "a", CHANGES, side), ("restarted", "b", RESTARTS, side)]

    hidden = ("unknown", "c", SECRETS, 1)
    process("1", *tables(1), hidden)  # an error here shows there, where no run is found
    return process("2", *tables(2), hidden, ("same", "a", CHANGES, 1))


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_recipe_is_refused(told, name):
    error, said = told[f"changed {name}"]
    words = f"ValueError: seed-0.json in a {name} was made by another recipe: "
    assert error and error.startswith(words) and CHANGES[name][0] in error, (error, said)
    assert said == "" or "lock" in name


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_recipe_goes_on_after_a_restart(told, name):
    error, said = told[f"same {name}"]
    assert error is None and said.endswith(f"a {name}: {GOES_ON}"), error
    assert said.count("\n") == 1 or "lock" in name


@pytest.mark.parametrize("name", RESTARTS)
def test_what_changes_no_run_is_no_other_recipe(told, name):
    assert told[f"restarted {name}"] == [None, f"b {name}: {GOES_ON}"]


@pytest.mark.parametrize("name", SECRETS)
def test_what_cannot_be_described_is_said(told, name):
    error, said = told[f"unknown {name}"]
    part = SECRETS[name][0] or re.search(r"\w+", SECRETS[name][1])[0]
    assert error is None
    assert said.startswith(f"c {name}: {part} cannot be described, changes there go unnoticed\n")


def test_there_are_enough_of_them():
    assert len(CHANGES) >= 100 and len(RESTARTS) >= 30
    assert all(old != new for _, old, new in CHANGES.values())
