/* What a kernel is. A kernel runs one op on whole, contiguous (C order) arrays whose types inference has checked: it
 * reads attributes from the module's interned set, operands and results from views, and needs nothing else. It is the
 * same function in a session, in constant folding and in a test.
 *
 * Rules for kernels:
 * - results are not zeroed; every element of every result is written (one of no elements has a non-NULL pointer too);
 * - attributes and dtypes that the kernel does not do are an error (gr_kernel_error), never a silent wrong answer;
 * - inside gr_parallel_for: no allocation, no diagnostics; what is computed must not depend on the number of threads
 *   (chunks are cut by `grain` alone, so a sum per chunk, added up in chunk order afterwards, is fine);
 * - a result may overwrite an operand only where kernels.def says so (REUSE), and then of equal type. */
#ifndef GRAFT_KERNEL_IMPL_H
#define GRAFT_KERNEL_IMPL_H

#include <string.h>

#include "ir/graph/budget_int.h"
#include "runtime/quant_int.h"
#include "runtime/runtime.h"

/* An operand. Absent: type and data NULL. */
typedef struct gr_in {
  const graft_type *type;
  const void *data;
  int64_t count;    /* elements */
  uint64_t version; /* of bytes that other steps do not write: changes when they do; 0: they may be new in every run */
} gr_in;

/* A result. An absent optional one has type and data NULL: nothing to write. */
typedef struct gr_out {
  const graft_type *type;
  void *data;
  int64_t count;
} gr_out;

typedef struct gr_threads gr_threads;
typedef struct gr_scratch gr_scratch;

typedef struct gr_kernel_call {
  graft_context *context;
  const graft_module *module;
  uint32_t op, attrs;
  const gr_in *operands; /* at least GR_MAX_OPERANDS of them, absent ones at the end: fixed slots need no count check */
  uint32_t operand_count;
  const gr_out *results; /* at least GR_MAX_RESULTS of them */
  uint32_t result_count;
  gr_scratch *scratch;
  gr_threads *threads; /* NULL: one thread */
  gr_isa isa;          /* which clones of the loops run: nothing but speed depends on it */
  uint64_t seed;       /* of random ops: differs by session seed, step and node */
  gr_loc where;        /* names the node, where graph is NULL */
  graft_graph *graph;  /* of a session */
  graft_node node;
} gr_kernel_call;

/* GRAFT_OK, or a status with a diagnostic. */
typedef graft_status (*gr_kernel)(const gr_kernel_call *k);

/* Where a result is the same bytes as an operand from some offset on, so that nothing need run: the offset in bytes and
 * the operand's slot; -1: run the kernel. Types and attributes of the call are set, data is not. */
typedef int64_t (*gr_alias)(const gr_kernel_call *k, uint32_t result, uint32_t *operand);

/* Of an op whose results' extents depend on its operands' data: completes the types that inference could not. */
typedef graft_status (*gr_measure)(const gr_kernel_call *k, graft_type *results);

typedef struct gr_kernel_info {
  gr_kernel run;                 /* NULL: the op has no kernel */
  gr_alias alias;                /* NULL: never one */
  gr_measure measure;            /* NULL: types follow from types, attributes and i64 operands */
  bool bytes;                    /* elements go by their size alone: any dtype will do */
  uint8_t reuse[GR_MAX_RESULTS]; /* mask of the operand slots whose dying array a result of equal type may overwrite */
} gr_kernel_info;

/* NULL for an opaque op and for one without a kernel. */
const gr_kernel_info *gr_kernel_get(uint32_t op);

#define KERNEL(op, function, ...) graft_status function(const gr_kernel_call *k);
#define KERNEL_ALIAS(op, function, alias, ...) \
  graft_status function(const gr_kernel_call *k); \
  int64_t alias(const gr_kernel_call *k, uint32_t result, uint32_t *operand);
#define KERNEL_BYTES KERNEL_ALIAS
#define KERNEL_MEASURE(op, function, measure, ...) \
  graft_status function(const gr_kernel_call *k); \
  graft_status measure(const gr_kernel_call *k, graft_type *results);
