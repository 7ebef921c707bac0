"""The one product everything is made of: a register tile of rows × vectors, C += A B.

A's entries are broadcast, B's rows are read as vectors; the tile of C stays in registers over the whole sum. Every
entry of C is summed in the same order whatever the tile's height, so results do not depend on how rows are grouped.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import REGISTERS, Vec, call_llvm, element_pointer, load_vector, splat_value, store_vector

# Rows of the tile for 1 to 4 vectors: accumulators, one row of B and one broadcast number fill the registers.
TILE_ROWS = (0, *(min(14, (REGISTERS - 1 - vectors) // vectors) for vectors in (1, 2, 3, 4)))

_UNROLL = 4
_INT = ir.IntType(64)


def _emit_tile(builder, rows, vectors, vector, c, c_row, a, a_row, a_k, a_outer, b, b_k, inner, outer):
    """IR of C += A B for a fixed number of rows and vectors. ``a_row``, ``a_k`` may be the Python number 1."""

    def times(stride, i):
        return i if stride == 1 else builder.mul(i, stride)

    accumulators = [cgutils.alloca_once(builder, vector) for _ in range(rows * vectors)]
    for slot in accumulators:
        builder.store(ir.Constant(vector, None), slot)

    def update(a_here, b_here):
        read = [
            load_vector(builder, builder.gep(b_here, [ir.Constant(_INT, v * vector.count)]), vector)
            for v in range(vectors)
        ]
        for row in range(rows):
            scalar = builder.load(builder.gep(a_here, [times(a_row, ir.Constant(_INT, row))]))
            spread = splat_value(builder, scalar, vector)
            for v in range(vectors):
                slot = accumulators[row * vectors + v]
                builder.store(call_llvm(builder, "fmuladd", [spread, read[v], builder.load(slot)]), slot)

    unrolled = builder.mul(builder.sdiv(inner, ir.Constant(_INT, _UNROLL)), ir.Constant(_INT, _UNROLL))
    with cgutils.for_range(builder, outer, intp=_INT) as block:
        a_block = builder.gep(a, [builder.mul(block.index, a_outer)])
        b_block = builder.gep(b, [builder.mul(builder.mul(block.index, inner), b_k)])

        def step(k):
            update(builder.gep(a_block, [times(a_k, k)]), builder.gep(b_block, [builder.mul(k, b_k)]))

        zero = ir.Constant(_INT, 0)
        with cgutils.for_range_slice(builder, zero, unrolled, ir.Constant(_INT, _UNROLL), _INT) as (k, _):
            for u in range(_UNROLL):
                step(builder.add(k, ir.Constant(_INT, u)))
        with cgutils.for_range_slice(builder, unrolled, inner, ir.Constant(_INT, 1), _INT) as (k, _):
            step(k)
    for row in range(rows):
        c_here = builder.gep(c, [builder.mul(c_row, ir.Constant(_INT, row))])
        for v in range(vectors):
            pointer = builder.gep(c_here, [ir.Constant(_INT, v * vector.count)])
            old = load_vector(builder, pointer, vector)
            store_vector(builder, builder.fadd(old, builder.load(accumulators[row * vectors + v])), pointer)


def _make(vectors, transposed):
    """The intrinsic for a number of vectors; ``transposed`` says that A's rows, not its columns, lie side by side."""

    @intrinsic
    def product(typingctx, c, c_off, c_row, a, a_off, a_stride, a_outer, b, b_off, b_k, inner, outer, rows):
        i = types.intp
        signature = types.void(c, i, i, a, i, i, i, b, i, i, i, i, i)

        def codegen(context, builder, sig, args):
            c, c_off, c_row, a, a_off, a_stride, a_outer, b, b_off, b_k, inner, outer, rows = args
            vector = context.get_value_type(Vec(sig.args[0].dtype))
            c = element_pointer(context, builder, sig.args[0], c, c_off)
            a = element_pointer(context, builder, sig.args[3], a, a_off)
            b = element_pointer(context, builder, sig.args[7], b, b_off)
            a_row, a_k = (1, a_stride) if transposed else (a_stride, 1)
            done = builder.append_basic_block("done")
            switch = builder.switch(rows, done)
            for count in range(1, TILE_ROWS[vectors] + 1):
                case = builder.append_basic_block(f"rows{count}")
                switch.add_case(ir.Constant(_INT, count), case)
                builder.position_at_end(case)
                _emit_tile(builder, count, vectors, vector, c, c_row, a, a_row, a_k, a_outer, b, b_k, inner, outer)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, codegen

    return product


_plain1, _plain2, _plain3, _plain4 = (_make(vectors, transposed=False) for vectors in (1, 2, 3, 4))
_transposed1, _transposed2 = (_make(vectors, transposed=True) for vectors in (1, 2))


def _compiled(intrinsic_function):
    """A numba function of its own, so that the tile's code exists once and not at every call."""

    def product(c, c_off, c_row, a, a_off, a_stride, a_outer, b, b_off, b_k, inner, outer, rows):
        intrinsic_function(c, c_off, c_row, a, a_off, a_stride, a_outer, b, b_off, b_k, inner, outer, rows)

    return njit(product)


product1 = _compiled(_plain1)
product2 = _compiled(_plain2)
product3 = _compiled(_plain3)
product4 = _compiled(_plain4)
transposed1 = _compiled(_transposed1)
transposed2 = _compiled(_transposed2)
