/* extreme [-n COUNT] [-s SEED] [-v]: single nodes drawn from the op table, with attributes and extents that are small,
 * zero, or near the limits of 32 and 64 bits. Type inference may refuse a node. What it takes must verify, fold, plan
 * and run, or say why not; windows, products and paddings may wrap nowhere (the sanitizer build is where this counts).
 */
#include "bounded.h"
#include "ir/ir_int.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY ((size_t)1 << 20)
#define MOST_ELEMENTS 4096 /* of a tensor that has data */

static uint64_t state;

static uint64_t draw(uint64_t n) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (z ^ z >> 31) % n;
}

#define ONE_OF(array) (array)[draw(sizeof(array) / sizeof *(array))]

static const int64_t extremes[] = {0,
                                   -1,
                                   -2,
                                   INT32_MAX,
                                   INT64_C(1) << 31,
                                   INT64_C(1) << 32,
                                   UINT32_MAX,
                                   INT64_C(1) << 40,
                                   (INT64_C(1) << 61) - 1,
                                   INT64_C(1) << 61,
                                   (INT64_C(1) << 62) - 1,
                                   INT64_C(1) << 62,
                                   INT64_MAX - 1,
                                   INT64_MAX,
                                   INT64_MIN,
                                   INT64_MIN + 1};

static int64_t number(void) {
  const uint64_t kind = draw(10);
  if (kind < 7) return (int64_t)draw(4);
  if (kind < 9) return ONE_OF(extremes);
  return ONE_OF(extremes) / (int64_t)(1 + draw(5));
}

/* Rank that the windows of the op ask for: their number of axes, batch and channels; else anything small. */
static int32_t rank_of(const gr_op_info *op) {
  for (uint32_t i = 0; i < op->attr_count; i++)
    if (op->attrs[i].kind == GRAFT_ATTR_INTS && op->attrs[i].count > 0) return (int32_t)op->attrs[i].count + 2;
  return (int32_t)draw(5);
}

static graft_type draw_type(const gr_op_info *op, gr_role role, int32_t rank) {
  static const graft_dtype dtypes[] = {GRAFT_F32, GRAFT_F32, GRAFT_F32, GRAFT_F32, GRAFT_I64, GRAFT_I8};
  graft_type t = {.dtype = ONE_OF(dtypes), .rank = rank};
  if (role == GR_WEIGHT && draw(3) == 0) t.rank = 1;
  if (role == GR_STATISTICS) t.rank = 1;
  if (role == GR_QPARAM) t = (graft_type){.dtype = draw(2) ? GRAFT_F32 : GRAFT_I32, .rank = (int32_t)draw(2)};
  (void)op;
  const bool empty = draw(3) == 0; /* an extent of 0 lets the others be of any size */
  for (int32_t i = 0; i < t.rank; i++) {
    const int64_t n = number();
    t.dims[i] = n < 0 ? 1 : n == 0 && !empty ? 1 : n;
  }
  if (empty && t.rank) t.dims[draw((uint64_t)t.rank)] = 0;
  return t;
}

/* A constant where the tensor is small, else an input. */
static graft_value draw_operand(graft_graph *g, const gr_op_info *op, gr_role role, int32_t rank) {
  graft_type t = draw_type(op, role, rank);
  const int64_t n = graft_type_elements(&t);
  if (n < 0 || n > MOST_ELEMENTS) {
    char name[16];
    snprintf(name, sizeof name, "x%u", graft_input_count(g));
    return graft_input_add(g, name, &t);
  }
  static const unsigned char zeros[MOST_ELEMENTS * 8];
  const graft_tensor tensor = t.dtype == GRAFT_F32 ? graft_tensor_fill(g->module, "c", GRAFT_CONSTANT, &t, -2, 2)
                                                   : graft_tensor_create(g->module, "c", GRAFT_CONSTANT, &t, zeros);
  return tensor == GRAFT_NONE ? GRAFT_NONE : graft_tensor_value(g, tensor);
}