#include "runtime/kernels.def"
#undef KERNEL
#undef KERNEL_ALIAS
#undef KERNEL_BYTES
#undef KERNEL_MEASURE
int64_t gr_alias_never(const gr_kernel_call *k, uint32_t result, uint32_t *operand);

/* Types of the results of a call whose operands are there: inferred, then measured. */
graft_status gr_kernel_types(const gr_kernel_call *k, graft_type *results);
/* Types of an opaque node's results, from the embedder's kernel or else the graph; `operands`: NULL: absent. */
graft_status gr_opaque_types(graft_context *c, graft_graph *g, graft_node n, const graft_kernel *kernel,
                             const graft_type *const *operands, graft_type *results);

/* The kernel for a call of these types: the op's own or, where f16 or bf16 go into arithmetic, the one that runs it in
 * f32 and rounds its results (half.c). */
gr_kernel gr_kernel_for(const gr_kernel_info *info, const gr_kernel_call *k);

/* Whole arrays of f16 or bf16 to f32 and back. */
void gr_half_widen(const gr_kernel_call *k, graft_dtype from, const void *x, int64_t count, float *y);
void gr_half_round(const gr_kernel_call *k, graft_dtype to, const float *x, int64_t count, void *y);

/* Entries of a table by dtype: NAME_I8 and so on, which DTYPE of kernels/dtypes.inc defined. */
#define GR_INTEGERS(NAME) \
  [GRAFT_I8] = NAME##_I8, [GRAFT_U8] = NAME##_U8, [GRAFT_I16] = NAME##_I16, [GRAFT_I32] = NAME##_I32, \
  [GRAFT_I64] = NAME##_I64, [GRAFT_U16] = NAME##_U16, [GRAFT_U32] = NAME##_U32, [GRAFT_U64] = NAME##_U64

/* Least and greatest number of an integer type. */
#define GR_LEAST(T) ((T)-1 > 0 ? (T)0 : (T)((uint64_t)1 << (8 * sizeof(T) - 1)))
#define GR_GREATEST(T) ((T)-1 > 0 ? (T)-1 : (T)(((uint64_t)1 << (8 * sizeof(T) - 1)) - 1))

/* `return gr_kernel_error(k, "no kernel for %s", …)`: GRAFT_RUN with the node's name. */
#define gr_kernel_error(k, ...) gr_error((k)->context, GRAFT_RUN, gr_kernel_where(k), __VA_ARGS__)
gr_loc gr_kernel_where(const gr_kernel_call *k);
/* The common one: "relu has no kernel for bool". */
graft_status gr_kernel_no_dtype(const gr_kernel_call *k, graft_dtype dtype);

/* ---- attributes of the call -------------------------------------------------------------------------------------- */

