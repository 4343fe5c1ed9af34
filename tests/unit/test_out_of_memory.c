/* Every allocation fails, once or from there on, of every road through the library: then there is an error and the
 * module is valid and the one before the pass or the step that failed, or there is none and the result is right byte
 * for byte. Nothing leaks.  usage: test_out_of_memory DATA [both]: `both` for each allocation, else one of them. */
#include "ir/annotations.h"
#include "passes/modules.h"
#include "passes/passes.h"
#include "passes/quantized_modules.h"
#include "patterns/patterns.h"
#include "runtime/compare.h"
#include "runtime/runtime.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
  uint64_t calls, fail_at; /* fail_at 0: never */
  bool forever, off;       /* off: neither counted nor failing */
  size_t live;
} memory;

static void *allocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  if (new_size == 0) {
    memory.live -= old_size;
    free(pointer);
    return NULL;
  }
  if (!memory.off) {
    memory.calls++;
    if (memory.fail_at && (memory.forever ? memory.calls >= memory.fail_at : memory.calls == memory.fail_at))
      return NULL;
  }
  void *p = realloc(pointer, new_size);
  if (p) memory.live += new_size - old_size;
  return p;
}

/* ---- what goes in ---- */

static const char network[] =
    "graft 1\n"
    "tensor %conv.weight: f32[2, 2, 1, 1] parameter = [0.5, -0.25, 0.125, 1.0]\n"
    "tensor %conv.bias: f32[2] parameter = [0.1, -0.1]\n"
    "tensor %fc.weight: f32[3, 2] parameter = fill(\"fc.weight\", -0.5, 0.5)\n"
    "tensor %bn.running_mean: f32[2] buffer = [0.5, -0.5]\n"
    "tensor %bn.running_var: f32[2] buffer = [0.25, 4.0]\n"
    "graph main(%x: f32[2, 2, 2, 2]) {\n"
    "  %conv = conv2d(%x, %conv.weight, %conv.bias): f32[2, 2, 2, 2] from \"conv\"\n"
    "  %bn, %mean, %var = batch_norm(%conv, _, _, %bn.running_mean, %bn.running_var) {training: true}: "
    "(f32[2, 2, 2, 2], f32[2], f32[2])\n"
    "  %relu = relu(%bn): f32[2, 2, 2, 2]\n"
    "  %sum = add(%relu, %relu): f32[2, 2, 2, 2]\n"
    "  %pool = mean(%sum) {dim: [2, 3]}: f32[2, 2]\n"
    "  %fc = linear(%pool, %fc.weight): f32[2, 3]\n"
    "  return %fc as \"y\"\n"
    "  update %bn.running_mean = %mean\n"
    "  update %bn.running_var = %var\n"
    "}\n";

/* What the passes of rules and of constants find work in. */
static const char algebra[] = "graft 1\n"
                              "tensor %w: f32[3] parameter = [1.0, 2.0, 3.0]\n"
                              "tensor %k: f32[3] constant = [0.5, 0.25, 4.0]\n"
                              "tensor %l: f32[3] constant = [0.5, 0.25, 4.0]\n"
                              "graph main(%x: f32[2, 3]) {\n"
                              "  %sum = add(%k, %l): f32[3]\n"
                              "  %mul = mul(%x, %sum): f32[2, 3] from \"scale\"\n"
                              "  %mul_1 = mul(%mul, %k): f32[2, 3]\n"
                              "  %again = mul(%x, %sum): f32[2, 3]\n"
                              "  %add = add(%mul_1, %again): f32[2, 3]\n"
                              "  %mul_2 = mul(%add, %w): f32[2, 3]\n"
                              "  %mul_3 = mul(%mul_2, %l): f32[2, 3]\n"
                              "  %mul_4 = mul(%mul_3, %k): f32[2, 3]\n"
                              "  %vendor = \"vendor.op\"(%mul_4) {level: 3, mode: \"fast\"}: f32[2, 3]\n"
                              "  return %vendor as \"y\"\n"
                              "}\n";

/* Layers of all kinds: wide enough for the kernels of a backend, of which values keep their layout from one to the
 * next. */