typedef struct drawn_attr {
  int64_t ints[8];
} drawn_attr;

/* One of the words, or an equation. */
static const char *draw_text(gr_choice choice) {
  static const char *const equations[] = {"...",        "i,i",   "ij,jk", "ij,jk->ki", "i...->...",
                                          "a,b,c->abc", "ii->i", "ab->",  ",->"};
  if (choice == GR_NO_CHOICE) return ONE_OF(equations);
  const char *const *words = gr_choice_words(choice);
  uint64_t count = 0;
  while (words[count]) count++;
  return words[draw(count)];
}

static bool draw_attr(const gr_attr_decl *d, drawn_attr *room, graft_attr *a) {
  *a = (graft_attr){.name = d->name, .kind = d->kind};
  if (!d->required && draw(2)) return false;
  switch (d->kind) {
  case GRAFT_ATTR_BOOL: a->as.b = draw(2) != 0; return true;
  case GRAFT_ATTR_INT: a->as.i = number(); return true;
  case GRAFT_ATTR_FLOAT: a->as.f = (double)number(); return true;
  case GRAFT_ATTR_STRING: a->as.s = draw_text(d->choice); return true;
  case GRAFT_ATTR_DTYPE: a->as.dtype = (graft_dtype)(1 + draw(GRAFT_DTYPE_COUNT - 1)); return true;
  case GRAFT_ATTR_INTS:
    a->count = d->count > 0 ? (uint32_t)d->count : (uint32_t)draw(6);
    a->as.ints = room->ints;
    for (uint32_t i = 0; i < a->count; i++) room->ints[i] = number();
    return true;
  default: return false;
  }
}

static graft_node draw_node(graft_graph *g, const char *name, const gr_op_info *op) {
  graft_value operands[16];
  graft_attr attrs[GR_MAX_ATTRS];
  drawn_attr rooms[GR_MAX_ATTRS];
  uint32_t count = 0, attr_count = 0;
  const int32_t rank = rank_of(op);
  for (uint32_t i = 0; i < op->operand_count; i++) {
    const gr_operand_decl *d = &op->operands[i];
    const uint32_t copies = d->variadic ? 1 + (uint32_t)draw(3) : 1;
    for (uint32_t k = 0; k < copies; k++) {
      const bool absent = d->optional && draw(2);
      operands[count] = absent ? GRAFT_NONE : draw_operand(g, op, d->role, rank);
      if (operands[count++] == GRAFT_NONE && !absent) return GRAFT_NONE; /* the type itself is refused */
    }
  }
  for (uint32_t i = 0; i < op->attr_count; i++)
    attr_count += draw_attr(&op->attrs[i], &rooms[i], &attrs[attr_count]) ? 1u : 0u;
  graft_node_options o = {.size = sizeof o,
                          .op = name,
                          .operands = operands,
                          .operand_count = count,
                          .attrs = attrs,
                          .attr_count = attr_count};
  return graft_node_create(g, &o);
}

/* Zeros for every input; false where one is too large to be given. */
static bool set_inputs(graft_graph *g, graft_session *s) {
  static const unsigned char zeros[MOST_ELEMENTS * 8];
  for (uint32_t i = 0; i < graft_input_count(g); i++) {
    const graft_type t = graft_value_get_type(g, graft_input_get(g, i));
    const int64_t n = graft_type_elements(&t);
    if (n < 0 || n > MOST_ELEMENTS || graft_session_set_input(s, i, &t, zeros) != GRAFT_OK) return false;
  }
  return true;
}

