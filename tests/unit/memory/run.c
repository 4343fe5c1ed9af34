/* Sessions: plans, steps that train, threads, pools, kernels and backends of the embedder's, a context of their own. */
#include "passes/passes.h"
#include "passes/train.h"
#include "roads.h"
#include "runtime/runtime.h"

/* Two steps; of a step that fails no update has landed. `told`: whose the session's diagnostics are; NULL: the
 * module's. */
static graft_status steps(trial *t, const graft_session_options *options) {
  graft_graph *g = graft_module_get_graph(t->m, 0);
  t->told = options->context;
  road_step(t);
  graft_session *session = graft_session_create(g, options);
  graft_status s = session ? GRAFT_OK : GRAFT_NO_MEMORY;
  float x[1024];
  for (int i = 0; i < 1024; i++) x[i] = (float)(i % 7) * 0.25f - 0.5f;
  for (int run = 0; run < 2 && s == GRAFT_OK; run++) {
    if (run) road_step(t);
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

static graft_status session(trial *t) {
  road_load_for_sure(t);
  return steps(t, &(graft_session_options){.size = sizeof(graft_session_options), .threads = 1});
}

static graft_status tell(void *user, const graft_node_done *done) {
  uint32_t *count = user;
  *count += done->result_count;
  return GRAFT_OK;
}

/* Each node is told of, those of graphs inside too, and no state is kept. */
static graft_status watched(trial *t) {
  road_load_for_sure(t);
  uint32_t count = 0;
  const graft_status s = steps(t, &(graft_session_options){.size = sizeof(graft_session_options),
                                                           .threads = 1,
                                                           .no_reuse = true,
                                                           .after_node = tell,
                                                           .after_node_user = &count,
                                                           .after_node_inside = true,
                                                           .writes_values = true,
                                                           .keep_state = true});
  append(&t->out, &count, sizeof count);
  return s;
}

static graft_status reference(trial *t) {
  road_load_for_sure(t);
  return steps(t, &(graft_session_options){.size = sizeof(graft_session_options), .reference = true});
}

/* Threads of graft's own: fewer than were asked for will do. */
static graft_status threads(trial *t) {
  road_load_for_sure(t);
  return steps(t, &(graft_session_options){.size = sizeof(graft_session_options), .threads = 3});
}

static void in_order(void *user, uint32_t parts, void (*part)(void *argument, uint32_t i), void *argument) {
  (void)user;
  for (uint32_t i = 0; i < parts; i++) part(argument, i);
}

static graft_status borrowed_pool(trial *t) {
  road_load_for_sure(t);
  const graft_thread_pool pool = {.size = sizeof pool, .threads = 3, .parallel_for = in_order};
  return steps(t, &(graft_session_options){.size = sizeof(graft_session_options), .pool = &pool});
}

static graft_status own_context(trial *t) {
  road_load_for_sure(t);
  road_heap.off = true;
  graft_context *own = heap_context(&road_heap);
  road_heap.off = false;
  const graft_status s =
      steps(t, &(graft_session_options){.size = sizeof(graft_session_options), .threads = 1, .context = own});
  road_heap.off = true;
  return s;
}

static graft_status same_types(void *user, const graft_kernel_call *call, graft_type *types) {
  (void)user;
  types[0] = call->operand_types[0];
  return GRAFT_OK;
}

static graft_status twice(void *user, const graft_kernel_call *call) {
  const float *x = call->operands[0];
  float *y = call->results[0];
  (void)user;
  for (int64_t i = 0; i < graft_type_elements(&call->result_types[0]); i++) y[i] = 2 * x[i];
  return GRAFT_OK;
}

static graft_status own_kernel(trial *t) {
  road_load_for_sure(t);
  const graft_kernel kernel = {.size = sizeof kernel, .op = "vendor.op", .infer = same_types, .run = twice};
  return steps(t, &(graft_session_options){
                      .size = sizeof(graft_session_options), .threads = 1, .kernels = &kernel, .kernel_count = 1});
}

/* A backend that takes additions and has memory of the same heap. */
static graft_status prepare(void *state, const graft_kernel_call *call, void **kernel) {
  (void)state;
  if (strcmp(graft_node_get_op(call->graph, call->node), "relu") != 0) return GRAFT_OK;
  *kernel = heap_allocate(&road_heap, NULL, 0, 1);
  return *kernel ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static graft_status relu(void *state, void *kernel, const graft_kernel_call *call) {
  const float *x = call->operands[0];
  float *y = call->results[0];
  (void)state, (void)kernel;
  for (int64_t i = 0; i < graft_type_elements(&call->result_types[0]); i++) y[i] = x[i] > 0 ? x[i] : 0;
  return GRAFT_OK;
}

static void drop(void *state, void *kernel) {
  (void)state;
  heap_allocate(&road_heap, kernel, 1, 0);
}

static graft_status own_backend(trial *t) {
  road_load_for_sure(t);
  const graft_backend backend = {.size = sizeof backend, .name = "own", .prepare = prepare, .run = relu, .drop = drop};
  const graft_backend *backends[] = {&backend};
  return steps(t, &(graft_session_options){
                      .size = sizeof(graft_session_options), .threads = 1, .backends = backends, .backend_count = 1});
}

static const char least_squares[] = "graft 1\n"
                                    "tensor %fc.weight: f32[2, 3] parameter = fill(\"w\", -1.0, 1.0)\n"
                                    "graph main(%x: f32[?, 3], %labels: i64[?, 1]) {\n"
                                    "  %y = linear(%x, %fc.weight)\n"
                                    "  %t = to(%labels) {dtype: f32}\n"
                                    "  %e = sub(%y, %t)\n"
                                    "  %q = mul(%e, %e)\n"
                                    "  %cost = mean(%q)\n"
                                    "  return %y, %cost\n"
                                    "}\n";

static graft_status step_done(void *user, const graft_train_state *state) {
  (void)state;
  road_step(user);
  return GRAFT_OK;
}

/* Each step is done or not at all; the rate goes back to what it was, and shuffling and labels of another dtype take
 * memory of their own. */
static graft_status loop(trial *t) {
  road_load_for_sure(t);
  float x[12];
  const uint8_t labels[4] = {0, 1, 1, 0};
  for (int i = 0; i < 12; i++) x[i] = (float)(i % 5) * 0.25f - 0.5f;
  graft_train_input data[] = {
      {.size = sizeof *data, .name = "x", .type = graft_type_make(GRAFT_F32, 2, (int64_t[]){4, 3}), .data = x},
      {.size = sizeof *data,
       .name = "labels",
       .type = graft_type_make(GRAFT_U8, 2, (int64_t[]){4, 1}),
       .data = labels}};
  const graft_train_options o = {.size = sizeof o,
                                 .inputs = data,
                                 .input_count = 2,
                                 .epochs = 2,
                                 .batch = 2,
                                 .shuffle = true,
                                 .schedule = GRAFT_SCHEDULE_COSINE,
                                 .after_step = step_done,
                                 .after_step_user = t};
  road_step(t);
  const graft_status s = graft_train(t->m, &o);
  if (s == GRAFT_OK) append_module(&t->out, t->m);
  return s;
}

static const char recurrent[] = "graft 1\n"
                                "tensor %ih: f32[2, 8, 3] parameter = fill(\"ih\", -1, 1)\n"
                                "tensor %hh: f32[2, 8, 2] parameter = fill(\"hh\", -1, 1)\n"
                                "tensor %bias: f32[2, 16] parameter = fill(\"bias\", -1, 1)\n"
                                "tensor %gih: f32[1, 9, 4] parameter = fill(\"gih\", -1, 1)\n"
                                "tensor %ghh: f32[1, 9, 3] parameter = fill(\"ghh\", -1, 1)\n"
                                "tensor %lens: i64[2] constant = [2, 3]\n"
                                "graph main(%x: f32[3, 2, 3]) {\n"
                                "  %y, %h, %c = lstm(%x, %ih, %hh, %bias, %lens) {direction: \"bidirectional\"}\n"
                                "  %both = permute(%y) {dims: [0, 2, 1, 3]}\n"
                                "  %wide = flatten(%both) {start_dim: 2}\n"
                                "  %z = gru(%wide, %gih, %ghh)\n"
                                "  %s = sum(%z)\n"
                                "  %t = sum(%c)\n"
                                "  %cost = add(%s, %t)\n"
                                "  return %cost\n"
                                "}\n";

static const road roads[] = {
    {"gradients of recurrent layers", session, recurrent, "gradient{of=cost}", NULL, 0},
    {"trained", loop, least_squares, "train-step{loss=cost,momentum=0.9}", NULL, 0},
    {"float", session, road_network, NULL, NULL, 0},
    {"training", session, road_network, "prepare-qat", NULL, 0},
    {"training, per channel", session, road_network, "prepare-qat{per-channel=true}", NULL, 0},
    {"observing", session, road_network, "to-eval,prepare", NULL, 0},
    {"converted", session, road_network, "prepare-qat,to-eval,convert", NULL, 0},
    {"lowered", session, road_network, "to-eval,prepare,convert,lower", NULL, 0},
    {"layers", session, road_layers, NULL, NULL, 0},
    {"layers in training", session, road_layers, "prepare-qat{extended=true}", NULL, 0},
    {"layers lowered", session, road_layers, CONVERTED ",lower", NULL, 0},
    {"control flow", session, road_branches, NULL, NULL, 0},
    {"watched", watched, road_network, "prepare-qat", NULL, 0},
    {"watched inside", watched, road_branches, NULL, NULL, 0},
    {"reference", reference, road_layers, CONVERTED ",lower", NULL, 0},
    {"threads", threads, road_layers, NULL, NULL, 0},
    {"borrowed pool", borrowed_pool, road_layers, CONVERTED ",lower", NULL, 0},
    {"own context", own_context, road_network, "prepare-qat", NULL, 0},
    {"own kernel", own_kernel, road_algebra, NULL, NULL, 0},
    {"own backend", own_backend, road_layers, NULL, NULL, 0},
};

int main(int argc, char **argv) { return roads_main(argc, argv, roads, sizeof roads / sizeof *roads); }
