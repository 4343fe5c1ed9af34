/* What of a module will not run: its foreign ops, counted over all graphs, in one line, with the first reason of each
 * that is known. */
#include "ir/formats/foreign_int.h"
#include "ir/formats/sink_int.h"

#include <stdlib.h>
#include <string.h>

#define LISTED 32 /* ops; more are counted */

typedef struct foreign {
  const char *name;
  uint32_t count;
  const char *why; /* of the first node that has a reason; NULL: none has */
  bool several;    /* others have other reasons */
} foreign;

static int by_name(const void *a, const void *b) {
  return strcmp(((const foreign *)a)->name, ((const foreign *)b)->name);
}

/* As ONNX has it: what import calls "onnx.Pow" is Pow. */
static const char *shown(const char *op) { return strncmp(op, "onnx.", 5) == 0 && op[5] ? op + 5 : op; }

static void say(graft_module *m, const foreign *ops, uint32_t count, gr_sink *out) {
  for (uint32_t i = 0; i < count && i < LISTED; i++) {
    gr_sink_text(out, i ? ", " : "");
    gr_sink_text(out, ops[i].name);
    if (ops[i].count > 1) gr_sink_format(out, " x%u", ops[i].count);
    if (ops[i].why) gr_sink_format(out, " (%s%s)", ops[i].why, ops[i].several ? "; …" : "");
  }
  if (count > LISTED) gr_sink_format(out, " and %u more", count - LISTED);
  if (!out->failed)
    gr_warning(m->context, GRAFT_UNSUPPORTED, gr_module_loc(m), "will not run: %.*s", (int)out->bytes.len,
               out->bytes.data);
}

static void add_why(foreign *op, const char *why) {
  if (!op->why)
    op->why = why;
  else if (why && strcmp(why, op->why) != 0)
    op->several = true;
}

bool gr_warn_foreign(graft_module *m) {
  graft_context *c = m->context;
  GR_VEC(foreign) ops = {0};
  gr_map known = {0}; /* op -> its place in `ops` */
  if (m->said_foreign) return true;
  bool good = true;
  m->said_foreign = true;
  for (uint32_t k = 0; good && k < m->graphs.len; k++) {
    const graft_graph *g = m->graphs.data[k];
    for (graft_node n = g->first; good && n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      const uint32_t op = gr_node_at(g, n)->op;
      if (op < GR_OP_COUNT) continue;
      const uint32_t at = gr_map_get(&known, op);
      if (at < ops.len)
        ops.data[at].count++;
      else
        good = gr_map_put(c, &known, op, ops.len) &&
               gr_vec_push(c, &ops, ((foreign){.name = shown(gr_op_text(m, op)), .count = 1}));
      if (good) add_why(&ops.data[gr_map_get(&known, op)], gr_why(g, n));
    }
  }
  gr_sink out;
  gr_sink_init(&out, c);
  if (good && ops.len) {
    qsort(ops.data, ops.len, sizeof *ops.data, by_name);
    say(m, ops.data, ops.len, &out);
  }
  good = good && !out.failed;
  gr_sink_free(&out);
  gr_map_free(c, &known);
  gr_vec_free(c, &ops);
  return good;
}