/* Runs the graph; what comes out has the types that were inferred. */
static const char *run(graft_context *c, graft_graph *g) {
  graft_session *s = graft_session_create(g, NULL);
  const char *wrong = NULL;
  if (!s || !set_inputs(g, s) || graft_session_run(s) != GRAFT_OK) {
    if (!s && !graft_context_has_errors(c)) wrong = "no session and no diagnostic";
  } else {
    for (uint32_t i = 0; i < graft_output_count(g); i++) {
      graft_type got, said = graft_value_get_type(g, graft_output_get(g, i));
      if (!graft_session_get_output(s, i, &got)) return "an output is missing";
      if (got.dtype != said.dtype || !gr_type_compatible(&got, &said)) wrong = "another type than was inferred";
    }
  }
  graft_session_destroy(s);
  return wrong;
}

static const char *one(graft_context *c, graft_module *m, const char *name, const gr_op_info *op, bool *taken) {
  graft_graph *g = graft_graph_create(m, "main");
  graft_node n = g ? draw_node(g, name, op) : GRAFT_NONE;
  if (n == GRAFT_NONE) return graft_context_has_errors(c) ? NULL : "refused without a diagnostic";
  *taken = true;
  for (uint32_t i = 0; i < graft_node_result_count(g, n); i++) {
    char y[16];
    snprintf(y, sizeof y, "y%u", i);
    if (graft_output_add(g, y, graft_node_result(g, n, i)) != GRAFT_OK) return "no output and no result";
  }
  if (graft_context_has_errors(c)) return "a node was made, and an error";
  if (graft_module_verify(m) != GRAFT_OK) return "the module does not pass the verifier";
  const char *wrong = run(c, g);
  graft_diagnostics_clear(c);
  if (wrong) return wrong;
  graft_pass_options o = {.size = sizeof o, .verify_each = true};
  if (graft_run_passes(m, "infer-types,fold-constants,cse,dce", &o) != GRAFT_OK && !graft_context_has_errors(c))
    return "a pass fails without a diagnostic";
  return NULL;
}

static const char *attempt(const char *name, const gr_op_info *op, bool *taken, char *detail, size_t size) {
  bounded_memory memory = {.limit = MEMORY};
  graft_context_options options = {.size = sizeof options, .allocator = bounded_allocate, .allocator_user = &memory};
  graft_context *c = graft_context_create(&options);
  graft_module *m = graft_module_create(c);
  const char *wrong = one(c, m, name, op, taken);
  if (graft_diagnostic_count(c)) {
    graft_diagnostic d = graft_diagnostic_get(c, 0);
    graft_diagnostic_format(&d, detail, size);
  }
  graft_module_destroy(m);
  graft_context_destroy(c);
  return wrong ? wrong : bounded_fault(&memory);
}

int main(int argc, char **argv) {
  uint64_t count = 10000, seed = 1, taken = 0, faults = 0;
  bool loud = false;
  for (int option; (option = getopt(argc, argv, "n:s:v")) != -1;) {
    if (option == 'n')
      count = strtoull(optarg, NULL, 10);
    else if (option == 's')
      seed = strtoull(optarg, NULL, 10);
    else if (option == 'v')
      loud = true;
    else
      return 2;
  }
  for (uint64_t i = 0; i < count; i++) {
    state = (seed << 32) + i * 0x9e3779b9u;
    const char *name = graft_op_name((uint32_t)draw(graft_op_count()));
    const gr_op_info *op = gr_op_get(gr_op_find(name, strlen(name)));
    bool accepted = false;
    char detail[512] = "";
    alarm(20); /* a loop that follows a claim and not the data ends the test */
    if (loud) fprintf(stderr, "%" PRIu64 " %s\n", i, name);
    const char *wrong = attempt(name, op, &accepted, detail, sizeof detail);
    taken += accepted;
    if (!wrong) continue;
    printf("%" PRIu64 " %s: %s: %s\n", i, name, wrong, detail);
    faults++;
  }
  printf("%" PRIu64 " nodes, %" PRIu64 " taken, %" PRIu64 " faults\n", count, taken, faults);
  return faults > 0 || taken < count / 20;
}
