/* elementwise: GB/s (read and written) of the kernels' loops in each version that the machine has, on arrays that stay
 * in the cache. */
#include "bench.h"
#include "runtime/kernel_impl.h"

enum { COUNT = 1 << 15, CHANNELS = 64, TIMES = 40 };

typedef struct work {
  const char *name, *op;
  uint32_t operands;
  graft_dtype from, to;
} work;

static const work works[] = {
    {"relu", "relu", 1, GRAFT_F32, GRAFT_F32},
    {"hardswish", "hardswish", 1, GRAFT_F32, GRAFT_F32},
    {"exp", "exp", 1, GRAFT_F32, GRAFT_F32},
    {"sigmoid", "sigmoid", 1, GRAFT_F32, GRAFT_F32},
    {"silu", "silu", 1, GRAFT_F32, GRAFT_F32},
    {"tanh", "tanh", 1, GRAFT_F32, GRAFT_F32},
    {"erf", "erf", 1, GRAFT_F32, GRAFT_F32},
    {"gelu", "gelu", 1, GRAFT_F32, GRAFT_F32},
    {"softplus", "softplus", 1, GRAFT_F32, GRAFT_F32},
    {"mul by channel", "mul", 2, GRAFT_F32, GRAFT_F32},
    {"quantize_per_channel", "quantize_per_channel", 3, GRAFT_F32, GRAFT_I8},
    {"dequantize_per_channel", "dequantize_per_channel", 3, GRAFT_I8, GRAFT_F32},
    {"fake_quantize", "fake_quantize", 3, GRAFT_F32, GRAFT_F32},
    {"observe", "observe", 2, GRAFT_F32, GRAFT_F32},
    {"batch_norm", "batch_norm", 5, GRAFT_F32, GRAFT_F32},
};

static _Alignas(64) char x[COUNT * 4], y[COUNT * 4];
static float ones[CHANNELS];
static int32_t zeros[CHANNELS];

static double once(graft_context *c, graft_module *m, gr_scratch *scratch, const work *w, gr_isa isa) {
  const int64_t image[] = {1, CHANNELS, COUNT / CHANNELS}, weight[] = {CHANNELS, COUNT / CHANNELS},
                column[] = {CHANNELS, 1};
  uint32_t op = gr_op_find(w->op, strlen(w->op));
  bool norm = op == GR_OP_batch_norm, mul = op == GR_OP_mul, observes = op == GR_OP_observe,
       fake = op == GR_OP_fake_quantize;
  graft_type tx = norm ? graft_type_make(w->from, 3, image) : graft_type_make(w->from, 2, weight), ty = tx;
  graft_type vector = mul ? graft_type_make(GRAFT_F32, 2, column) : graft_type_make(GRAFT_F32, fake ? 0 : 1, column);
  graft_type integers = graft_type_make(GRAFT_I32, fake ? 0 : 1, column),
             pair = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  ty.dtype = w->to;
  gr_in in[GR_MAX_OPERANDS] = {{.type = &tx, .data = x, .count = COUNT}};
  for (uint32_t i = 1; i < w->operands; i++)
    in[i] = (gr_in){.type = observes          ? &pair
                            : i == 2 && !norm ? &integers
                                              : &vector,
                    .data = i == 2 && !norm ? (const void *)zeros : ones,
                    .count = observes ? 2
                             : fake   ? 1
                                      : CHANNELS};
  gr_out out[GR_MAX_RESULTS] = {{.type = observes ? &pair : &ty, .data = y, .count = observes ? 2 : COUNT}};
  gr_attr_builder b;
  gr_attrs_begin(&b, gr_op_get(op));
  gr_kernel_call k = {.context = c,
                      .module = m,
                      .op = op,
                      .attrs = gr_attrs_intern(m, &b, gr_op_get(op), (gr_loc){0}),
                      .operands = in,
                      .operand_count = w->operands,
                      .results = out,
                      .result_count = 1,
                      .scratch = scratch,
                      .isa = isa};
  double begin = bench_now();
  for (int i = 0; i < TIMES; i++) {
    if (k.attrs == GRAFT_NONE || gr_kernel_get(op)->run(&k) != GRAFT_OK) bench_fail(c, w->name);
    gr_scratch_reset(scratch);
  }
  double bytes = (double)COUNT * (double)(graft_dtype_size(w->from) + (observes ? 0 : graft_dtype_size(w->to)));
  return bytes * TIMES / (bench_now() - begin) * 1e-6;
}

int main(void) {
  static const char *const versions[] = {"plain", "avx2", "avx512"};
  graft_context *c = graft_context_create(NULL);
  graft_module *m = c ? graft_module_create(c) : NULL;
  gr_scratch *scratch = c ? gr_scratch_create(c) : NULL;
  if (!m || !scratch) return 1;
  for (int i = 0; i < COUNT; i++) ((float *)(void *)x)[i] = (float)graft_fill_element("x", (uint64_t)i, -4, 4);
  for (int i = 0; i < CHANNELS; i++) ones[i] = 0.04f;
  for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
    for (int isa = 0; isa <= (int)gr_isa_best(); isa++) {
      samples s = {0};
      char what[80];
      once(c, m, scratch, &works[i], (gr_isa)isa);
      for (int r = 0; r < BENCH_REPEATS; r++) bench_add(&s, once(c, m, scratch, &works[i], (gr_isa)isa));
      snprintf(what, sizeof what, "%s, %s", works[i].name, versions[isa]);
      bench_row(what, &s, "GB/s", "");
    }
  }
  gr_scratch_destroy(scratch);
  graft_module_destroy(m);
  graft_context_destroy(c);
  return 0;
}
