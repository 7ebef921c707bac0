"""The one product everything is made of: a register tile of rows × vectors, C = A B or C += factor · A B.

A's entries are broadcast, B's rows are read as vectors; the tile of C stays in registers over the whole sum. Every
entry of C is summed in the same order whatever the tile's height, so results do not depend on how rows are grouped.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import REGISTERS, Vec, call_llvm, element_pointer, load_vector, splat_value, store_vector

# Rows of the tile for 1 to 4 vectors: accumulators, a row of B and the broadcasts fill the registers. Not above 9,
# for which x86 holds all row addresses beside its counters; with more, LLVM reorders the loop and spills.
TILE_ROWS = (0, *(min(9, (REGISTERS - 3 - vectors) // vectors) for vectors in (1, 2, 3, 4)))

_UNROLL = 4
_INT = ir.IntType(64)


def _int(value):
    return ir.Constant(_INT, value)


def _fence(builder):
    """Keep LLVM from moving loads up across this point: it would hoist all broadcasts of an unrolled loop and spill."""
    void = ir.FunctionType(ir.VoidType(), [])
    builder.call(ir.InlineAsm(void, "", "~{memory}", side_effect=True), [])


def _accumulate(builder, slots, vectors, vector, a_at, b):
    """One k: every slot += its row's number of A times its vector of B."""
    _fence(builder)
    read = [load_vector(builder, builder.gep(b, [_int(v * vector.count)]), vector) for v in range(vectors)]
    for index, slot in enumerate(slots):
        if index % vectors == 0:
            spread = splat_value(builder, builder.load(a_at(index // vectors)), vector)
        builder.store(call_llvm(builder, "fmuladd", [spread, read[index % vectors], builder.load(slot)]), slot)


def _sum(builder, rows, vectors, vector, a, a_row, a_k, a_outer, b, b_k, inner, outer):
    """Stack slots (registers, once optimised) with the sums over outer × inner. A stride may be the Python number 1."""
    slots = [cgutils.alloca_once(builder, vector) for _ in range(rows * vectors)]
    for slot in slots:
        builder.store(ir.Constant(vector, None), slot)
    unrolled = builder.mul(builder.sdiv(inner, _int(_UNROLL)), _int(_UNROLL))

    def times(stride, i):
        return i if stride == 1 else builder.mul(i, stride)

    with cgutils.for_range(builder, outer, intp=_INT) as block:
        a_block = builder.gep(a, [builder.mul(block.index, a_outer)])
        b_block = builder.gep(b, [builder.mul(builder.mul(block.index, inner), b_k)])

        def step(k):
            here = builder.gep(a_block, [times(a_k, k)])
            b_here = builder.gep(b_block, [builder.mul(k, b_k)])
            _accumulate(builder, slots, vectors, vector, lambda r: builder.gep(here, [times(a_row, _int(r))]), b_here)

        with cgutils.for_range_slice(builder, _int(0), unrolled, _int(_UNROLL), _INT) as (k, _):
            for u in range(_UNROLL):
                step(builder.add(k, _int(u)))
        with cgutils.for_range_slice(builder, unrolled, inner, _int(1), _INT) as (k, _):
            step(k)
    return slots


def _each(builder, slots, vectors, vector, c, c_row):
    """(address in C, sum) of every slot."""
    for index, slot in enumerate(slots):
        row = builder.gep(c, [builder.mul(c_row, _int(index // vectors))])
        yield builder.gep(row, [_int(index % vectors * vector.count)]), builder.load(slot)


def _write_plain(builder, targets, vector, fresh):
    """C = sum where ``fresh``, else C += sum."""
    with builder.if_else(builder.icmp_signed("!=", fresh, _int(0))) as (then, otherwise):
        with then:
            for pointer, value in targets():
                store_vector(builder, value, pointer)
        with otherwise:
            for pointer, value in targets():
                store_vector(builder, builder.fadd(load_vector(builder, pointer, vector), value), pointer)


def _write_scaled(builder, targets, vector, factor):
    """C += factor · sum."""
    spread = splat_value(builder, factor, vector)
    for pointer, value in targets():
        old = load_vector(builder, pointer, vector)
        store_vector(builder, call_llvm(builder, "fmuladd", [spread, value, old]), pointer)


def _make(vectors, transposed):
    """The product for a number of vectors, as a numba function of its own so that its code exists once.

    Plain: A's columns lie side by side, its rows ``a_stride`` apart; the last argument says whether C is overwritten.
    Transposed: A's rows lie side by side, its columns ``a_stride`` apart; the last argument is the factor.
    The sum runs over k = outer × inner; A's blocks of ``inner`` are ``a_outer`` apart, B's rows ``b_k``.
    """

    @intrinsic
    def emit(typingctx, c, c_off, c_row, a, a_off, a_stride, a_outer, b, b_off, b_k, inner, outer, rows, last):
        i = types.intp
        signature = types.void(c, i, i, a, i, i, i, b, i, i, i, i, i, c.dtype if transposed else i)

        def codegen(context, builder, sig, args):
            c, c_off, c_row, a, a_off, a_stride, a_outer, b, b_off, b_k, inner, outer, rows, last = args
            vector = context.get_value_type(Vec(sig.args[0].dtype))
            c = element_pointer(context, builder, sig.args[0], c, c_off)
            a = element_pointer(context, builder, sig.args[3], a, a_off)
            b = element_pointer(context, builder, sig.args[7], b, b_off)
            a_row, a_k = (1, a_stride) if transposed else (a_stride, 1)
            write = _write_scaled if transposed else _write_plain
            builder.function.attributes.add("noinline")  # inlined it would share its registers, and be compiled often
            done = builder.append_basic_block("done")
            switch = builder.switch(rows, done)
            for height in range(1, TILE_ROWS[vectors] + 1):
                case = builder.append_basic_block(f"rows{height}")
                switch.add_case(_int(height), case)
                builder.position_at_end(case)
                slots = _sum(builder, height, vectors, vector, a, a_row, a_k, a_outer, b, b_k, inner, outer)

                def targets(slots=slots):
                    return _each(builder, slots, vectors, vector, c, c_row)

                write(builder, targets, vector, last)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, codegen

    def product(c, c_off, c_row, a, a_off, a_stride, a_outer, b, b_off, b_k, inner, outer, rows, last):
        emit(c, c_off, c_row, a, a_off, a_stride, a_outer, b, b_off, b_k, inner, outer, rows, last)

    return njit(product)


product1, product2, product3, product4 = (_make(vectors, transposed=False) for vectors in (1, 2, 3, 4))
transposed1, transposed2 = (_make(vectors, transposed=True) for vectors in (1, 2))