static const char layers[] = "graft 1\n"
                             "tensor %first.weight: f32[16, 2, 3, 3] parameter = fill(\"first.weight\", -0.5, 0.5)\n"
                             "tensor %first.bias: f32[16] parameter = fill(\"first.bias\", -0.1, 0.1)\n"
                             "tensor %depth.weight: f32[16, 1, 3, 3] parameter = fill(\"depth.weight\", -0.5, 0.5)\n"
                             "tensor %up.weight: f32[16, 4, 2, 2] parameter = fill(\"up.weight\", -0.5, 0.5)\n"
                             "tensor %fc.weight: f32[3, 24] parameter = fill(\"fc.weight\", -0.5, 0.5)\n"
                             "graph main(%x: f32[1, 2, 4, 4]) {\n"
                             "  %first = conv2d(%x, %first.weight, %first.bias) {padding: [1, 1]} from \"first\"\n"
                             "  %relu = relu(%first) from \"relu\"\n"
                             "  %depth = conv2d(%relu, %depth.weight) {padding: [1, 1], groups: 16} from \"depth\"\n"
                             "  %sum = add(%depth, %relu) from \"sum\"\n"
                             "  %small = max_pool2d(%sum) {kernel_size: [2, 2], stride: [2, 2]} from \"small\"\n"
                             "  %up = conv_transpose2d(%small, %up.weight) {stride: [2, 2], groups: 2} from \"up\"\n"
                             "  %cat = cat(%up, %sum) {dim: 1} from \"cat\"\n"
                             "  %mean = mean(%cat) {dim: [2, 3]} from \"mean\"\n"
                             "  %fc = linear(%mean, %fc.weight) from \"fc\"\n"
                             "  return %fc as \"y\"\n"
                             "}\n";

#define CONVERTED "prepare{per-channel=true,extended=true},convert"

/* What a loop runs runs an if. */
static const char branches[] = "graft 1\n"
                               "graph main(%x: f32[2]) {\n"
                               "  %y = loop(3: i64, _, %x) {body: @body, carried: 1}: f32[2]\n"
                               "  return %y\n"
                               "}\n"
                               "graph body(%i: i64[], %c: bool[], %s: f32[2]) {\n"
                               "  %second = eq(%i, 1: i64): bool[]\n"
                               "  %t = if(%second, %s) {then_branch: @then, else_branch: @else}: f32[2]\n"
                               "  return %c, %t\n"
                               "}\n"
                               "graph then(%a: f32[2]) {\n  %m = mul(%a, 2.0): f32[2]\n  return %m\n}\n"
                               "graph else(%b: f32[2]) {\n  %p = add(%b, 1.0): f32[2]\n  return %p\n}\n";

static const char rules[] =
    "# (x * a) * b = x * (a * b)\n"
    "rule merge_scales\n"
    "match\n"
    "  %m = mul(%x, %a)    one_use\n"
    "  %y = mul(%m, %b)\n"
    "where\n"
    "  const(%a), const(%b), no_spec(%m), no_spec(%y.x), no_spec(%y.other), no_spec(%m.x), no_spec(%m.other)\n"
    "rewrite\n"
    "  const %c = mul(%a, %b)\n"
    "  %y = mul(%x, %c)\n";

static char folder[] = "/tmp/graft-oom-XXXXXX", data[512], rule_file[64];

static graft_context *new_context(void) {
  return graft_context_create(&(graft_context_options){.size = sizeof(graft_context_options), .allocator = allocate});
}

/* ---- what comes out ---- */

typedef struct bytes {
  char *data;
  size_t size;
} bytes;

static void forget(bytes *b) {
  free(b->data);
  *b = (bytes){0};
}

static void append(bytes *b, const void *data_, size_t size) {
  b->data = realloc(b->data, b->size + size + 1);
  ck_assert_ptr_nonnull(b->data);
  if (size) memcpy(b->data + b->size, data_, size);
  b->size += size;
  b->data[b->size] = '\0';
}