/* By slot: GR_ATTR(conv2d, groups). A word is the number of its enum, a dtype its number: gr_k_int. */
static inline int64_t gr_k_int(const gr_kernel_call *k, uint32_t slot) {
  return gr_attr_int(k->module, k->attrs, slot);
}
static inline double gr_k_float(const gr_kernel_call *k, uint32_t slot) {
  return gr_attr_float(k->module, k->attrs, slot);
}
static inline bool gr_k_bool(const gr_kernel_call *k, uint32_t slot) { return gr_attr_bool(k->module, k->attrs, slot); }
/* NULL and 0 for none. */
static inline const int64_t *gr_k_ints(const gr_kernel_call *k, uint32_t slot, uint32_t *count) {
  return gr_attr_ints(k->module, k->attrs, slot, count);
}
static inline const double *gr_k_floats(const gr_kernel_call *k, uint32_t slot, uint32_t *count) {
  return gr_attr_floats(k->module, k->attrs, slot, count);
}
static inline bool gr_k_none(const gr_kernel_call *k, uint32_t slot) {
  return gr_attr_is_none(k->module, k->attrs, slot);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Product of dims[from] … dims[to-1]. Types in a call are concrete and their sizes fit, so it cannot overflow. */
static inline int64_t gr_extent(const graft_type *t, int32_t from, int32_t to) {
  int64_t n = 1;
  for (int32_t i = from; i < to; i++) n *= t->dims[i];
  return n;
}
/* Bytes of a concrete type; false when they do not fit or the type is not concrete. */
bool gr_type_bytes(const graft_type *t, size_t *bytes);
/* An axis attribute, which may count from the end. */
static inline int32_t gr_axis(int64_t axis, int32_t rank) { return (int32_t)(axis < 0 ? axis + rank : axis); }
static inline size_t gr_in_bytes(const gr_in *a) { return (size_t)a->count * graft_dtype_size(a->type->dtype); }
static inline size_t gr_out_bytes(const gr_out *a) { return (size_t)a->count * graft_dtype_size(a->type->dtype); }

/* ---- quantization in pieces (kernels/quantize.c), for chain.c
 * -----------------------------------------------------------
 */

/* Has each channel a scale and zero point of its own? Of quantize, dequantize and fake_quantize. */
bool gr_quantizes_by_channel(const gr_kernel_call *k);

/* Quantizes operand 0, of f32, each index of its first axis times one of `factors` (NULL: as it is), in one go, where
 * that is all finite and nothing is out of the ordinary; *done false, and no error: run the kernel instead. Scales are
 * one, or one for each index of the first axis. */
graft_status gr_quantize_finite(const gr_kernel_call *k, const float *factors, bool *done);

/* What an observer sees of x in one step. */
typedef struct gr_observation {
  gr_isa isa;
  gr_channels channels;
  int64_t rows; /* of x's first axis */
  bool by_row;  /* each is a channel */
  double averaging_constant;
  float *range; /* min... and max..., one for each channel; NULL: no observer that goes by ranges */
} gr_observation;

graft_status gr_observe_begin(const gr_kernel_call *k, gr_observation *o);
/* `factors`: one for each row of x, which is multiplied by it first; NULL: none. */
void gr_observe_rows(const gr_observation *o, const float *x, const float *factors, int64_t row, int64_t rows);
void gr_observe_end(const gr_kernel_call *k, const gr_observation *o);

/* ---- scratch memory, gone when the kernel returns (scratch.c) -----------------------------------------------------
 */

/* Not zeroed, 64-byte aligned, never NULL but for lack of memory (a diagnostic is left; an overflow counts as such). */
void *gr_scratch_alloc(gr_scratch *s, size_t count, size_t size);
gr_scratch *gr_scratch_create(graft_context *c);
void gr_scratch_reset(gr_scratch *s); /* keeps the memory for the next kernel */
void gr_scratch_destroy(gr_scratch *s);

/* ---- order (kernels/sort.c) ---------------------------------------------------------------------------------------
 */

/* Below, at or above 0: entry a comes before b, either may come first, b comes before a. */
typedef int (*gr_compare)(const void *user, int64_t a, int64_t b);
/* The indices 0 … n - 1 in order, equal ones by index; false: no memory. */
bool gr_sort_indices(gr_scratch *scratch, int64_t *order, int64_t n, gr_compare compare, const void *user);

/* ---- threads (threads.c) ------------------------------------------------------------------------------------------
 */

/* NULL and a diagnostic when the threads cannot be made. `count` includes the caller's own thread. */
gr_threads *gr_threads_create(graft_context *c, uint32_t count);
/* Of the embedder's, which is copied; at most `count` of them, 0: all. */
gr_threads *gr_threads_borrow(graft_context *c, const graft_thread_pool *pool, uint32_t count);
void gr_threads_destroy(gr_threads *t);
uint32_t gr_threads_count(const gr_threads *t); /* 1 for NULL */

/* Part [begin, end) of the work; `worker` < gr_threads_count numbers the thread, for its own scratch. */
typedef void (*gr_range_function)(void *user, int64_t begin, int64_t end, uint32_t worker);
/* Calls `function` for [0, n) cut into pieces of `grain` (the last may be shorter), in any order; returns when all are
 * done. A range of long work asks gr_cancelled and may leave its results as they are then. */
void gr_parallel_for(gr_threads *t, int64_t n, int64_t grain, gr_range_function function, void *user);

#endif
