"""Vectors of one register's width as values in numba code: explicit SIMD that works on any target.

numba leaves vectorisation to LLVM, which picks half-width registers and gives up on register tiles. A ``Vec`` is
an LLVM vector of VECTOR_BYTES: on a machine with narrower registers LLVM splits it, so the code is right everywhere
and only the constants below are tuned. Products followed by sums may be contracted to fused multiply-adds.
"""

import operator
from collections.abc import Callable

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, overload, register_model

_features = llvm.get_host_cpu_features()

VECTOR_BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx") else 16
REGISTERS = 16 if _features.get("sse2") and not _features.get("avx512f") else 32

_CONTRACT = ("contract",)


class Vec(types.Type):
    """The numba type of a vector of ``lanes`` floats."""

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        self.lanes = VECTOR_BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vec({dtype} x {self.lanes})")


@register_model(Vec)
class VecModel(models.PrimitiveModel):
    """How numba keeps a Vec: as LLVM's vector of its dtype and lanes."""

    def __init__(self, manager, vec):
        super().__init__(manager, vec, ir.VectorType(manager.lookup(vec.dtype).get_value_type(), vec.lanes))


def lanes(array):
    """How many elements of the array fill one vector."""
    raise NotImplementedError  # for numba alone: kernels get the overload below


@overload(lanes)
def _lanes(array):
    count = Vec(array.dtype).lanes
    return lambda array: count


def element_pointer(context, builder, array_type, array, offset):
    """The address of element ``offset`` of a C-contiguous array, counted flat."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [offset])


def load_vector(builder, pointer, vector):
    """The vector at an address that need not be aligned to more than its element."""
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = vector_align(vector)
    return loaded


def store_vector(builder, value, pointer):
    """Write a vector to an address that need not be aligned to more than its element."""
    stored = builder.store(value, builder.bitcast(pointer, value.type.as_pointer()))
    stored.align = vector_align(value.type)


def vector_align(vector):
    """Bytes to which a vector in an array is aligned for certain: its element's, no more."""
    return 8 if isinstance(vector.element, ir.DoubleType) else 4


def call_llvm(builder, name, values):
    """The LLVM intrinsic ``name`` on vectors of one type."""
    vector = values[0].type
    kind = "f64" if isinstance(vector.element, ir.DoubleType) else "f32"
    function = ir.FunctionType(vector, [vector] * len(values))
    return builder.call(
        cgutils.get_or_insert_function(builder.module, function, f"llvm.{name}.v{vector.count}{kind}"), values
    )


def splat_value(builder, scalar, vector):
    """A vector with the same number in every lane."""
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), zeros)


@intrinsic
def load(typingctx, array, offset):
    """The vector at ``array.flat[offset:]``."""
    vec = Vec(array.dtype)

    def codegen(context, builder, sig, args):
        pointer = element_pointer(context, builder, sig.args[0], *args)
        return load_vector(builder, pointer, context.get_value_type(vec))

    return vec(array, types.intp), codegen


@intrinsic
def store(typingctx, array, offset, value):
    """Write the vector ``value`` to ``array.flat[offset:]``."""

    def codegen(context, builder, sig, args):
        pointer = element_pointer(context, builder, sig.args[0], *args[:2])
        store_vector(builder, args[2], pointer)

    return types.void(array, types.intp, value), codegen


@intrinsic
def splat(typingctx, like, number):
    """A vector like ``like`` with ``number`` in every lane."""

    def codegen(context, builder, sig, args):
        scalar = context.cast(builder, args[1], sig.args[1], sig.args[0].dtype)
        return splat_value(builder, scalar, args[0].type)

    return like(like, number), codegen


def _operator(function: Callable, build: Callable) -> None:
    """Teach numba ``function`` on (Vec, Vec), (Vec, number) and (number, Vec)."""

    @infer_global(function)
    class Typing(AbstractTemplate):
        def generic(self, args, kws):
            vecs = [a for a in args if isinstance(a, Vec)]
            if len(args) == 2 and vecs and all(isinstance(a, Vec | types.Number) for a in args):
                return signature(vecs[0], *args)
            return None

    def lower(context, builder, sig, args):
        vector = context.get_value_type(sig.return_type)
        values = [
            value
            if isinstance(kind, Vec)
            else splat_value(builder, context.cast(builder, value, kind, sig.return_type.dtype), vector)
            for kind, value in zip(sig.args, args, strict=True)
        ]
        return build(builder, *values)

    for kinds in ((Vec, Vec), (Vec, types.Number), (types.Number, Vec)):
        lower_builtin(function, *kinds)(lower)


_operator(operator.add, lambda builder, a, b: builder.fadd(a, b, flags=_CONTRACT))
_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b, flags=_CONTRACT))
_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b, flags=_CONTRACT))
_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))


@intrinsic
def where_less(typingctx, a, b, yes, no):
    """Lane by lane ``yes`` where a < b, else ``no``; a NaN is not less."""

    def codegen(context, builder, sig, args):
        a, b, yes, no = args
        return builder.select(builder.fcmp_ordered("<", a, b), yes, no)

    return a(a, a, a, a), codegen


def _integers(builder, value):
    bits = 64 if isinstance(value.type.element, ir.DoubleType) else 32
    return builder.bitcast(value, ir.VectorType(ir.IntType(bits), value.type.count))


def _constant(vector, value):
    return ir.Constant(vector, [value] * vector.count)


@intrinsic
def copy_sign(typingctx, magnitude, sign):
    """|magnitude| with the sign bit of ``sign``, lane by lane."""

    def codegen(context, builder, sig, args):
        return call_llvm(builder, "copysign", args)

    return magnitude(magnitude, magnitude), codegen


@intrinsic
def power_of_two(typingctx, shifted):
    """2^n, where ``shifted`` is n + 1.5·2^(mantissa bits), so that its low bits spell n; both normal numbers."""
    mantissa, bias = (52, 1023) if shifted.dtype is types.float64 else (23, 127)

    def codegen(context, builder, sig, args):
        bits = _integers(builder, args[0])
        exponent = builder.shl(bits, _constant(bits.type, mantissa))
        return builder.bitcast(builder.add(exponent, _constant(bits.type, bias << mantissa)), args[0].type)

    return shifted(shifted), codegen


@intrinsic
def sum_lanes(typingctx, value):
    """The sum of a vector's lanes, as a float64; in the order that suits the machine."""
    scalar = value.dtype

    def codegen(context, builder, sig, args):
        vector = args[0].type
        bits = "f64" if isinstance(vector.element, ir.DoubleType) else "f32"
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector.element, [vector.element, vector]),
            f"llvm.vector.reduce.fadd.v{vector.count}{bits}",
        )
        total = builder.call(function, [ir.Constant(vector.element, -0.0), args[0]], fastmath=("reassoc",))
        return context.cast(builder, total, scalar, types.float64)

    return types.float64(value), codegen