static bool same(const bytes *a, const bytes *b) {
  return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static void append_module(bytes *b, graft_module *m) {
  const bool was = memory.off;
  memory.off = true;
  char *text;
  size_t size;
  ck_assert_int_eq(graft_module_print(m, GRAFT_FORMAT_TEXT, &text, &size), GRAFT_OK);
  append(b, text, size);
  graft_free(graft_module_get_context(m), text, size);
  memory.off = was;
}

static bytes text_of(graft_module *m) {
  bytes b = {0};
  append_module(&b, m);
  return b;
}

/* ---- roads: from `memory.off` off to a status; on success the result is in `out` ---- */

enum { STEPS = 64 };

typedef struct trial {
  const char *input, *ready, *pipeline;
  graft_format format;
  graft_context *c;
  graft_module *m;
  bytes out;
  uint32_t steps; /* begun: passes, runs */
} trial;

/* The module as it is right before each step, from the run in which nothing fails. */
static bytes right_before[STEPS + 1];
static bool recording;

static void step(trial *t) {
  ck_assert_uint_lt(t->steps, STEPS);
  if (recording) right_before[t->steps] = text_of(t->m);
  t->steps++;
}

static graft_module *load(trial *t) {
  if (t->input) return graft_module_load_memory(t->c, t->input, strlen(t->input), "network", NULL);
  return graft_module_load(t->c, data, NULL);
}

static void load_for_sure(trial *t) {
  memory.off = true;
  t->m = load(t);
  ck_assert_ptr_nonnull(t->m);
  if (t->ready) ck_assert_int_eq(graft_run_passes(t->m, t->ready, NULL), GRAFT_OK);
  memory.off = false;
}

static graft_status road_load(trial *t) {
  t->m = load(t);
  if (!t->m) return GRAFT_NO_MEMORY;
  append_module(&t->out, t->m);
  return GRAFT_OK;
}

/* What was written is read again. */
static graft_status road_load_printed(trial *t) {
  load_for_sure(t);
  memory.off = true;
  char *file;
  size_t size;
  ck_assert_int_eq(graft_module_print(t->m, t->format, &file, &size), GRAFT_OK);
  memory.off = false;
  graft_module *m = graft_module_load_memory(t->c, file, size, "network", NULL);
  memory.off = true;
  graft_free(t->c, file, size);
  if (m) append_module(&t->out, m);
  graft_module_destroy(m);
  memory.off = false;
  return m ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static graft_status before(void *user, graft_module *m, const graft_pass_report *report) {
  (void)m;
  if (!report->pipeline) step(user);
  return GRAFT_OK;
}

static graft_status road_passes(trial *t) {
  load_for_sure(t);
  const char *files[] = {rule_file};
  graft_status s = graft_run_passes(t->m, t->pipeline,
                                    &(graft_pass_options){.size = sizeof(graft_pass_options),
                                                          .before = before,
                                                          .user = t,
                                                          .pattern_files = files,
                                                          .pattern_file_count = 1});
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  return s;
}

static graft_status road_print(trial *t) {
  load_for_sure(t);
  char *file;
  size_t size;
  graft_status s = graft_module_print(t->m, t->format, &file, &size);
  if (s) return s;
  append(&t->out, file, size);
  graft_free(t->c, file, size);
  return GRAFT_OK;
}

static uint32_t files_in(const char *path, bytes *out) {
  uint32_t count = 0;
  DIR *d = opendir(path);
  ck_assert_ptr_nonnull(d);
  for (struct dirent *e; (e = readdir(d));) {
    char name[512];
    if (e->d_name[0] == '.' && (!e->d_name[1] || e->d_name[1] == '.')) continue;
    snprintf(name, sizeof name, "%s/%s", path, e->d_name);
    FILE *f = fopen(name, "rb");
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;) append(out, buffer, n);
    fclose(f);
    remove(name);
    count++;
  }
  closedir(d);
  return count;
}

static graft_status road_save(trial *t) {
  static const char *const endings[] = {
      [GRAFT_FORMAT_TEXT] = "gir", [GRAFT_FORMAT_BINARY] = "gfb", [GRAFT_FORMAT_ONNX] = "onnx"};
  load_for_sure(t);
  step(t);
  char path[96], target[128];
  snprintf(path, sizeof path, "%s/out", folder);
  snprintf(target, sizeof target, "%s/out/file.%s", folder, endings[t->format]);
  graft_status s = graft_module_save(t->m, target, GRAFT_FORMAT_AUTO);
  uint32_t files = files_in(path, &t->out);
  if (s) ck_assert_msg(files == 0, "%u files are left of a save that failed", files);
  return s;
}

static graft_status road_session(trial *t) {
  load_for_sure(t);
  graft_graph *g = graft_module_get_graph(t->m, 0);
  step(t);
  graft_session *session =
      graft_session_create(g, &(graft_session_options){.size = sizeof(graft_session_options), .threads = 1});
  graft_status s = session ? GRAFT_OK : GRAFT_NO_MEMORY;
  float x[1024];
  for (int i = 0; i < 1024; i++) x[i] = (float)(i % 7) * 0.25f - 0.5f;
  for (int run = 0; run < 2 && s == GRAFT_OK; run++) {
    if (run) step(t);
    for (uint32_t i = 0; i < graft_input_count(g) && s == GRAFT_OK; i++) {
      graft_type type = graft_value_get_type(g, graft_input_get(g, i));
      s = graft_session_set_input(session, i, &type, x);
    }
    if (s == GRAFT_OK) s = graft_session_run(session);
    for (uint32_t i = 0; i < graft_output_count(g) && s == GRAFT_OK; i++) {
      graft_type type;
      const void *y = graft_session_get_output(session, i, &type);
      if (!y) s = GRAFT_NO_MEMORY;
      if (y) append(&t->out, y, (size_t)graft_type_elements(&type) * graft_dtype_size(type.dtype));
    }
  }
  graft_session_destroy(session);
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  return s;
}

static void append_layers(bytes *b, const graft_compare *c) {
  for (uint32_t i = 0; i < graft_compare_layer_count(c); i++) {
    const graft_layer l = graft_compare_layer(c, i);
    append(b, &l.error.snr, sizeof l.error.snr);
    append(b, &l.own.snr, sizeof l.own.snr);
    append(b, l.histogram_b, sizeof l.histogram_b);
  }
  for (uint32_t i = 0; i < graft_compare_weight_count(c); i++) {
    const graft_weight w = graft_compare_weight(c, i);
    append(b, &w.worst_snr, sizeof w.worst_snr);
  }
  for (uint32_t i = 0; i < graft_compare_missed_count(c); i++) {
    const graft_missed m = graft_compare_missed(c, i);
    append(b, &m.count, sizeof m.count);
  }
}

static const char biased[] = "graft 1\n"
                             "tensor %v: f32[2, 2] parameter = [0.5, -0.3, 0.2, 1.0]\n"
                             "tensor %a: f32[2] parameter = [1, 2]\n"
                             "tensor %w: f32[2, 2] parameter = [0.1, 0.7, -0.2, 0.9]\n"
                             "tensor %b: f32[2] parameter = [3, 4]\n"
                             "graph main(%x: f32[1, 2]) {\n"
                             "  %y = linear(%x, %v, %a)\n"
                             "  %z = linear(%y, %w, %b)\n"
                             "  return %z\n"
                             "}\n";

/* The biases of the network are corrected to another's, which its weights are a little off. */
static graft_status road_correct(trial *t) {
  load_for_sure(t);
  memory.off = true;
  graft_module *other = load(t);
  ck_assert_ptr_nonnull(other);
  const float off[] = {0.5f, -0.25f, 0.25f, 1.0f};
  for (const char *weight = "v"; weight; weight = *weight == 'v' ? "w" : NULL)
    ck_assert_int_eq(graft_tensor_set_data(t->m, graft_tensor_find(t->m, weight), off), GRAFT_OK);
  graft_graph *a = graft_module_get_graph(other, 0), *b = graft_module_get_graph(t->m, 0);
  const graft_type type = graft_value_get_type(a, graft_input_get(a, 0));
  graft_compare *c =
      graft_compare_create(a, b, &(graft_compare_options){.size = sizeof(graft_compare_options), .biases = true});
  ck_assert_ptr_nonnull(c);
  ck_assert_int_eq(graft_compare_step(c, &type, (const void *const[]){(const float[]){1, 2}}), GRAFT_OK);
  memory.off = false;
  step(t);
  graft_bias_correction done = {.size = sizeof done};
  const graft_status s = graft_compare_correct_biases(c, &done);
  ck_assert_uint_eq(done.corrected, s ? 0 : 2);
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  graft_compare_destroy(c);
  graft_module_destroy(other);
  return s;
}

/* The network against what the road's pipeline makes of it. */
static graft_status road_compare(trial *t) {
  load_for_sure(t);
  memory.off = true;
  graft_module *other = load(t);
  ck_assert_ptr_nonnull(other);
  ck_assert_int_eq(graft_run_passes(other, t->pipeline, NULL), GRAFT_OK);
  memory.off = false;
  step(t);
  graft_compare *c = graft_compare_create(graft_module_get_graph(t->m, 0), graft_module_get_graph(other, 0), NULL);
  graft_status s = c ? GRAFT_OK : GRAFT_NO_MEMORY;
  const graft_type type =
      graft_value_get_type(graft_module_get_graph(t->m, 0), graft_input_get(graft_module_get_graph(t->m, 0), 0));
  float x[64];
  for (int i = 0; i < 64; i++) x[i] = (float)(i % 7) * 0.25f - 0.5f;
  for (int i = 0; i < 2 && s == GRAFT_OK; i++) s = graft_compare_step(c, &type, (const void *const[]){x});
  if (s == GRAFT_OK) append_layers(&t->out, c);
  graft_compare_destroy(c);
  graft_module_destroy(other);
  return s;
}

static graft_status road_explain(trial *t) {
  load_for_sure(t);
  graft_rules *set = graft_rules_create(t->c, true);
  graft_quantizers *quantizers = graft_quantizers_create(t->c, true);
  graft_status s = set && quantizers ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (int i = 0; i < 2 && s == GRAFT_OK; i++) {
    char *text = NULL;
    size_t size = 0;
    graft_graph *g = graft_module_get_graph(t->m, 0);
    s = i ? graft_quantizers_explain(quantizers, 0, g, "bn", NULL, &text, &size)
          : graft_rules_explain(set, g, "bn", NULL, &text, &size);
    if (s) break;
    append(&t->out, text, size);
    graft_free(t->c, text, size);
  }
  graft_rules_destroy(set);
  graft_quantizers_destroy(quantizers);
  return s;
}

/* Building, and editing what was built. */
static graft_status road_build(trial *t) {
  t->m = graft_module_create(t->c);
  if (!t->m) return GRAFT_NO_MEMORY;
  step(t);
  graft_graph *g = graft_graph_create(t->m, "main");
  if (!g) return GRAFT_NO_MEMORY;
  const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 3}),
                   row = graft_type_make(GRAFT_F32, 1, type.dims + 1);
  const float three[] = {1, 2, 3}, more[] = {4, 5, 6};
  graft_value v[8] = {0};
  graft_tensor w = GRAFT_NONE;
  graft_node n = GRAFT_NONE;
  graft_graph *inner = NULL;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < 16 && s == GRAFT_OK; i++) {
    step(t);
    bool ok = true;
    switch (i) {
    case 0: ok = (v[0] = graft_input_add(g, "x", &type)) != GRAFT_NONE; break;
    case 1: ok = (w = graft_tensor_create(t->m, "w", GRAFT_PARAMETER, &row, three)) != GRAFT_NONE; break;
    case 2: ok = (v[1] = graft_tensor_value(g, w)) != GRAFT_NONE; break;
    case 3: ok = (v[2] = graft_build(g, "mul", v, 2, NULL, 0)) != GRAFT_NONE; break;
    case 4: ok = (v[3] = graft_scalar(g, GRAFT_F32, 2.5)) != GRAFT_NONE; break;
    case 5: ok = (v[4] = graft_build(g, "add", v + 2, 2, NULL, 0)) != GRAFT_NONE; break;
    case 6:
      ok = (v[5] = graft_build(
                g, "vendor.op", v + 3, 2,
                (graft_attr[]){{.name = "mode", .kind = GRAFT_ATTR_STRING, .as.s = "fast"},
                               {.name = "sizes", .kind = GRAFT_ATTR_INTS, .count = 2, .as.ints = type.dims}},
                2)) != GRAFT_NONE;
      break;
    case 7: s = graft_output_add(g, "y", v[4]); break;
    case 8: s = graft_output_add(g, "z", v[5]); break;
    case 9: s = graft_node_set_operand(g, graft_value_node(g, v[4]), 1, v[0]); break;
    case 10:
      n = graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                     .op = "relu",
                                                     .operands = v + 4,
                                                     .operand_count = 1,
                                                     .name = "act",
                                                     .source = "layer.act"});
      ok = n != GRAFT_NONE;
      if (ok) s = graft_value_replace_uses(g, v[2], v[0]);
      break;
    case 11: s = graft_tensor_set_data(t->m, w, more); break;
    case 12: s = graft_node_erase(g, n); break;
    case 13: ok = (inner = graft_graph_create(t->m, "inner")) != NULL; break;
    case 14: s = graft_output_add(inner, "w", graft_tensor_value(inner, w)); break;
    case 15: s = graft_module_compact(t->m); break;
    default: break;
    }
    if (!ok) s = GRAFT_NO_MEMORY;
  }
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  return s;
}

