"""The engine: operations, and graphs of them that are recorded, differentiated and run."""

from fastconv.engine.autodiff import grad, gradients, value_and_grad
from fastconv.engine.host import HostCall, when_run
from fastconv.engine.operand import Operand
from fastconv.engine.plan import Plan
from fastconv.engine.primitive import Call, DataDependentError, Primitive, Tensor, View
from fastconv.engine.symbolic import KerasTensor, lift
from fastconv.engine.tape import GradientTape
from fastconv.engine.trace import Trace
from fastconv.engine.variable import Variable

__all__ = [
    "Call",
    "DataDependentError",
    "GradientTape",
    "HostCall",
    "KerasTensor",
    "Operand",
    "Plan",
    "Primitive",
    "Tensor",
    "Trace",
    "Variable",
    "View",
    "grad",
    "gradients",
    "lift",
    "value_and_grad",
    "when_run",
]