/* Modules by name: each is there or not. */
static graft_status road_modules(trial *t) {
  t->m = graft_module_create(t->c);
  if (!t->m) return GRAFT_NO_MEMORY;
  step(t);
  graft_graph *g = graft_graph_create(t->m, "main");
  const graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){2, 2, 4, 4});
  const int64_t kernel[] = {3, 3}, one[] = {1, 1};
  const graft_qconfig fx = {.size = sizeof fx, .quantizer = "fx", .quantizer_options = "per-channel=true"};
  if (g) step(t);
  graft_value v = g ? graft_input_add(g, "x", &type) : GRAFT_NONE;
  if (v == GRAFT_NONE) return GRAFT_NO_MEMORY;
  for (int i = 0; i < 2 && v != GRAFT_NONE; i++) {
    step(t);
    v = graft_build_qat_conv(
        g, i ? "layer.1" : "layer.0", v,
        &(graft_conv_arguments){.size = sizeof(graft_conv_arguments),
                                .dims = 2,
                                .in_channels = 2,
                                .out_channels = 2,
                                .kernel_size = kernel,
                                .padding = one,
                                .bias = true,
                                .padding_mode = i ? "reflect" : NULL},
        &(graft_qat_arguments){
            .size = sizeof(graft_qat_arguments), .qconfig = &fx, .batch_norm = true, .relu = i == 1});
  }
  if (v == GRAFT_NONE) return GRAFT_NO_MEMORY;
  append_module(&t->out, t->m);
  return GRAFT_OK;
}

/* A module of a float network that is observed already. */
static graft_status road_from_float(trial *t) {
  load_for_sure(t);
  const graft_qconfig fx = {.size = sizeof fx, .quantizer = "fx"};
  step(t);
  graft_status s = graft_qat_from_float(graft_module_get_graph(t->m, 0), "fc", &fx, true);
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  return s;
}

/* Quantized modules: built, set, changed and copied. */
static graft_status road_quantized(trial *t) {
  t->m = graft_module_create(t->c);
  if (!t->m) return GRAFT_NO_MEMORY;
  step(t);
  graft_graph *g = graft_graph_create(t->m, "main");
  const graft_type type = graft_type_make(GRAFT_U8, 4, (int64_t[]){1, 2, 4, 4});
  const int64_t kernel[] = {2, 2}, one[] = {1, 1};
  const int8_t weight[16] = {1, 2, 3, -4};
  const float scales[] = {0.5f, 0.25f};
  graft_quantized_value x, y, z;
  graft_quantized_weight w = {.size = sizeof w, .data = weight, .scale = scales, .count = 2};
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; g && i < 9 && !s; i++) {
    step(t);
    bool ok = true;
    switch (i) {
    case 0: ok = (x.integers = graft_input_add(g, "x", &type)) != GRAFT_NONE; break;
    case 1: ok = (x.scale = graft_scalar(g, GRAFT_F32, 0.5)) != GRAFT_NONE; break;
    case 2: ok = (x.zero_point = graft_scalar(g, GRAFT_I32, 3)) != GRAFT_NONE; break;
    case 3:
      s = graft_quantized_conv_create(g, "layer.conv", &x,
                                      &(graft_conv_arguments){.size = sizeof(graft_conv_arguments),
                                                              .dims = 2,
                                                              .in_channels = 2,
                                                              .out_channels = 2,
                                                              .kernel_size = kernel,
                                                              .padding = one,
                                                              .bias = true,
                                                              .padding_mode = "reflect"},
                                      NULL, &y);
      break;
    case 4: s = graft_quantized_conv_set_weight_bias(g, "layer.conv", &w); break;
    case 5: s = graft_quantized_conv_set_output(g, "layer.conv", 0.125, 7); break;
    case 6: s = graft_quantized_conv_copy(g, "layer.conv", g, "layer.copy", &y, NULL, &z); break;
    case 7:
      w.count = 1;
      s = graft_quantized_conv_set_weight_bias(g, "layer.copy", &w);
      break;
    default: s = graft_output_add(g, "y", z.integers); break;
    }
    if (!ok) s = GRAFT_NO_MEMORY;
  }
  if (!g || s) return g ? s : GRAFT_NO_MEMORY;
  append_module(&t->out, t->m);
  return GRAFT_OK;
}

static const char trained[] =
    "graft 1\n"
    "tensor %conv.weight: f32[2, 2, 2] parameter = [0.5, -0.25, 0.125, 1.0, 0.25, 0.5, -1.0, 0.75]\n"
    "tensor %w: f32[2, 2] buffer = [inf, inf, -inf, -inf]\n"
    "tensor %y: f32[2] buffer = [-1.0, 2.0]\n"
    "graph main(%x: f32[1, 2, 4]) {\n"
    "  %wo = observe(%conv.weight, %w) {axis: 0} from \"conv\"\n"
    "  %ws, %wz = qparams(%wo) {scheme: \"per_channel_symmetric\"} from \"conv\"\n"
    "  %wq = fake_quantize(%conv.weight, %ws, %wz) {axis: 0} from \"conv\"\n"
    "  %c = conv1d(%x, %wq) from \"conv\"\n"
    "  %yo = observe(%c, %y) from \"conv\"\n"
    "  %ys, %yz = qparams(%yo) {quant_min: 0, quant_max: 255, dtype: u8} from \"conv\"\n"
    "  %yq = fake_quantize(%c, %ys, %yz) {quant_min: 0, quant_max: 255, dtype: u8} from \"conv\"\n"
    "  return %yq as \"y\"\n"
    "  update %w = %wo\n"
    "  update %y = %yo\n"
    "}\n";

/* A module of a graph becomes a quantized one, or stays what it was. */
static graft_status road_quantized_from(trial *t) {
  load_for_sure(t);
  step(t);
  const graft_quantized_from_options options = {.size = sizeof options, .x = {0.5, 3}};
  const graft_status s = graft_quantized_conv_from_float(graft_module_get_graph(t->m, 0), "conv", &options, NULL);
  if (!s) append_module(&t->out, t->m);
  return s;
}

/* Specs and provenance that a program states itself. */
static graft_status road_annotate(trial *t) {
  load_for_sure(t);
  graft_graph *g = graft_module_get_graph(t->m, 0);
  const graft_node conv = graft_node_first(g);
  const graft_value y = graft_node_result(g, conv, 0);
  const graft_attr high = {.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = 100};
  const graft_place x = graft_place_edge(conv, 0), weight = graft_place_edge(conv, 1);
  const graft_spec observed = {
      .size = sizeof observed, .kind = "spec", .attrs = &high, .attr_count = 1, .origin = "mine"};
  const graft_spec shared = {.size = sizeof shared, .kind = "shared", .places = &x, .place_count = 1};
  const graft_node_options made = {.size = sizeof made,
                                   .op = "relu",
                                   .operands = &y,
                                   .operand_count = 1,
                                   .name = "new",
                                   .from = &conv,
                                   .from_count = 1,
                                   .pass = "mine",
                                   .rule = "made",
                                   .equals = &y};
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < 6 && !s; i++) {
    step(t);
    switch (i) {
    case 0: s = graft_spec_set(g, x, &observed); break;
    case 1: s = graft_spec_remove(g, weight); break;
    case 2: s = graft_annotate(g, weight, &shared); break;
    case 3: s = graft_node_create(g, &made) == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK; break;
    case 4: s = graft_module_compact(t->m); break;
    default: s = graft_spec_clear(g); break;
    }
  }
  if (!s) append_module(&t->out, t->m);
  return s;
}

/* ---- all of them ---- */

static const struct road {
  graft_status (*go)(trial *t);
  /* input NULL: the .onnx file; ready: passes that find memory; pipeline: passes that may not */
  const char *input, *ready, *pipeline;
  graft_format format;
} roads[] = {
    {road_load, network, NULL, NULL, 0},
    {road_load, NULL, NULL, NULL, 0},
    {road_load_printed, network, NULL, NULL, GRAFT_FORMAT_BINARY},
    {road_build, NULL, NULL, NULL, 0},
    {road_modules, NULL, NULL, NULL, 0},
    {road_from_float, network, "annotate{quantizer=fx,name=fc},insert-observers", NULL, 0},
    {road_quantized, NULL, NULL, NULL, 0},
    {road_annotate, network, "annotate", NULL, 0},
    {road_quantized_from, trained, NULL, NULL, 0},
    {road_correct, biased, NULL, NULL, 0},
    {road_passes, network, NULL, "prepare-qat,to-eval,convert", 0},
    {road_passes, network, NULL, "fuse-modules{modules=\"conv,bn,relu\",qat=true},to-eval,convert", 0},
    {road_passes, network, NULL, "to-eval,fuse-modules{auto=true},annotate", 0},
    {road_passes, network, NULL, "prepare-qat{per-channel=true,quantizer=xnnpack},dce,verify", 0},
    {road_passes, network, NULL, "to-eval,prepare,convert,merge-dequantize", 0},
    {road_passes, NULL, NULL, "prepare-qat,to-eval,convert", 0},
    {road_passes, NULL, NULL, "prepare,convert", 0},
    {road_passes, algebra, NULL, "cse,rewrite{rules=merge_scales,fixed-point=true},fold-constants,dce,infer-types", 0},
    {road_session, network, NULL, NULL, 0},
    {road_session, network, "prepare-qat", NULL, 0},
    {road_session, network, "prepare-qat,to-eval,convert", NULL, 0},
    {road_session, network, "to-eval,prepare,convert,lower", NULL, 0},
    {road_explain, network, NULL, NULL, 0},
    {road_print, network, NULL, NULL, GRAFT_FORMAT_TEXT},
    {road_print, network, NULL, NULL, GRAFT_FORMAT_BINARY},
    {road_print, network, NULL, NULL, GRAFT_FORMAT_JSON},
    {road_print, network, "annotate", NULL, GRAFT_FORMAT_JSON},
    {road_print, network, NULL, NULL, GRAFT_FORMAT_DOT},
    {road_save, network, NULL, NULL, GRAFT_FORMAT_TEXT},
    {road_save, network, NULL, NULL, GRAFT_FORMAT_BINARY},
    {road_save, network, NULL, NULL, GRAFT_FORMAT_ONNX},
    {road_save, network, "to-eval,prepare,convert", NULL, GRAFT_FORMAT_ONNX},
    {road_save, network, "to-eval,prepare,convert,lower,to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {road_save, NULL, NULL, NULL, GRAFT_FORMAT_ONNX},
    {road_passes, layers, CONVERTED, "lower", 0},
    {road_passes, layers, CONVERTED, "u8-activations,lower{reference=true}", 0},
    {road_passes, layers, CONVERTED, "to-onnx", 0},
    {road_passes, layers, CONVERTED ",lower", "to-onnx{opset=21}", 0},
    {road_passes, layers, CONVERTED ",lower", "to-onnx{qoperator=false}", 0},
    {road_load_printed, layers, CONVERTED ",to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {road_load_printed, layers, CONVERTED ",lower,to-onnx", NULL, GRAFT_FORMAT_ONNX},
    {road_session, layers, NULL, NULL, 0},
    {road_session, layers, CONVERTED ",lower", NULL, 0},
    {road_compare, layers, NULL, CONVERTED, 0},
    {road_compare, layers, NULL, CONVERTED ",lower", 0},
    {road_compare, branches, NULL, "canonicalize", 0},
};

enum { ROADS = sizeof roads / sizeof *roads };

/* Whose status is that of memory, wherever it went out. */
static bool says_memory(const struct road *road) {
  return road->go == road_quantized || road->go == road_quantized_from || road->go == road_correct;
}

static bool both; /* ways of failing: once, and from there on */

static graft_status travel(const struct road *road, trial *t) {
  *t = (trial){.input = road->input, .ready = road->ready, .pipeline = road->pipeline, .format = road->format};
  memory.calls = 0;
  memory.off = false;
  t->c = new_context();
  graft_status s = t->c ? road->go(t) : GRAFT_NO_MEMORY;
  memory.off = true;
  return s;
}

static void end(trial *t) {
  graft_module_destroy(t->m);
  graft_context_destroy(t->c);
  forget(&t->out);
}

/* One allocation, or all from there on, fail. */
static void fail_at(const struct road *road, uint64_t at, bool forever, const bytes *right) {
  trial t;
  memory.fail_at = at;
  memory.forever = forever;
  graft_status s = travel(road, &t);
  memory.fail_at = 0;
  char where[160];
  snprintf(where, sizeof where, "road %td (%s), allocation %llu%s, status %s", road - roads,
           road->pipeline ? road->pipeline : "", (unsigned long long)at, forever ? " and later ones" : "",
           graft_status_text(s));
  if (!t.c) return;
  const bool error = graft_context_has_errors(t.c);
  if (s == GRAFT_OK) {
    ck_assert_msg(!error, "%s: an error stands: %s", where, graft_diagnostic_get(t.c, 0).message);
    ck_assert_msg(same(&t.out, right), "%s: another result:\n%s\nnot\n%s", where, t.out.data, right->data);
  } else {
    ck_assert_msg(error, "%s: no diagnostic", where);
    ck_assert_msg(graft_diagnostic_count(t.c) > 0, "%s: no diagnostic to show", where);
    if (says_memory(road)) ck_assert_msg(s == GRAFT_NO_MEMORY, "%s: another status than that of memory", where);
  }
  if (t.m) {
    graft_diagnostics_clear(t.c);
    ck_assert_msg(graft_module_verify(t.m) == GRAFT_OK, "%s: the module is not valid: %s", where,
                  graft_diagnostic_get(t.c, 0).message);
    if (s != GRAFT_OK && right_before[0].data) {
      const bytes *wanted = &right_before[t.steps ? t.steps - 1 : 0];
      bytes now = text_of(t.m);
      ck_assert_msg(same(&now, wanted), "%s: step %u is half done:\n%s\nnot\n%s", where, t.steps, now.data,
                    wanted->data);
      forget(&now);
    }
  }
  end(&t);
  ck_assert_msg(memory.live == 0, "%s: %zu bytes leak", where, memory.live);
}

START_TEST(every_allocation_may_fail) {
  const struct road *road = &roads[_i];
  trial t;
  recording = true;
  graft_status s = travel(road, &t);
  recording = false;
  ck_assert_msg(s == GRAFT_OK, "road %d: %s", _i, graft_diagnostic_get(t.c, graft_diagnostic_count(t.c) - 1).message);
  bytes right = {0};
  append(&right, t.out.data, t.out.size);
  const uint64_t calls = memory.calls;
  end(&t);
  ck_assert_uint_eq(memory.live, 0);
  if (getenv("OOM_VERBOSE")) fprintf(stderr, "road %d: %llu allocations\n", _i, (unsigned long long)calls);
  for (uint64_t at = 1; at <= calls; at++) {
    if (both || at % 2) fail_at(road, at, false, &right);
    if (both || at % 2 == 0) fail_at(road, at, true, &right);
  }
  forget(&right);
  for (int i = 0; i <= STEPS; i++) forget(&right_before[i]);
}
END_TEST

/* A folder to save into, beside a file of rules. */
static bool make_folder(void) {
  char out[64];
  if (!mkdtemp(folder)) return false;
  snprintf(out, sizeof out, "%s/out", folder);
  snprintf(rule_file, sizeof rule_file, "%s/rules.pat", folder);
  FILE *f = mkdir(out, 0700) == 0 ? fopen(rule_file, "wb") : NULL;
  return f && fputs(rules, f) >= 0 && fclose(f) == 0;
}

static bool remove_folder(void) {
  char out[64];
  snprintf(out, sizeof out, "%s/out", folder);
  return remove(rule_file) == 0 && rmdir(out) == 0 && rmdir(folder) == 0;
}

int main(int argc, char **argv) {
  if (argc < 2 || !make_folder()) return 2;
  snprintf(data, sizeof data, "%s/oom_small.onnx", argv[1]);
  both = argc > 2;
  Suite *suite = suite_create("out of memory");
  TCase *c = tcase_create("out of memory");
  tcase_set_timeout(c, 600);
  tcase_add_loop_test(c, every_allocation_may_fail, 0, ROADS);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return !remove_folder() || failed != 0;
}
